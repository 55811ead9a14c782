"""Molecule corpora: each molecule once, scaffolds and domains in one split, dirt counted."""

from __future__ import annotations

import csv
import gzip
import zipfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from bioseq_recipes.corpora import prepare_corpus
from bioseq_recipes.corpora.splits import murcko_scaffold

from biosequence.errors import InputError
from biosequence.tokenizers import SmilesTokenizer
from biosequence.training.data import TokenShards

SPLITS = ("train", "validation", "test")
FIFTHS = {"validation": 0.2, "test": 0.2}
RINGS = ["c1ccccc1", "C1CCNCC1", "c1ccncc1", "C1CC1", "c1ccsc1", "C1CCOC1", "C1CCCC1", "c1ccoc1"]
MOLECULES = [f"{'C' * n}{ring}" for ring in RINGS for n in range(1, 9)] + ["CCO", "CCN", "CCCl"]


def documents(folder: Path, split: str) -> list[str]:
    shards = TokenShards.open(folder / split)
    tokenizer = shards.tokenizer()
    return [tokenizer.decode(ids, skip_special_tokens=True) for ids in shards]


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as handle:
        return list(csv.DictReader(handle))


def test_scaffolds_are_in_one_split_and_molecules_come_once(tmp_path: Path) -> None:
    texts = [*MOLECULES, "OCC", "C(N)C", "not a molecule", "C1CC"]
    rows = "".join(f"{text},x{n}\n" for n, text in enumerate(texts))
    (tmp_path / "some_smiles.csv").write_text("smiles,source\n" + rows)
    manifest = prepare_corpus("chembl", tmp_path / "o", source=tmp_path, options=FIFTHS)
    counts = manifest["counts"]
    assert (counts["read"], counts["unreadable"], counts["duplicates"]) == (len(texts), 2, 2)
    assert counts["molecules"] == len(MOLECULES)
    where = defaultdict(set)
    every = []
    for split in SPLITS:
        for smiles in documents(tmp_path / "o", split):
            where[murcko_scaffold(smiles)].add(split)
            every.append(smiles)
    assert len(every) == len(set(every)) == len(MOLECULES)
    assert len(where) == len(RINGS) + 1 == counts["scaffolds"]
    assert all(len(splits) == 1 for splits in where.values())


def test_every_bond_sign_reaches_the_shards(tmp_path: Path) -> None:
    (tmp_path / "x.smi").write_text("C/C=C\\C\n[13CH3][C@H](N)C(=O)O\n[Zr+4]\nC/C=C/C\n")
    prepare_corpus("chembl", tmp_path / "o", source=tmp_path, options={"validation": 0, "test": 0})
    found = documents(tmp_path / "o", "train")
    assert "C/C=C\\C" in found
    assert "C/C=C/C" in found
    assert "[Zr+4]" in found
    assert not (tmp_path / "o" / "test").exists()


