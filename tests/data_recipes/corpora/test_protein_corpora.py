"""Protein corpora: relatives and families in one split, no residue lost on the way."""

from __future__ import annotations

import csv
import io
import tarfile
import zipfile
from collections import defaultdict
from pathlib import Path

import numpy as np
import pytest
from bioseq_recipes.corpora import prepare_corpus
from bioseq_recipes.corpora.proteins.families import INDEX, MEMMAP, Memmap

from biosequence.errors import InputError, UsageError
from biosequence.tokenizers import ProteinTokenizer
from biosequence.training.data import TokenShards

SPLITS = ("train", "validation", "test")
RESIDUES = list("ACDEFGHIKLMNPQRSTVWY")
THIRDS = {"validation": 0.3, "test": 0.3}


def protein(rng: np.random.Generator, length: int) -> str:
    return "".join(rng.choice(RESIDUES, length))


def relatives(rng: np.random.Generator, count: int) -> list[str]:
    ancestor = protein(rng, int(rng.integers(80, 200)))
    found = []
    for _ in range(count):
        letters = list(ancestor)
        for place in np.flatnonzero(rng.random(len(letters)) < 0.15):
            letters[place] = RESIDUES[rng.integers(20)]
        found.append("".join(letters))
    return found


@pytest.fixture
def families() -> dict[str, list[str]]:
    rng = np.random.default_rng(0)
    return {f"family{number}": relatives(rng, 6) for number in range(12)}


def parts(folder: Path) -> dict[str, list[tuple[str, int]]]:
    """Sequence and group of every document of each split."""
    found = {}
    for split in SPLITS:
        shards = TokenShards.open(folder / split)
        tokenizer = shards.tokenizer()
        texts = [tokenizer.decode(ids, skip_special_tokens=True) for ids in shards]
        found[split] = list(zip(texts, shards.groups.tolist(), strict=True))
    return found


def a3m(rows: list[str]) -> str:
    # An insertion against the query, and a gap: the sequence is the same without them.
    aligned = [rows[0], *(f"{row[:5]}{row[5].lower()}-{row[6:]}" for row in rows[1:])]
    return "".join(f">s{n}\n{row}\n" for n, row in enumerate(aligned))


def write_memmap(folder: Path, families: dict[str, list[str]], *, inclusive: bool) -> None:
    tokenizer = ProteinTokenizer()
    place, rows, data = 0, ["msa_id,Start,End"], []
    for name, sequences in families.items():
        ids = np.concatenate([tokenizer.encode(seq) for seq in sequences])
        data.append(ids.astype(np.int8))
        rows.append(f"{name},{place},{place + len(ids) - inclusive}")
        place += len(ids)
    folder.mkdir(exist_ok=True)
    (folder / MEMMAP).write_bytes(np.concatenate(data).tobytes())
    (folder / INDEX).write_text("\n".join(rows) + "\n")


def test_relatives_are_in_one_split(tmp_path: Path, families) -> None:
    text = "".join(
        f">{name}_{n}\n{seq}\n" for name, rows in families.items() for n, seq in enumerate(rows)
    )
    again = families["family0"][0]
    (tmp_path / "p.fa").write_text(text + f">again\n{again}*\n>short\nMK\n")
    manifest = prepare_corpus("proteins", tmp_path / "o", source=tmp_path, options=THIRDS)
    assert manifest["counts"]["clusters"] == 13
    assert manifest["counts"]["duplicates"] == 1
    family_of = {seq: name for name, rows in families.items() for seq in rows}
    where = defaultdict(set)
    for split, documents in parts(tmp_path / "o").items():
        for text, _ in documents:
            where[family_of.get(text, text)].add(split)
    assert len(where) == 13
    assert all(len(splits) == 1 for splits in where.values())


def test_families_never_split_and_related_ones_go_together(tmp_path: Path, families) -> None:
    source = tmp_path / "msas"
    source.mkdir()
    for name, rows in families.items():
        (source / f"{name}.a3m").write_text(a3m([*rows, rows[1]]))
        # The same protein aligned against another database.
        (source / f"other_{name}.a3m").write_text(a3m([rows[0], *rows[:0:-1]]))
    manifest = prepare_corpus("openproteinset", tmp_path / "o", source=source, options=THIRDS)
    counts = manifest["counts"]
    assert counts["clusters_of_families"] == 12
    assert (
        counts["families"]["train"] + counts["families"]["validation"] + counts["families"]["test"]
        == 24
    )
    assert counts["repeats_left_out"] == 12
    family_of = {seq: name for name, rows in families.items() for seq in rows}
    groups, names = defaultdict(set), defaultdict(set)
    total = 0
    for split, documents in parts(tmp_path / "o").items():
        for text, group in documents:
            groups[group].add(split)
            names[family_of[text]].add(split)
            total += 1
    assert total == 24 * 6
    assert len(groups) == 24
    assert all(len(splits) == 1 for splits in [*groups.values(), *names.values()])


