"""`--method langcell`: candidates in words, the whole pipeline, and a model that was trained."""

from __future__ import annotations

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path

import anndata as ad
import numpy as np
import pytest

from biosequence.errors import InputError, ModelError, UsageError
from cellmodels.annotate import AnnotateOptions, annotate_cells, annotate_markers
from cellmodels.annotate.setup import load_annotator
from cellmodels.annotate.table_reading import MarkerList

from ...tiny_langcell import FREE, TYPES

NAMES = {"NK cell": "natural killer cell", "endothelial": "endothelial cell"}


@pytest.fixture(scope="session")
def new_cells(liver_sample: Callable[..., ad.AnnData]) -> ad.AnnData:
    """Cells that the model has not seen, of the genes that it knows."""
    return liver_sample(num_cells=420, num_genes=600, seed=1)[240:].copy()


@pytest.fixture
def named(tiny_langcell: Path, new_cells: ad.AnnData) -> Callable[..., ad.AnnData]:
    """The result for the new cells."""

    def call(cells: ad.AnnData = new_cells, **options):
        given = {"model": str(tiny_langcell), "candidates": tuple(TYPES), "device": "cpu"}
        return annotate_cells(cells, AnnotateOptions(method="langcell", **(given | options)))

    return call


def truth(cells: ad.AnnData) -> np.ndarray:
    return cells.obs["truth"].map(lambda name: NAMES.get(name, name)).to_numpy()


@pytest.mark.parametrize("options", [{}, {"cluster": False}, {"cluster_key": "lane"}])
def test_pseudo_cells_get_their_names(annotate, tiny_langcell, new_cells, options) -> None:
    new_cells = new_cells.copy()
    new_cells.obs["lane"] = new_cells.obs["truth"].to_numpy()
    written, summary = annotate(
        new_cells, method="langcell", model=str(tiny_langcell), candidates=tuple(TYPES), **options
    )
    right = (written.obs["bioseq_cell_type"].to_numpy() == truth(new_cells)).mean()
    # Single cells of these few genes are hard for a model of seconds; the vote is what helps.
    assert right > (0.75 if "cluster" in options else 0.95)
    ids = dict(
        zip(
            written.obs["bioseq_cell_type"],
            written.obs["bioseq_cell_type_ontology_term_id"],
            strict=True,
        )
    )
    assert {NAMES.get(name, name): cl_id for name, cl_id in TYPES.items()}.items() <= {
        **ids
    }.items()
    assert written.obs["bioseq_confidence"].dtype == np.float32
    assert written.obs["bioseq_confidence"].between(0, 1).all()
    assert ("bioseq_cluster" in written.obs) == ("cluster" not in options)
    assert written.obsm["X_bioseq"].shape == (len(new_cells), 16)
    params = written.uns["bioseq"]["params"]
    assert params["method"] == "langcell"
    assert params["model"] == "LangCell model"
    assert sorted(written.uns["bioseq"]["classes"]) == sorted(TYPES.values())
    record = json.loads(written.uns["bioseq"]["provenance"])
    assert len(record["model_sha256"]) == 64
    assert summary.n_cells == len(new_cells)


def test_a_text_that_no_term_stands_for_is_an_answer_without_an_id(
    annotate, tiny_langcell, new_cells, tmp_path
) -> None:
    report = tmp_path / "report.html"
    new_cells = new_cells.copy()
    new_cells.obsm["X_umap"] = np.zeros((len(new_cells), 2))
    written, summary = annotate(
        new_cells,
        method="langcell",
        model=str(tiny_langcell),
        candidates=f"B cell, T cell, NK cell, monocyte, {FREE}, endothelial cell",
        report=report,
    )
    of_text = written.obs["bioseq_cell_type"] == FREE
    assert (of_text == (new_cells.obs["truth"] == "hepatocyte")).mean() > 0.95
    assert set(written.obs.loc[of_text, "bioseq_cell_type_ontology_term_id"]) == {""}
    assert (written.obs.loc[of_text, "bioseq_confidence"] > 0.5).all()
    assert FREE in written.uns["bioseq"]["classes"]
    answers = {entry["call"]["name"]: entry for entry in summary.clusters}
    assert answers[FREE]["status"] != "unknown"
    assert answers[FREE]["call"]["cl_id"] == ""
    page = report.read_text(encoding="utf-8")
    assert FREE in page
    assert "LangCell" in page
    assert "descriptions of cell types" in page


