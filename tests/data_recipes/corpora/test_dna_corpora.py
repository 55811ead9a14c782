"""DNA corpora: no base, record or sequence in two splits; labels that do not move."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from bioseq_recipes.corpora import prepare_corpus
from bioseq_recipes.corpora.dna.genome import Windows, windows_of

from biosequence.complement import reverse_complement
from biosequence.errors import InputError, UsageError
from biosequence.training.data import TokenShards

SPLITS = ("train", "validation", "test")


def bases(rng: np.random.Generator, length: int) -> str:
    return "".join(rng.choice(list("ACGT"), length))


def documents(folder: Path) -> list[str]:
    shards = TokenShards.open(folder)
    tokenizer = shards.tokenizer()
    return [tokenizer.decode(ids, skip_special_tokens=True) for ids in shards]


def table(path: Path) -> list[dict[str, str]]:
    with path.open(newline="") as handle:
        return list(csv.DictReader(handle))


@pytest.fixture
def genome(tmp_path: Path) -> dict[str, str]:
    rng = np.random.default_rng(0)
    found = {"chr1": bases(rng, 1000), "chr2": bases(rng, 640), "chrM": bases(rng, 50)}
    text = "".join(f">{name} assembled\n{seq}\n" for name, seq in found.items())
    (tmp_path / "g.fa.gz").write_bytes(gzip.compress(text.encode()))
    return found


def write_bed(folder: Path, *rows: tuple[str, int, int, str]) -> None:
    lines = ("\t".join(map(str, row)) for row in rows)
    (folder / "g.bed").write_text("\n".join(lines) + "\n")


def test_windows_are_the_genomes_own(genome, tmp_path: Path) -> None:
    write_bed(
        tmp_path,
        ("chr1", 0, 300, "train"), ("chr1", 700, 900, "test"), ("chr2", 100, 300, "valid"),
        ("chr2", 400, 600, "train"),
    )  # fmt: skip
    manifest = prepare_corpus("genome", tmp_path / "o", source=tmp_path, options={"window": 100})
    one, two = genome["chr1"], genome["chr2"]
    assert documents(tmp_path / "o" / "train") == [
        *(one[i : i + 100] for i in (0, 100, 200)), *(two[i : i + 100] for i in (400, 500))
    ]  # fmt: skip
    assert documents(tmp_path / "o" / "test") == [one[700:800], one[800:900]]
    assert documents(tmp_path / "o" / "validation") == [two[100:200], two[200:300]]
    assert manifest["counts"]["intervals"] == 4


def test_no_base_is_held_out_and_trained_on(genome, tmp_path: Path) -> None:
    # As published: every interval is lengthened from its start, into its neighbours.
    write_bed(
        tmp_path,
        ("chr1", 0, 100, "train"), ("chr1", 200, 300, "test"), ("chr1", 550, 650, "valid"),
        ("chr1", 900, 1000, "train"),
    )  # fmt: skip
    options = {"window": 100, "extend": 400}
    manifest = prepare_corpus("genome", tmp_path / "o", source=tmp_path, options=options)
    found = {
        split: [genome["chr1"].index(text) for text in documents(tmp_path / "o" / split)]
        for split in SPLITS
    }
    assert found["test"] == [200, 300, 400, 500]
    assert found["train"] == [0, 100]
    # At the end of the chromosome windows move inside it; what then meets the test set is dropped.
    assert found["validation"] == [650, 750, 850]
    assert manifest["counts"]["dropped"]["train over test"] == 2
    assert manifest["counts"]["dropped"]["validation over test"] == 1


def test_windows_move_inside_a_chromosome_and_are_not_repeated() -> None:
    found = windows_of(np.array([90, 95]), np.array([110, 120]), 100, 20, 0)
    assert (found.starts.tolist(), found.ends.tolist()) == ([80], [100])
    assert windows_of(np.array([5]), np.array([9]), 9, 100, 0).ends.tolist() == [9]


def test_overlap_is_seen_wherever_it_is() -> None:
    rng = np.random.default_rng(1)
    starts, others = rng.integers(0, 5000, 300), rng.integers(0, 5000, 40)
    lengths = rng.integers(1, 200, 40)
    ours = Windows(starts, starts + 10)
    theirs = Windows(others, others + lengths)
    wanted = [
        not any(s < oe and os < s + 10 for os, oe in zip(others, others + lengths, strict=True))
        for s in starts
    ]
    assert ours.apart_from(theirs).tolist() == wanted
    assert ours.apart_from(Windows(others[:0], others[:0])).all()


def test_intervals_that_do_not_fit(genome, tmp_path: Path) -> None:
    write_bed(tmp_path, ("chr9", 0, 100, "train"))
    with pytest.raises(InputError, match="no sequence 'chr9'"):
        prepare_corpus("genome", tmp_path / "o", source=tmp_path)
    write_bed(tmp_path, ("chr1", 0, 100, "trian"))
    with pytest.raises(InputError, match="'trian' is no split"):
        prepare_corpus("genome", tmp_path / "o", source=tmp_path)
    with pytest.raises(UsageError, match="does not divide"):
        options = {"window": 30, "extend": 100}
        prepare_corpus("genome", tmp_path / "o", source=tmp_path, options=options)


def test_a_record_and_its_other_strand_are_one(tmp_path: Path) -> None:
    rng = np.random.default_rng(2)
    records = [bases(rng, int(rng.integers(50, 200))) for _ in range(60)]
    again = [reverse_complement(record) for record in records[:20]]
    text = "".join(f">r{n}\n{record}\n" for n, record in enumerate(records + again))
    (tmp_path / "x.fa").write_text(text)
    options = {"validation": 0.2, "test": 0.2}
    manifest = prepare_corpus("genomes", tmp_path / "o", source=tmp_path, options=options)
    assert manifest["counts"]["duplicates"] == 20
    found = [documents(tmp_path / "o" / split) for split in SPLITS]
    assert sorted(sum(found, [])) == sorted(records)
    letters = [sum(map(len, part)) for part in found]
    assert 0.15 < letters[2] / sum(letters) <= 0.2


def test_promoters_keep_a_sequence_in_one_split(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    rows = [(bases(rng, 30), n % 2) for n in range(400)]
    rows += [(reverse_complement(seq), label) for seq, label in rows[:100]]
    rows += [(rows[0][0], 1 - rows[0][1])]
    text = "sequence,label\n" + "".join(f"{seq},{label}\n" for seq, label in rows)
    (tmp_path / "promoters.csv").write_text(text)
    manifest = prepare_corpus("promoters", tmp_path / "o", source=tmp_path)
    counts = manifest["counts"]
    assert (counts["rows"], counts["duplicates"], counts["contradictions"]) == (501, 100, 1)
    keys = [
        {
            min(r["sequence"], reverse_complement(r["sequence"]))
            for r in table(tmp_path / "o" / f"{s}.csv")
        }
        for s in SPLITS
    ]
    assert len(set.union(*keys)) == sum(map(len, keys)) == 400


# The last base of a sequence tells its class.
ENDS = {"enhancer": "A", "ocr": "C", "promoter": "G"}


@pytest.fixture
def benchmark(tmp_path: Path) -> Path:
    place = tmp_path / "human_ensembl_regulatory"
    rng = np.random.default_rng(4)
    # The classes are made in another order in each part, as a file system may list them.
    for part, names in (("train", sorted(ENDS)), ("test", sorted(ENDS, reverse=True))):
        for name in names:
            folder = place / part / name
            folder.mkdir(parents=True)
            for number in range(20):
                (folder / f"{number}.txt").write_text(f"{bases(rng, 40)}{ENDS[name]}\n")
    return tmp_path


def test_label_numbers_are_the_same_in_both_parts(benchmark: Path) -> None:
    manifest = prepare_corpus("genomic-benchmarks", benchmark / "o", source=benchmark)
    labels = {"enhancer": 0, "ocr": 1, "promoter": 2}
    assert manifest["labels"] == {"human_ensembl_regulatory": labels}
    for split in SPLITS:
        for row in table(benchmark / "o" / "human_ensembl_regulatory" / f"{split}.csv"):
            assert row["sequence"][-1] == list(ENDS.values())[int(row["label"])]
    counts = manifest["counts"]["tables"]["human_ensembl_regulatory"]
    assert counts["test"] == 60
    assert counts["train"] + counts["validation"] == 60


def test_a_benchmark_without_one_of_its_classes(benchmark: Path) -> None:
    import shutil

    shutil.rmtree(benchmark / "human_ensembl_regulatory" / "test" / "ocr")
    with pytest.raises(InputError, match="should be enhancer, ocr, promoter"):
        prepare_corpus("genomic-benchmarks", benchmark / "o", source=benchmark)


def test_tasks_from_tables_and_from_fasta(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    for name in ("H3", "splice_sites_all"):
        (tmp_path / name).mkdir()
    rows = [(bases(rng, 20), n % 3) for n in range(100)]
    for part in ("train", "test"):
        text = "sequence,label\n" + "".join(f"{s},{n}\n" for s, n in rows)
        (tmp_path / "H3" / f"{part}.csv").write_text(text)
        text = "".join(f">x_{i} chr1 | {n}\n{s}\n" for i, (s, n) in enumerate(rows))
        (tmp_path / "splice_sites_all" / f"{part}.fna").write_text(text)
    manifest = prepare_corpus("nt-tasks", tmp_path / "o", source=tmp_path)
    assert manifest["metrics"] == {"H3": "mcc", "splice_sites_all": "accuracy"}
    tables = [table(tmp_path / "o" / name / "test.csv") for name in ("H3", "splice_sites_all")]
    assert tables[0] == tables[1] == [{"sequence": s, "label": str(n)} for s, n in rows]
    json.dumps(manifest)
    (tmp_path / "H3" / "test.csv").write_text("sequence,label\nACGT,high\n")
    with pytest.raises(InputError, match="'high'"):
        prepare_corpus("nt-tasks", tmp_path / "o2", source=tmp_path)
