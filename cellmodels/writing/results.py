"""What a command adds to the cells it read."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from biosequence.errors import UsageError

# anndata stores these arrays of pandas with their missing values.
_NULLABLE = (pd.arrays.IntegerArray, pd.arrays.BooleanArray)


@dataclass(frozen=True, kw_only=True, slots=True)
class Results:
    """Columns, embeddings and unstructured results, checked on making.

    Raises
    ------
    UsageError
        If a name holds "/": in files that means a folder, and anndata 0.13 refuses it.
    ValueError
        If a column or an embedding does not have one row for each cell.
    """

    num_cells: int
    """Number of cells that the results belong to."""
    obs: Mapping[str, Any]
    """Columns of obs: arrays or categoricals, [num_cells]; None takes a column of that name out."""
    obsm: Mapping[str, np.ndarray]
    """Embeddings, [num_cells, dimensions]."""
    uns: Mapping[str, Any]
    """Anything that anndata can store; nested dicts are checked through."""

    def __post_init__(self) -> None:
        for name in _names((self.obs, self.obsm, self.uns)):
            if "/" in name:
                raise UsageError(
                    f"The name {name!r} holds a slash, which files take for a folder.",
                    where="key_added",
                    fix=f"Use {name.replace('/', '_')!r}.",
                )
        for name, value in {**self.obs, **self.obsm}.items():
            if value is not None and len(value) != self.num_cells:
                msg = f"{name} has {len(value)} rows for {self.num_cells} cells"
                raise ValueError(msg)

    def size(self) -> int:
        """Roughly how many bytes these results take in a file."""
        arrays = [np.asarray(value) for value in self.obsm.values()]
        return sum(array.nbytes for array in arrays) + 16 * self.num_cells * len(self.obs) + 2**20


def _names(mappings: Iterable[Mapping]) -> Iterable[str]:
    for mapping in mappings:
        for name, value in mapping.items():
            yield name
            if isinstance(value, Mapping):
                yield from _names((value,))


def storable_column(values: Any) -> Any:
    """A column as anndata writes it on every version: arrays, categoricals, text as objects."""
    if isinstance(values, pd.Series):
        values = values.array
    if isinstance(values, pd.Categorical):
        if (
            isinstance(values.categories.dtype, np.dtype)
            and values.categories.dtype.kind in "OUiufb"
        ):
            return values
        return values.rename_categories(values.categories.astype(str).astype(object))
    if isinstance(values, _NULLABLE):
        return values
    array = np.asarray(values)
    if array.dtype.kind in "biufc":
        return array
    array = array.astype(object)
    missing = pd.isna(array)
    texts = np.array([item if isinstance(item, str) else str(item) for item in array], dtype=object)
    if not missing.any():
        return texts
    # Text with gaps has no plain form in an h5ad; categories have one.
    texts[missing] = None
    return pd.Categorical(texts)


def storable_table(table: pd.DataFrame) -> pd.DataFrame:
    """A copy that anndata can write on every version; slashes in names become underscores."""
    columns: dict[str, pd.Series] = {}
    for name in table.columns:
        free = str(name).replace("/", "_")
        while free in columns:
            free += "_"
        values = storable_column(table[name])
        columns[free] = pd.Series(values, index=table.index, dtype=values.dtype)
    stored = pd.DataFrame(columns, index=table.index)
    label = None if table.index.name is None else str(table.index.name).replace("/", "_")
    stored.index = table.index.rename(None if label in columns else label)
    return stored
