"""FASTA, FASTQ and GenBank: the same records whatever the packing and line ends."""

from __future__ import annotations

import gzip
import subprocess
import sys
import tracemalloc
from pathlib import Path

import pytest
from Bio import SeqIO, bgzf
from hypothesis import given, settings
from hypothesis import strategies as st

from biosequence import io
from biosequence.errors import InputError, UsageError
from biosequence.io import (
    Record,
    read_fasta,
    read_fastq,
    read_genbank,
    read_sequences,
    write_fasta,
)

TWO = [Record("chr1", "ACGTacgtNN", "first one"), Record("chr2", "TTTT")]
TEXT = ">chr1 first one\nACGTac\ngtNN\n\n>chr2\nTTTT"


def put(path: Path, text: str, packing: str = "plain") -> Path:
    raw = text.encode()
    if packing == "bgz":
        with bgzf.BgzfWriter(str(path)) as handle:
            handle.write(raw)
    else:
        path.write_bytes(gzip.compress(raw) if packing == "gz" else raw)
    return path


@pytest.mark.parametrize("packing", ["plain", "gz", "bgz"])
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_packing_and_line_ends_do_not_matter(tmp_path: Path, packing: str, end: str) -> None:
    path = put(tmp_path / "x.fa", TEXT.replace("\n", end), packing)
    assert list(read_fasta(path)) == TWO
    assert list(read_sequences(path)) == TWO


names = st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=9)
records = st.builds(
    Record,
    names,
    st.text(alphabet="ACGTNacgt*-", min_size=1, max_size=200),
    st.text(st.characters(categories=["L", "N"]), max_size=9),
)


@settings(max_examples=50)
@given(st.lists(records, min_size=1, unique_by=lambda record: record.name), st.integers(0, 70))
def test_what_is_written_is_read(tmp_path_factory, found: list[Record], width: int) -> None:
    path = tmp_path_factory.mktemp("fasta") / "x.fa.gz"
    assert write_fasta(path, found, width=width) == len(found)
    assert list(read_fasta(path)) == found


def test_biopython_reads_the_same(shared: Path) -> None:
    path = shared / "data/seq/dna_genomes.fa.gz"
    with gzip.open(path, "rt") as handle:
        theirs = [(one.id, len(one), str(one.seq[:50])) for one in SeqIO.parse(handle, "fasta")]
    ours = [(r.name, len(r), r.sequence[:50]) for r in read_fasta(path, duplicates="allow")]
    assert ours == theirs
    assert len(ours) == 103


@pytest.mark.parametrize("buffer", [2, 3, 16, 17])
def test_records_longer_than_buffer_and_part_are_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, buffer: int
) -> None:
    monkeypatch.setattr("biosequence.io.fasta._PART", 16)
    monkeypatch.setattr("biosequence.io.text.BUFFER", buffer)
    one_line = "ACGT" * 50
    # A '>' at the start of a buffer that is not the start of a line is no header.
    path = put(
        tmp_path / "x.fa", f">a\n{one_line}\n>b\n" + "ACG\n" * 40 + ">c\nAAAAAAAAAAAAAAAA>b\n"
    )
    assert [record.sequence for record in read_fasta(path)] == [
        one_line,
        "ACG" * 40,
        "AAAAAAAAAAAAAAAA>b",
    ]


