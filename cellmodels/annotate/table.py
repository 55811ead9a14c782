"""The same answers from marker genes alone: a ranked list a cluster, no matrix."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from biosequence.errors import InputError, UsageError
from cellmodels.genes import map_genes, shared_names

from .annotator import Annotator
from .answers import AnswerTree
from .calibration import Calibration, probabilities, tissue_prior
from .evidence import shown_names, speaking_markers
from .marker_table import MarkerTable
from .options import AnnotateOptions
from .result import UNKNOWN, AnnotationSummary, Call
from .setup import answers_for, load_annotator
from .table_reading import MarkerList, read_marker_table

# Genes beyond this rank say little; the model was trained on lists of 5 to 30.
LONGEST = 30
FEWEST = 2
# What the marker table counts beside the encoder; chosen on held-out profiles.
TABLE_WEIGHT = 3.0


def annotate_table(path: Path, options: AnnotateOptions) -> AnnotationSummary:
    """Annotate a marker table and write one row a cluster: cell type, id, confidence, evidence.

    Raises
    ------
    InputError
        If the table cannot be used or the output cannot be written.
    UsageError
        If an option needs cells.
    """
    from cellmodels.writing import preflight, write_table

    _refuse_cell_options(options)
    started = time.monotonic()
    stem = path.name.removesuffix(".gz")
    output = Path(options.output or path.parent / f"{stem.rsplit('.', 1)[0]}.annotated.csv")
    preflight(output, source=path)
    lists = read_marker_table(path)
    frame, organism, n_mapped = annotate_markers(lists, options)
    write_table(output, frame)
    counts = Counter(frame["cell_type"])
    n_genes = len({gene for one in lists for gene in one.genes})
    reason = (
        f"A marker table: {len(lists)} clusters, {n_mapped} of {n_genes} genes known ({organism})."
    )
    return AnnotationSummary(
        input=str(path),
        output=output,
        report=None,
        n_cells=len(frame),
        n_clusters=len(frame),
        counts=dict(counts),
        check={"reason": reason, "organism": organism},
        clusters=frame.to_dict("records"),
        seconds=round(time.monotonic() - started, 2),
    )


def _refuse_cell_options(options: AnnotateOptions) -> None:
    given = {
        "--cluster-key": options.cluster_key,
        "--dask": options.dask,
        "--report": options.report,
        "--layer": options.layer != "auto",
        "--gene-key": options.gene_key,
    }
    named = ", ".join(name for name, value in given.items() if value)
    if named:
        msg = "A marker table has no cells, so some options say nothing about it."
        raise UsageError(msg, where=named, fix="Leave them out.")


def annotate_markers(
    lists: Sequence[MarkerList], options: AnnotateOptions | None = None
) -> tuple[pd.DataFrame, str, int]:
    """One answer for each marker list.

    Returns
    -------
    frame
        cluster, cell_type, ontology_term_id, confidence, runner_up, evidence.
    organism
        "human" or "mouse".
    n_mapped
        Different genes that are known.
    """
    options = options or AnnotateOptions()
    annotator, calibration = load_annotator(options)
    if annotator.method == "langcell":
        msg = "LangCell reads cells, and marker lists have none."
        raise UsageError(msg, where="--method langcell", fix="Leave it out for a marker table.")
    tree, log_prior, _ = answers_for(annotator, options, calibration)
    names = list(dict.fromkeys(gene for one in lists for gene in one.genes))
    genes = map_genes(names, organism=options.organism)
    shared = dict(zip(names, shared_names(genes.symbols, genes.organism), strict=True))
    x_LF = np.array([list_vector([shared[g] for g in one.genes], annotator.genes) for one in lists])
    log_p = list_scores(x_LF, annotator)
    rows = []
    for one, x_F, scores in zip(lists, x_LF, log_p, strict=True):
        prior = log_prior
        if one.tissue and not options.tissue:
            prior = log_prior + _own_tissue(one, annotator, calibration)
        call = _call(x_F, scores, prior, tree, calibration, options.min_confidence)
        known = [shared[g] for g in one.genes[:LONGEST]]
        speaking = set(speaking_markers(call.cl_id, genes.organism)) if call.known else set()
        evidence = shown_names([g for g in known if g in speaking], genes.organism)
        rows.append(
            {
                "cluster": one.cluster,
                "cell_type": call.name,
                "ontology_term_id": call.cl_id,
                "confidence": round(call.confidence, 4),
                "runner_up": call.runner_up,
                "evidence": ", ".join(evidence) if call.known else call.reason,
            }
        )
    return pd.DataFrame(rows), genes.organism, genes.n_mapped


def _own_tissue(one: MarkerList, annotator: Annotator, calibration: Calibration) -> np.ndarray:
    try:
        return tissue_prior(annotator.tissues, one.tissue, calibration.elsewhere)[0]
    except UsageError as error:
        where = f"column tissue, cluster {one.cluster!r}"
        raise InputError(error.what, where=where, fix=error.fix) from error


def list_vector(names: Sequence[str], genes: np.ndarray) -> np.ndarray:
    """Weights of a ranked gene list over the model's genes: 1 for the first, 0.5 for the last."""
    column = {gene: index for index, gene in enumerate(genes)}
    x_F = np.zeros(len(genes), np.float32)
    listed = list(names)[:LONGEST]
    for name, weight in zip(listed, np.linspace(1.0, 0.5, max(len(listed), 1)), strict=False):
        if name in column:
            x_F[column[name]] = max(x_F[column[name]], weight)
    return x_F


def list_scores(x_LF: np.ndarray, annotator: Annotator) -> np.ndarray:
    """Uncalibrated class scores [L, C] of ranked lists: encoder and marker table together."""
    table = MarkerTable(annotator.classes, annotator.genes).weight_CF
    return annotator.model.log_probabilities(annotator.model.embed(x_LF)) + TABLE_WEIGHT * (
        x_LF @ table.T
    )


def _call(
    x_F: np.ndarray,
    scores: np.ndarray,
    prior: np.ndarray,
    tree: AnswerTree,
    calibration: Calibration,
    minimum: float,
) -> Call:
    if (x_F > 0).sum() < FEWEST:
        reason = f"low overlap: fewer than {FEWEST} genes of the list are known to the model"
        return Call(UNKNOWN, "", 0.0, reason=reason)
    p_C = probabilities(scores[None], calibration.temperature_list, prior)[0]
    worth = calibration.confidence_list
    return tree.call(p_C, calibration.threshold_list, minimum, worth=worth)
