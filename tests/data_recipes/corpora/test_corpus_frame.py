"""What every corpus recipe keeps: whole output, recorded sources, the same bytes again."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

import numpy as np
import pytest
from bioseq_recipes.corpora import (
    SourceFile,
    get_recipe,
    prepare_corpus,
    read_manifest,
    recipe_names,
    verify_corpus,
)
from bioseq_recipes.corpora.pool import map_batches
from bioseq_recipes.corpora.sources import Sources

from biosequence.errors import InputError, MissingExtraError, UsageError

CHEM = {"validation": 0.2, "test": 0.2}


@pytest.fixture
def smiles(tmp_path: Path) -> Path:
    """3,000 real molecules of rings and chains, some more than once."""
    rings = ["c1ccccc1", "C1CCNCC1", "c1ccncc1", "C1CC1", "c1ccsc1", "C1CCOC1"]
    tails = ["C" * n + end for n in range(1, 40) for end in ("", "O", "N", "Cl", "F", "Br")]
    lines = [ring[:-1] + f"1{tail}" for ring in rings for tail in tails]
    path = tmp_path / "molecules.smi"
    path.write_text("\n".join([*lines, *lines[:1600], *("C" * n + "N" for n in range(1, 50))]))
    return path


def files(folder: Path) -> dict[str, str]:
    return {
        path.relative_to(folder).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_every_recipe_says_what_it_is() -> None:
    for name in recipe_names():
        recipe = get_recipe(name)
        assert recipe.name == name
        assert recipe.kind in ("dna", "protein", "molecule", "cell")
        assert all((recipe.summary, recipe.licence, recipe.citation, recipe.split))
        assert recipe.files or recipe.inputs or recipe.network
        assert all(file.url.startswith("https://") for file in recipe.files)
        json.dumps(recipe.to_dict())
        assert recipe.settings({}) == {k: o.default for k, o in recipe.options.items()}


def test_the_manifest_names_sources_options_and_every_file(smiles: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    manifest = prepare_corpus("chembl", out, source=smiles, options=CHEM, workers=1)
    assert manifest == read_manifest(out)
    assert manifest["recipe"] == "chembl"
    assert manifest["options"]["test"] == 0.2
    (source,) = manifest["sources"]
    assert source["sha256"] == hashlib.sha256(smiles.read_bytes()).hexdigest()
    there = files(out)
    del there["manifest.json"]
    assert {name: one["sha256"] for name, one in manifest["files"].items()} == there
    assert manifest["counts"]["molecules"] == sum(
        manifest["counts"][split]["documents"] for split in ("train", "validation", "test")
    )


def test_the_corpus_is_the_same_with_any_number_of_workers(smiles: Path, tmp_path: Path) -> None:
    for workers in (1, 2):
        prepare_corpus(
            "chembl", tmp_path / str(workers), source=smiles, options=CHEM, workers=workers
        )
    assert files(tmp_path / "1") == files(tmp_path / "2")


def test_an_output_appears_whole_or_not_at_all(smiles: Path, tmp_path: Path) -> None:
    (tmp_path / "dna.fa").write_text(">a\nACGT\n>b\nAC!T\n")
    before = sorted(path.name for path in tmp_path.iterdir())
    with pytest.raises(InputError, match="'!' at position 3"):
        prepare_corpus("genomes", tmp_path / "out", source=tmp_path / "dna.fa")
    assert sorted(path.name for path in tmp_path.iterdir()) == before


def test_an_output_that_is_there_is_left_alone(smiles: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine.txt").write_text("kept")
    with pytest.raises(InputError, match="not empty"):
        prepare_corpus("chembl", tmp_path / "out", source=smiles)
    assert files(tmp_path / "out").keys() == {"mine.txt"}


def test_verification_names_what_differs(smiles: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    prepare_corpus("chembl", out, source=smiles, options=CHEM, workers=1)
    assert verify_corpus(out).whole
    data = out / "train" / "shard-00000.bin"
    raw = bytearray(data.read_bytes())
    raw[3] ^= 1
    data.write_bytes(raw)
    (out / "test" / "manifest.json").unlink()
    ends = out / "validation" / "shard-00000.ends.npy"
    ends.write_bytes(ends.read_bytes()[:-8])
    (out / "more.txt").write_text("x")
    found = " | ".join(verify_corpus(out).differences)
    assert "train/shard-00000.bin was altered" in found
    assert "test/manifest.json is missing" in found
    assert "validation/shard-00000.ends.npy has" in found
    assert "more.txt does not belong" in found
    assert found.count("|") == 3


@pytest.mark.parametrize("text", ["", "[]", '{"format": 9, "files": {}}', '{"files": {}}'])
def test_a_folder_without_a_manifest_of_ours(tmp_path: Path, text: str) -> None:
    if text:
        (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(InputError, match="manifest"):
        verify_corpus(tmp_path)


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("chmbl", {}, "Did you mean chembl"),
        ("chembl", {"splt": "random"}, "Did you mean split"),
        ("chembl", {"split": "odd"}, "scaffold, random, published"),
        ("chembl", {"seed": "x"}, "no whole number"),
        ("chembl", {"test": "half"}, "no number"),
        ("chembl", {"test": 0.99}, "nothing to train on"),
    ],
)
def test_wrong_names_and_options(smiles, tmp_path: Path, name: str, options, said: str) -> None:
    with pytest.raises(UsageError, match=said):
        prepare_corpus(name, tmp_path / "out", source=smiles, options=options)
    assert not (tmp_path / "out").exists()


def test_a_recipe_of_ones_own_files_needs_them(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--source"):
        prepare_corpus("genomes", tmp_path / "out")
    with pytest.raises(InputError, match="no such file"):
        prepare_corpus("genomes", tmp_path / "out", source=tmp_path / "absent")
    with pytest.raises(InputError, match=r"\*.fa.gz"):
        prepare_corpus("genomes", tmp_path / "out", source=tmp_path)


def test_a_missing_extra_names_its_line(tmp_path: Path, monkeypatch) -> None:
    from biosequence import extras

    monkeypatch.setitem(extras.EXTRAS, "census", ("no_such_module",))
    with pytest.raises(MissingExtraError, match=r"bioseq-toolkit\[census\]"):
        prepare_corpus("census", tmp_path / "out")


def test_files_given_are_checked_where_the_recipe_knows_them(tmp_path: Path) -> None:
    import dataclasses

    (tmp_path / "a.txt").write_text("a")
    known = SourceFile("https://example.org/a.txt", "a.txt", sha256="0" * 64)
    recipe = dataclasses.replace(get_recipe("chembl"), files=(known,))
    with pytest.raises(InputError, match="not the file that the recipe knows") as caught:
        Sources(recipe, [tmp_path]).file("a.txt")
    assert known.url in caught.value.fix
    right = dataclasses.replace(known, sha256=hashlib.sha256(b"a").hexdigest())
    sources = Sources(dataclasses.replace(recipe, files=(right,)), [tmp_path])
    assert sources.file("a.txt") == tmp_path / "a.txt"
    assert sources.record[0]["url"] == known.url


def test_a_file_may_be_there_packed(tmp_path: Path) -> None:
    (tmp_path / "human-sequences.bed.gz").write_bytes(gzip.compress(b"chr1\t0\t4\ttrain\n"))
    sources = Sources(get_recipe("genome"), [tmp_path])
    assert sources.file("human-sequences.bed").name == "human-sequences.bed.gz"


def test_answers_keep_the_order_of_the_items() -> None:
    items = list(np.random.default_rng(0).integers(0, 100, 1000).tolist())
    assert list(map_batches(list, items, workers=2, batch=10)) == items


def test_errors_of_a_process_reach_the_caller(tmp_path: Path) -> None:
    from bioseq_recipes.corpora.proteins.families import read_families

    (tmp_path / "bad.a3m").write_text(">a\nMKTA\n>b\nMK\n")
    with pytest.raises(InputError, match="aligned columns"):
        list(map_batches(read_families, [str(tmp_path / "bad.a3m")] * 4, workers=2, batch=1))
