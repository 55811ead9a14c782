"""Results put into a copy of an AnnData file; every other element keeps its bytes."""

from __future__ import annotations

from typing import Any

import h5py
import numpy as np
from anndata.io import write_elem

from biosequence.errors import InputError

from ..stream.anndata_tree import AnnDataSource
from ..stream.legacy import categories_key
from .results import Results, storable_column, storable_table


def put_results(root: Any, source: AnnDataSource, results: Results) -> None:
    """Write results into an open h5py or zarr group that is a copy of `source`.

    Tables of old layouts are rewritten whole in today's layout; of others only the new columns are
    written, in place of columns of the same name.
    """
    if _is_dataset(root["obs"]):
        _rewrite_tables(root, source)
    elif _version(root["obs"]) != "0.2.0":
        _replace(root, "obs", storable_table(source.obs))
    _put_columns(root["obs"], results, where=source.name)
    if "obsm" in root and _is_dataset(root["obsm"]):
        _replace(root, "obsm", {key: source.obsm(key) for key in source.obsm_keys})
    for folder, values in (("obsm", results.obsm), ("uns", results.uns)):
        if folder not in root:
            write_elem(root, folder, {})
        for name, value in values.items():
            _replace(root[folder], name, value)


def _put_columns(table: Any, results: Results, *, where: str) -> None:
    order = [_text(name) for name in table.attrs["column-order"]]
    for name, values in results.obs.items():
        if values is not None and name == _text(table.attrs["_index"]):
            raise InputError(
                f"The cell names are stored as {name!r}, where a result would go.",
                where=where,
                fix="Choose another key_added.",
            )
        if values is None:
            if name in order:
                _remove(table, name)
                order.remove(name)
            continue
        _replace(table, name, storable_column(values))
        if name not in order:
            order.append(name)
    if isinstance(table, h5py.Group):
        table.attrs["column-order"] = np.array(order, dtype=h5py.string_dtype())
    else:
        table.attrs["column-order"] = order


def _rewrite_tables(root: Any, source: AnnDataSource) -> None:
    """Bring both tables of a file from before anndata 0.7 to today's layout.

    Readers restore categories from uns only while obs is of the old kind, so var goes along.
    """
    tables = {"obs": storable_table(source.obs), "var": storable_table(source.table("var"))}
    for place, table in tables.items():
        _replace(root, place, table)
        for name in table.columns:
            key = categories_key(name)
            if table[name].dtype == "category" and key in root.get("uns", {}):
                del root["uns"][key]


def _replace(group: Any, name: str, value: Any) -> None:
    _remove(group, name)
    write_elem(group, name, value)


def _remove(group: Any, name: str) -> None:
    if name in group:
        del group[name]


def _is_dataset(element: Any) -> bool:
    return not hasattr(element, "keys")


def _version(table: Any) -> str:
    return _text(table.attrs.get("encoding-version", ""))


def _text(value: str | bytes) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
