"""check -> stream -> score -> calibrate -> vote -> write, for a file or an AnnData object."""

from __future__ import annotations

import time
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from biosequence.errors import UsageError
from biosequence.provenance import RunRecord
from cellmodels.inputs import InputCheck, check_input
from cellmodels.stream import CellSource, open_cells

from .clusters import Clusters, answer_clusters, existing_clusters, found_clusters, sketch_for
from .naming import name_cells
from .options import AnnotateOptions
from .reporting import report_on
from .result import AnnotationResult, AnnotationSummary, SketchView
from .scoring import Collected, Job, collect, score_rows
from .setup import answers_for, bind_genes, load_annotator

if TYPE_CHECKING:
    from anndata import AnnData

MARKER_TABLES = (".csv", ".tsv", ".txt", ".csv.gz", ".tsv.gz")
NOT_CELLS = (".csv", ".tsv", ".txt", ".html", ".loom")


def annotate_file(path: str | Path, options: AnnotateOptions) -> AnnotationSummary:
    """Annotate a file of cells (or a marker table) and write the annotated copy and the report.

    Parameters
    ----------
    path
        h5ad, 10x h5, 10x mtx folder, zarr, loom, or a marker table.
    options
        As on the command line.

    Raises
    ------
    InputError
        If the input cannot be used or the output cannot be written; nothing is left behind then.
    UsageError
        If options contradict each other or name nothing.
    ModelError
        If the model cannot be read.
    """
    path = Path(path)
    if path.name.lower().endswith(MARKER_TABLES) and not path.is_dir():
        from .table import annotate_table

        return annotate_table(path, options)
    from biosequence.atomic import atomic_path
    from cellmodels.writing import preflight, write_annotated

    started = time.monotonic()
    output, report = output_paths(path, options)
    with open_cells(path) as source:
        preflight(output, source=source.path)
        if report:
            preflight(report, source=source.path)
        result = annotate_cells(source, options)
        # Both or none: the report takes its name only once the annotated file has got its own.
        with atomic_path(report) if report else nullcontext() as partial:
            if partial:
                report_on(result, source, partial)
            write_annotated(source, output, **stored(result, options.key_added))
    return AnnotationSummary(
        input=str(path),
        output=output,
        report=report,
        n_cells=len(result.cell_type),
        n_clusters=len(result.clusters),
        counts=dict(result.counts),
        check=result.check.to_dict(),
        clusters=[answer.to_dict() for answer in result.clusters],
        seconds=round(time.monotonic() - started, 2),
        warnings=result.check.warnings,
    )


def annotate_cells(source: CellSource | AnnData, options: AnnotateOptions) -> AnnotationResult:
    """Names for every cell of an open file or an AnnData object; nothing is written.

    Raises
    ------
    InputError, UsageError, ModelError
        As `annotate_file`.
    """
    if not isinstance(source, CellSource):
        with open_cells(source) as opened:
            return annotate_cells(opened, options)
    annotator, calibration = load_annotator(options)
    tree, log_prior, tissue = answers_for(annotator, options, calibration)
    known = existing_clusters(source, options.cluster_key) if options.cluster_key else None
    check = check_input(
        source, layer=options.layer, gene_key=options.gene_key, organism=options.organism
    )
    bound = bind_genes(annotator, calibration, check, source.name)
    order = sketch_for(source, known)
    job = Job(
        check.matrix,
        check.state,
        bound,
        tree,
        calibration,
        log_prior,
        np.sort(order),
        options.batch_size,
    )
    parts = _parts(source, job, options)
    cells = collect(parts, source.n_obs, order)
    clusters = _clusters(cells, known, source.n_obs, options)
    answers = answer_clusters(clusters, cells, job, options, annotator.genes, check.organism)
    labels = name_cells(cells, clusters, answers, tree, options.min_confidence)
    params = {
        "method": annotator.method,
        "model": annotator.name,
        "tissue": tissue,
        "organism": check.organism,
        "matrix": check.matrix,
        "n_genes_used": bound.n_used,
        "seed": options.seed,
    }
    return AnnotationResult(
        *labels,
        cluster=clusters.names_B if clusters else None,
        embedding=cells.embedding_BD,
        clusters=answers,
        classes=tree.labels,
        check=check,
        params=params,
        provenance=_provenance(source, check, options, annotator.name, annotator.sha256),
        sketch=SketchView(cells.sketch_rows, cells.sketch_features, annotator.genes),
    )


def output_paths(path: Path, options: AnnotateOptions) -> tuple[Path, Path | None]:
    """Where the annotated file and the report go.

    Raises
    ------
    UsageError
        If both have one name, or the output's name says that it is something else.
    """
    path = path.resolve() if path.name in ("", "..") else path
    stem = path.name
    for ending in (".h5ad", ".h5", ".zarr", ".loom"):
        stem = stem.removesuffix(ending)
    output = Path(options.output) if options.output else path.parent / f"{stem}.annotated.h5ad"
    if output.suffix.lower() in NOT_CELLS:
        msg = f"Annotated cells are an .h5ad file, not {output.suffix}."
        raise UsageError(msg, where=f"--output {output}", fix=f"Use {output.with_suffix('.h5ad')}.")
    if options.report is False:
        return output, None
    report = output.with_suffix(".html")
    if options.report not in (None, True):
        report = Path(options.report)
    if report.resolve() == output.resolve():
        msg = "The report and the annotated file have the same name."
        raise UsageError(msg, where=f"--report {report}", fix="Give the report a name in .html.")
    return output, report


def stored(result: AnnotationResult, key: str) -> dict[str, dict[str, Any]]:
    """What is written to a file or an AnnData, under its contract names."""
    import json

    import pandas as pd

    obs = {
        f"{key}_cell_type": pd.Categorical(result.cell_type),
        f"{key}_cell_type_ontology_term_id": pd.Categorical(result.ontology_term_id),
        f"{key}_confidence": result.confidence.astype(np.float32),
        f"{key}_cell_type_per_cell": pd.Categorical(result.per_cell),
        # Clusters that an earlier run left would contradict the new names.
        f"{key}_cluster": None if result.cluster is None else pd.Categorical(result.cluster),
    }
    uns = {
        "params": result.params,
        "classes": np.array(result.classes, dtype=str),
        "clusters": json.dumps([answer.to_dict() for answer in result.clusters]),
        "provenance": result.provenance,
    }
    return {"obs": obs, "obsm": {f"X_{key}": result.embedding}, "uns": {key: uns}}


def _parts(source: CellSource, job: Job, options: AnnotateOptions):
    if options.dask:
        from .dask import score_on_dask

        return score_on_dask(source, job, options.dask)
    return score_rows(source, job)


def _clusters(
    cells: Collected, known: np.ndarray | None, n_obs: int, options: AnnotateOptions
) -> Clusters | None:
    if known is not None:
        return Clusters(known, known[cells.sketch_rows])
    if not options.cluster or n_obs < 2:
        return None
    return found_clusters(cells, n_obs, options.seed)


def _provenance(
    source: CellSource, check: InputCheck, options: AnnotateOptions, model: str, sha256: str
) -> str:
    return RunRecord(
        command="bioseq annotate",
        options=options.to_dict(),
        seed=options.seed,
        model=model,
        model_sha256=sha256,
        inputs={"file": source.name, "n_obs": source.n_obs, "check": check.to_dict()},
    ).to_json()
