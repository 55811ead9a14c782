"""10x Genomics .h5 files of Cell Ranger 2 and 3+, and what CellBender makes of them."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from biosequence.errors import InputError

from .hdf5 import open_hdf5
from .matrix import CompressedRows, RowMatrix, SelectedColumns
from .source import CellSource

if TYPE_CHECKING:
    import h5py
    import pandas as pd

GENE_EXPRESSION = "Gene Expression"


class TenxH5Source(CellSource):
    """A 10x count file: [genes, cells] by column, which is cells by row as it lies.

    Only "Gene Expression" features are streamed; `feature_types` counts all of them. Genes are
    named by symbol, with their Ensembl ids in `gene_ids`.
    """

    kind = "10x_h5"

    @cached_property
    def _file(self) -> h5py.File:
        return open_hdf5(self.path, self.name)

    @cached_property
    def _group(self) -> h5py.Group:
        if "matrix" in self._file:
            return self._file["matrix"]
        genomes = [key for key in self._file if is_tenx_v2_group(self._file[key])]
        if len(genomes) > 1:
            raise InputError(
                f"The file holds several genomes: {', '.join(genomes)}.",
                where=self.name,
                fix="Save the cells and genes of one of them as .h5ad first.",
            )
        return self._file[genomes[0]]

    @cached_property
    def _features(self) -> pd.DataFrame:
        import pandas as pd

        group = self._group
        if "features" not in group:
            ids, symbols = _texts(group["genes"]), _texts(group["gene_names"])
            return pd.DataFrame({"gene_ids": ids}, index=pd.Index(symbols))
        features = group["features"]
        columns = {"gene_ids": _texts(features["id"])}
        for column, key in (("feature_types", "feature_type"), ("genome", "genome")):
            if key in features:
                columns[column] = _texts(features[key])
        return pd.DataFrame(columns, index=pd.Index(_texts(features["name"])))

    @cached_property
    def feature_types(self) -> dict[str, int]:
        """How many features of each type the file holds, also those left out."""
        return count_feature_types(self._features)

    def _read_obs(self) -> pd.DataFrame:
        import pandas as pd

        return pd.DataFrame(index=pd.Index(_texts(self._group["barcodes"])))

    def _read_var(self, matrix: str) -> pd.DataFrame:
        return self._features[kept_features(self._features, self.name)]

    def _list_matrices(self) -> tuple[str, ...]:
        return ("X",)

    def _open_matrix(self, name: str) -> RowMatrix:
        group = self._group
        num_features = len(self._features)
        rows = CompressedRows(
            group["data"], group["indices"], group["indptr"], num_features, where=self.name
        )
        keep = kept_features(self._features, self.name)
        return rows if keep.all() else SelectedColumns(rows, keep)

    def close(self) -> None:
        """Let go of the file and of temporary ones."""
        super().close()
        if "_file" in self.__dict__:
            self._file.close()
        for cached in ("_file", "_group"):
            self.__dict__.pop(cached, None)


def is_tenx_v2_group(element: object) -> bool:
    """Whether an HDF5 element is the genome group of a Cell Ranger 2 file."""
    return hasattr(element, "keys") and {"barcodes", "gene_names", "indptr"} <= set(element.keys())


def count_feature_types(features: pd.DataFrame) -> dict[str, int]:
    """Number of features of each type; all are gene expression where the file does not say."""
    if "feature_types" not in features:
        return {GENE_EXPRESSION: len(features)}
    return {str(key): int(num) for key, num in features["feature_types"].value_counts().items()}


def kept_features(features: pd.DataFrame, where: str) -> np.ndarray:
    """Which features are gene expression, as booleans.

    Raises
    ------
    InputError
        If none is.
    """
    if "feature_types" not in features:
        return np.ones(len(features), dtype=bool)
    keep = (features["feature_types"] == GENE_EXPRESSION).to_numpy()
    if len(features) and not keep.any():
        raise InputError(
            f"The file holds no gene expression, only: {', '.join(count_feature_types(features))}.",
            where=where,
            fix="Give the file with the RNA counts of the same cells.",
        )
    return keep


def _texts(dataset: h5py.Dataset) -> np.ndarray:
    return np.array([item.decode() for item in dataset[()]], dtype=object)
