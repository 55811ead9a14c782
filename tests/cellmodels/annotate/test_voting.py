"""One answer a cluster: mixed clusters are called mixed, small ones small."""

from __future__ import annotations

import numpy as np
import pytest

from cellmodels.annotate.answers import AnswerTree
from cellmodels.annotate.calibration import Calibration
from cellmodels.annotate.voting import SMALL, vote

CD4, CD8, B, NK = "CL:0000624", "CL:0000625", "CL:0000236", "CL:0000623"
T = "CL:0000084"
SURE_OF_B = np.array([0.02, 0.02, 0.93, 0.03], np.float32)


@pytest.fixture(scope="module")
def tree() -> AnswerTree:
    return AnswerTree((CD4, CD8, B, NK))


def ask(tree: AnswerTree, per_cell: list[str], p_C: np.ndarray = SURE_OF_B, minimum: float = 0.0):
    return vote("7", per_cell, p_C, tree, Calibration(threshold=0.5), minimum)


def test_agreeing_cells_name_their_cluster(tree: AnswerTree) -> None:
    answer = ask(tree, [B] * 18 + [NK] * 2)
    assert (answer.cluster, answer.status, answer.call.cl_id) == ("7", "named", B)
    assert answer.n_cells == 20 and answer.agreement == pytest.approx(0.9)


def test_an_unsure_cluster_of_two_lineages_is_mixed(tree: AnswerTree) -> None:
    unsure = np.array([0.02, 0.33, 0.6, 0.05], np.float32)
    answer = ask(tree, [B] * 6 + [NK] * 7 + [CD8] * 7, unsure)
    assert answer.status == "mixed"
    assert ask(tree, [B] * 6 + [NK] * 7 + [CD8] * 7).status == "named"
    assert ask(tree, [B] * 18 + [NK] * 2, unsure).status == "named"
    assert [share for _, share in answer.votes] == [0.35, 0.35, 0.3]


def test_broader_and_finer_answers_agree(tree: AnswerTree) -> None:
    p_C = np.array([0.5, 0.45, 0.03, 0.02], np.float32)
    answer = ask(tree, [CD4] * 4 + [T] * 6 + [CD8] * 10, p_C - np.float32([0.1, 0, 0, 0]))
    assert answer.call.cl_id == T
    assert (answer.status, answer.agreement) == ("named", 1.0)


@pytest.mark.parametrize("num_cells", [1, SMALL - 1])
def test_few_cells_are_called_few(tree: AnswerTree, num_cells: int) -> None:
    answer = ask(tree, [B] * num_cells)
    assert (answer.status, answer.call.cl_id) == ("small", B)
    assert ask(tree, [B] * SMALL).status == "named"


def test_an_unsure_cluster_is_unknown_and_keeps_its_votes(tree: AnswerTree) -> None:
    answer = ask(tree, [B] * 10 + [""] * 30, minimum=0.99)
    assert answer.status == "unknown" and answer.call.name == "Unknown"
    assert answer.agreement == 0.0
    assert answer.votes == (("Unknown", 0.75), ("B cell", 0.25))


def test_the_most_frequent_answers_come_first(tree: AnswerTree) -> None:
    answer = ask(tree, [NK] * 3 + [B] * 5 + [CD4] * 2)
    assert [name for name, _ in answer.votes] == [
        "B cell",
        "natural killer cell",
        "CD4-positive, alpha-beta T cell",
    ]
    assert answer == ask(tree, [CD4] * 2 + [B] * 5 + [NK] * 3)


def test_an_answer_is_plain_data(tree: AnswerTree) -> None:
    import json

    assert json.loads(json.dumps(ask(tree, [B] * 9).to_dict()))["call"]["cl_id"] == B
