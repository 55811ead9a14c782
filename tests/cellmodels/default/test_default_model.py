"""The embedded model loads whole or says why not; a cell's numbers do not depend on its batch."""

from __future__ import annotations

import hashlib
import json
import shutil
from importlib.resources import files
from pathlib import Path

import numpy as np
import pytest
from scipy import sparse

from biosequence.errors import ModelError
from cellmodels.default import DefaultModel, load_default
from cellmodels.default.features import Fold, fold_onto
from cellmodels.default.model import ROWS
from cellmodels.genes import shared_names
from cellmodels.ontology import cell_ontology, tissue_ontology

SHIPPED = Path(str(files("cellmodels.default")))
PARTS = ("model.safetensors", "config.json", "classes.tsv", "genes.txt")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in PARTS:
        shutil.copy(SHIPPED / name, tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def cells() -> sparse.csr_matrix:
    """1,500 sparse rows in feature space: many blocks of the model."""
    rng = np.random.default_rng(0)
    width = len(load_default().genes)
    return sparse.random_array(
        (1500, width), density=0.03, format="csr", dtype=np.float32, rng=rng
    ) * np.float32(4)


def sign(folder: Path) -> None:
    """Make config.json describe the weights that lie there."""
    config = json.loads((folder / "config.json").read_text())
    config["sha256"] = hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()
    (folder / "config.json").write_text(json.dumps(config))


def test_a_copy_of_the_shipped_folder_loads_the_same_model(folder: Path) -> None:
    model, shipped = DefaultModel.load(folder), load_default()
    assert model.sha256 == shipped.sha256
    assert model.classes == shipped.classes
    assert list(model.genes) == list(shipped.genes)


@pytest.mark.parametrize("name", PARTS)
def test_a_missing_file_is_a_model_error(folder: Path, name: str) -> None:
    (folder / name).unlink()
    with pytest.raises(ModelError) as caught:
        DefaultModel.load(folder)
    assert name in str(caught.value)
    assert caught.value.where == str(folder)
    assert caught.value.fix


@pytest.mark.parametrize("name", PARTS)
@pytest.mark.parametrize("damage", ["empty", "cut", "garbage"])
def test_a_damaged_file_is_a_model_error(folder: Path, name: str, damage: str) -> None:
    whole = (folder / name).read_bytes()
    content = {"empty": b"", "cut": whole[: len(whole) // 2], "garbage": b"\xff\xfe\x00" * 500}
    (folder / name).write_bytes(content[damage])
    with pytest.raises(ModelError):
        DefaultModel.load(folder)


@pytest.mark.parametrize("damage", ["cut", "garbage"])
def test_weights_that_are_no_safetensors_are_a_model_error(folder: Path, damage: str) -> None:
    """The hash is right here: whoever wrote the folder wrote it broken."""
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:5000] if damage == "cut" else b"weights" * 100)
    sign(folder)
    with pytest.raises(ModelError):
        DefaultModel.load(folder)


def test_one_changed_bit_of_the_weights_is_noticed(folder: Path) -> None:
    path = folder / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with pytest.raises(ModelError, match="sha256"):
        DefaultModel.load(folder)


@pytest.mark.parametrize("name", ["genes.txt", "classes.tsv"])
def test_tables_of_another_model_are_noticed(folder: Path, name: str) -> None:
    lines = (folder / name).read_text().splitlines(keepends=True)
    # The second line is a gene or the first class.
    (folder / name).write_text("".join(lines[:1] + lines[2:]))
    with pytest.raises(ModelError):
        DefaultModel.load(folder)


def test_config_that_is_no_table_is_a_model_error(folder: Path) -> None:
    (folder / "config.json").write_text("[1, 2]")
    with pytest.raises(ModelError):
        DefaultModel.load(folder)


def test_shipped_classes_are_current_terms_in_known_tissues() -> None:
    model, ontology, tissues = load_default(), cell_ontology(), tissue_ontology()
    named = [*model.classes, *model.answers]
    assert len(set(named)) == len(named)
    assert [cl_id for cl_id in named if cl_id not in ontology] == []
    places = {place for several in model.tissues for place in several} - {"any"}
    assert [place for place in sorted(places) if tissues.resolve(place) is None] == []


def test_shipped_genes_are_unique_and_weights_are_finite() -> None:
    model = load_default()
    assert len(set(model.genes)) == len(model.genes)
    assert all(np.isfinite(array).all() for array in model.tensors.values())


@pytest.mark.parametrize("size", [1, 7, 64, ROWS - 1, ROWS, ROWS + 1, 1000])
def test_a_cell_has_the_same_bits_whatever_its_batch(cells: sparse.csr_matrix, size: int) -> None:
    model = load_default()
    embedding, components = model.encode(cells)
    whole = model.log_probabilities(embedding)
    shown = min(3 * size, cells.shape[0])
    for start in range(0, shown, size):
        rows = slice(start, min(start + size, shown))
        part, part_components = model.encode(cells[rows])
        np.testing.assert_array_equal(part, embedding[rows])
        np.testing.assert_array_equal(part_components, components[rows])
        np.testing.assert_array_equal(model.log_probabilities(part), whole[rows])


def test_sparse_and_dense_rows_are_the_same_to_the_bit(cells: sparse.csr_matrix) -> None:
    model = load_default()
    np.testing.assert_array_equal(model.embed(cells[:9]), model.embed(cells[:9].toarray()))


def test_probabilities_sum_to_one_even_for_an_empty_cell() -> None:
    model = load_default()
    empty = sparse.csr_matrix((2, len(model.genes)), dtype=np.float32)
    total = np.exp(model.log_probabilities(model.embed(empty))).sum(axis=1)
    np.testing.assert_allclose(total, 1.0, rtol=1e-4)


def test_the_length_of_a_row_does_not_count(cells: sparse.csr_matrix) -> None:
    model = load_default()
    np.testing.assert_allclose(
        model.embed(cells[:5]), model.embed(cells[:5] * np.float32(3)), atol=1e-5
    )


def test_folding_adds_up_columns_of_one_gene() -> None:
    names = shared_names(["Lyz1", "Cd3e", "", "Lyz2", "Ly6g"], "mouse")
    fold = fold_onto(names, np.array(["LYZ", "Ly6g", "ALB"], dtype=object))
    assert fold.toarray().tolist() == [[1, 0, 0], [0, 0, 0], [0, 0, 0], [1, 0, 0], [0, 1, 0]]


def test_a_fold_is_the_product_with_its_matrix_of_ones() -> None:
    rng = np.random.default_rng(0)
    genes = np.array([f"g{i}" for i in range(40)], dtype=object)
    names = rng.choice([*genes[:30], "", "other"], 90).astype(object)
    block = sparse.random_array(
        (25, len(names)), density=0.2, format="csr", dtype=np.float32, rng=rng
    )
    fold = Fold(names, genes)
    np.testing.assert_allclose(
        fold(block).toarray(), (block @ fold_onto(names, genes)).toarray(), rtol=1e-6
    )
    assert fold.present_F.tolist() == [gene in names for gene in genes]
