"""What is no text, or not whole, is said to be so; nothing half-read passes for a whole file."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import pytest

from biosequence.errors import InputError
from biosequence.io import (
    Reference,
    VcfReader,
    read_a3m,
    read_bed,
    read_dms,
    read_fasta,
    read_fastq,
    read_genbank,
    read_sequences,
    read_smiles,
)
from biosequence.io.text import read_lines

READERS: dict[str, Callable] = {
    "fasta": lambda path: list(read_fasta(path)),
    "fastq": lambda path: list(read_fastq(path)),
    "genbank": lambda path: list(read_genbank(path)),
    "sequences": lambda path: list(read_sequences(path)),
    "bed": lambda path: list(read_bed(path)),
    "vcf": lambda path: list(VcfReader(path)),
    "a3m": read_a3m,
    "smiles": lambda path: list(read_smiles(path)),
    "dms": lambda path: list(read_dms(path)),
    "reference": Reference,
}
GOOD = b">a\n" + b"ACGT" * 20_000 + b"\n"
PACKED = gzip.compress(GOOD, mtime=0)
every_reader = pytest.mark.parametrize("reader", READERS.values(), ids=READERS.keys())


@every_reader
@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (gzip.compress(b""), "empty"),
        (b"\x89HDF\r\n\x1a\n", "HDF5"),
        (b"PK\x03\x04xyz", "zip archive"),
        (b">a\nAC\x00GT\n", "zero bytes"),
        (
            PACKED[: len(PACKED) // 2],
            "ends in the middle|no BED|no VCF|is missing|in pieces",
        ),
    ],
    ids=["empty", "blank", "empty gz", "hdf5", "zip", "binary", "truncated gz"],
)
def test_unusable_files(tmp_path: Path, reader: Callable, content: bytes, message: str) -> None:
    path = tmp_path / "file"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message) as caught:
        reader(path)
    assert str(path) in caught.value.where
    assert caught.value.fix


@every_reader
def test_a_missing_file_and_a_folder(tmp_path: Path, reader: Callable) -> None:
    with pytest.raises(InputError, match="no such file"):
        reader(tmp_path / "gone.fa")
    with pytest.raises(InputError, match="folder"):
        reader(tmp_path)


def test_a_gzip_archive_cut_off_anywhere_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "cut.fa.gz"
    for size in (3, 12, len(PACKED) // 3, len(PACKED) - 9, len(PACKED) - 1):
        path.write_bytes(PACKED[:size])
        with pytest.raises(InputError, match="ends in the middle"):
            list(read_fasta(path))


def test_a_damaged_gzip_archive_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "bad.fa.gz"
    spoiled = bytearray(PACKED)
    spoiled[-6] ^= 0xFF
    path.write_bytes(bytes(spoiled))
    with pytest.raises(InputError, match="damaged"):
        list(read_fasta(path))


def test_lines_have_numbers_and_no_ends(tmp_path: Path) -> None:
    path = tmp_path / "lines.txt"
    path.write_bytes(b"\xef\xbb\xbfa\r\nb\n\nc")
    assert list(read_lines(path)) == [(1, "a"), (2, "b"), (3, ""), (4, "c")]


def test_bytes_that_are_no_utf8_are_named_by_line(tmp_path: Path) -> None:
    path = tmp_path / "latin.smi"
    path.write_bytes(b"CC\nC\xe9\n")
    with pytest.raises(InputError, match="Line 2"):
        list(read_smiles(path))
