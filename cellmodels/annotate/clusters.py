"""Clusters of an input: the user's own or over-clusters, and one answer for each."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from biosequence.errors import InputError
from cellmodels.stream import CellSource

from .calibration import probabilities
from .clustering import SKETCH, centres, nearest, over_cluster, sketch_order
from .evidence import evidence, shown_names
from .options import AnnotateOptions
from .result import UNKNOWN, Call, ClusterAnswer
from .scoring import Collected, Job
from .voting import vote

# Shapes: B cells, S sampled cells, C classes, F feature genes.

# Sampled cells of each existing cluster, so that a rare one is judged on more than a handful.
PER_CLUSTER = 100
NOT_CLUSTERED = "not clustered"


@dataclass(frozen=True)
class Clusters:
    """Cluster name of every cell and of every sampled cell."""

    names_B: np.ndarray
    names_S: np.ndarray


def existing_clusters(source: CellSource, key: str) -> np.ndarray:
    """The user's clustering as strings; cells without a value are "not clustered".

    Raises
    ------
    InputError
        If there is no such column, or every cell would be its own cluster.
    """
    if key not in source.obs.columns:
        near = ", ".join(map(str, source.obs.columns[:8])) or "none"
        msg = f"There is no obs column {key!r}."
        raise InputError(msg, where=source.name, fix=f"Give one of: {near} (--cluster-key).")
    column = source.obs[key]
    names = column.astype(object).where(column.notna(), NOT_CLUSTERED).map(_text).to_numpy(dtype=object)
    found = len(set(names))
    if found > 1 and found > max(1000, source.n_obs // 2):
        msg = f"Column {key!r} has {found} different values in {source.n_obs} cells."
        raise InputError(msg, where=source.name, fix="Give a clustering, not ids (--cluster-key).")
    return names


def _text(value: object) -> str:
    # 3.0 is what a numeric clustering with a gap comes back as.
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def sketch_for(source: CellSource, known: np.ndarray | None) -> np.ndarray:
    """Row numbers of the sampled cells, in an order that does not depend on the file's."""
    order = sketch_order(source.obs.index, source.n_obs)
    if known is None or source.n_obs <= SKETCH:
        return order[:SKETCH]
    seen: dict[str, int] = {}
    chosen = []
    for place, row in enumerate(order.tolist()):
        seen[known[row]] = seen.get(known[row], 0) + 1
        if place < SKETCH or seen[known[row]] <= PER_CLUSTER:
            chosen.append(row)
    return np.array(chosen, dtype=np.int64)


def found_clusters(cells: Collected, n_obs: int, seed: int) -> Clusters:
    """Over-clusters of the sampled cells; every other cell joins the nearest one."""
    points = cells.components_BK[cells.sketch_rows]
    cluster_S = over_cluster(points, n_obs, seed)
    middle = centres(points, cluster_S)
    if len(points) == n_obs:
        cluster_B = np.empty(n_obs, dtype=np.int64)
    else:
        cluster_B = nearest(cells.components_BK, middle, 1)[:, 0]
    cluster_B[cells.sketch_rows] = cluster_S
    return Clusters(cluster_B.astype(str).astype(object), cluster_S.astype(str).astype(object))


def answer_clusters(
    clusters: Clusters | None,
    cells: Collected,
    job: Job,
    options: AnnotateOptions,
    genes: np.ndarray,
    organism: str,
) -> list[ClusterAnswer]:
    """One answer a cluster, the largest first."""
    if clusters is None:
        return []
    sizes = dict(zip(*np.unique(clusters.names_B, return_counts=True), strict=True))
    total_F = np.asarray(cells.sketch_features.sum(axis=0)).ravel()
    nodes = np.array([*job.tree.nodes, ""], dtype=object)
    answers = []
    for name in sorted(sizes, key=lambda name: (-sizes[name], name)):
        members = np.flatnonzero(clusters.names_S == name)
        own = nodes[cells.node_B[clusters.names_B == name]]
        if not len(members) or not cells.judged_B[clusters.names_B == name].any():
            answers.append(_unjudged(name, int(sizes[name])))
            continue
        inside = cells.sketch_features[members]
        p_C = cluster_probability(cells, members, inside, job)
        answer = vote(name, own.tolist(), p_C, job.tree, job.calibration, options.min_confidence)
        answer = _outside(answer, inside, job)
        if answer.call.known:
            rest = max(len(clusters.names_S) - len(members), 1)
            outside_F = (total_F - np.asarray(inside.sum(axis=0)).ravel()) / rest
            shown, missing = evidence(answer.call.cl_id, inside, outside_F, genes, organism)
            answer = replace(
                answer, evidence=shown_names(shown, organism), missing=shown_names(missing, organism)
            )
        answers.append(answer)
    return answers


def cluster_probability(cells: Collected, members: np.ndarray, inside, job: Job) -> np.ndarray:
    """Probabilities of a cluster: its cells' own, averaged, and its mean profile's, in equal parts."""
    own_C = cells.sketch_p[members].astype(np.float32).mean(axis=0)
    whole_C = job.annotator.pooled(inside)
    p_C = probabilities(whole_C[None], job.calibration.temperature_cluster, job.log_prior_C)[0]
    return (own_C + p_C) / 2


def _unjudged(name: str, size: int) -> ClusterAnswer:
    reason = "low overlap: too few of the model's genes are seen in these cells"
    return ClusterAnswer(name, size, Call(UNKNOWN, "", 0.0, reason=reason), "unknown", 0.0)


def _outside(answer: ClusterAnswer, inside, job: Job) -> ClusterAnswer:
    if not answer.call.known or job.annotator.similarity(inside) >= job.calibration.similarity_floor:
        return answer
    call = answer.call
    reason = f"outside the reference: unlike every known type; nearest is {call.name}"
    unknown = Call(UNKNOWN, "", call.confidence, call.name, call.confidence, reason)
    return replace(answer, call=unknown, status="unknown", agreement=0.0)
