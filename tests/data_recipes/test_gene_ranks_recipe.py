"""The recipe of gene-rank dictionaries: medians of a corpus, in the published layout."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
import pytest
import scipy.sparse as sp
from bioseq_recipes.gene_ranks.__main__ import main
from bioseq_recipes.gene_ranks.build import build

from biosequence.errors import InputError
from biosequence.tokenizers import load_tokenizer
from cellmodels.genes import gene_table
from cellmodels.tokenizers import GeneRankTokenizer

NUM_GENES = 80


def human_genes() -> list[str]:
    """Symbols of some coding genes and microRNAs, with an Ensembl id each."""
    table = gene_table("human")
    kinds = {symbol: table.gene_class(symbol) for symbol in sorted(table.ensembl_ids)}
    coding = [symbol for symbol, kind in kinds.items() if kind == "coding"]
    micro = [symbol for symbol, kind in kinds.items() if kind == "ncRNA" and symbol[:3] == "MIR"]
    return [*coding[: NUM_GENES - 5], *micro[:5]]


def counts(rng: np.random.Generator, num_cells: int, num_genes: int) -> np.ndarray:
    rates = rng.gamma(0.6, 2.0, num_genes) * rng.lognormal(0, 0.5, (num_cells, 1))
    found = rng.poisson(rates).astype(np.float32)
    found[:, 7] = 0
    return found


@pytest.fixture
def corpus(tmp_path: Path) -> tuple[list[Path], dict[str, np.ndarray]]:
    """Two files, one by symbol and one by Ensembl id, and the CP10k values of each Ensembl id."""
    rng = np.random.default_rng(0)
    symbols = human_genes()
    ids = [gene_table("human").ensembl_ids[symbol][0] for symbol in symbols]
    noise = ["MALAT1", "NEAT1"]  # not coding: in the cells' totals, not in the dictionaries
    tables, paths = [], []
    for number, names in enumerate(([*symbols, *noise], [f"{gene}.3" for gene in ids])):
        table = counts(rng, 61 + number, len(names))
        tables.append(table)
        path = tmp_path / f"cells{number}.h5ad"
        ad.AnnData(sp.csr_matrix(table), var=pd.DataFrame(index=names)).write_h5ad(path)
        paths.append(path)
    cp10k = [table / table.sum(1, keepdims=True, dtype=np.float64) * 1e4 for table in tables]
    values = np.concatenate([table[:, :NUM_GENES] for table in cp10k])
    return paths, dict(zip(ids, values.T, strict=True))


def exact(values: dict[str, np.ndarray]) -> dict[str, float]:
    return {gene: np.median(x[x > 0]) for gene, x in sorted(values.items()) if (x > 0).any()}


def test_medians_are_numpys_and_the_layout_is_the_published_one(corpus, tmp_path: Path) -> None:
    paths, values = corpus
    main(["--output", str(tmp_path / "ranks"), *map(str, paths)])
    tokens = json.loads((tmp_path / "ranks" / "token_dictionary.json").read_text())
    medians = json.loads((tmp_path / "ranks" / "gene_median_dictionary.json").read_text())
    wanted = exact(values)
    assert list(tokens) == ["<pad>", "<mask>", *wanted]
    assert list(tokens.values()) == list(range(len(tokens)))
    assert list(medians) == list(wanted)
    told = json.loads((tmp_path / "ranks" / "provenance.json").read_text())
    np.testing.assert_allclose(
        list(medians.values()), list(wanted.values()), rtol=told["relative_error_of_medians"]
    )


def test_the_folder_is_a_tokenizer(corpus, tmp_path: Path) -> None:
    from transformers import AutoTokenizer

    paths, values = corpus
    made = build(paths, tmp_path / "ranks")
    back = load_tokenizer(tmp_path / "ranks")
    assert isinstance(back, GeneRankTokenizer)
    published = GeneRankTokenizer.from_published(
        tmp_path / "ranks" / "token_dictionary.json",
        tmp_path / "ranks" / "gene_median_dictionary.json",
    )
    assert made.vocabulary == back.vocabulary == published.vocabulary
    assert np.array_equal(back.medians_V, published.medians_V, equal_nan=True)
    gene = next(iter(exact(values)))
    assert AutoTokenizer.from_pretrained(tmp_path / "ranks")(gene)["input_ids"][1] == 2


def test_provenance_names_every_source(corpus, tmp_path: Path) -> None:
    paths, _ = corpus
    build(paths, tmp_path / "ranks")
    told = json.loads((tmp_path / "ranks" / "provenance.json").read_text())
    assert told["num_cells"] == 61 + 62
    assert [source["num_cells"] for source in told["sources"]] == [61, 62]
    sums = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    assert [source["sha256"] for source in told["sources"]] == sums


def test_the_same_files_give_the_same_bytes(corpus, tmp_path: Path) -> None:
    paths, _ = corpus
    for name in ("a", "b"):
        build(paths, tmp_path / name)
    for path in (tmp_path / "a").iterdir():
        assert path.read_bytes() == (tmp_path / "b" / path.name).read_bytes(), path.name


def test_columns_of_one_gene_are_one_value(tmp_path: Path) -> None:
    symbols = human_genes()
    table = np.ones((12, NUM_GENES + 1), np.float32)
    table[:, 0] = 3
    cells = ad.AnnData(
        sp.csr_matrix(table),
        var=pd.DataFrame(index=[*symbols, gene_table("human").ensembl_ids[symbols[0]][0]]),
    )
    cells.write_h5ad(tmp_path / "cells.h5ad")
    build([tmp_path / "cells.h5ad"], tmp_path / "ranks")
    medians = json.loads((tmp_path / "ranks" / "gene_median_dictionary.json").read_text())
    gene, other = (gene_table("human").ensembl_ids[symbol][0] for symbol in symbols[:2])
    assert medians[gene] / medians[other] == pytest.approx(4, rel=2**-11)


def mouse_cells(path: Path) -> Path:
    rng = np.random.default_rng(1)
    table = gene_table("mouse")
    coding = sorted(symbol for symbol in table.symbols if table.gene_class(symbol) == "coding")
    names = [*coding[:70], "Cd3e", "Ly6g"]
    counts = rng.poisson(3, (40, len(names))).astype(np.float32)
    ad.AnnData(sp.csr_matrix(counts), var=pd.DataFrame(index=names)).write_h5ad(path)
    return path


def test_mouse_genes_go_by_their_ortholog_and_the_shared_names_keep_all(tmp_path: Path) -> None:
    path = mouse_cells(tmp_path / "mouse.h5ad")
    by_id = build([path], tmp_path / "ids").vocabulary
    assert "ENSG00000198851" in by_id
    assert all(token.startswith(("ENSG0", "<")) for token in by_id.tokens)
    shared = build([path], tmp_path / "shared", names="shared")
    assert {"CD3E", "Ly6g"} <= set(shared.vocabulary.tokens)
    back = load_tokenizer(tmp_path / "shared")
    assert back.bind(["Ly6g", "Cd3e"]).n_used == 2


@pytest.mark.parametrize("wrong", ["twice", "folder", "output"])
def test_wrong_calls_leave_nothing_behind(corpus, tmp_path: Path, wrong: str) -> None:
    paths, _ = corpus
    output = tmp_path / "ranks"
    if wrong == "output":
        output.mkdir()
        (output / "mine.txt").write_text("kept")
    given = {"twice": [paths[0], paths[0]], "folder": [tmp_path], "output": paths}[wrong]
    with pytest.raises(InputError):
        build(given, output)
    left = {path.name for path in output.iterdir()} if output.exists() else set()
    assert left == ({"mine.txt"} if wrong == "output" else set())
    assert not [path for path in tmp_path.iterdir() if path.name.endswith(".part")]