def test_candidates_that_mean_the_same_count_once(named) -> None:
    once = named(candidates=("B cell", "T cell", FREE))
    again = named(
        candidates=("B cells", "T cell", "CL:0000236", "B lymphocyte", FREE, f"  {FREE.upper()} ")
    )
    assert again.classes == once.classes
    assert np.array_equal(again.cell_type, once.cell_type)
    assert np.array_equal(again.confidence, once.confidence)


def test_one_candidate_is_everybodys_answer(named) -> None:
    found = named(candidates=("weird cells of nowhere",))
    assert set(found.cell_type) == {"weird cells of nowhere"}


def test_three_thousand_candidates(named, new_cells) -> None:
    many = tuple(f"mystery {number}" for number in range(2994))
    found = named(new_cells[:40].copy(), candidates=(*TYPES, *many), cluster=False)
    assert len(found.classes) == 3000
    assert len(found.cell_type) == 40


def test_a_broad_candidate_gathers_the_finer_ones(named, new_cells) -> None:
    found = named(candidates=("lymphocyte", "B cell", "T cell", "NK cell", "hepatocyte"))
    lymphoid = new_cells.obs["truth"].isin(["B cell", "T cell", "NK cell"]).to_numpy()
    assert set(found.cell_type[lymphoid]) <= {
        *("lymphocyte", "B cell", "T cell", "natural killer cell")
    }


def test_the_batch_size_never_changes_an_answer(named) -> None:
    whole = named()
    for size in (7, 64):
        again = named(batch_size=size)
        assert np.array_equal(again.cell_type, whole.cell_type)
        assert np.array_equal(again.per_cell, whole.per_cell)
        np.testing.assert_allclose(again.confidence, whole.confidence, atol=2e-5)


def test_counts_and_logarithms_give_the_same_answers(named, new_cells) -> None:
    logged = new_cells.copy()
    total = np.asarray(logged.X.sum(axis=1))
    logged.X = logged.X.multiply(1e4 / total).tocsr().astype(np.float32)
    logged.X.data = np.log1p(logged.X.data)
    found, again = named(), named(logged)
    assert (found.cell_type == again.cell_type).mean() > 0.99


def test_an_empty_cell_is_unknown_and_changes_no_other(named, new_cells) -> None:
    cells = new_cells.copy()
    counts = cells.X.tolil()
    counts[3] = 0
    cells.X = counts.tocsr()
    found = named(cells, cluster=False)
    assert found.cell_type[3] == "Unknown"
    assert found.confidence[3] == 0
    others = np.arange(len(cells)) != 3
    assert np.array_equal(found.cell_type[others], named(cluster=False).cell_type[others])
    assert named(cells).cell_type[3] == "Unknown"


def test_genes_that_the_vocabulary_lacks_are_refused(named, new_cells) -> None:
    from cellmodels.genes import gene_table

    other = sorted(set(gene_table("human").symbols) - set(new_cells.var_names))
    cells = new_cells.copy()
    cells.var_names = other[: cells.n_vars]
    with pytest.raises(InputError, match="None of the 600 genes is in the vocabulary"):
        named(cells)


def test_a_mouse_file_is_read_by_its_orthologs(named, new_cells) -> None:
    from cellmodels.genes import orthologs

    mouse = orthologs("human", "mouse")
    cells = new_cells.copy()
    cells.var_names = [mouse.get(gene, (gene,))[0] for gene in cells.var_names]
    cells.var_names_make_unique()
    found = named(cells, organism="mouse")
    assert (found.cell_type == truth(cells)).mean() > 0.9


