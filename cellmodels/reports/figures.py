"""Geometry of the maps and the histogram; the templates make SVG of it and escape the text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .colours import confidence_level, confidence_levels
from .composition import Composition

# Shapes: S sampled cells.

WIDTH, HEIGHT, MARGIN = 560, 460, 22
MOST_NAMES = 8  # with more types names would hide the cells: the map bears numbers instead
LINE = 17  # height of a label, in units of the map
LETTER = 7.8  # mean width of a letter of a label
BINS = 20


@dataclass(frozen=True)
class Layer:
    """Dots of one colour, as the data of one SVG path; `hover` names them."""

    path: str
    colour: str
    hover: str


@dataclass(frozen=True)
class Label:
    """Text on a map."""

    text: str
    x: float
    y: float


@dataclass(frozen=True)
class Map:
    """One scatter plot; `numbered` where its labels are the numbers of the types."""

    layers: tuple[Layer, ...]
    labels: tuple[Label, ...]
    numbered: bool
    dot: float
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True)
class Bar:
    """One bar of the histogram: heights and tops in units of the figure."""

    x: float
    width: float
    top: float
    height: float
    colour: str
    hover: str


def place_points(umap_S2: np.ndarray) -> np.ndarray:
    """Whole-number positions on the map; points without coordinates come out as -1."""
    place_S2 = np.full(umap_S2.shape, -1, np.int64)
    drawn_S = np.isfinite(umap_S2).all(axis=1)
    if not drawn_S.any():
        return place_S2
    low, high = umap_S2[drawn_S].min(axis=0), umap_S2[drawn_S].max(axis=0)
    span = np.where(high > low, high - low, 1)
    share = np.where(high > low, (umap_S2[drawn_S] - low) / span, 0.5)
    share[:, 1] = 1 - share[:, 1]
    room = np.array([WIDTH - 2 * MARGIN, HEIGHT - 2 * MARGIN])
    place_S2[drawn_S] = np.round(MARGIN + share * room)
    return place_S2


def type_map(place_S2: np.ndarray, row_S: np.ndarray, composition: Composition) -> Map:
    """The map coloured by cell type; rare types are drawn last, so that they stay in sight."""
    drawn_S = place_S2[:, 0] >= 0
    members = {int(row): place_S2[drawn_S & (row_S == row)] for row in np.unique(row_S[drawn_S])}
    order = sorted(members, key=lambda row: (composition.rows[row].known, -len(members[row])))
    layers = tuple(
        Layer(_dots(members[row]), composition.rows[row].colour, composition.rows[row].name)
        for row in order
    )
    named = [row for row in sorted(members) if composition.rows[row].known]
    full = len(named) <= MOST_NAMES
    labels = []
    for row in named:
        item = composition.rows[row]
        x, y = _middle(members[row])
        labels.append(Label(shorten(item.name, 30) if full else str(item.number), x, y))
    return Map(layers, _part(labels), not full, _dot_size(int(drawn_S.sum())))


def confidence_map(place_S2: np.ndarray, confidence_S: np.ndarray) -> Map:
    """The map coloured by confidence; the least sure cells are drawn last."""
    drawn_S = place_S2[:, 0] >= 0
    level_S = np.array([confidence_level(value) for value in np.nan_to_num(confidence_S)])
    layers = []
    for level, (label, colour) in reversed(list(enumerate(confidence_levels()))):
        chosen_S = drawn_S & (level_S == level)
        if chosen_S.any():
            layers.append(Layer(_dots(place_S2[chosen_S]), colour, f"confidence {label}"))
    return Map(tuple(layers), (), False, _dot_size(int(drawn_S.sum())))


def histogram(confidence: np.ndarray, known: np.ndarray, height: int = 150) -> tuple[Bar, ...]:
    """Cells per step of 0.05 of confidence, answered cells by level and Unknown ones in grey.

    The figure is 100 wide and `height` high; the fullest bar fills it.
    """
    step = np.clip((np.nan_to_num(confidence) * BINS + 1e-6).astype(np.int64), 0, BINS - 1)
    counts = [np.bincount(step[known == kind], minlength=BINS) for kind in (True, False)]
    most = max(int((counts[0] + counts[1]).max()), 1)
    levels = confidence_levels()
    bars = []
    for place in range(BINS):
        base = float(height)
        span = f"{place / BINS:.2f} to {(place + 1) / BINS:.2f}"
        colour = levels[confidence_level(place / BINS + 1e-6)][1]
        for count, fill, what in (
            (int(counts[0][place]), colour, "cells"),
            (int(counts[1][place]), "#A3A8AE", "Unknown cells"),
        ):
            if count:
                size = max(height * count / most, 1.0)
                base -= size
                hover = f"{count:,} {what}, confidence {span}"
                bars.append(
                    Bar(100 / BINS * place + 0.4, 100 / BINS - 0.8, base, size, fill, hover)
                )
    return tuple(bars)


def shorten(text: str, most: int) -> str:
    """The text, cut with an ellipsis where it is longer than `most` letters."""
    return text if len(text) <= most else text[: most - 1].rstrip() + "…"


def _dots(places: np.ndarray) -> str:
    # One path of strokes of no length with round ends: the smallest SVG for many dots.
    return "".join(f"M{x} {y}h.01" for x, y in np.unique(places, axis=0))


def _dot_size(num_points: int) -> float:
    return round(float(np.clip(170 / max(num_points, 1) ** 0.5, 2.2, 8.0)), 1)


def _middle(places: np.ndarray) -> tuple[float, float]:
    # The member nearest the median: a type in two islands is labelled on one, not between them.
    gap = ((places - np.median(places, axis=0)) ** 2).sum(axis=1)
    x, y = places[gap.argmin()]
    return float(x), float(y)


def _part(labels: Sequence[Label]) -> tuple[Label, ...]:
    """The labels moved into the frame and down, until none lies on another."""
    placed: list[Label] = []
    for label in sorted(labels, key=lambda item: item.y):
        half = LETTER * len(label.text) / 2
        x = min(max(label.x, half + 4), max(WIDTH - half - 4, half + 4))
        y = min(max(label.y, LINE), HEIGHT - LINE)
        for other in sorted(placed, key=lambda item: item.y):
            near = abs(x - other.x) < half + LETTER * len(other.text) / 2 + 4
            if near and abs(y - other.y) < LINE:
                y = other.y + LINE
        placed.append(Label(label.text, round(x, 1), round(y, 1)))
    return tuple(placed)
