"""Which columns are genes, and which column of ``var`` names them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from biosequence.errors import InputError
from cellmodels.genes import ORGANISMS, GeneMap, gene_table, map_genes

NAME_COLUMNS = (
    "gene_symbols",
    "gene_symbol",
    "feature_name",
    "gene_name",
    "gene_names",
    "symbol",
    "Gene",
    "gene_ids",
    "gene_id",
    "feature_id",
    "ensembl_id",
    "ensembl",
    "Accession",
)
VAR_NAMES = "var_names"
_GOOD_SHARE = 0.95
_CLEARLY_MORE = 1.05
_ANTIBODY = re.compile(
    r"(?:^(?:adt|ab|prot|protein|hto|hashtag|antibody)[-_ :]|^hashtag\d"
    r"|[-_. ](?:adt|prot|protein|hto|antibody)\d*$|[-_. ]?total[-_ ]?seq[-_ ]?[abcd]?(?:[-_.]\d+)?$"
    r"|^(?:human|mouse|rat)[-_.].*isotype|isotype[-_ .]?c(?:on)?tr(?:o)?l)",
    re.IGNORECASE,
)
_TRANSPOSED_SAMPLE = 2000


@dataclass(frozen=True)
class GeneColumn:
    """The var column that names the genes, and what came of it."""

    key: str
    gene_map: GeneMap


def antibody_columns(var: pd.DataFrame) -> np.ndarray:
    """Column numbers of what is no gene: antibodies, hashtags, peaks, guides.

    10x's ``feature_types`` decides where the file has it, names such as ``CD3_TotalSeqB`` or
    ``adt_CD19`` elsewhere.
    """
    for key in ("feature_types", "feature_type"):
        if key in var:
            kinds = var[key].astype(str).str.lower()
            genes = kinds.isin({"gene expression", "gene", "gex", "rna", "nan", "none", ""})
            # cellxgene files keep biotypes under feature_type; those columns are genes as well.
            if genes.any():
                return np.flatnonzero(~genes.to_numpy())
    found = [bool(_ANTIBODY.search(str(name))) for name in var.index]
    return np.flatnonzero(found)


def choose_names(
    var: pd.DataFrame, excluded: np.ndarray, *, gene_key: str | None, organism: str, where: str
) -> GeneColumn:
    """Map the genes by the column asked for, or else by the column that maps most.

    Raises
    ------
    InputError
        When the column is absent, or no column maps, or they speak for another organism.
    """
    if gene_key is not None:
        return GeneColumn(gene_key, _map(var, gene_key, excluded, organism, where))
    keys = [VAR_NAMES, *(key for key in NAME_COLUMNS if key in var)]
    best: GeneColumn | None = None
    problem: InputError | None = None
    for key in keys:
        try:
            found = GeneColumn(key, _map(var, key, excluded, organism, where))
        except InputError as error:
            problem = problem or error
            continue
        if best is None or found.gene_map.n_mapped > _CLEARLY_MORE * best.gene_map.n_mapped:
            best = found
        if best.gene_map.n_mapped >= _GOOD_SHARE * (len(var) - len(excluded)):
            break
    if best is None:
        assert problem is not None
        raise problem
    return best


def is_transposed(obs_names: Iterable[str], var_names: Iterable[str]) -> bool:
    """Whether the cells bear gene names and the genes do not."""
    return _known_share(list(obs_names)) > 0.5 and _known_share(list(var_names)) < 0.1


def _names(var: pd.DataFrame, key: str, where: str) -> list[object]:
    if key in var:
        return list(var[key])
    if key in (VAR_NAMES, "index", var.index.name):
        return list(var.index)
    msg = f"There is no var column {key!r} to take gene names from."
    columns = ", ".join(map(str, var.columns)) or "none"
    raise InputError(
        msg, where=where, fix=f"Columns of var: {columns}. Without --gene-key the best is chosen."
    )


def _map(var: pd.DataFrame, key: str, excluded: np.ndarray, organism: str, where: str) -> GeneMap:
    names = _names(var, key, where)
    for column in excluded:
        names[column] = ""  # an antibody named like a gene must not reach that gene
    try:
        return map_genes(names, organism=organism)
    except InputError as error:
        raise InputError(error.what, where=f"{where}, {error.where}", fix=error.fix) from error


def _known_share(names: list[str]) -> float:
    if not names:
        return 0.0
    step = max(1, len(names) // _TRANSPOSED_SAMPLE)
    seen = [str(name) for name in names[::step]]
    shares = [
        sum(gene_table(organism).find(name)[1] != "unmapped" for name in seen) / len(seen)
        for organism in ORGANISMS
    ]
    return max(shares)
