"""The ontology recipe keeps facts, drops prose and writes the same bytes each time."""

from __future__ import annotations

import csv
import gzip
import hashlib
import json
import tomllib
import zipfile
from importlib import resources

import pytest
from bioseq_recipes.ontology_slim import build_tables
from bioseq_recipes.ontology_slim.slim import cut

from biosequence.errors import InputError
from cellmodels.ontology import cell_ontology, tissue_ontology


def term(label, ancestors=(), *, deprecated=False, **more):
    return {"label": label, "ancestors": dict(ancestors), "deprecated": deprecated, **more}


CELLS = {
    "CL:0000000": term("cell", description="prose"),
    "CL:0000001": term("a", {"CL:0000000": 1}, synonyms=["z", "alpha", "a"], description="prose"),
    "CL:0000002": term("b", {"CL:0000001": 1, "CL:0000000": 2}),
    "CL:0000003": term("old", deprecated=True, replaced_by="CL:0000002"),
    "CL:0000004": term("a nucleus shape", {"CL:0000000": 3}),
}
TISSUES = {
    "UBERON:0001062": term("anatomical entity"),
    "UBERON:0000010": term("limb", {"UBERON:0001062": 1}),
    "UBERON:0000011": term("pectoral fin", {"UBERON:0000010": 1, "UBERON:0001062": 2}),
    "UBERON:0000012": term(
        "finger", {"UBERON:0000011": 1, "UBERON:0000010": 2, "UBERON:0001062": 3}
    ),
    "UBERON:0000104": term("life cycle"),
}


@pytest.fixture
def wheel(tmp_path):
    from numcodecs.zstd import compress

    path = tmp_path / "cellxgene_ontology_guide-9.9-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as archive:
        for key, terms in (("CL", CELLS), ("UBERON", TISSUES)):
            for version, content in (("2020-01-01", {}), ("2026-01-01", terms)):
                name = f"cellxgene_ontology_guide/data/{key}-ontology-v{version}.json.zst"
                archive.writestr(name, compress(json.dumps(content).encode()))
    return path


def test_build_writes_facts_of_the_newest_release(wheel, tmp_path):
    build_tables(tmp_path, tmp_path / "out")
    table = json.loads(gzip.decompress((tmp_path / "out/cell_ontology.json.gz").read_bytes()))
    assert table["terms"] == [
        ["CL:0000000", "cell", [], []],
        ["CL:0000001", "a", ["alpha", "z"], ["CL:0000000"]],
        ["CL:0000002", "b", [], ["CL:0000001"]],
    ]
    assert table["replaced"] == {"CL:0000003": "CL:0000002"}
    note = tomllib.loads((tmp_path / "out/SOURCE.toml").read_text())
    assert note["cell_ontology.json.gz"]["version"] == "2026-01-01"
    assert note["cell_ontology.json.gz"]["num_terms"] == 3


def test_build_is_deterministic(wheel, tmp_path):
    for folder in ("one", "two"):
        build_tables(wheel, tmp_path / folder)
    files = sorted(p.name for p in (tmp_path / "one").iterdir())
    assert len(files) == 3
    for name in files:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()


def test_a_dropped_term_hands_its_children_to_its_nearest_kept_ancestor(wheel, tmp_path):
    slim = build_tables(wheel, tmp_path / "out")["tissues.json.gz"]
    parents = {row[1]: row[3] for row in slim.terms}
    assert parents["finger"] == ("UBERON:0000010",)
    assert parents.keys() == {"anatomical entity", "limb", "finger"}


def test_cut_keeps_only_nearest_parents():
    terms = {
        "a": term("a"),
        "b": term("b", {"a": 1}),
        "x": term("x", {"a": 1}),
        "c": term("c", {"b": 1, "x": 1, "a": 2}),
    }
    assert {row[0]: row[3] for row in cut(terms, drop={"x"}).terms}["c"] == ("b",)


@pytest.mark.parametrize("content", ["nothing", "text", "empty wheel"])
def test_a_source_that_is_no_ontology_wheel_is_an_input_error(tmp_path, content):
    path = tmp_path / "cellxgene_ontology_guide-1.whl"
    if content == "text":
        path.write_text("hello")
    if content == "empty wheel":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("a", "b")
    with pytest.raises(InputError):
        build_tables(tmp_path, tmp_path / "out")


def test_bundled_tables_are_the_ones_their_note_describes():
    folder = resources.files("cellmodels.ontology").joinpath("tables")
    note = tomllib.loads(folder.joinpath("SOURCE.toml").read_text(encoding="utf-8"))
    for name, graph in (("cell_ontology", cell_ontology()), ("tissues", tissue_ontology())):
        packed = folder.joinpath(f"{name}.json.gz").read_bytes()
        entry = note[f"{name}.json.gz"]
        assert hashlib.sha256(packed).hexdigest() == entry["sha256"]
        assert entry["num_terms"] == len(graph)
        assert entry["licence"] == "CC BY 4.0"
        assert len(packed) < 1_000_000


@pytest.mark.parametrize(
    ("name", "graph"), [("cell_ontology", cell_ontology), ("uberon", tissue_ontology)]
)
def test_bundled_facts_agree_with_an_independent_table(shared, name, graph):
    ours = graph()
    with gzip.open(shared / f"data/knowledge/{name}.tsv.gz", "rt", encoding="utf-8") as handle:
        rows = csv.DictReader(handle, delimiter="\t", quoting=csv.QUOTE_NONE)
        theirs = {row["id"]: row for row in rows}
    shared_ids = [i for i in ours if i in theirs]
    assert len(shared_ids) == len(ours)
    assert all(ours.name(i) == theirs[i]["label"] for i in shared_ids)
    if name == "cell_ontology":
        above = {i: set(filter(None, (theirs[i]["ancestors"] or "").split("|"))) for i in ours}
        # The other table lost the parents of four terms; none of them is a root in the ontology.
        assert sum(not ancestors for ancestors in above.values()) <= 5
        assert all(ours.ancestors(i) == above[i] for i in ours if above[i])
