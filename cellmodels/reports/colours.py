"""Colours that readers with any colour vision can tell apart."""

from __future__ import annotations

# Hues of Okabe & Ito and of Tol's muted scheme, ordered so that neighbours differ in lightness too.
CATEGORIES = (
    "#0072B2",
    "#E69F00",
    "#009E73",
    "#CC79A7",
    "#56B4E9",
    "#C04F00",
    "#332288",
    "#B5A642",
    "#882255",
    "#44AA99",
    "#DDB27A",
    "#7A5BA8",
)
UNKNOWN_COLOUR = "#A3A8AE"

# Orange to blue: the doubtful end is the conspicuous one.
CONFIDENCE = ((0.5, "#A63603"), (0.7, "#E6842A"), (0.85, "#F0C38E"), (0.95, "#8DB4D2"))
SUREST = "#2B6CA3"

_PALE, _DEEP = (233, 239, 245), (8, 48, 107)


def category_colour(place: int) -> str:
    """Colour of the cell type at `place`; the colours come round again after twelve."""
    return CATEGORIES[place % len(CATEGORIES)]


def confidence_level(confidence: float) -> int:
    """Number of the confidence level, 0 for the least sure."""
    return sum(confidence >= edge for edge, _ in CONFIDENCE)


def confidence_levels() -> list[tuple[str, str]]:
    """Label and colour of each level, least sure first."""
    edges = [edge for edge, _ in CONFIDENCE]
    labels = [f"below {edges[0]:g}"]
    labels += [f"{low:g} to {high:g}" for low, high in zip(edges, edges[1:], strict=False)]
    labels += [f"{edges[-1]:g} and above"]
    return list(zip(labels, [*(colour for _, colour in CONFIDENCE), SUREST], strict=True))


def confidence_colour(confidence: float) -> str:
    """Colour of the level that a confidence falls in."""
    return confidence_levels()[confidence_level(confidence)][1]


def expression_colour(share: float) -> str:
    """From pale to deep blue as `share` goes from 0 to 1."""
    share = min(max(share, 0.0), 1.0)
    mixed = (round(pale + share * (deep - pale)) for pale, deep in zip(_PALE, _DEEP, strict=True))
    return "#" + "".join(f"{value:02X}" for value in mixed)
