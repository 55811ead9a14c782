"""A reference gives any stretch of it; a VCF that speaks of another one is refused."""

from __future__ import annotations

import gzip
import os
import random
from pathlib import Path

import pytest
from Bio import bgzf
from hypothesis import given
from hypothesis import strategies as st

from biosequence.complement import reverse_complement
from biosequence.errors import InputError
from biosequence.io import Interval, Record, Reference, Variant, VcfReader, read_fasta, write_fasta

CHANCE = random.Random(0)
GENOME = {
    "chr1": "".join(CHANCE.choices("ACGTacgtN", k=507)),
    "chr2": "".join(CHANCE.choices("ACGT", k=60)),
    "chr3": "ACG",
}


@pytest.fixture(scope="module", params=["plain", "crlf", "bgz"])
def genome(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("genome")
    path = folder / "ref.fa"
    write_fasta(path, [Record(name, text, "text") for name, text in GENOME.items()], width=60)
    if request.param == "crlf":
        path.write_bytes(path.read_bytes().replace(b"\n", b"\r\n"))
    if request.param == "bgz":
        raw, path = path.read_bytes(), folder / "ref.fa.gz"
        with path.open("wb") as handle:
            # Small blocks, so that stretches lie over several.
            for start in range(0, len(raw), 100):
                writer = bgzf.BgzfWriter(fileobj=handle)
                writer.write(raw[start : start + 100])
                writer.flush()
    with Reference(path) as reference:
        yield reference


@given(
    st.sampled_from([*GENOME]), st.integers(-20, 520), st.integers(0, 530), st.sampled_from("+-.")
)
def test_any_stretch_is_what_slicing_gives(
    genome: Reference, name: str, start: int, size: int, strand: str
) -> None:
    one = Interval(name, start, start + size, strand)
    padded = "".join(
        GENOME[name][place] if 0 <= place < len(GENOME[name]) else "N"
        for place in range(one.start, one.end)
    )
    wanted = reverse_complement(padded) if strand == "-" else padded
    assert genome.fetch(one, pad="N") == wanted
    if 0 <= start and start + size <= len(GENOME[name]):
        assert genome.fetch(one) == wanted


def test_lengths_are_in_order(genome: Reference) -> None:
    assert list(genome.lengths.items()) == [(name, len(text)) for name, text in GENOME.items()]
    assert "chr1" in genome
    assert "chr9" not in genome


def test_a_written_index_gives_the_same(genome: Reference) -> None:
    index = genome.write_index()
    rows = [line.split("\t") for line in index.read_text().splitlines()]
    assert [(row[0], int(row[1]), int(row[3])) for row in rows] == [
        ("chr1", 507, 60),
        ("chr2", 60, 60),
        ("chr3", 3, 3),
    ]
    with Reference(genome.path) as again:
        assert again.fetch(Interval("chr1", 50, 130)) == GENOME["chr1"][50:130]
    index.unlink()


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("chr1:0-508", "sticks out of chr1, which has 507 bases"),
        ("1:0-5", "Did you mean chr1"),
        ("chrX:0-5", "no sequence 'chrX'"),
    ],
)
def test_what_is_not_there(genome: Reference, where: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        genome.fetch(Interval.from_str(where))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (">a\nACGT\nAC\nACGT\n", "unequal length"),
        (">a\nAC\nACGT\n", "unequal length"),
        (">a\nACGT\n>a\nAC\n", "'a' occurs more than once"),
        ("ACGT\n", "does not start with '>'"),
        (">\nACGT\n", "No name"),
    ],
)
def test_files_that_cannot_be_indexed(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "x.fa"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        Reference(path)


def test_blank_lines_around_a_record_do_no_harm(tmp_path: Path) -> None:
    path = tmp_path / "x.fa"
    path.write_text(">a\n\nACGT\nAC\n\n>b\nGG\n")
    with Reference(path) as reference:
        assert reference.fetch(Interval("b", 0, 2)) == "GG"
        assert reference.fetch(Interval("a", 3, 6)) == "TAC"


def test_plain_gzip_says_how_to_go_on(tmp_path: Path) -> None:
    path = tmp_path / "x.fa.gz"
    path.write_bytes(gzip.compress(b">a\nACGT\n"))
    with pytest.raises(InputError, match="bgzip"):
        Reference(path)


def test_an_index_of_another_file_is_refused_and_an_old_one_ignored(tmp_path: Path) -> None:
    path, index = tmp_path / "x.fa", tmp_path / "x.fa.fai"
    path.write_text(">a\nACGT\n")
    index.write_text("a\t400\t3\t60\t61\n")
    os.utime(path, (1, 1))
    with pytest.raises(InputError, match="does not belong"):
        Reference(path)
    index.write_text("a\tx\n")
    with pytest.raises(InputError, match="no FASTA index"):
        Reference(path)
    os.utime(path, None)
    os.utime(index, (1, 1))
    with Reference(path) as reference:
        assert reference.lengths == {"a": 4}


def test_real_genomes(shared: Path, tmp_path: Path) -> None:
    records = list(read_fasta(shared / "data/seq/dna_genomes.fa.gz", duplicates="skip"))
    path = tmp_path / "genomes.fa"
    write_fasta(path, records, width=70)
    with Reference(path) as reference:
        for record in records[::7]:
            middle = len(record) // 2
            one = Interval(record.name, max(0, middle - 100), middle)
            assert reference.fetch(one) == record.sequence[one.start : one.end]


HEAD = "##fileformat=VCFv4.2\n##x\n#CHROM\tPOS\tID\tREF\tALT\tQUAL\n"


def vcf(tmp_path: Path, lines: str, packed: bool = False) -> Path:
    path = tmp_path / "x.vcf"
    raw = (HEAD + lines).encode()
    path.write_bytes(gzip.compress(raw) if packed else raw)
    return path


@pytest.mark.parametrize("packed", [False, True])
def test_alleles_one_by_one(tmp_path: Path, packed: bool) -> None:
    lines = (
        "chr1\t5\trs1\tA\tc,AT\t.\r\nchr2\t1\t.\tACG\tA\t.\nchr2\t3\t.\tG\t*,<DEL>,.,G[1:5[,T\t.\n"
    )
    reader = VcfReader(vcf(tmp_path, lines, packed))
    found = list(reader)
    assert found == [
        Variant("chr1", 5, "A", "C", "rs1", 4),
        Variant("chr1", 5, "A", "AT", "rs1", 4),
        Variant("chr2", 1, "ACG", "A", "", 5),
        Variant("chr2", 3, "G", "T", "", 6),
    ]
    assert [one.kind for one in found] == ["snv", "insertion", "deletion", "snv"]
    assert found[2].interval == Interval("chr2", 0, 3)
    skipped = {"overlapping deletion": 1, "symbolic": 1, "missing": 1, "breakend": 1}
    assert reader.skipped == skipped
    assert len(list(reader)) == 4
    assert reader.skipped == skipped


def test_a_matching_reference_passes(tmp_path: Path, genome: Reference) -> None:
    place = GENOME["chr1"].upper().index("ACG")
    ref = GENOME["chr1"][place : place + 4].upper().replace("N", "A")
    lines = f"chr1\t{place + 1}\t.\t{ref}\tT\nchr3\t1\t.\tACG\tA\n"
    assert len(list(VcfReader(vcf(tmp_path, lines), reference=genome))) == 2


def test_another_reference_is_named_with_line_place_and_bases(
    tmp_path: Path, genome: Reference
) -> None:
    path = vcf(tmp_path, "chr3\t1\t.\tA\tT\nchr3\t2\t.\tTG\tT\n")
    with pytest.raises(InputError) as caught:
        list(VcfReader(path, reference=genome))
    assert "expects TG at chr3:2" in caught.value.what
    assert "has CG" in caught.value.what
    assert caught.value.where == f"{path}, line 5, chr3:2"


@pytest.mark.parametrize(
    ("line", "message"),
    [("chrX\t1\t.\tA\tT", "no such sequence"), ("chr3\t3\t.\tGG\tT", "only 3 bases")],
)
def test_places_outside_the_reference(
    tmp_path: Path, genome: Reference, line: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        list(VcfReader(vcf(tmp_path, line), reference=genome))


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("chr1\t5\t.\tA", "Line 4 has 4 columns"),
        ("chr1\tx\t.\tA\tT", "position 'x'"),
        ("chr1\t0\t.\tA\tT", "position '0'"),
        ("chr1\t5\t.\t-\tT", "reference allele '-'"),
        ("chr1\t5\t.\tA\tT!", "allele 'T!'"),
    ],
)
def test_malformed_lines(tmp_path: Path, line: str, message: str) -> None:
    with pytest.raises(InputError, match=message) as caught:
        list(VcfReader(vcf(tmp_path, line)))
    assert "line 4" in caught.value.where


@pytest.mark.parametrize("text", ["chr1\t5\t.\tA\tT\n", "# nothing\n"])
def test_a_file_without_header_is_no_vcf(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.vcf"
    path.write_text(text)
    with pytest.raises(InputError, match="no header"):
        list(VcfReader(path))
