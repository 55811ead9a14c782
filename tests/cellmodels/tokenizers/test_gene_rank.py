"""The gene-rank tokenizer: published ids, any scale, any batch, saved and opened again."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.sparse as sp

from biosequence.errors import InputError, ModelError, UsageError
from biosequence.tokenizers import Vocabulary, load_tokenizer, mask_tokens, tokenizer_names
from cellmodels.inputs import matrix_state, to_cp10k
from cellmodels.tokenizers import GeneRankTokenizer

# CD3E, MS4A1, LYZ, GAPDH, ACTB, NKG7
GENES = [
    "ENSG00000198851",
    "ENSG00000156738",
    "ENSG00000090382",
    "ENSG00000111640",
    "ENSG00000075624",
    "ENSG00000105374",
]
MEDIANS = dict(zip(GENES, [1.5, 2.5, 40.0, 12.0, 20.0, 3.0], strict=True))


@pytest.fixture
def tokenizer() -> GeneRankTokenizer:
    tokens = {"<pad>": 0, "<mask>": 1, **{gene: place for place, gene in enumerate(GENES, 2)}}
    return GeneRankTokenizer.from_published(tokens, MEDIANS)


@pytest.fixture
def golden(shared: Path) -> tuple[dict[str, Any], np.ndarray, np.ndarray, np.ndarray]:
    from safetensors.numpy import load_file

    folder = shared / "golden"
    told = json.loads((folder / "langcell_zero_shot.a.json").read_text())["tokenisation"]
    tensors = load_file(folder / "langcell_zero_shot.a.safetensors")
    names = ("counts", "cell_input_ids", "cell_attention_mask")
    return told, *(tensors[f"inputs/{name}"] for name in names)


def test_the_ids_are_those_of_the_reference(golden) -> None:
    told, counts, ids, mask = golden
    tokenizer = GeneRankTokenizer.from_published(told["token_dictionary"], told["median"])
    bound = tokenizer.bind(told["genes"])
    assert tokenizer.vocabulary.role_id("cls") == told["cls_id"]
    found = [row.tolist() for row in bound(sp.csr_matrix(counts), cls=False)]
    assert found == told["expected_ids_without_cls"]
    batch = tokenizer.pad(bound(sp.csr_matrix(counts)), length=ids.shape[1])
    assert np.array_equal(batch["input_ids"], ids)
    assert np.array_equal(batch["attention_mask"], mask)


def test_any_scale_gives_the_ids_of_the_reference(golden) -> None:
    told, counts, _, _ = golden
    bound = GeneRankTokenizer.from_published(told["token_dictionary"], told["median"]).bind(
        told["genes"]
    )
    scaled = counts * np.array([[3.0], [0.01], [1e4], [7.0], [1e-3]])
    found = [row.tolist() for row in bound(sp.csr_matrix(scaled), cls=False)]
    assert found == told["expected_ids_without_cls"]


def separated_cells(rng: np.random.Generator, bound, medians_V: np.ndarray) -> sp.csr_matrix:
    """Counts in which no two genes of a cell are within a ten thousandth of each other."""
    median_of = medians_V[bound.token_V]
    kept = []
    while len(kept) < 40:
        counts = rng.poisson(rng.lognormal(1, 1.5, bound.n_columns)).astype(np.float32)
        keys = np.sort(counts[counts > 0] / median_of[counts > 0])
        if np.all(keys[1:] > keys[:-1] * 1.0001):
            kept.append(counts)
    return sp.csr_matrix(np.array(kept))


def test_counts_cp10k_and_log1p_give_the_same_tokens() -> None:
    rng = np.random.default_rng(0)
    genes = [f"ENSG{number:011d}" for number in range(60)]
    medians = dict(zip(genes, rng.lognormal(1, 1, 60), strict=True))
    tokens = {name: place for place, name in enumerate(["<pad>", "<mask>", *genes])}
    tokenizer = GeneRankTokenizer.from_published(tokens, medians)
    bound = tokenizer.bind(genes)
    counts = separated_cells(rng, bound, tokenizer.medians_V)
    cp10k = to_cp10k(counts, matrix_state("X", counts))
    logs = cp10k.copy()
    np.log1p(logs.data, out=logs.data)
    state = matrix_state("X", logs)
    assert state.state == "log1p_cp10k"
    wanted = [row.tolist() for row in bound(counts)]
    assert [row.tolist() for row in bound(cp10k)] == wanted
    assert [row.tolist() for row in bound(to_cp10k(logs, state))] == wanted


def test_neither_order_nor_number_of_rows_matters(tokenizer: GeneRankTokenizer) -> None:
    rng = np.random.default_rng(1)
    bound = tokenizer.bind(GENES)
    counts = sp.csr_matrix(rng.poisson(1.0, (50, len(GENES))).astype(np.float32))
    rows = [row.tolist() for row in bound(counts)]
    order = rng.permutation(50)
    assert [row.tolist() for row in bound(counts[order])] == [rows[place] for place in order]
    assert [bound(counts[place : place + 1])[0].tolist() for place in range(50)] == rows


def test_a_cell_without_a_known_gene_is_cls_alone(tokenizer: GeneRankTokenizer) -> None:
    bound = tokenizer.bind([*GENES, "Nonsense"])
    block = sp.csr_matrix(np.array([[0] * 7, [0] * 6 + [9]], np.float32))
    cls = tokenizer.vocabulary.role_id("cls")
    assert [row.tolist() for row in bound(block)] == [[cls], [cls]]
    assert [row.tolist() for row in bound(block, cls=False)] == [[], []]
    assert len(bound(block[:0])) == 0


def test_a_long_cell_ends_at_the_greatest_length(tokenizer: GeneRankTokenizer) -> None:
    short = GeneRankTokenizer(tokenizer.vocabulary, tokenizer.medians_V, max_length=4)
    cell = np.array([[9, 8, 7, 6, 5, 4]])
    whole = tokenizer.bind(GENES)(cell)[0].tolist()
    assert len(whole) == 7
    assert short.bind(GENES)(cell)[0].tolist() == whole[:4]
    assert short.bind(GENES)(cell, cls=False)[0].tolist() == whole[1:5]


@pytest.mark.parametrize("value", [-1.0, np.nan, np.inf])
def test_wrong_values_are_refused_with_their_cell(
    tokenizer: GeneRankTokenizer, value: float
) -> None:
    block = np.ones((3, len(GENES)))
    block[1, 2] = value
    with pytest.raises(InputError, match="in cell 12"):
        tokenizer.bind(GENES)(sp.csr_matrix(block), first_row=10, where="cells.h5ad")


def test_a_block_of_other_genes_is_refused(tokenizer: GeneRankTokenizer) -> None:
    with pytest.raises(InputError, match="5 columns"):
        tokenizer.bind(GENES)(np.ones((2, 5)))


def test_it_is_saved_and_opened_by_both(tokenizer: GeneRankTokenizer, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    tokenizer.save(tmp_path)
    back, theirs = load_tokenizer(tmp_path), AutoTokenizer.from_pretrained(tmp_path)
    assert isinstance(back, GeneRankTokenizer)
    assert np.array_equal(back.medians_V, tokenizer.medians_V, equal_nan=True)
    assert back.options() == tokenizer.options()
    assert back.vocabulary == tokenizer.vocabulary
    cell = tokenizer.bind(GENES)(np.array([[3, 0, 2, 1, 8, 0]]))[0]
    text = tokenizer.decode(cell, skip_special_tokens=True)
    assert text.split() == [tokenizer.vocabulary.tokens[number] for number in cell[1:]]
    for one in (text, f"{text} <mask>", ""):
        assert theirs(one)["input_ids"] == back.encode(one).tolist()
        assert theirs.decode(theirs(one)["input_ids"]) == back.decode(back.encode(one))
    assert theirs.cls_token_id == tokenizer.vocabulary.role_id("cls")
    assert np.array_equal(
        back.bind(GENES)(np.ones((1, 6))).ids, tokenizer.bind(GENES)(np.ones((1, 6))).ids
    )


def test_a_saved_one_opens_in_a_new_process(tokenizer: GeneRankTokenizer, tmp_path: Path) -> None:
    tokenizer.save(tmp_path)
    code = (
        "import sys; from cellmodels.tokenizers import GeneRankTokenizer as T; "
        "print(len(T.load(sys.argv[1])), sorted({'torch', 'numba'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["9", "[]"]
    assert "gene-rank" in tokenizer_names()


def test_a_saved_one_without_its_medians_says_so(
    tokenizer: GeneRankTokenizer, tmp_path: Path
) -> None:
    tokenizer.save(tmp_path)
    path = tmp_path / "gene_median_dictionary.json"
    kept = json.loads(path.read_text())
    assert kept == MEDIANS
    path.write_text(json.dumps({gene: kept[gene] for gene in GENES[1:]}))
    with pytest.raises(ModelError, match="1 of 6 genes have no median"):
        GeneRankTokenizer.load(tmp_path)
    path.unlink()
    with pytest.raises(ModelError, match="does not exist"):
        GeneRankTokenizer.load(tmp_path)


def test_another_process_gets_the_bound_tokenizer(tokenizer: GeneRankTokenizer) -> None:
    bound = tokenizer.bind(GENES)
    cells = np.array([[1, 2, 3, 4, 5, 6]])
    assert pickle.loads(pickle.dumps(bound))(cells)[0].tolist() == bound(cells)[0].tolist()


def test_masking_spares_the_special_tokens(tokenizer: GeneRankTokenizer) -> None:
    batch = tokenizer.pad(tokenizer.bind(GENES)(np.array([[1, 2, 3, 0, 0, 0], [0, 0, 0, 0, 0, 1]])))
    _, labels = mask_tokens(
        batch["input_ids"], tokenizer.vocabulary, np.random.default_rng(0), probability=1.0
    )
    hidden = labels >= 0
    assert hidden.sum() == 4
    assert not np.isin(batch["input_ids"][hidden], tokenizer.vocabulary.special_ids).any()


def test_a_gene_that_is_no_token_is_refused_in_text(tokenizer: GeneRankTokenizer) -> None:
    with pytest.raises(InputError, match="ENSG00000000001"):
        tokenizer.encode("ENSG00000198851 ENSG00000000001")


@pytest.mark.parametrize("wrong", [0.0, -1.0, np.nan, np.inf])
def test_medians_have_to_be_positive(tokenizer: GeneRankTokenizer, wrong: float) -> None:
    medians_V = tokenizer.medians_V.copy()
    medians_V[4] = wrong
    with pytest.raises(InputError, match=GENES[2]):
        GeneRankTokenizer(tokenizer.vocabulary, medians_V)


def test_wrong_arguments_are_refused(tokenizer: GeneRankTokenizer) -> None:
    vocabulary, medians_V = tokenizer.vocabulary, tokenizer.medians_V
    with pytest.raises(InputError, match="9 tokens"):
        GeneRankTokenizer(vocabulary, medians_V[:-1])
    with pytest.raises(UsageError, match="max_length=1"):
        GeneRankTokenizer(vocabulary, medians_V, max_length=1)
    with pytest.raises(UsageError, match="id_kind"):
        GeneRankTokenizer(vocabulary, medians_V, id_kind="symbols")
    with pytest.raises(InputError, match="cls"):
        GeneRankTokenizer(Vocabulary(("<pad>", "a"), {"pad": "<pad>"}), np.array([np.nan, 1.0]))
