"""Which marker genes speak for an answer, and which expected ones are silent."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np

from cellmodels.genes import shared_names
from cellmodels.knowledge import marker_rows
from cellmodels.ontology import cell_ontology

SHOWN = 8
# A marker is shown where a tenth of the cells have it and the cluster stands out from the rest.
LEAST_SHARE = 0.10
LEAST_CONTRAST = 0.25
SILENT_SHARE = 0.03


@lru_cache(maxsize=2)
def markers_of(organism: str) -> dict[str, tuple[str, ...]]:
    """Marker genes of each type in shared-space names, best first; the organism's rows first."""
    found: dict[str, list[str]] = {}
    for own in (True, False):
        for row in marker_rows():
            if (row.organism == organism) is own and row.organism in (organism, "both"):
                space = "mouse" if row.organism == "mouse" else "human"
                genes = found.setdefault(row.cl_id, [])
                genes += [gene for gene in shared_names(row.positive, space) if gene not in genes]
    return {cl_id: tuple(genes) for cl_id, genes in found.items()}


def expected_markers(cl_id: str, organism: str) -> tuple[str, ...]:
    """Markers of a type, then of the types above it up to the lineage."""
    ontology = cell_ontology()
    table = markers_of(organism)
    stop = ontology.ancestors(ontology.roll_up(cl_id, "lineage"))
    above = sorted(ontology.ancestors(cl_id) - stop, key=lambda a: -len(ontology.ancestors(a)))
    genes: list[str] = []
    for term in (cl_id, *above):
        genes += [gene for gene in table.get(term, ()) if gene not in genes]
    return tuple(genes)


def speaking_markers(cl_id: str, organism: str) -> tuple[str, ...]:
    """Genes that speak for a type: the expected ones, then its subtypes', shared ones first.

    A broad type may have none of its own, since its markers stand with its subtypes.
    """
    ontology = cell_ontology()
    table = markers_of(organism)
    own = expected_markers(cl_id, organism)
    below = [table[term] for term in table if term != cl_id and ontology.is_a(term, cl_id)]
    shared = Counter(gene for markers in below for gene in markers)
    return own + tuple(gene for gene, _ in shared.most_common() if gene not in own)


def evidence(
    cl_id: str,
    mean_F: np.ndarray,
    share_F: np.ndarray,
    outside_F: np.ndarray,
    where: Mapping[str, int],
    organism: str,
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Markers that a cluster shows and best markers that it lacks.

    Parameters
    ----------
    cl_id
        The type; "" for none, which has no markers.
    mean_F, share_F
        Mean log1p(CP10k) of the cluster's sampled cells, and the share of them that has each gene.
    outside_F
        Mean of all other sampled cells.
    where
        Column of each gene.
    """
    if not cl_id:
        return (), ()
    expected = expected_markers(cl_id, organism)
    wanted = [gene for gene in speaking_markers(cl_id, organism) if gene in where]
    columns = np.array([where[gene] for gene in wanted], dtype=np.int64)
    if not len(columns):
        return (), ()
    share = share_F[columns]
    contrast = mean_F[columns] - outside_F[columns]
    shown = [
        i for i in range(len(wanted)) if share[i] >= LEAST_SHARE and contrast[i] >= LEAST_CONTRAST
    ]
    # The table's order counts as much as the data: a weakly shown top marker beats a late one.
    shown.sort(key=lambda i: -(contrast[i] / (1 + 0.15 * i)))
    first = [i for i in range(min(6, len(wanted))) if wanted[i] in expected]
    missing = [wanted[i] for i in first if share[i] < SILENT_SHARE]
    return tuple(wanted[i] for i in shown[:SHOWN]), tuple(missing)


def shown_names(genes: Sequence[str], organism: str) -> tuple[str, ...]:
    """Shared-space names as the organism's own symbols are written."""
    if organism == "human":
        return tuple(genes)
    from cellmodels.genes import orthologs

    mouse = orthologs("human", "mouse")
    return tuple(mouse.get(gene, (gene,))[0] for gene in genes)
