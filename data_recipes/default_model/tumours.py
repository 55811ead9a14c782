"""Malignant cells made of a healthy profile, as far as a mean profile lets them be made."""

from __future__ import annotations

import numpy as np

# Share of the way back to the mean of the organ: what a carcinoma loses of its cell of origin.
LOST_IDENTITY = 0.35
# Copy numbers of a segment, and how often: most of the genome stays at two.
COPIES = (1, 2, 3, 4)
CHANCES = (0.18, 0.54, 0.2, 0.08)
# About one a chromosome arm.
SEGMENTS = 40
# Genes of dividing cells (S and G2/M phase), raised in every clone.
DIVIDING = (
    "MKI67", "TOP2A", "CCNB1", "CDK1", "UBE2C", "BIRC5", "PCNA", "MCM2", "MCM5", "TYMS",
    "RRM2", "TUBA1B", "STMN1", "HMGB2", "CENPF", "NUSAP1", "TPX2", "CCNA2",
)  # fmt: skip
DIVIDING_LEVEL = 4.0


def clone(
    linear_G: np.ndarray, organ_G: np.ndarray, names: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Linear profile [G] of a clone that grew from a cell of profile `linear_G`.

    In order: lost identity (shrunk in log space towards the organ's mean `organ_G`), gains and
    losses of whole segments of genes, and genes of dividing cells raised. Segments are random sets
    of genes: which genes are neighbours does not matter to a method that knows no positions.
    """
    log_G = np.log1p(linear_G) * (1 - LOST_IDENTITY) + np.log1p(organ_G) * LOST_IDENTITY
    copies = rng.choice(COPIES, SEGMENTS, p=CHANCES) / 2
    clone_G = np.expm1(log_G) * copies[rng.integers(0, SEGMENTS, len(linear_G))]
    dividing_G = np.isin(np.char.upper(names.astype(str)), DIVIDING)
    clone_G[dividing_G] = np.maximum(clone_G[dividing_G], DIVIDING_LEVEL)
    return (clone_G / clone_G.sum() * linear_G.sum()).astype(np.float32)
