"""Tables of h5ad files from before anndata 0.7: one compound dataset, categories kept in uns."""

from __future__ import annotations

from typing import TYPE_CHECKING

import h5py
import numpy as np
import pandas as pd

if TYPE_CHECKING:
    from collections.abc import Mapping


def read_compound_table(dataset: h5py.Dataset, uns: Mapping[str, h5py.Dataset]) -> pd.DataFrame:
    """The table, with categories restored.

    Parameters
    ----------
    dataset
        One record a row; the first field is the index.
    uns
        Where `<column>_categories` may lie for a column of codes.
    """
    records = dataset[()]
    names = records.dtype.names
    table = pd.DataFrame({name: _decoded(records[name]) for name in names[1:]})
    table.index = pd.Index(_decoded(records[names[0]]).astype(str), name=None)
    for name in table.columns:
        key = categories_key(name)
        if key not in uns or not np.issubdtype(table[name].dtype, np.integer):
            continue
        categories = _decoded(np.atleast_1d(uns[key][()]))
        codes = table[name].to_numpy()
        # obs and var shared one name here; codes that do not fit belong to the other table.
        if codes.max(initial=-1) < len(categories):
            table[name] = pd.Categorical.from_codes(codes, categories)
    return table


def categories_key(column: str) -> str:
    """The name in uns under which the categories of `column` were kept."""
    return f"{column}_categories"


def _decoded(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "S":
        return np.char.decode(values, "utf-8").astype(object)
    if values.dtype.kind == "O":
        texts = [item.decode() if isinstance(item, bytes) else item for item in values]
        return np.array(texts, dtype=object)
    return values
