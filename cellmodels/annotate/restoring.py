"""An annotation as it is stored on an AnnData object, made a result again."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from biosequence.errors import InputError
from biosequence.provenance import RunRecord
from cellmodels.default.features import fold_onto
from cellmodels.genes import shared_names
from cellmodels.inputs import InputCheck, check_input, to_cp10k
from cellmodels.stream import CellSource

from .clusters import sketch_for
from .options import AnnotateOptions
from .result import AnnotationResult, Call, ClusterAnswer, SketchView
from .setup import load_annotator


def restore_result(source: CellSource, uns: dict[str, Any], key: str) -> AnnotationResult:
    """The result whose columns, embedding and record lie on an object under `key`.

    Answers come from what is stored; only the input check and the sampled expression are read
    from the matrix again.

    Parameters
    ----------
    source
        The annotated object, open.
    uns
        What was stored under ``uns[key]``.
    key
        The `key_added` of the annotation.

    Raises
    ------
    InputError
        If the object has lost or gained cells since.
    """
    record = RunRecord.from_json(str(uns["provenance"]))
    _refuse_other_cells(source, int(record.inputs["n_obs"]))
    given = {**record.options, "candidates": _tuple(record.options["candidates"])}
    check = checked_again(source, uns)
    obs = source.obs
    cluster = _text(obs[f"{key}_cluster"]) if f"{key}_cluster" in obs else None
    return AnnotationResult(
        cell_type=_text(obs[f"{key}_cell_type"]),
        ontology_term_id=_text(obs[f"{key}_cell_type_ontology_term_id"]),
        confidence=obs[f"{key}_confidence"].to_numpy(np.float32),
        per_cell=_text(obs[f"{key}_cell_type_per_cell"]),
        cluster=cluster,
        embedding=source.obsm(f"X_{key}"),
        clusters=[_answer(entry) for entry in json.loads(str(uns["clusters"]))],
        classes=tuple(map(str, uns["classes"])),
        check=check,
        params=dict(uns["params"]),
        provenance=str(uns["provenance"]),
        sketch=_sketch(source, check, cluster, load_annotator(AnnotateOptions(**given))[0].genes),
    )


def checked_again(source: CellSource, uns: dict[str, Any]) -> InputCheck:
    """The input check of a stored annotation, on the matrix that it read where that still exists.

    Raises
    ------
    InputError
        If no matrix can be used any more.
    """
    options = RunRecord.from_json(str(uns["provenance"])).options
    given = {"gene_key": options["gene_key"], "organism": options["organism"]}
    check = check_input(source, layer=options["layer"], **given)
    before = str(uns["params"]["matrix"])
    # A matrix that was added since may look better now; the answers are not of that one.
    if check.matrix != before and before in source.matrices:
        return check_input(source, layer=before, **given)
    return check


def _refuse_other_cells(source: CellSource, n_obs: int) -> None:
    if source.n_obs != n_obs:
        msg = f"The annotation is of {n_obs:,} cells, and there are {source.n_obs:,} now."
        raise InputError(msg, where=source.name, fix="Annotate again: cm.tl.annotate(adata)")


def _sketch(
    source: CellSource, check: InputCheck, cluster: np.ndarray | None, genes: np.ndarray
) -> SketchView:
    rows = np.sort(sketch_for(source, cluster))
    fold_VF = fold_onto(shared_names(check.gene_map.symbols, check.organism), genes)
    log_SF = sparse.csr_matrix(to_cp10k(source.rows(check.matrix, rows), check.state) @ fold_VF)
    np.log1p(log_SF.data, out=log_SF.data)
    return SketchView(rows, log_SF, genes)


def _text(column: Any) -> np.ndarray:
    return column.astype(str).to_numpy(dtype=object)


def cluster_table(clusters: str) -> pd.DataFrame:
    """The answers of ``uns[key]["clusters"]`` as a table, one row a cluster."""
    answers = [_answer(entry) for entry in json.loads(clusters)]
    rows = {
        answer.cluster: {
            "n_cells": answer.n_cells,
            "cell_type": answer.call.name,
            "ontology_term_id": answer.call.cl_id,
            "confidence": answer.call.confidence,
            "status": answer.status,
            "agreement": answer.agreement,
            "runner_up": answer.call.runner_up,
            "evidence": ", ".join(answer.evidence),
            "missing": ", ".join(answer.missing),
            "reason": answer.call.reason,
        }
        for answer in answers
    }
    return pd.DataFrame(list(rows.values()), index=pd.Index(list(rows), name="cluster"))


def _tuple(value: Any) -> Any:
    return tuple(value) if isinstance(value, list) else value


def _answer(entry: dict[str, Any]) -> ClusterAnswer:
    plain = {name: _tuple(value) for name, value in entry.items()}
    votes = tuple((name, share) for name, share in entry["votes"])
    return ClusterAnswer(**{**plain, "call": Call(**entry["call"]), "votes": votes})