def test_a_random_split_is_by_the_molecule(tmp_path: Path) -> None:
    (tmp_path / "x.smi").write_text("\n".join(MOLECULES))
    options = {**FIFTHS, "split": "random"}
    prepare_corpus("chembl", tmp_path / "a", source=tmp_path, options=options)
    (tmp_path / "x.smi").write_text("\n".join(MOLECULES[::-1][: len(MOLECULES) // 2]))
    prepare_corpus("chembl", tmp_path / "b", source=tmp_path, options=options)
    for split in SPLITS:
        assert {*documents(tmp_path / "b", split)} <= {*documents(tmp_path / "a", split)}


def zipped(path: Path, text: str) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(path.with_suffix(".txt").name, text)
        archive.writestr(f"__MACOSX/._{path.stem}.txt", "shadow")


def test_the_published_split_keeps_what_tests_out_of_training(tmp_path: Path) -> None:
    zipped(tmp_path / "train.zip", "CCO\nCCN\nCCC\nCCCC\n")
    zipped(tmp_path / "valid.zip", "CCCCC\nNCC\n")
    zipped(tmp_path / "test.zip", "OCC\n")
    options = {"split": "published"}
    manifest = prepare_corpus("chembl", tmp_path / "o", source=tmp_path, options=options)
    assert documents(tmp_path / "o", "test") == ["CCO"]
    assert documents(tmp_path / "o", "validation") == ["CCCCC", "CCN"]
    assert documents(tmp_path / "o", "train") == ["CCC", "CCCC"]
    assert manifest["counts"]["duplicates"] == 2
    (tmp_path / "test.zip").unlink()
    with pytest.raises(InputError, match=r"test.zip is not among"):
        prepare_corpus("chembl", tmp_path / "x", source=tmp_path, options=options)


def test_the_table_of_chembl(tmp_path: Path) -> None:
    text = "chembl_id\tcanonical_smiles\tstandard_inchi\nCHEMBL1\tCCO\tx\nCHEMBL2\tc1ccccc1\ty\n"
    (tmp_path / "chembl_31_chemreps.txt.gz").write_bytes(gzip.compress(text.encode()))
    manifest = prepare_corpus("chembl", tmp_path / "o", source=tmp_path)
    assert manifest["counts"]["molecules"] == 2
    assert manifest["sources"][0]["file"] == "chembl_31_chemreps.txt.gz"


def test_nothing_readable_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "x.smi").write_text("hello\nworld\n")
    with pytest.raises(InputError, match="No molecule"):
        prepare_corpus("chembl", tmp_path / "o", source=tmp_path)
    assert not (tmp_path / "o").exists()


@pytest.fixture
def sets(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    lines = []
    for _ in range(12):
        own = rng.permutation(["F" + "O" * int(rng.integers(1, 3)) + one for one in MOLECULES])[:20]
        lines.append(".".join(own))
    # Domain 12 is domain 0 with one molecule less and another more; entries of 13 are dirty.
    lines.append(".".join([*lines[0].split(".")[1:], "CCCCBr"]))
    lines.append("CCI.CCI.ICC.CCCI Azi1-Alk2 CHEMBL1.nonsense..C1CC")
    (tmp_path / "sets_incontext.txt").write_text("\n".join(lines) + "\n")
    return tmp_path


def test_domains_stay_whole_and_variants_go_together(sets: Path) -> None:
    manifest = prepare_corpus("icst", sets / "o", source=sets, options=FIFTHS)
    where = defaultdict(set)
    for split in SPLITS:
        for group in TokenShards.open(sets / "o" / split).groups.tolist():
            where[group].add(split)
    assert sorted(where) == list(range(14))
    assert all(len(splits) == 1 for splits in where.values())
    assert where[0] == where[12]
    assert sum(manifest["counts"]["domains"].values()) == 14


@pytest.mark.parametrize(
    ("policy", "kept", "left_out"),
    [
        ("drop", ["CCI"], 3),
        ("clean", ["CCI", "CCCI"], 2),
        ("keep", ["CCI", "CCCI Azi1-Alk2 CHEMBL1", "nonsense", "C1CC"], 0),
    ],
)
def test_dirty_entries_follow_the_policy_and_are_counted(
    sets: Path, policy: str, kept: list[str], left_out: int
) -> None:
    options = {**FIFTHS, "dirty": policy}
    manifest = prepare_corpus("icst", sets / "o", source=sets, options=options)
    counts = manifest["counts"]
    assert (counts["dirty"], counts.get("dirty_left_out", 0), counts["empty"]) == (3, left_out, 1)
    assert counts["duplicates"] == 2
    found = []
    for split in SPLITS:
        shards = TokenShards.open(sets / "o" / split)
        own = [ids for ids, g in zip(shards, shards.groups.tolist(), strict=True) if g == 13]
        found += own
    tokenizer = SmilesTokenizer(other="unknown")
    assert [ids.tolist() for ids in found] == [tokenizer.encode(one).tolist() for one in kept]


def test_sets_without_a_molecule(tmp_path: Path) -> None:
    (tmp_path / "x_incontext.txt").write_text("hello.world\n")
    with pytest.raises(InputError, match="no molecule in the sets"):
        prepare_corpus("icst", tmp_path / "o", source=tmp_path)


def test_domains_of_published_parts_stay_there(tmp_path: Path) -> None:
    zipped(tmp_path / "train.zip", "CCO.CCN\nCCC.CCCC\n")
    zipped(tmp_path / "valid.zip", "CCCl.CCO\n")
    zipped(tmp_path / "test.zip", "CCBr.CCI\n")
    manifest = prepare_corpus("icst", tmp_path / "o", source=tmp_path)
    assert manifest["counts"]["domains"] == {"train": 2, "validation": 1, "test": 1}
    assert documents(tmp_path / "o", "test") == ["CCBr", "CCI"]
    assert manifest["counts"]["held_out_molecules_also_in_train"] == 1


def test_property_tables_split_by_scaffold(tmp_path: Path) -> None:
    rows = [(text, n / 7, n % 2) for n, text in enumerate(MOLECULES)]
    text = "smiles_canonical,measure,Class,remark\n"
    text += "".join(f"{s},{m},{c},word\n" for s, m, c in rows) + "broken(,1,0,x\nCCO,,1,x\n"
    (tmp_path / "prop_x.csv").write_text(text)
    manifest = prepare_corpus("moleculenet", tmp_path / "o", source=tmp_path)
    labels = manifest["labels"]["prop_x"]
    assert {name: one["task"] for name, one in labels.items()} == {
        "measure": "regression",
        "Class": "classification",
    }
    counts = manifest["counts"]["tables"]["prop_x"]
    assert (counts["unreadable"], counts["repeated_molecules"]) == (1, 1)
    where = defaultdict(set)
    total = 0
    for split in SPLITS:
        for row in table(tmp_path / "o" / "prop_x" / f"{split}.csv"):
            where[murcko_scaffold(row["smiles"])].add(split)
            total += 1
    assert total == len(MOLECULES) + 1
    assert all(len(splits) == 1 for splits in where.values())
    assert counts["train"] >= counts["validation"] + counts["test"]


def test_known_tables_have_known_labels(tmp_path: Path) -> None:
    (tmp_path / "bace.csv").write_text("mol,CID,Class,Model,pIC50\n" + "CCO,B1,1,2,9.1\n" * 3)
    manifest = prepare_corpus("moleculenet", tmp_path / "o", source=tmp_path)
    assert list(manifest["labels"]["bace"]) == ["Class"]
    assert manifest["sources"][0]["url"].endswith("/datasets/bace.csv")


def test_a_table_without_molecules(tmp_path: Path) -> None:
    (tmp_path / "prop_x.csv").write_text("name,value\na,1\n")
    with pytest.raises(InputError, match="no column of SMILES"):
        prepare_corpus("moleculenet", tmp_path / "o", source=tmp_path)
