"""AnswerTree: as fine as the evidence allows, no finer, and never outside the candidates."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cellmodels.annotate.answers import AnswerTree
from cellmodels.knowledge import marker_rows
from cellmodels.ontology import cell_ontology

CD4, CD8, B, NK, HEPATOCYTE = (
    "CL:0000624",
    "CL:0000625",
    "CL:0000236",
    "CL:0000623",
    "CL:0000182",
)
T, LYMPHOCYTE = "CL:0000084", "CL:0000542"
CLASSES = (CD4, CD8, B, NK, HEPATOCYTE)

distributions = st.lists(
    st.floats(0, 1, width=32), min_size=len(CLASSES), max_size=len(CLASSES)
).filter(lambda values: sum(values) > 0.01)


def share(*values: float) -> np.ndarray:
    return np.array(values, np.float32) / np.float32(sum(values))


@pytest.fixture(scope="module")
def tree() -> AnswerTree:
    return AnswerTree(CLASSES, extra=(LYMPHOCYTE,))


@settings(deadline=None)
@given(values=distributions, threshold=st.floats(0.05, 1.0))
def test_choose_takes_the_narrowest_node_that_is_probable_enough(
    tree: AnswerTree, values: list[float], threshold: float
) -> None:
    ontology = cell_ontology()
    p_C = share(*values)
    (node,), (probability,) = tree.choose(p_C[None], threshold)
    below = {n: [ontology.is_a(c, n) for c in CLASSES] for n in tree.nodes}
    total = {n: float(p_C[below[n]].sum()) for n in tree.nodes}
    enough = [n for n in tree.nodes if total[n] >= threshold + 1e-6]
    if node < 0:
        assert not enough
        return
    chosen = tree.nodes[node]
    assert total[chosen] >= threshold - 1e-6
    assert probability == pytest.approx(total[chosen], abs=2e-4)
    assert all(sum(below[chosen]) <= sum(below[n]) for n in enough)


@pytest.mark.parametrize(
    ("p_C", "answer"),
    [
        ((0.9, 0.05, 0.03, 0.01, 0.01), CD4),
        ((0.45, 0.45, 0.05, 0.03, 0.02), T),
        ((0.3, 0.1, 0.3, 0.2, 0.1), LYMPHOCYTE),
        ((0.01, 0.01, 0.01, 0.01, 0.96), HEPATOCYTE),
    ],
)
def test_siblings_that_tie_are_answered_by_what_is_above_them(
    tree: AnswerTree, p_C: tuple[float, ...], answer: str
) -> None:
    call = tree.call(share(*p_C), 0.5)
    assert (call.cl_id, call.name) == (answer, cell_ontology().name(answer))
    assert call.known
    assert bool(call.reason) == (answer not in CLASSES)


def test_the_parents_reason_names_the_siblings(tree: AnswerTree) -> None:
    call = tree.call(share(0.45, 0.44, 0.05, 0.03, 0.03), 0.5)
    names = [cell_ontology().name(cl_id) for cl_id in (CD4, CD8)]
    assert all(name in call.reason for name in names)
    assert call.confidence == pytest.approx(0.89, abs=1e-3)


def test_the_runner_up_contradicts_the_answer(tree: AnswerTree) -> None:
    call = tree.call(share(0.45, 0.40, 0.1, 0.04, 0.01), 0.5)
    assert call.cl_id == T
    assert call.runner_up == cell_ontology().name(B)
    assert call.runner_up_confidence == pytest.approx(0.1, abs=1e-3)


def test_nothing_probable_is_unknown_and_names_the_nearest(tree: AnswerTree) -> None:
    p_C = share(0.25, 0.02, 0.03, 0.2, 0.5)
    call = tree.call(p_C, 0.6)
    assert (call.name, call.cl_id, call.known) == ("Unknown", "", False)
    assert call.runner_up == cell_ontology().name(HEPATOCYTE)
    assert "0.6" in call.reason and "hepatocyte (0.50)" in call.reason


def test_below_the_users_limit_is_unknown_and_says_whose_limit(tree: AnswerTree) -> None:
    p_C = share(0.1, 0.05, 0.8, 0.03, 0.02)
    assert tree.call(p_C, 0.5, 0.75).cl_id == B
    call = tree.call(p_C, 0.5, 0.85)
    assert not call.known
    assert "--min-confidence 0.85" in call.reason


def test_no_answer_is_certain(tree: AnswerTree) -> None:
    call = tree.call(np.array([0, 0, 1, 0, 0], np.float32), 0.5)
    assert call.cl_id == B and call.confidence < 1
    assert not tree.call(np.array([0, 0, 1, 0, 0], np.float32), 0.5, 1.0).known
    assert tree.call(share(0, 0.2, 0.8, 0, 0), 0.5, worth=lambda _: 1.0).confidence < 1


@settings(deadline=None)
@given(values=distributions)
def test_answers_stay_inside_the_candidates(values: list[float]) -> None:
    tree = AnswerTree(CLASSES, only=(T, B))
    assert set(tree.nodes) == {T, B}
    assert tree.allowed_C.tolist() == [True, True, True, False, False]
    assert tree.call(share(*values), 0.3).cl_id in {T, B, ""}


def test_candidates_below_every_class_are_named() -> None:
    tree = AnswerTree(CLASSES, only=(B, "CL:0000540"))
    assert tree.without_class == ("CL:0000540",)
    assert tree.nodes == (B,)


def test_a_rows_answer_does_not_depend_on_other_rows() -> None:
    # As many classes as a model has: sums of few do not show the order in which they are taken.
    tree = AnswerTree(tuple(dict.fromkeys(row.cl_id for row in marker_rows())))
    rng = np.random.default_rng(0)
    p_BC = rng.dirichlet(np.full(len(tree.classes), 0.5), 300).astype(np.float32)
    node_B, confidence_B = tree.choose(p_BC, 0.1)
    for size in (1, 7):
        parts = [tree.choose(p_BC[i : i + size], 0.1) for i in range(0, 300, size)]
        np.testing.assert_array_equal(np.concatenate([part[0] for part in parts]), node_B)
        np.testing.assert_array_equal(np.concatenate([part[1] for part in parts]), confidence_B)


def test_every_class_can_be_answered_and_no_node_is_the_root(tree: AnswerTree) -> None:
    assert set(CLASSES) <= set(tree.nodes)
    assert "CL:0000000" not in tree.nodes
    for index, cl_id in enumerate(CLASSES):
        p_C = np.full(len(CLASSES), 0.02, np.float32)
        p_C[index] = 0.92
        assert tree.call(p_C, 0.5).cl_id == cl_id
