"""10x folders: matrix.mtx, barcodes.tsv and features.tsv (or genes.tsv), plain or gzipped."""

from __future__ import annotations

import gzip
from collections.abc import Iterator
from functools import cached_property
from pathlib import Path
from typing import IO, TYPE_CHECKING

import numpy as np

from biosequence.errors import InputError

from .damage import COPY_AGAIN
from .matrix import RowMatrix, SelectedColumns
from .source import CellSource
from .spill import SpilledRows
from .tenx_h5 import count_feature_types, kept_features

if TYPE_CHECKING:
    import pandas as pd

_CHUNK_LINES = 2_000_000  # about 50 MB of parsed numbers


def find_mtx(folder: Path) -> list[Path]:
    """The Matrix Market files of a folder, also with a sample's prefix (GSM1_matrix.mtx.gz)."""
    return sorted(
        path for path in folder.iterdir() if path.name.endswith(("matrix.mtx", "matrix.mtx.gz"))
    )


class TenxMtxSource(CellSource):
    """A 10x folder; `path` is the Matrix Market file in it.

    The text is parsed once, in chunks, into a temporary file sorted by cell (`SpilledRows`):
    sampling and streaming then cost what they cost for an h5ad. Closing removes that file.
    """

    kind = "10x_mtx"

    @cached_property
    def _features(self) -> pd.DataFrame:
        import pandas as pd

        table = self._read_tsv("features.tsv", "genes.tsv")
        symbols = table[1] if 1 in table else table[0]
        features = pd.DataFrame(
            {"gene_ids": table[0].to_numpy()}, index=pd.Index(symbols.to_numpy())
        )
        if 2 in table:
            features["feature_types"] = table[2].to_numpy()
        return features

    @cached_property
    def feature_types(self) -> dict[str, int]:
        """How many features of each type the folder holds, also those left out."""
        return count_feature_types(self._features)

    def _read_tsv(self, *names: str) -> pd.DataFrame:
        import pandas as pd

        prefix = self.path.name[: self.path.name.rindex("matrix.mtx")]
        for name in names:
            for ending in ("", ".gz"):
                path = self.path.with_name(f"{prefix}{name}{ending}")
                if path.exists():
                    # A gene may be called NA or nan; quotes mean nothing in these files.
                    return pd.read_csv(
                        path, sep="\t", header=None, dtype=str, keep_default_na=False, quoting=3
                    )
        raise InputError(
            f"There is no {prefix}{names[0]}(.gz) beside {self.path.name}.",
            where=self.name,
            fix="Put the matrix, barcodes and features files of one sample into one folder.",
        )

    def _read_obs(self) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame(index=pd.Index(self._read_tsv("barcodes.tsv")[0].to_numpy()))

    def _read_var(self, matrix: str) -> pd.DataFrame:
        return self._features[kept_features(self._features, self.name)]

    def _list_matrices(self) -> tuple[str, ...]:
        return ("X",)

    def _open_matrix(self, name: str) -> RowMatrix:
        with _open_text(self.path) as stream:
            num_features, num_cells, num_values, _ = _read_header(stream, self.name)
        if num_features != len(self._features) or num_cells != self.n_obs:
            raise InputError(
                f"The matrix is {num_features:,} features x {num_cells:,} cells, its tables name "
                f"{len(self._features):,} features and {self.n_obs:,} cells.",
                where=self.name,
                fix="Put the matrix, barcodes and features files of one sample into one folder.",
            )
        rows = SpilledRows(self._entries, (num_cells, num_features), num_values, where=self.name)
        keep = kept_features(self._features, self.name)
        return rows if keep.all() else SelectedColumns(rows, keep)

    def _entries(self) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
        with _open_text(self.path) as stream:
            num_features, num_cells, num_values, field = _read_header(stream, self.name)
            num_seen = 0
            for genes, cells, values in _parse(stream, field):
                num_seen += len(genes)
                if len(genes) and not (
                    1 <= genes.min() <= genes.max() <= num_features
                    and 1 <= cells.min() <= cells.max() <= num_cells
                ):
                    raise InputError(
                        "The matrix has entries outside its own shape.",
                        where=self.name,
                        fix=COPY_AGAIN,
                    )
                yield cells - 1, genes - 1, values
            if num_seen != num_values:
                raise InputError(
                    f"The matrix announces {num_values:,} entries and holds {num_seen:,}.",
                    where=self.name,
                    fix=COPY_AGAIN,
                )


def _open_text(path: Path) -> IO[bytes]:
    return gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb")


def _read_header(stream: IO[bytes], where: str) -> tuple[int, int, int, str]:
    """Number of features, cells, entries; kind of value. Leaves the stream at the entries."""
    banner = stream.readline().decode(errors="replace").lower().split()
    if len(banner) < 5 or banner[0] != "%%matrixmarket" or banner[2] != "coordinate":
        raise InputError(
            "matrix.mtx is not a sparse Matrix Market file.",
            where=where,
            fix="Export the counts again as 10x does, or save them as .h5ad.",
        )
    line = stream.readline()
    while line.startswith(b"%") or (line and not line.strip()):
        line = stream.readline()
    num_features, num_cells, num_values = (int(number) for number in line.split())
    return num_features, num_cells, num_values, banner[3]


def _parse(stream: IO[bytes], field: str) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    import pandas as pd

    types = {0: np.int64, 1: np.int64}
    if field != "pattern":
        types[2] = np.float32
    try:
        chunks = pd.read_csv(
            stream,
            sep=r"\s+",
            header=None,
            names=list(types),
            dtype=types,
            chunksize=_CHUNK_LINES,
            comment="%",
        )
    except pd.errors.EmptyDataError:
        return
    for chunk in chunks:
        genes, cells = chunk[0].to_numpy(), chunk[1].to_numpy()
        ones = np.ones(len(chunk), dtype=np.float32)
        yield genes, cells, chunk[2].to_numpy() if 2 in chunk else ones
