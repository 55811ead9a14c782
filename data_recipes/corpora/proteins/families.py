"""Alignments as families of token documents, from a3m files, archives of them, or the memmap."""

from __future__ import annotations

import csv
import tarfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from biosequence.errors import InputError
from biosequence.io import read_a3m, read_fasta
from biosequence.io.a3m import unaligned
from biosequence.io.text import read_lines
from biosequence.tokenizers import ProteinTokenizer

A3M = (".a3m", ".a3m.gz")
ARCHIVE = (".tar", ".tar.gz", ".tgz")
MEMMAP = "open_protein_set_memmap.dat"
INDEX = "open_protein_set_memmap_indices.csv"


class Family(NamedTuple):
    """One alignment as tokens.

    Attributes
    ----------
    name
        Of the alignment.
    documents
        Ids of each sequence, uint8, the query first; repeats are left out.
    repeats
        How many were left out.
    unknown
        Letters that the vocabulary does not have.
    """

    name: str
    documents: list[np.ndarray]
    repeats: int
    unknown: int


def protein_tokenizer() -> ProteinTokenizer:
    """The published tokenizer: letters that it does not have are unknown."""
    return ProteinTokenizer(other="unknown")


def a3m_name(path: str) -> str:
    """The name of an alignment from that of its file.

    Examples
    --------
    >>> a3m_name("msas/P12345.a3m.gz")
    'P12345'
    """
    return Path(path).name.removesuffix(".gz").removesuffix(".a3m")


def read_families(paths: Sequence[str]) -> list[Family]:
    """Alignments of a3m files; a batch of work for one process."""
    return [read_family(Path(path)) for path in paths]


def read_family(path: Path) -> Family:
    """The sequences of an alignment as tokens, without gaps, insertions as residues.

    Raises
    ------
    InputError
        If the file is no alignment.
    """
    tokenizer = protein_tokenizer()
    rows = read_a3m(path).sequences()
    kept = [row for row in dict.fromkeys(rows) if row]
    documents = [tokenizer.encode(row, dtype=np.uint8) for row in kept]
    lost = tokenizer.vocabulary.role_id("unk")
    unknown = sum(int((ids == lost).sum()) for ids in documents)
    return Family(a3m_name(str(path)), documents, len(rows) - len(kept), unknown)


def first_sequence(path: Path) -> str:
    """The query of an alignment, without reading the rest."""
    for record in read_fasta(path, duplicates="allow", comments="#", unnamed="number"):
        return unaligned(record.sequence)
    return ""


def unpacked(archive: Path, folder: Path) -> Iterator[Path]:
    """The a3m files of an archive, one on the disk at a time.

    Raises
    ------
    InputError
        If the archive cannot be read.
    """
    try:
        with tarfile.open(archive, "r|*") as members:
            for member in members:
                if not member.isfile() or not member.name.endswith(A3M):
                    continue
                # Only the last part of its name is used: a member cannot write elsewhere.
                path = folder / Path(member.name).name
                content = members.extractfile(member)
                assert content is not None
                with path.open("wb") as handle:
                    while piece := content.read(1 << 20):
                        handle.write(piece)
                yield path
                path.unlink(missing_ok=True)
    except (tarfile.TarError, EOFError) as error:
        fix = "Copy or download it again."
        what = f"The archive cannot be read ({error})."
        raise InputError(what, where=str(archive), fix=fix) from error


class Memmap:
    """The published arrays of OpenProteinSet, as ProtMamba and Prot-xLSTM train on them.

    The index names for each family where its tokens start and end. Files were written with the last
    token as `End`, and read as if it were the one behind: either is recognised by where the next
    family starts, so that no family loses its last residue.

    Parameters
    ----------
    data
        All tokens, one byte each.
    index
        A CSV with the columns `msa_id`, `Start`, `End`.

    Raises
    ------
    InputError
        If the index does not fit the data.
    """

    def __init__(self, data: Path, index: Path) -> None:
        self.path = data
        self.tokens = np.memmap(data, dtype=np.int8, mode="r")
        rows = list(csv.DictReader(line for _, line in read_lines(index)))
        try:
            self.names = [row["msa_id"] for row in rows]
            self.starts = np.array([int(row["Start"]) for row in rows], dtype=np.int64)
            ends = np.array([int(row["End"]) for row in rows], dtype=np.int64)
        except (KeyError, TypeError, ValueError) as error:
            what = "This is no index: it needs the columns msa_id, Start and End, whole numbers."
            raise InputError(what, where=str(index), fix="Give the published index.") from error
        self.inclusive = self._inclusive(ends, index)
        self.ends = ends + self.inclusive

    def __len__(self) -> int:
        return len(self.names)

    def family(self, number: int) -> Family:
        """A family's sequences; each starts with `<cls>`.

        Raises
        ------
        InputError
            If its tokens are none of proteins.
        """
        tokens = self.tokens[self.starts[number] : self.ends[number]].view(np.uint8)
        tokenizer = protein_tokenizer()
        opening = tokenizer.vocabulary.role_id("cls")
        begins = np.flatnonzero(tokens == opening)
        if not len(begins) or begins[0] or int(tokens.max()) >= len(tokenizer):
            raise InputError(
                f"The tokens of the family {self.names[number]!r} are not those of proteins.",
                where=str(self.path),
                fix="Give the array that belongs to the index.",
            )
        parts = np.split(tokens, begins[1:])
        kept = list({part.tobytes(): part for part in parts if len(part) > 1}.values())
        lost = tokenizer.vocabulary.role_id("unk")
        unknown = sum(int((part == lost).sum()) for part in kept)
        return Family(self.names[number], kept, len(parts) - len(kept), unknown)

    def query(self, number: int) -> str:
        """The first sequence of a family."""
        tokens = self.tokens[self.starts[number] : self.ends[number]].view(np.uint8)
        behind = np.flatnonzero(tokens[1:] == 0)
        end = int(behind[0]) + 1 if len(behind) else len(tokens)
        return protein_tokenizer().decode(tokens[1:end])

    def _inclusive(self, ends: np.ndarray, index: Path) -> int:
        """1 if `End` is the last token, 0 if it is the one behind."""
        order = np.argsort(self.starts, kind="stable")
        behind = np.append(self.starts[order][1:], len(self.tokens))
        # An index of some of the families has larger gaps, which say nothing.
        gaps = behind - ends[order]
        counts = [int((gaps == gap).sum()) for gap in (0, 1)]
        inclusive = int(counts[1] >= counts[0])
        inside = (self.starts >= 0) & (self.starts < ends) & (ends + inclusive <= len(self.tokens))
        if not max(counts) or not inside.all() or gaps.min() < inclusive:
            raise InputError(
                "The index does not fit the array: its families overlap, or lie outside.",
                where=f"{index}, {self.path} with {len(self.tokens):,} tokens",
                fix="Give index and array of the same release, both whole.",
            )
        return inclusive
