"""A folder of token shards, read through the operating system's pages."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ...errors import InputError
from .documents import TokenDocuments
from .shard_writer import FORMAT, MANIFEST, TOKENIZER

if TYPE_CHECKING:
    from ...tokenizers import BioTokenizer

_AGAIN = "Make the shards again, or copy the folder again."
_PIECE = 1 << 24


class TokenShards(TokenDocuments):
    """Documents of token ids on disk; only what is asked for is read.

    Open one with :meth:`open`. `shards[i]` is document i, a view of the mapped file.

    Examples
    --------
    >>> from biosequence.tokenizers import ProteinTokenizer
    >>> from biosequence.training.data import ShardWriter
    >>> protein = ProteinTokenizer()
    >>> with ShardWriter("families", protein) as writer:
    ...     writer.add(protein.encode("MKTA"), group=0)
    ...     writer.add(protein.encode("MK"), group=0)
    >>> shards = TokenShards.open("families")
    >>> len(shards), shards.lengths.tolist(), shards.groups.tolist(), shards[1].tolist()
    (2, [5, 3], [0, 0], [0, 20, 15])
    """

    def __init__(self, folder: Path, manifest: dict[str, Any]) -> None:
        self.folder = folder
        self.manifest = manifest
        self._arrays: list[np.ndarray] = []
        ends, total = [], 0
        for entry in manifest["shards"]:
            data, own = _opened(folder, entry, np.dtype(manifest["dtype"]).newbyteorder("<"))
            self._arrays.append(data)
            ends.append(own + total)
            total += len(data)
        self.ends = np.concatenate(ends) if ends else np.zeros(0, dtype=np.int64)
        self._starts = np.array([0, *np.cumsum([len(data) for data in self._arrays])])
        self.groups = self._opened_groups()
        for name, found in (("documents", len(self.ends)), ("tokens", total)):
            if manifest[name] != found or not found:
                raise _bad(
                    folder / MANIFEST, f"says {manifest[name]:,} {name}, there are {found:,}"
                )

    @classmethod
    def open(cls, folder: str | Path, tokenizer: BioTokenizer | None = None) -> Self:
        """The shards of a folder.

        Parameters
        ----------
        folder
            What a :class:`ShardWriter` wrote.
        tokenizer
            What a model reads with; the shards must have been made with the same vocabulary.

        Raises
        ------
        InputError
            If a file is missing, cut off or of another size than the manifest says, or the
            vocabulary is another one.
        """
        place = Path(folder)
        path = place / MANIFEST
        try:
            manifest = json.loads(path.read_text(encoding="utf-8"))
            kept, made = manifest["format"], manifest["tokenizer"]["hash"]
            if kept != FORMAT:
                raise _bad(path, f"is of format {kept}, and this release reads {FORMAT}")
            found = cls(place, manifest)
        except FileNotFoundError as error:
            raise InputError(
                "This is no folder of token shards: it has no manifest.json.",
                where=str(place),
                fix="Make one with `bioseq data prepare`, or check the path.",
            ) from error
        except (KeyError, TypeError, AttributeError, OSError, ValueError) as error:
            if isinstance(error, InputError):
                raise
            raise _bad(path, f"cannot be read ({str(error).splitlines()[0]})") from error
        if tokenizer is not None and tokenizer.vocabulary.sha256 != made:
            raise InputError(
                f"The shards were made with the tokenizer {manifest['tokenizer']['name']!r} "
                f"({made[:12]}), and the model reads with {tokenizer.name!r} "
                f"({tokenizer.vocabulary.sha256[:12]}).",
                where=str(place),
                fix="Make the shards again with the model's tokenizer, or leave [tokenizer] out "
                "to take that of the shards.",
            )
        return found

    def __reduce__(self) -> tuple[Any, ...]:
        # A mapped file sent to another process would be sent as a copy.
        return type(self).open, (self.folder,)

    def span(self, start: int, stop: int) -> np.ndarray:
        """The tokens `start` to `stop` of all shards; a view where one shard holds them."""
        number = int(np.searchsorted(self._starts, start, side="right")) - 1
        parts = []
        while start < stop:
            offset, end = int(self._starts[number]), int(self._starts[number + 1])
            parts.append(self._arrays[number][start - offset : min(stop, end) - offset])
            start, number = end, number + 1
        if not parts:
            return np.zeros(0, dtype=self.manifest["dtype"])
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def tokenizer(self) -> BioTokenizer:
        """The tokenizer saved beside the shards.

        Raises
        ------
        ModelError
            If its files are missing or damaged.
        """
        from ...tokenizers import load_tokenizer

        return load_tokenizer(self.folder / TOKENIZER)

    def identity(self) -> str:
        """The sha256 of the manifest, which holds those of all shards."""
        return hashlib.sha256((self.folder / MANIFEST).read_bytes()).hexdigest()

    def verify(self) -> None:
        """Read everything and compare its checksums with the manifest's.

        Raises
        ------
        InputError
            If a file was altered; the message names it.
        """
        for entry, data in zip(self.manifest["shards"], self._arrays, strict=True):
            found = hashlib.sha256()
            for start in range(0, len(data), _PIECE):
                found.update(data[start : start + _PIECE].tobytes())
            _same(self.folder / f"{entry['name']}.bin", found.hexdigest(), entry["sha256"])
            path = self.folder / f"{entry['name']}.ends.npy"
            _same(path, _sha256(_array(path)), entry.get("ends_sha256"))
        if self.groups is not None:
            wanted = self.manifest.get("groups_sha256")
            _same(self.folder / self.manifest["groups"], _sha256(self.groups), wanted)

    def _opened_groups(self) -> np.ndarray | None:
        name = self.manifest.get("groups")
        if not name:
            return None
        groups = _array(self.folder / name)
        if len(groups) != len(self.ends):
            what = f"has {len(groups):,} entries for {len(self.ends):,} documents"
            raise _bad(self.folder / name, what)
        return groups


def _opened(folder: Path, entry: dict[str, Any], dtype: np.dtype) -> tuple[np.ndarray, np.ndarray]:
    path = folder / f"{entry['name']}.bin"
    expected = entry["tokens"] * dtype.itemsize
    if not path.is_file():
        raise _bad(path, f"is missing; its size is to be {expected:,} bytes")
    size = path.stat().st_size
    if size != expected:
        raise _bad(path, f"has {size:,} bytes and is to have {expected:,}")
    ends = np.asarray(_array(path.with_name(f"{entry['name']}.ends.npy")), dtype=np.int64)
    fit = len(ends) == entry["documents"] and len(ends) and ends[-1] == entry["tokens"]
    if not fit or (np.diff(ends, prepend=0) <= 0).any():
        raise _bad(
            path.with_name(f"{entry['name']}.ends.npy"),
            f"does not divide {entry['tokens']:,} tokens into {entry['documents']:,} documents",
        )
    return np.memmap(path, dtype=dtype, mode="r"), ends


def _array(path: Path) -> np.ndarray:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        reason = "is missing" if isinstance(error, FileNotFoundError) else "cannot be read"
        raise _bad(path, reason) from error


def _sha256(values: np.ndarray) -> str:
    return hashlib.sha256(values.tobytes()).hexdigest()


def _same(path: Path, found: str, wanted: str | None) -> None:
    if found != wanted:
        what = f"was altered: its checksum is {found[:12]} and is to be {str(wanted)[:12]}"
        raise _bad(path, f"{what}; size {path.stat().st_size:,} bytes")


def _bad(path: Path, what: str) -> InputError:
    return InputError(f"The file {path.name} {what}.", where=str(path), fix=_AGAIN)