@pytest.mark.parametrize("width", [80, 0])
def test_a_chromosome_is_in_memory_once(tmp_path: Path, width: int) -> None:
    size = 12_000_000
    path = tmp_path / "big.fa"
    write_fasta(path, [Record("chr1", "ACGT" * (size // 4))], width=width)
    tracemalloc.start()
    record = next(read_fasta(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert len(record) == size
    assert peak < 1.5 * size


def test_the_next_chromosome_is_read_without_the_last(tmp_path: Path) -> None:
    size = 4_000_000
    path = tmp_path / "big.fa"
    tracemalloc.start()
    write_fasta(path, (Record(f"chr{number}", "ACGT" * (size // 4)) for number in range(3)))
    written = tracemalloc.get_traced_memory()[1]
    tracemalloc.reset_peak()
    for record in read_fasta(path):
        assert len(record) == size
        del record
    read = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    # Besides the sequence, a part of a megabyte and its lines.
    assert read < size + 3_500_000
    assert written < 2 * size + 6_000_000


def test_many_records_take_the_memory_of_one(tmp_path: Path) -> None:
    path = tmp_path / "many.fa"
    write_fasta(path, (Record(f"r{number}", "ACGT" * 5000) for number in range(200)))
    tracemalloc.start()
    total = sum(len(record) for record in read_fasta(path))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 200 * 20_000
    assert peak < total / 4


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("ACGT\n>a\nAC\n", "does not start with '>'"),
        (">a\n>b\nAC\n", "'a' has no sequence"),
        (">a\nAC\n>b\n", "'b' has no sequence"),
        (">a\nAC\n>\nGT\n", "no name"),
        ("> a\nAC\n", ""),
        (">a\nAC\n>b\nAC\n>a\nGT\n", "'a' occurs more than once"),
        (">a\nACé\n", "record 'a' there are bytes"),
    ],
)
def test_malformed_fasta(tmp_path: Path, text: str, message: str) -> None:
    path = put(tmp_path / "x.fa", text)
    if not message:
        assert [record.name for record in read_fasta(path)] == ["a"]
        return
    with pytest.raises(InputError, match=message):
        list(read_fasta(path))


def test_policies_for_empty_and_repeated_records(tmp_path: Path) -> None:
    path = put(tmp_path / "x.fa", ">a\nAC\n>b\n>a\nGT\n")
    sequences = {
        policy: [r.sequence for r in read_fasta(path, duplicates=policy, empty="skip")]
        for policy in ("allow", "skip")
    }
    assert sequences == {"allow": ["AC", "GT"], "skip": ["AC"]}
    with pytest.raises(UsageError, match="duplicates"):
        list(read_fasta(path, duplicates="maybe"))
    with pytest.raises(UsageError, match="empty"):
        list(read_fasta(path, empty="maybe"))


def test_records_without_a_name_can_be_numbered(tmp_path: Path) -> None:
    path = put(tmp_path / "x.fa", ">a\nAC\n>\nGT\n")
    assert [r.name for r in read_fasta(path, unnamed="number")] == ["a", "record2"]


def test_a_failed_writing_leaves_nothing_and_the_old_file(tmp_path: Path) -> None:
    path = put(tmp_path / "x.fa", TEXT)

    def broken():
        yield TWO[0]
        raise RuntimeError("stop")

    with pytest.raises(RuntimeError):
        write_fasta(path, broken())
    assert path.read_text() == TEXT
    with pytest.raises(InputError, match="cannot be the name"):
        write_fasta(tmp_path / "new.fa", [Record("a b", "ACGT")])
    assert [one.name for one in tmp_path.iterdir()] == ["x.fa"]


FASTQ = "@r1 lane 1\nACGT\n+\nII!I\n@r2\nGG\n+r2\n@@\n"


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_fastq_records(tmp_path: Path, end: str) -> None:
    path = put(tmp_path / "x.fq", FASTQ.replace("\n", end), "gz")
    first, second = read_fastq(path)
    assert (first.name, first.description, first.sequence) == ("r1", "lane 1", "ACGT")
    assert first.phred.tolist() == [40, 40, 0, 40]
    assert second == Record("r2", "GG", quality="@@")
    assert list(read_sequences(path)) == [first, second]
    assert TWO[0].phred is None


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (FASTQ[:-3], r"record 2 \(r2\) there are 2 letters and 0 qualities"),
        (FASTQ[:-7], r"record 2 \(r2\) the third line"),
        ("@r1\nAC\n+\nI\n", "2 letters and 1 qualities"),
        (">r1\nAC\n+\nII\n", "the first line is no header"),
        ("@r1\n\n+\n\n", "'r1' has no sequence"),
        ("@\nAC\n+\nII\n", "no header"),
    ],
)
def test_malformed_fastq(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        list(read_fastq(put(tmp_path / "x.fq", text)))


def test_pairs_may_share_a_name_unless_told(tmp_path: Path) -> None:
    path = put(tmp_path / "x.fq", "@r\nA\n+\nI\n" * 2)
    assert len(list(read_fastq(path))) == 2
    with pytest.raises(InputError, match="more than once"):
        list(read_fastq(path, duplicates="error"))


def genbank(sequence: str | None) -> str:
    from io import StringIO

    from Bio.Seq import Seq
    from Bio.SeqRecord import SeqRecord

    seq = Seq(sequence) if sequence else Seq(None, length=9)
    record = SeqRecord(seq, id="AB1.2", name="AB1", description="a phage")
    record.annotations["molecule_type"] = "DNA"
    handle = StringIO()
    SeqIO.write(record, handle, "genbank")
    return handle.getvalue()


def test_genbank_records(tmp_path: Path) -> None:
    path = put(tmp_path / "x.gb", genbank("ACGTACGTA"), "gz")
    assert list(read_genbank(path)) == [Record("AB1.2", "ACGTACGTA", "a phage")]
    assert list(read_sequences(path)) == list(read_genbank(path))


def test_malformed_genbank(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no sequence"):
        list(read_genbank(put(tmp_path / "none.gb", genbank(None))))
    assert list(read_genbank(tmp_path / "none.gb", empty="skip")) == []
    with pytest.raises(InputError, match="no GenBank record"):
        list(read_genbank(put(tmp_path / "no.gb", "hello\n")))


@pytest.mark.filterwarnings("ignore:Truncated LOCUS")
@pytest.mark.parametrize("lost", [120, 200, 700])
def test_a_genbank_record_that_is_cut_off_is_no_record(tmp_path: Path, lost: int) -> None:
    path = put(tmp_path / "cut.gb", genbank("ACGT" * 100)[:-lost])
    with pytest.raises(InputError, match="record 1 cannot be read"):
        list(read_genbank(path))


def test_what_is_none_of_them_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="neither FASTA nor FASTQ nor GenBank"):
        read_sequences(put(tmp_path / "x.txt", "hello\n"))


def test_reading_needs_no_heavy_package(tmp_path: Path) -> None:
    path = put(tmp_path / "x.fa", TEXT)
    code = (
        "import sys; from biosequence.io import Reference, VcfReader, read_dms, read_fasta;"
        f"list(read_fasta({str(path)!r}));"
        "print(sorted({'torch', 'pandas', 'Bio', 'rdkit', 'transformers'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_every_public_name_is_there() -> None:
    for name in io.__all__:
        assert getattr(io, name).__name__ == name
    assert sorted(io.__all__) == dir(io)
