"""Pseudo-cells: what a cell of a known type would look like on some platform, at some depth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

PLATFORMS = 32


@dataclass(frozen=True, kw_only=True)
class Noise:
    """Ranges that each pseudo-cell draws its own values from (uniform; depth log-uniform)."""

    depth: tuple[float, float] = (400.0, 40_000.0)
    platform_sigma: tuple[float, float] = (0.15, 0.9)
    ambient: tuple[float, float] = (0.0, 0.15)
    mix_share: float = 0.6
    marker_share: float = 0.35
    marker_keep: float = 0.6


@dataclass(frozen=True)
class Stock:
    """Linear profiles with a class each, and what surrounds them.

    Attributes
    ----------
    linear_SF
        Profiles in CP10k of the whole transcriptome, in feature space.
    class_S
        Index of the label of each profile among the targets.
    ambient_SF
        Row of `ambient` that belongs to each profile (its data set's mean).
    lift_SF
        Marker levels of the profile's class (log1p CP10k), zeros where none are known.
    silent_SF
        Genes that speak against the class.
    measured_S
        False for profiles made from markers alone.
    """

    linear_SF: np.ndarray
    class_S: np.ndarray
    ambient_SF: np.ndarray
    lift_SF: np.ndarray
    silent_SF: np.ndarray
    measured_S: np.ndarray


def draw(stock: Stock, chosen: np.ndarray, rng: np.random.Generator, noise: Noise) -> np.ndarray:
    """log1p(CP10k) of one pseudo-cell for each chosen profile, float32 [N, F].

    In order: mixing with a sibling profile of the same class, raised markers, ambient RNA,
    gene-wise platform effects, Poisson counts at the cell's depth.
    """
    n, f = len(chosen), stock.linear_SF.shape[1]
    uniform = rng.random((n, 6), dtype=np.float32)
    linear = stock.linear_SF[chosen]
    partner = _siblings(stock.class_S, chosen, rng)
    share = np.where(uniform[:, :1] < noise.mix_share, uniform[:, 1:2], 0.0).astype(np.float32)
    linear = linear * (1 - share) + stock.linear_SF[partner] * share

    boosted = uniform[:, 2] < noise.marker_share
    if boosted.any():
        keep = rng.random((int(boosted.sum()), f), dtype=np.float32) < noise.marker_keep
        level = stock.lift_SF[chosen[boosted]] * keep
        level *= rng.uniform(0.6, 1.1, (len(level), 1)).astype(np.float32)
        raised = np.maximum(np.log1p(linear[boosted]), level)
        raised[stock.silent_SF[chosen[boosted]] & keep] = 0.0
        linear[boosted] = np.expm1(raised)

    low, high = noise.ambient
    ambient = low + (high - low) * uniform[:, 3:4] ** 2
    linear = linear * (1 - ambient) + stock.ambient_SF[chosen] * ambient
    low, high = noise.platform_sigma
    sigma = low + (high - low) * uniform[:, 4:5]
    # Half of the effect is the platform's own, shared by its cells; half is the cell's.
    platforms = rng.standard_normal((PLATFORMS, f), dtype=np.float32)
    own = rng.standard_normal((n, f), dtype=np.float32)
    linear *= np.exp(sigma * (0.7 * platforms[rng.integers(0, PLATFORMS, n)] + 0.7 * own))
    low, high = map(float, np.log(noise.depth))
    depth = np.exp(low + (high - low) * uniform[:, 5:6])
    counts = rng.poisson(np.minimum(linear * (depth / 10_000.0), 1e6)).astype(np.float32)
    return np.log1p(counts * (10_000.0 / depth))


def marker_lists(
    log_SF: np.ndarray, background_SF: np.ndarray, rng: np.random.Generator, *, longest: int = 30
) -> np.ndarray:
    """Top genes of noisy differential expression, as a marker table: weights fall with rank."""
    n, f = log_SF.shape
    noisy = log_SF - background_SF
    # Some pipelines rank by effect, others by test statistic, which favours abundant genes.
    favour = rng.uniform(0.0, 0.6, (n, 1)).astype(np.float32)
    noisy = noisy + favour * log_SF + 0.5 * rng.standard_normal((n, f), dtype=np.float32)
    noisy[log_SF <= 0.1] = -np.inf
    lengths = rng.integers(5, longest + 1, n)
    out = np.zeros((n, f), np.float32)
    top = np.argpartition(-noisy, longest, axis=1)[:, :longest]
    for row in range(n):
        order = top[row][np.argsort(-noisy[row, top[row]])][: lengths[row]]
        out[row, order] = rank_weights(len(order))
    return out


def rank_weights(count: int) -> np.ndarray:
    """Weights of a ranked gene list: 1 for the first, falling to 0.5 for the last."""
    return np.linspace(1.0, 0.5, count, dtype=np.float32)


def _siblings(class_S: np.ndarray, chosen: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Another profile with the same label for each chosen one (possibly itself)."""
    order = np.argsort(class_S, kind="stable")
    sorted_class = class_S[order]
    first = np.searchsorted(sorted_class, class_S[chosen], "left")
    last = np.searchsorted(sorted_class, class_S[chosen], "right")
    return order[first + (rng.random(len(chosen)) * (last - first)).astype(int)]
