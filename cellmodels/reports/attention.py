"""What to look at first: the doubtful clusters, why they are doubtful and what to do about it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .composition import TypeRow
from .gene_names import GeneNames

if TYPE_CHECKING:
    from cellmodels.annotate.result import ClusterAnswer

LOW = 0.7
# What a doubtful cell counts for: a large mixed cluster comes before a tiny unknown one.
_WEIGHT = {"unknown": 3.0, "mixed": 2.0, "unsure": 1.0, "small": 1.0}


@dataclass(frozen=True)
class Concern:
    """One cluster (or, without clusters, one cell type) that deserves a second look."""

    subject: str
    n_cells: int
    answer: str
    status: str
    why: str
    advice: str


def cluster_concerns(
    clusters: Sequence[ClusterAnswer], names: GeneNames, *, tissue: str
) -> tuple[Concern, ...]:
    """Doubtful clusters: unknown, mixed, unsure or small; those with most at stake first.

    Parameters
    ----------
    names
        What the genes are called in the file.
    tissue
        The tissue that was given, "" for none.
    """
    concerns = []
    for cluster in clusters:
        status = _status(cluster)
        if status:
            why, advice = _EXPLAIN[status](cluster, names, tissue)
            answer = cluster.call.name
            concerns.append(
                Concern(cluster.cluster, cluster.n_cells, answer, status, sentence(why), advice)
            )
    return _by_weight(concerns)


def type_concerns(rows: Sequence[TypeRow]) -> tuple[Concern, ...]:
    """Doubtful cell types, for results without clusters."""
    concerns = [
        Concern(
            row.name,
            row.n_cells,
            row.name,
            "unsure" if row.known else "unknown",
            f"Mean confidence of these cells is {row.confidence:.2f}.",
            "Cluster the cells: the vote of like cells is surer than cells one by one."
            if row.known
            else "Cluster the cells, and look at the genes of the clusters these cells fall in.",
        )
        for row in rows
        if not row.known or row.confidence < LOW
    ]
    return _by_weight(concerns)


def _by_weight(concerns: Sequence[Concern]) -> tuple[Concern, ...]:
    return tuple(sorted(concerns, key=lambda c: -c.n_cells * _WEIGHT[c.status]))


def sentence(text: str) -> str:
    """The text with a capital and a full stop."""
    text = text.strip()
    if not text:
        return ""
    return text[0].upper() + text[1:] + ("" if text[-1] in ".!?" else ".")


def _status(cluster: ClusterAnswer) -> str:
    if cluster.status in ("unknown", "mixed") or not cluster.call.known:
        return cluster.status if cluster.status == "mixed" else "unknown"
    if cluster.call.confidence < LOW:
        return "unsure"
    return "small" if cluster.status == "small" else ""


def _unknown(cluster: ClusterAnswer, names: GeneNames, tissue: str) -> tuple[str, str]:
    why = cluster.call.reason or f"no answer is sure enough ({cluster.call.confidence:.2f})"
    if "overlap" in why:
        return why, "Give the matrix with all genes (--layer), and check the gene names."
    if "outside" in why:
        return why, (
            "Look at its strongest genes: a type that the reference lacks, tumour cells and "
            "damaged cells all look like this."
        )
    hint = "" if tissue else "Give the tissue (--tissue). "
    return why, (
        f"{hint}Compare the markers of the nearest types in this cluster, and look for doublets "
        "and damaged cells (few genes, many mitochondrial reads)."
    )


def _mixed(cluster: ClusterAnswer, names: GeneNames, tissue: str) -> tuple[str, str]:
    why = f"only {cluster.agreement:.0%} of its cells agree with {cluster.call.name}"
    if cluster.votes:
        votes = ", ".join(f"{name} {share:.0%}" for name, share in cluster.votes[:3])
        why += f"; by themselves they say: {votes}"
    return f"{why}. Each cell keeps its own answer", (
        "Cluster it more finely, and look for doublets: they look like this too."
    )


def _unsure(cluster: ClusterAnswer, names: GeneNames, tissue: str) -> tuple[str, str]:
    call = cluster.call
    why = f"confidence is {call.confidence:.2f}"
    if call.runner_up:
        why += f"; {call.runner_up} comes next ({call.runner_up_confidence:.2f})"
    if cluster.missing:
        genes = ", ".join(names.printed(cluster.missing[:4]))
        return why, f"Look at {genes}: expected of this type, and not seen here."
    return why, "Look at genes that separate the two before you rely on the answer."


def _small(cluster: ClusterAnswer, names: GeneNames, tissue: str) -> tuple[str, str]:
    cells = "1 cell" if cluster.n_cells == 1 else f"{cluster.n_cells} cells"
    return f"it has {cells} only", "Take the answer as provisional: so few cells hardly vote."


_EXPLAIN = {"unknown": _unknown, "mixed": _mixed, "unsure": _unsure, "small": _small}
