"""What an annotation comes back with, before it is written anywhere."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from cellmodels.inputs import InputCheck

UNKNOWN = "Unknown"


@dataclass(frozen=True)
class Call:
    """One answer: a node of the Cell Ontology, a text, or `Unknown` with its reason.

    Attributes
    ----------
    name, cl_id
        The node; the text and "" where no term stands for it; "Unknown" and "" without an answer.
    confidence
        Calibrated probability that the cell type is this node or lies below it.
    runner_up, runner_up_confidence
        The best answer that contradicts this one.
    reason
        Why it is Unknown or coarser than the best class; "" for a plain answer.
    """

    name: str
    cl_id: str
    confidence: float
    runner_up: str = ""
    runner_up_confidence: float = 0.0
    reason: str = ""

    @property
    def known(self) -> bool:
        """Whether there is an answer."""
        return self.name != UNKNOWN


@dataclass(frozen=True)
class ClusterAnswer:
    """What was found in one cluster.

    Attributes
    ----------
    cluster
        Its name, always a string.
    n_cells
        Cells in it.
    call
        The answer for the cluster.
    status
        "named", "mixed" (unsure, with cells of two or more lineages), "small" or "unknown".
    agreement
        Share of its cells whose own answer lies on the same branch or in the same lineage.
    evidence
        Marker genes that the cluster shows, best first.
    missing
        Expected marker genes in the file that the cluster does not show.
    votes
        Per-cell answers and their shares, most frequent first.
    """

    cluster: str
    n_cells: int
    call: Call
    status: str
    agreement: float
    evidence: tuple[str, ...] = ()
    missing: tuple[str, ...] = ()
    votes: tuple[tuple[str, float], ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values, for JSON."""
        return asdict(self)


@dataclass(frozen=True)
class SketchView:
    """Expression of a spread sample of cells, kept for clustering, evidence and plots.

    Attributes
    ----------
    rows
        Row numbers in the file, ascending.
    log_SF
        log1p(CP10k) sparse matrix over the model's feature genes.
    genes
        Names of its columns (human symbols, or mouse-only symbols).
    umap
        Two coordinates a sampled cell; None until a report asks for them.
    """

    rows: np.ndarray
    log_SF: Any
    genes: np.ndarray
    umap: np.ndarray | None = None


@dataclass
class AnnotationResult:
    """Answers for every cell and cluster of one input.

    Attributes
    ----------
    cell_type, ontology_term_id, confidence
        The final answer of each cell: object, object, float32 [n_obs].
    per_cell
        What each cell says by itself, before its cluster voted.
    cluster
        Cluster name of each cell; None when cells were not clustered.
    embedding
        X_bioseq, float32 [n_obs, D].
    clusters
        One answer a cluster, in order of size.
    classes
        Cell Ontology ids, and texts without one, that could be answered.
    check
        What was found in the input.
    params, provenance
        Settings as a small dictionary; the full record as one JSON string.
    sketch
        The sampled cells behind the plots.
    """

    cell_type: np.ndarray
    ontology_term_id: np.ndarray
    confidence: np.ndarray
    per_cell: np.ndarray
    cluster: np.ndarray | None
    embedding: np.ndarray
    clusters: list[ClusterAnswer]
    classes: tuple[str, ...]
    check: InputCheck
    params: dict[str, Any]
    provenance: str
    sketch: SketchView | None = None

    @property
    def counts(self) -> Counter:
        """Cells per final answer."""
        return Counter(self.cell_type.tolist())


@dataclass(frozen=True)
class AnnotationSummary:
    """What the command line prints when it is done."""

    input: str
    output: Path | None
    report: Path | None
    n_cells: int
    n_clusters: int
    counts: dict[str, int]
    check: dict[str, Any]
    clusters: list[dict[str, Any]]
    seconds: float
    warnings: tuple[str, ...] = field(default_factory=tuple)

    def to_dict(self) -> dict[str, Any]:
        """One JSON object."""
        plain = asdict(self)
        plain["output"] = str(self.output) if self.output else None
        plain["report"] = str(self.report) if self.report else None
        return plain

    def lines(self) -> list[str]:
        """The same for a person: what was read, what was found, where it lies."""
        found = [self.check.get("reason", "")] if self.check else []
        total = max(self.n_cells, 1)
        width = max((len(name) for name in self.counts), default=0)
        for name, count in sorted(self.counts.items(), key=lambda item: (-item[1], item[0])):
            found.append(f"{name:<{width}}  {count:>8}  {100 * count / total:5.1f} %")
        found += [f"note: {warning}" for warning in self.warnings]
        found += [f"output: {self.output}"] if self.output else []
        found += [f"report: {self.report}"] if self.report else []
        return [line for line in found if line]
