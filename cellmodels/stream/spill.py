"""Entries in any order, sorted by cell into a temporary file, in bounded memory."""

from __future__ import annotations

import errno
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from scipy import sparse

from biosequence.errors import InputError

from .matrix import CompressedRows, RowMatrix

# One bucket is sorted in memory at a time: 2 million entries take about 80 MB meanwhile.
BUCKET_ENTRIES = 2**21
MAX_BUCKETS = 200  # open files at once, and the bucket number stays a byte (radix sort)

Entries = Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]

_ENTRY = np.dtype([("row", np.int32), ("column", np.int32), ("value", np.float32)])


class FileArray:
    """A flat array in a file, read slice by slice without mapping it into memory."""

    def __init__(self, path: Path, dtype: type, size: int) -> None:
        self._path, self._dtype = path, np.dtype(dtype)
        self.shape = (size,)

    def __getitem__(self, part: slice) -> np.ndarray:
        start, stop, _ = part.indices(self.shape[0])
        offset = start * self._dtype.itemsize
        return np.fromfile(self._path, self._dtype, count=max(0, stop - start), offset=offset)


class SpilledRows(RowMatrix):
    """Rows of a matrix that is stored by gene (CSC) or in no order at all (Matrix Market text).

    The first read sorts all entries by cell into a temporary folder, about 20 bytes an entry while
    it runs and 8 afterwards, in two bucketed passes whose memory does not grow with the matrix.
    The folder lies where TMPDIR says and goes with `close`.

    Parameters
    ----------
    entries
        Starts a pass over all (rows, columns, values) chunks.
    shape
        Number of cells and genes.
    num_values
        How many entries the file announces.
    where
        The file, for error messages.
    """

    def __init__(
        self, entries: Callable[[], Entries], shape: tuple[int, int], num_values: int, *, where: str
    ) -> None:
        self.shape = shape
        self._entries, self._num_values, self._where = entries, int(num_values), where
        self._folder: tempfile.TemporaryDirectory | None = None
        self._rows: CompressedRows | None = None

    def _sorted(self) -> CompressedRows:
        if self._rows is None:
            _require_space(20 * self._num_values, self._where)
            self._folder = tempfile.TemporaryDirectory(prefix="bioseq-")
            try:
                self._rows = self._sort(Path(self._folder.name))
            except BaseException as error:
                self.close()
                if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
                    raise _no_space(20 * self._num_values, self._where) from error
                raise
        return self._rows

    def _sort(self, folder: Path) -> CompressedRows:
        num_rows, num_columns = self.shape
        num_buckets = min(MAX_BUCKETS, num_rows, 1 + self._num_values // BUCKET_ENTRIES)
        height = -(-num_rows // max(1, num_buckets))
        buckets = [folder / f"bucket{number}" for number in range(-(-num_rows // height))]
        _scatter(self._entries(), buckets, height)
        pointers = np.zeros(num_rows + 1, dtype=np.int64)
        data_path, index_path = folder / "data", folder / "indices"
        with data_path.open("wb") as data, index_path.open("wb") as indices:
            for number, bucket in enumerate(buckets):
                first = number * height
                last = min(num_rows, first + height)
                entries = np.fromfile(bucket, _ENTRY)
                bucket.unlink()
                places = (entries["row"] - first, entries["column"])
                block = sparse.coo_matrix(
                    (entries["value"], places), shape=(last - first, num_columns)
                ).tocsr()
                data.write(block.data.astype(np.float32, copy=False))
                indices.write(block.indices.astype(np.int32, copy=False))
                pointers[first + 1 : last + 1] = pointers[first] + block.indptr[1:]
        size = int(pointers[-1])
        return CompressedRows(
            FileArray(data_path, np.float32, size),
            FileArray(index_path, np.int32, size),
            pointers,
            num_columns,
            where=self._where,
        )

    def read(self, start: int, stop: int) -> sparse.csr_matrix:
        """Rows `start` to `stop` (exclusive)."""
        return self._sorted().read(start, stop)

    def take(self, index: np.ndarray) -> sparse.csr_matrix:
        """The rows of a sorted `index`."""
        return self._sorted().take(index)

    def block_end(self, start: int, stop: int) -> int:
        """Where a block from `start` has to end, at most `stop`."""
        return self._sorted().block_end(start, stop)

    def close(self) -> None:
        """Remove the temporary files."""
        self._rows = None
        if self._folder is not None:
            self._folder.cleanup()
            self._folder = None


def _scatter(entries: Entries, buckets: list[Path], height: int) -> None:
    with ExitStack() as stack:
        files = [stack.enter_context(bucket.open("wb")) for bucket in buckets]
        for rows, columns, values in entries:
            chunk = np.empty(len(rows), _ENTRY)
            chunk["row"], chunk["column"], chunk["value"] = rows, columns, values
            numbers = (chunk["row"] // height).astype(np.uint8)
            if len(numbers) and np.any(numbers[1:] < numbers[:-1]):
                order = np.argsort(numbers, kind="stable")
                chunk, numbers = chunk[order], numbers[order]
            edges = np.searchsorted(numbers, np.arange(len(buckets) + 1))
            for number in np.unique(numbers):
                files[number].write(chunk[edges[number] : edges[number + 1]])


def compressed_column_entries(data, indices, indptr, step: int = 2**20) -> Entries:
    """The entries of a CSC matrix on disk, `step` at a time: cell, gene, value."""
    pointers = np.asarray(indptr[:], dtype=np.int64)
    for first in range(0, int(pointers[-1]), step):
        last = min(first + step, int(pointers[-1]))
        low = int(np.searchsorted(pointers, first, side="right")) - 1
        high = int(np.searchsorted(pointers, last, side="left"))
        counts = np.diff(np.clip(pointers[low : high + 1], first, last))
        columns = np.repeat(np.arange(low, high, dtype=np.int32), counts)
        yield np.asarray(indices[first:last]), columns, np.asarray(data[first:last])


def _require_space(needed: int, where: str) -> None:
    if shutil.disk_usage(tempfile.gettempdir()).free < needed:
        raise _no_space(needed, where)


def _no_space(needed: int, where: str) -> InputError:
    return InputError(
        f"This file has to be sorted by cell first, which needs {needed / 1e9:.1f} GB in "
        f"{tempfile.gettempdir()}, and there is not enough room.",
        where=where,
        fix="Set TMPDIR to a folder on a larger disk, or save the matrix by cell (CSR) as .h5ad.",
    )
