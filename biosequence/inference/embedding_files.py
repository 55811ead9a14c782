"""Files of embeddings: numpy, AnnData and Parquet, written row by row and whole or not at all."""

from __future__ import annotations

import io
import json
import zipfile
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

import numpy as np

from ..atomic import atomic_path
from ..errors import InputError, MissingExtraError

_COPIED = 1 << 24


@contextmanager
def open_writer(
    output: str | Path, *, per_token: bool, facts: Mapping[str, Any]
) -> Iterator[EmbeddingWriter]:
    """A writer for the format that the ending of `output` names.

    Parameters
    ----------
    output
        ``.npz``, ``.h5ad`` or ``.parquet``. It appears when the block succeeds.
    per_token
        Records have one row a token, not one row.
    facts
        What the vectors are; kept in the file where the format has a place for it.

    Raises
    ------
    InputError
        Another ending, or the file cannot be written.
    MissingExtraError
        The format's library is not installed.

    Examples
    --------
    >>> with open_writer("two.npz", per_token=False, facts={}) as writer:
    ...     writer.add("a", np.zeros(3, np.float32))
    ...     writer.add("b", np.ones(3, np.float32))
    ...     writer.finish()
    >>> found = np.load("two.npz")
    >>> found["names"].tolist(), found["embeddings"].shape
    (['a', 'b'], (2, 3))
    """
    check_output(output)
    with ExitStack() as stack:
        partial = stack.enter_context(atomic_path(output))
        writer = _WRITERS[Path(output).suffix](partial, per_token, facts)
        yield stack.enter_context(writer)


def check_output(output: str | Path) -> None:
    """Refuse an output that could not be written in the end.

    Raises
    ------
    InputError
        Another ending, or a folder of that name.
    MissingExtraError
        The format's library is not installed.
    """
    ending = Path(output).suffix
    if ending not in _WRITERS:
        raise InputError(
            f"There is no format of embeddings with the ending {ending!r}.",
            where=str(output),
            fix=f"Name a file that ends in {', '.join(_WRITERS)}.",
        )
    if Path(output).is_dir():
        raise InputError("The output is a folder.", where=str(output), fix="Name a file.")
    if ending == ".parquet" and find_spec("pyarrow") is None:
        raise MissingExtraError(
            "Parquet needs the Python package pyarrow, which is not installed.",
            where=str(output),
            fix="pip install pyarrow, or name a file that ends in .npz or .h5ad.",
        )


class EmbeddingWriter(ABC):
    """Takes vectors one record at a time; memory holds names only.

    Parameters
    ----------
    path
        The file to write.
    per_token
        Records have one row a token.
    facts
        What the vectors are.
    """

    def __init__(self, path: Path, per_token: bool, facts: Mapping[str, Any]) -> None:
        self.path, self.per_token, self.facts = path, per_token, dict(facts)
        self.names: list[str] = []
        self.sizes: list[int] = []
        self.width = 0

    @property
    def records(self) -> int:
        """Records that were added."""
        return len(self.names)

    @property
    def rows(self) -> int:
        """Vectors that were added."""
        return sum(self.sizes)

    def add(self, name: str, vectors: np.ndarray) -> None:
        """Add a record: (D,), or (T, D) with one row a token."""
        rows = np.ascontiguousarray(np.atleast_2d(vectors), dtype=np.float32)
        self.width = rows.shape[1]
        self.names.append(name)
        self.sizes.append(len(rows))
        self._write(name, rows)

    @abstractmethod
    def finish(self) -> None:
        """Write what can only be written when everything is there."""

    @abstractmethod
    def _write(self, name: str, rows: np.ndarray) -> None:
        """Put rows away."""

    def __enter__(self) -> EmbeddingWriter:
        return self

    def __exit__(self, *error: object) -> None:
        self._close()

    def _close(self) -> None:  # noqa: B027  # not every format has something open
        """Close what is open."""


class _Spooled(EmbeddingWriter):
    """Vectors wait in a nameless file: these formats want their number first."""

    def __init__(self, path: Path, per_token: bool, facts: Mapping[str, Any]) -> None:
        super().__init__(path, per_token, facts)
        self._spool = TemporaryFile(dir=path.parent)

    def _close(self) -> None:
        self._spool.close()

    def _write(self, name: str, rows: np.ndarray) -> None:
        self._spool.write(rows.tobytes())

    def _matrix(self) -> np.ndarray:
        self._spool.flush()
        mapped = np.memmap(self._spool, np.float32, "r", shape=(self.rows, self.width))
        # The same memory by its plain type: writers do not know the other one.
        return np.asarray(mapped)


class _Npz(_Spooled):
    """An archive that `numpy.load` opens, without pickles."""

    def finish(self) -> None:
        arrays = {"names": np.array(self.names, dtype=np.str_)}
        if self.per_token:
            arrays["offsets"] = np.concatenate([[0], np.cumsum(self.sizes)]).astype(np.int64)
        arrays["facts"] = np.array(json.dumps(self.facts))
        with zipfile.ZipFile(self.path, "w") as archive:
            for name, array in arrays.items():
                with archive.open(f"{name}.npy", "w", force_zip64=True) as file:
                    np.lib.format.write_array(file, array, allow_pickle=False)
            header = io.BytesIO()
            described = {
                "descr": "<f4",
                "fortran_order": False,
                "shape": (self.rows, self.width),
            }
            np.lib.format.write_array_header_1_0(header, described)
            with archive.open("embeddings.npy", "w", force_zip64=True) as file:
                file.write(header.getvalue())
                self._spool.seek(0)
                while piece := self._spool.read(_COPIED):
                    file.write(piece)


class _H5ad(_Spooled):
    """AnnData: one row of obs for each vector."""

    def finish(self) -> None:
        import anndata as ad
        import pandas as pd

        if self.per_token:
            places = [place for size in self.sizes for place in range(1, size + 1)]
            owners = np.repeat(np.array(self.names, dtype=object), self.sizes)
            index = [f"{owner}:{place}" for owner, place in zip(owners, places, strict=True)]
            columns = {"record": pd.Categorical(owners), "position": places}
            obs = pd.DataFrame(columns, index=pd.Index(index, dtype=object))
        else:
            obs = pd.DataFrame(index=pd.Index(self.names, dtype=object))
        var = pd.DataFrame(index=pd.Index([f"dim{i}" for i in range(self.width)], dtype=object))
        data = ad.AnnData(self._matrix(), obs=obs, var=var)
        data.uns["bioseq_embed"] = json.dumps(self.facts)
        data.write_h5ad(self.path)


class _Parquet(EmbeddingWriter):
    """A table with the columns name, position (of tokens, from 1) and embedding."""

    def __init__(self, path: Path, per_token: bool, facts: Mapping[str, Any]) -> None:
        super().__init__(path, per_token, facts)
        self._file: Any = None

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    def _write(self, name: str, rows: np.ndarray) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        flat = pa.FixedSizeListArray.from_arrays(pa.array(rows.ravel()), self.width)
        columns = {"name": pa.array([name] * len(rows))}
        if self.per_token:
            columns["position"] = pa.array(range(1, len(rows) + 1), pa.int64())
        table = pa.table({**columns, "embedding": flat})
        table = table.replace_schema_metadata({"bioseq_embed": json.dumps(self.facts)})
        if self._file is None:
            self._file = parquet.ParquetWriter(self.path, table.schema)
        self._file.write_table(table)

    def finish(self) -> None:
        self._close()


_WRITERS: dict[str, type[EmbeddingWriter]] = {".npz": _Npz, ".h5ad": _H5ad, ".parquet": _Parquet}
