"""Zero-shot scores of real models: the published ones, and the default's properties."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch

from biosequence.errors import UsageError
from cellmodels.models.langcell.cell_blocks import ROWS
from cellmodels.models.langcell.convert_langcell import convert_bundle_tensors
from cellmodels.models.langcell.zero_shot import TOKENS, ZeroShot
from cellmodels.models.langcell.zero_shot_settings import ZeroShotSettings

from .conftest import GENES, WORDS


@dataclass
class Reads:
    """A processor whose texts are numbers of rows of a table of tokens."""

    ids: torch.Tensor
    mask: torch.Tensor
    genes: Any

    def texts(self, texts: list[str], *, max_length: int) -> dict[str, torch.Tensor]:
        rows = [int(text) for text in texts]
        return {"input_ids": self.ids[rows], "attention_mask": self.mask[rows]}


def reads(ids: torch.Tensor, mask: torch.Tensor, longest: int = 32) -> Reads:
    return Reads(ids, mask, SimpleNamespace(pad_id=0, max_length=longest))


@pytest.fixture
def published(golden):
    """The golden case, ready to score, and its cells."""
    config = golden.config
    model = convert_bundle_tensors(
        golden.weights, config["cell_bert"], config["text_bert"], gene_rows=24
    ).model()
    ids, mask = golden["inputs/cell_input_ids"], golden["inputs/cell_attention_mask"].bool()
    cells = [row[kept].numpy() for row, kept in zip(ids, mask, strict=True)]
    processor = reads(golden["inputs/text_input_ids"], golden.text_mask)
    return lambda **given: ZeroShot(model, processor, ["0", "1", "2"], device="cpu", **given), cells


@pytest.fixture
def made(tiny):
    """A random model, `count` random texts and 50 random cells of 1 to 35 genes."""

    def make(count: int, *, kind: str = "bert", **settings: Any) -> tuple[ZeroShot, list]:
        rng = np.random.default_rng(0)
        ids = torch.from_numpy(rng.integers(1, WORDS, (count, 12)))
        mask = (torch.arange(12) < torch.from_numpy(rng.integers(2, 13, (count, 1)))).long()
        cells = [rng.permutation(GENES)[: rng.integers(1, GENES)] for _ in range(50)]
        zero_shot = ZeroShot(
            tiny(kind),
            reads(ids * mask, mask, longest=40),
            [str(number) for number in range(count)],
            settings=ZeroShotSettings(**settings),
            device="cpu",
        )
        return zero_shot, cells

    return make


def test_exact_scores_are_the_published_ones(published, golden) -> None:
    make, cells = published
    zero_shot = make()
    expected = golden["outputs/score_alpha_0.1"].numpy()
    np.testing.assert_allclose(zero_shot.scores_exact(cells), expected, atol=3e-7)
    assert zero_shot.scores_exact(cells).argmax(1).tolist() == golden["outputs/prediction"].tolist()
    s, q = golden["outputs/similarity_probs"], golden["outputs/ctm_softmax_over_classes"]
    np.testing.assert_allclose(zero_shot.scores_exact(cells, 0.5), (s + q) / 2, atol=1e-6)


def test_in_logarithms_the_second_softmax_is_gone(published, golden) -> None:
    make, cells = published
    s, m = golden["outputs/similarity_probs"], golden["outputs/ctm_match_prob"]
    found = make().scores_exact(cells, 0.3, logit_space=True)
    np.testing.assert_allclose(found, 0.3 * s.log() + 0.7 * m.log(), atol=1e-4)


@pytest.mark.parametrize("weight", [1.0, 0.25])
def test_the_default_is_exact_where_all_are_matched_and_fused_alike(published, weight) -> None:
    make, cells = published
    zero_shot = make(settings=ZeroShotSettings(most=3, weight=weight))
    exact = zero_shot.scores_exact(cells, 1 / (1 + weight), logit_space=True)
    np.testing.assert_allclose(zero_shot.scores(cells)[0], (1 + weight) * exact, atol=2e-5)


def test_the_embedding_is_that_of_embed(published, golden) -> None:
    make, cells = published
    zero_shot = make()
    assert np.array_equal(zero_shot.scores(cells)[1], zero_shot.embed(cells))
    np.testing.assert_allclose(zero_shot.embed(cells), golden["outputs/cell_embedding"], atol=1e-6)


def test_other_cells_beside_it_never_change_a_cell(made, kind) -> None:
    zero_shot, cells = made(20, kind=kind)
    whole, embedding = zero_shot.scores(cells)
    exact = zero_shot.scores_exact(cells)
    for size in (1, 7, ROWS):
        pieces = [cells[start : start + size] for start in range(0, len(cells), size)]
        parts = [zero_shot.scores(piece) for piece in pieces]
        again = np.concatenate([part[0] for part in parts])
        np.testing.assert_allclose(again, whole, atol=2e-6)
        assert np.array_equal(again.argmax(1), whole.argmax(1))
        np.testing.assert_allclose(np.concatenate([p[1] for p in parts]), embedding, atol=1e-6)
        parts = np.concatenate([zero_shot.scores_exact(piece) for piece in pieces])
        np.testing.assert_allclose(parts, exact, atol=1e-6)


def test_texts_of_other_length_beside_it_never_change_a_text(made) -> None:
    zero_shot, cells = made(100)
    few = ZeroShot(
        zero_shot.model,
        reads(zero_shot._texts_NT, zero_shot._mask_NT, longest=40),
        ["5", "99", "40"],
        device="cpu",
    )
    expected = zero_shot.text_embedding_NP[[5, 99, 40]]
    assert torch.allclose(few.text_embedding_NP, expected, atol=1e-6)
    np.testing.assert_allclose(few.embed(cells), zero_shot.embed(cells), atol=1e-6)


def test_only_close_candidates_are_matched_and_few(made, monkeypatch) -> None:
    zero_shot, cells = made(50, most=3)
    asked: list[int] = []
    match = zero_shot.model.match

    def counted(texts, *given):
        asked.append(len(texts))
        return match(texts, *given)

    monkeypatch.setattr(zero_shot.model, "match", counted)
    zero_shot.scores(cells)
    default = sum(asked)
    asked.clear()
    zero_shot.scores_exact(cells)
    assert 0 < default < 10 * len(cells)
    assert sum(asked) >= 50 * len(cells)
    asked.clear()
    alone, _ = made(50, most=1)
    monkeypatch.setattr(alone.model, "match", counted)
    alone.scores(cells)
    assert not asked


def test_matching_may_be_told_to_read_the_strongest_genes_alone(made) -> None:
    whole, cells = made(6)
    every, few = (made(6, states=states)[0] for states in (40, 2))
    assert np.array_equal(every.scores_exact(cells), whole.scores_exact(cells))
    assert np.abs(few.scores_exact(cells) - whole.scores_exact(cells)).max() > 1e-4


def test_a_prior_decides_which_candidates_are_matched_and_is_not_returned(made) -> None:
    zero_shot, cells = made(50, most=2)
    plain, _ = zero_shot.scores(cells)
    prior = np.zeros(50)
    prior[7] = 20.0
    found, _ = zero_shot.scores(cells, prior)
    # So sure, it needs no match: what is left is the similarity.
    s_BN = zero_shot.model.similarity(
        torch.from_numpy(zero_shot.embed(cells)), zero_shot.text_embedding_NP
    ).log_softmax(1)
    np.testing.assert_allclose(found, s_BN, atol=2e-5)
    assert np.abs(plain - found).max() > 1e-3


def test_three_thousand_candidates_take_bounded_memory(made, monkeypatch) -> None:
    zero_shot, cells = made(3000)
    tokens: list[int] = []
    match = zero_shot.model.match

    def counted(texts, *given):
        tokens.append(texts.numel())
        return match(texts, *given)

    monkeypatch.setattr(zero_shot.model, "match", counted)
    scores, _ = zero_shot.scores(cells[:3])
    assert scores.shape == (3, 3000)
    assert np.isfinite(scores).all()
    exact = zero_shot.scores_exact(cells[:3])
    np.testing.assert_allclose(exact.sum(1), 1, atol=1e-4)
    assert max(tokens) <= TOKENS


def test_a_cell_without_genes_gets_zeros(made) -> None:
    zero_shot, cells = made(4)
    cells[1] = cells[1][:0]
    scores, embedding = zero_shot.scores(cells)
    assert not scores[1].any()
    assert not embedding[1].any()
    assert scores[[0, 2]].all()
    assert zero_shot.scores([])[0].shape == (0, 4)


def test_a_cell_is_cut_at_what_the_tower_reads(made) -> None:
    zero_shot, _ = made(4)
    long = np.arange(200) % GENES
    assert np.array_equal(zero_shot.scores([long])[0], zero_shot.scores([long[:40]])[0])


def test_one_candidate_is_certain(made) -> None:
    zero_shot, cells = made(1)
    assert not zero_shot.scores(cells)[0].any()
    np.testing.assert_allclose(zero_shot.scores_exact(cells), 1.0)


def test_another_process_gets_the_same_numbers(made) -> None:
    zero_shot, cells = made(20)
    again = pickle.loads(pickle.dumps(zero_shot))
    assert np.array_equal(again.scores(cells)[0], zero_shot.scores(cells)[0])


def test_no_candidate_is_refused(published, tiny) -> None:
    with pytest.raises(UsageError, match="no candidate"):
        ZeroShot(tiny(), reads(torch.zeros(0, 3), torch.zeros(0, 3)), [], device="cpu")