def test_an_archive_gives_what_its_files_give(tmp_path: Path, families) -> None:
    source = tmp_path / "msas"
    source.mkdir()
    for name, rows in families.items():
        (source / f"{name}.a3m").write_text(a3m(rows))
    with tarfile.open(tmp_path / "all.tar.gz", "w:gz") as archive:
        for path in sorted(source.iterdir()):
            archive.add(path, f"deep/folder/{path.name}")
        odd = tarfile.TarInfo("../../outside.txt")
        odd.size = 3
        archive.addfile(odd, io.BytesIO(b"no!"))
    for name, given in (("a", source), ("b", tmp_path / "all.tar.gz")):
        prepare_corpus("openproteinset", tmp_path / name, source=given, options=THIRDS)
    assert parts(tmp_path / "a") == parts(tmp_path / "b")
    assert not (tmp_path.parent / "outside.txt").exists()


def test_a_cut_off_archive_is_refused(tmp_path: Path, families) -> None:
    with tarfile.open(tmp_path / "all.tar.gz", "w:gz") as archive:
        for name, rows in families.items():
            raw = a3m(rows).encode()
            member = tarfile.TarInfo(f"{name}.a3m")
            member.size = len(raw)
            archive.addfile(member, io.BytesIO(raw))
    raw = (tmp_path / "all.tar.gz").read_bytes()
    (tmp_path / "all.tar.gz").write_bytes(raw[: len(raw) // 2])
    with pytest.raises(InputError, match="archive"):
        prepare_corpus("openproteinset", tmp_path / "o", source=tmp_path / "all.tar.gz")
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("inclusive", [True, False])
def test_the_memmap_keeps_every_residue_with_either_end(
    tmp_path: Path, families, inclusive: bool
) -> None:
    write_memmap(tmp_path / "m", families, inclusive=inclusive)
    manifest = prepare_corpus(
        "openproteinset", tmp_path / "o", source=tmp_path / "m", options=THIRDS
    )
    said = "last token" if inclusive else "behind the last token"
    assert manifest["memmap_end"] == said
    found = defaultdict(list)
    for documents in parts(tmp_path / "o").values():
        for text, group in documents:
            found[group].append(text)
    assert found == dict(enumerate(families.values()))


def test_an_index_of_some_families_is_read_too(tmp_path: Path, families) -> None:
    write_memmap(tmp_path, families, inclusive=True)
    rows = (tmp_path / INDEX).read_text().splitlines()
    (tmp_path / INDEX).write_text("\n".join([rows[0], rows[5], *rows[1:4]]) + "\n")
    found = Memmap(tmp_path / MEMMAP, tmp_path / INDEX)
    names = list(families)
    assert found.names == [names[4], *names[:3]]
    for number, name in enumerate(found.names):
        assert found.query(number) == families[name][0]
        assert len(found.family(number).documents[-1]) == len(families[name][-1]) + 1


def test_an_index_of_another_array(tmp_path: Path, families) -> None:
    write_memmap(tmp_path, families, inclusive=True)
    whole = (tmp_path / MEMMAP).read_bytes()
    (tmp_path / MEMMAP).write_bytes(whole[:-7])
    with pytest.raises(InputError, match="does not fit"):
        Memmap(tmp_path / MEMMAP, tmp_path / INDEX)
    (tmp_path / MEMMAP).write_bytes(whole)
    (tmp_path / INDEX).write_text("msa_id,Start\nx,0\n")
    with pytest.raises(InputError, match="msa_id, Start and End"):
        Memmap(tmp_path / MEMMAP, tmp_path / INDEX)
    write_memmap(tmp_path, families, inclusive=True)
    (tmp_path / MEMMAP).write_bytes(bytes([60]) * len(whole))
    with pytest.raises(InputError, match="not those of proteins"):
        Memmap(tmp_path / MEMMAP, tmp_path / INDEX).family(0)


def test_published_lists_decide_where_they_are(tmp_path: Path, families) -> None:
    write_memmap(tmp_path, families, inclusive=True)
    names = list(families)
    for list_name, own in (
        ("training", names[:8]),
        ("validation", names[8:9]),
        ("testing", names[9:11]),
    ):
        text = "\n".join(own)
        (tmp_path / f"cluster_{list_name}_set.txt").write_text(text)
    options = {"split": "published"}
    manifest = prepare_corpus("openproteinset", tmp_path / "o", source=tmp_path, options=options)
    counts = manifest["counts"]
    assert counts["families"] == {"train": 8, "validation": 1, "test": 2}
    assert counts["families_not_in_lists"] == 1
    test = {group for _, group in parts(tmp_path / "o")["test"]}
    assert test == {9, 10}
    table = (tmp_path / "o" / "families.tsv").read_text().splitlines()
    assert table[0] == "group\tname\tsplit"
    assert table[10:] == ["9\tfamily9\ttest", "10\tfamily10\ttest"]
    for list_name in ("training", "validation", "testing"):
        (tmp_path / f"cluster_{list_name}_set.txt").write_text("nobody")
    with pytest.raises(InputError, match="two lists"):
        prepare_corpus("openproteinset", tmp_path / "x", source=tmp_path, options=options)


def test_lists_of_other_families(tmp_path: Path, families) -> None:
    write_memmap(tmp_path, families, inclusive=True)
    for number, name in enumerate(("training", "validation", "testing")):
        (tmp_path / f"cluster_{name}_set.txt").write_text(f"nobody{number}")
    with pytest.raises(UsageError, match="None of the families"):
        prepare_corpus(
            "openproteinset", tmp_path / "x", source=tmp_path, options={"split": "published"}
        )


def assay(*rows: str) -> str:
    return "mutant,mutated_sequence,DMS_score,DMS_score_bin\n" + "".join(f"{r}\n" for r in rows)


@pytest.fixture
def scans(tmp_path: Path) -> dict[str, str]:
    reference = "DMS_id,DMS_filename,UniProt_ID,target_seq\nA,A.csv,P1,MKTA\nB,B.csv,P2,MKW\n"
    reference += "C,C.csv,P3,MM\n"
    (tmp_path / "DMS_substitutions.csv").write_text(reference)
    return {"A.csv": assay("K2R,MRTA,0.5,1", "K2R:A4G,MRTG,0.1,0"), "B.csv": assay("W3A,MKA,1,1")}


@pytest.mark.parametrize("packed", [True, False])
def test_scans_are_copied_and_their_proteins_listed(tmp_path: Path, scans, packed: bool) -> None:
    if packed:
        with zipfile.ZipFile(tmp_path / "DMS_ProteinGym_substitutions.zip", "w") as archive:
            for name, text in scans.items():
                archive.writestr(f"DMS_ProteinGym_substitutions/{name}", text)
    else:
        for name, text in scans.items():
            (tmp_path / name).write_text(text)
    manifest = prepare_corpus("proteingym", tmp_path / "o", source=tmp_path)
    assert manifest["counts"] == {"assays": 2, "assays_missing": 1, "mutants": 3}
    assert (tmp_path / "o" / "test" / "A.csv").read_text() == scans["A.csv"]
    with (tmp_path / "o" / "reference.csv").open(newline="") as handle:
        rows = list(csv.DictReader(handle))
    assert [(r["assay"], r["mutants"], r["multiple"], r["target_seq"]) for r in rows] == [
        ("A", "2", "1", "MKTA"), ("B", "1", "0", "MKW"),
    ]  # fmt: skip


def test_a_scan_of_another_protein_is_refused(tmp_path: Path, scans) -> None:
    (tmp_path / "A.csv").write_text(assay("L2R,MRTA,0.5,1"))
    with pytest.raises(InputError, match="expects L at 2"):
        prepare_corpus("proteingym", tmp_path / "o", source=tmp_path)


def test_real_alignments(shared: Path, tmp_path: Path) -> None:
    source = shared / "data" / "seq" / "protein_msas_a3m.tar.gz"
    manifest = prepare_corpus("openproteinset", tmp_path / "o", source=source)
    assert sum(manifest["counts"]["families"].values()) == 7
    assert manifest["counts"]["unknown_letters"] == 0