def test_without_candidates_the_models_own_label_set_counts(
    named, tiny_langcell, tmp_path, new_cells
) -> None:
    folder = shutil.copytree(tiny_langcell, tmp_path / "model")
    rows = "".join(f"{cl_id}\t{name}\tliver\tclass\n" for name, cl_id in TYPES.items())
    (folder / "classes.tsv").write_text("cl_id\tname\ttissues\tkind\n" + rows)
    found = named(model=str(folder), candidates=None, tissue="liver")
    assert (found.cell_type == truth(new_cells)).mean() > 0.95
    assert set(TYPES.values()) < set(found.classes)


def test_without_a_label_set_every_answer_of_the_default_model_counts(named) -> None:
    found = named(candidates=None, cluster=False)
    assert len(found.classes) > 800


def test_a_stored_calibration_counts(named, tiny_langcell, tmp_path) -> None:
    folder = shutil.copytree(tiny_langcell, tmp_path / "model")
    stored = {"calibration": {"temperature_cell": 50.0, "threshold": 0.9}}
    (folder / "calibration.json").write_text(json.dumps(stored))
    found = named(model=str(folder), cluster=False)
    assert set(found.cell_type) == {"Unknown"}
    (folder / "calibration.json").write_text('{"calibration": {"warmth": 1}}')
    with pytest.raises(ModelError, match="calibration does not fit"):
        named(model=str(folder))


def test_auto_reads_a_langcell_folder_as_what_it_is(tiny_langcell, new_cells) -> None:
    options = AnnotateOptions(model=str(tiny_langcell), candidates=tuple(TYPES), device="cpu")
    found = annotate_cells(new_cells, options)
    assert found.params["method"] == "langcell"


def test_other_methods_refuse_texts_that_name_nothing(new_cells) -> None:
    for method in ("auto", "markers"):
        with pytest.raises(UsageError, match="No cell type is called"):
            annotate_cells(new_cells, AnnotateOptions(method=method, candidates=(FREE,)))


def test_what_is_no_candidate_is_refused(named) -> None:
    for wrong, what in (
        ((), "no candidate"),
        (("B cell", " "), "empty"),
        (("unknown",), "Unknown"),
    ):
        with pytest.raises(UsageError, match=what):
            named(candidates=wrong)


def test_a_model_has_to_be_given(new_cells) -> None:
    with pytest.raises(ModelError, match="without a LangCell model"):
        annotate_cells(new_cells, AnnotateOptions(method="langcell", candidates=("B cell",)))


def test_marker_lists_have_no_cells_to_read(tiny_langcell) -> None:
    options = AnnotateOptions(method="langcell", model=str(tiny_langcell), device="cpu")
    with pytest.raises(UsageError, match="marker lists have none"):
        annotate_markers([MarkerList("0", ("CD79A", "MS4A1"), "")], options)


def test_dask_workers_can_be_given_the_annotator(tiny_langcell, new_cells) -> None:
    from cellmodels.genes import map_genes

    options = AnnotateOptions(
        method="langcell", model=str(tiny_langcell), candidates=tuple(TYPES), device="cpu"
    )
    annotator, _ = load_annotator(options)
    bound = annotator.bind(map_genes(list(new_cells.var_names)))
    again = pickle.loads(pickle.dumps(bound))
    features = bound.features(new_cells.X[:30])
    assert np.array_equal(again.score(features).log_p_BC, bound.score(features).log_p_BC)


def test_cells_are_ranked_as_the_tokenizer_ranks_them(tiny_langcell, new_cells) -> None:
    from cellmodels.genes import map_genes

    options = AnnotateOptions(method="langcell", model=str(tiny_langcell), device="cpu")
    annotator, _ = load_annotator(options)
    genes = map_genes(list(new_cells.var_names)[::-1])
    block = new_cells.X[:30][:, ::-1]
    bound = annotator.bind(genes)
    expected = annotator.processor.genes.bind(genes)(block)
    found = bound._ranked(bound.features(block))
    # A logarithm and back moves the last bit: what almost tied may change places.
    same = [np.mean(a == b) for a, b in zip(found, expected, strict=True)]
    assert np.mean(same) > 0.995
