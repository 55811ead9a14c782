"""Clusters of an input: the user's own or over-clusters, and one answer for each."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from scipy import sparse

from biosequence.errors import InputError
from cellmodels.stream import CellSource

from .annotator import Background, Groups
from .calibration import probabilities
from .clustering import SKETCH, centres, nearest, over_cluster, sketch_order
from .evidence import evidence, shown_names
from .nodes import kind_of
from .options import AnnotateOptions
from .result import UNKNOWN, Call, ClusterAnswer
from .scoring import Collected, Job
from .voting import vote

# Shapes: B cells, S sampled cells, C classes, F feature genes.

# Sampled cells of each existing cluster, so that a rare one is judged on more than a handful.
PER_CLUSTER = 100
NOT_CLUSTERED = "not clustered"
# Clusters whose dense mean profiles are in memory at once.
AT_ONCE = 512


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
        If there is no such column, it is empty, or every cell would be its own cluster.
    """
    if key not in source.obs.columns:
        near = ", ".join(map(str, source.obs.columns[:8])) or "none"
        msg = f"There is no obs column {key!r}."
        raise InputError(msg, where=source.name, fix=f"Give one of: {near} (--cluster-key).")
    column = source.obs[key]
    if column.isna().all():
        msg = f"Column {key!r} has no value for any cell."
        raise InputError(msg, where=source.name, fix="Give another column (--cluster-key).")
    names = (
        column.astype(object).where(column.notna(), NOT_CLUSTERED).map(_text).to_numpy(dtype=object)
    )
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
    groups = _grouped(clusters)
    where = {gene: column for column, gene in enumerate(genes)}
    background = job.annotator.background(cells.sketch_features)
    total_F = background.mean_F * cells.sketch_features.shape[0]
    nodes = np.array([*job.tree.nodes, ""], dtype=object)
    answers = []
    for start in range(0, len(groups), AT_ONCE):
        batch = groups[start : start + AT_ONCE]
        profiles = _profiles(cells, job, background, [group.sampled for group in batch])
        for group, profile in zip(batch, profiles, strict=True):
            if not len(group.sampled) or not cells.judged_B[group.rows].any():
                answers.append(_unjudged(group.name, len(group.rows)))
                continue
            own = nodes[cells.node_B[group.rows]].tolist()
            answer = vote(
                group.name, own, profile.p_C, job.tree, job.calibration, options.min_confidence
            )
            answer = _outside(answer, profile.similarity, job)
            if answer.call.known:
                rest = max(len(clusters.names_S) - len(group.sampled), 1)
                outside_F = (total_F - profile.mean_F * len(group.sampled)) / rest
                kind = kind_of(answer.call.name, answer.call.cl_id)
                shown, missing = evidence(
                    kind, profile.mean_F, profile.share_F, outside_F, where, organism
                )
                answer = replace(
                    answer,
                    evidence=shown_names(shown, organism),
                    missing=shown_names(missing, organism),
                )
            answers.append(answer)
    return answers


@dataclass(frozen=True)
class _Group:
    name: str
    rows: np.ndarray
    sampled: np.ndarray


def _grouped(clusters: Clusters) -> list[_Group]:
    """Cells and sampled cells of each cluster, the largest cluster first."""
    codes_B, names = pd.factorize(clusters.names_B)
    codes_S = pd.Index(names).get_indexer(clusters.names_S)
    rows, sampled = (_members(codes, len(names)) for codes in (codes_B, codes_S))
    groups = [_Group(*group) for group in zip(names, rows, sampled, strict=True)]
    return sorted(groups, key=lambda group: (-len(group.rows), group.name))


def _members(codes: np.ndarray, count: int) -> list[np.ndarray]:
    sizes = np.bincount(codes, minlength=count)
    return np.split(np.argsort(codes, kind="stable"), np.cumsum(sizes)[:-1])


@dataclass(frozen=True)
class _Profile:
    """A cluster's sampled cells together."""

    mean_F: np.ndarray
    share_F: np.ndarray
    p_C: np.ndarray
    similarity: float


def _profiles(
    cells: Collected, job: Job, background: Background, sampled: list[np.ndarray]
) -> list[_Profile]:
    sizes = np.array([len(members) for members in sampled])
    weights = np.repeat((1 / np.maximum(sizes, 1)).astype(np.float32), sizes)
    indptr = np.concatenate([[0], np.cumsum(sizes)])
    mean_KS = sparse.csr_matrix(
        (weights, np.concatenate(sampled), indptr), shape=(len(sizes), len(cells.sketch_rows))
    )
    features_SF = cells.sketch_features
    seen_SF = sparse.csr_matrix(
        (np.ones(features_SF.nnz, np.float32), features_SF.indices, features_SF.indptr),
        shape=features_SF.shape,
    )
    mean_KF = (mean_KS @ features_SF).toarray()
    share_KF = (mean_KS @ seen_SF).toarray()
    groups = Groups(
        mean_KF,
        mean_KS @ cells.embedding_BD[cells.sketch_rows],
        mean_KS @ cells.sketch_scores,
        background,
    )
    p_KC = probabilities(
        job.annotator.pooled(groups), job.calibration.temperature_cluster, job.log_prior_C
    )
    similarity_K = job.annotator.similarity(groups)
    return [
        _Profile(*profile)
        for profile in zip(mean_KF, share_KF, p_KC, similarity_K.tolist(), strict=True)
    ]


def _unjudged(name: str, size: int) -> ClusterAnswer:
    reason = "low overlap: too few of the model's genes are seen in these cells"
    return ClusterAnswer(name, size, Call(UNKNOWN, "", 0.0, reason=reason), "unknown", 0.0)


def _outside(answer: ClusterAnswer, similarity: float, job: Job) -> ClusterAnswer:
    if not answer.call.known or similarity >= job.calibration.similarity_floor:
        return answer
    call = answer.call
    reason = f"outside the reference: unlike every known type; nearest is {call.name}"
    unknown = Call(UNKNOWN, "", call.confidence, call.name, call.confidence, reason)
    return replace(answer, call=unknown, status="unknown", agreement=0.0)
