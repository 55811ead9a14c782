"""Everything the template shows, as plain values: no markup is made here."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from biosequence._version import __version__

from .attention import cluster_concerns, sentence, type_concerns
from .background import input_checks, methods_paragraph, run_record, setting
from .colours import CATEGORIES, confidence_colour, confidence_levels
from .composition import Composition, compose, term_page
from .dotplot import dot_plot
from .figures import confidence_map, histogram, place_points, type_map
from .gene_names import GeneNames
from .references import references
from .wording import plain_day, probability, share, summary

if TYPE_CHECKING:
    from cellmodels.annotate.result import AnnotationResult, ClusterAnswer

# Shapes: S sampled cells.

FIRST_CONCERNS = 8
FIRST_TYPES = 25
FIRST_CLUSTERS = 40


@dataclass(frozen=True)
class NameInfo:
    """What the result itself does not know.

    Attributes
    ----------
    file
        Name of the input, without its folders.
    tissue
        Tissue that was given, "" for none.
    n_genes_used
        Genes of the file that the model read; None when not known.
    own_umap
        Whether the map is the file's own, not computed for the report.
    """

    file: str = ""
    tissue: str = ""
    n_genes_used: int | None = None
    own_umap: bool = False


def build_context(
    result: AnnotationResult, *, title: str, names: NameInfo, umap_S2: np.ndarray | None
) -> dict[str, Any]:
    """The values of the template.

    Parameters
    ----------
    umap_S2
        Coordinates of the sketch cells, NaN for those that are not drawn; None without a map.
    """
    record = json.loads(result.provenance) if result.provenance else {}
    composition = compose(result)
    genes = GeneNames.of(result.check)
    clustered = result.cluster is not None
    key = str(setting(result, record, "key_added") or "bioseq")
    if clustered:
        concerns = cluster_concerns(result.clusters, genes, tissue=names.tissue)
    else:
        concerns = type_concerns(composition.rows)
    known = np.array([row.known for row in composition.rows], bool)[composition.row_of_cell]
    confidence = np.nan_to_num(np.asarray(result.confidence, np.float64))
    num_clusters = len(result.clusters) if clustered else 0
    colour_of = {row.name: row.colour for row in composition.known}
    clusters = [_cluster(cluster, genes, colour_of) for cluster in result.clusters]
    return {
        "title": title,
        "facts": _facts(result, names, record),
        "summary": summary(composition, confidence, concerns, num_clusters, names.tissue),
        "clustered": clustered,
        "key": key,
        "concerns": _fold(concerns, FIRST_CONCERNS),
        "types": _fold(composition.rows, FIRST_TYPES),
        "widest": max((row.share for row in composition.rows), default=1.0) or 1.0,
        "clusters": _fold(clusters, FIRST_CLUSTERS),
        "maps": _maps(result, composition, umap_S2),
        "own_umap": names.own_umap,
        "levels": confidence_levels(),
        "histogram": histogram(confidence, known),
        "median": float(np.median(confidence[known])) if known.any() else None,
        "dots": dot_plot(result, composition, genes),
        "num_known": len(composition.known),
        "num_colours": len(CATEGORIES),
        "check": input_checks(result.check, names.n_genes_used),
        "methods": methods_paragraph(result, record, names.n_genes_used),
        "references": references(
            profiles=setting(result, record, "method") in (None, "auto", "markers"),
            described=setting(result, record, "method") == "langcell",
            clustered=clustered and not setting(result, record, "cluster_key"),
            mapped=umap_S2 is not None and not names.own_umap,
        ),
        "record": run_record(record),
        "share": share,
        "probability": probability,
    }


def _fold(items: Sequence[Any], first: int) -> dict[str, Sequence[Any]]:
    # A tail of one or two is not worth a fold.
    cut = first if len(items) > first + 2 else len(items)
    return {"first": items[:cut], "rest": items[cut:]}


def _facts(
    result: AnnotationResult, names: NameInfo, record: dict[str, Any]
) -> list[tuple[str, str]]:
    genes = result.check.gene_map
    time = str(record.get("time") or datetime.now(UTC).isoformat(timespec="seconds"))
    version = record.get("versions", {}).get("bioseq-toolkit", __version__)
    facts = [
        ("File", names.file or Path(str(record.get("inputs", {}).get("path", ""))).name),
        ("Cells", f"{len(result.cell_type):,}"),
        ("Genes", f"{genes.n_file:,}"),
        ("Clusters", "none" if result.cluster is None else f"{len(result.clusters):,}"),
        ("Organism", result.check.organism),
        ("Tissue", names.tissue or "not given"),
        ("Date", plain_day(time)),
        ("Made with", f"bioseq-toolkit {version}"),
    ]
    return [(label, value) for label, value in facts if value]


def _cluster(cluster: ClusterAnswer, genes: GeneNames, colour_of: dict[str, str]) -> dict[str, Any]:
    call = cluster.call
    return {
        "name": cluster.cluster,
        "n_cells": cluster.n_cells,
        "answer": call.name,
        "cl_id": call.cl_id,
        "url": term_page(call.cl_id),
        "colour": colour_of.get(call.name, ""),
        "reason": sentence(call.reason),
        "confidence": call.confidence,
        "confidence_colour": confidence_colour(call.confidence) if call.known else "#A3A8AE",
        "agreement": cluster.agreement if call.known else None,
        "runner_up": call.runner_up,
        "runner_up_confidence": call.runner_up_confidence,
        "status": cluster.status,
        "evidence": list(dict.fromkeys(genes.printed(cluster.evidence))),
        "missing": list(dict.fromkeys(genes.printed(cluster.missing))),
    }


def _maps(
    result: AnnotationResult, composition: Composition, umap_S2: np.ndarray | None
) -> dict[str, Any] | None:
    if umap_S2 is None or result.sketch is None or not np.isfinite(umap_S2).all(axis=1).any():
        return None
    rows = result.sketch.rows
    place_S2 = place_points(np.asarray(umap_S2, np.float64)[:, :2])
    return {
        "types": type_map(place_S2, composition.row_of_cell[rows], composition),
        "confidence": confidence_map(place_S2, np.asarray(result.confidence)[rows]),
        "n_drawn": int((place_S2[:, 0] >= 0).sum()),
        "n_cells": len(result.cell_type),
    }
