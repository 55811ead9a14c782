"""The scale of the published marker lists, read out of their table."""

from __future__ import annotations

import pandas as pd
import pytest
from bioseq_recipes.default_model.agreement import METHODS, Scale

MACROPHAGE, KUPFFER, MONOCYTE, CDC = "CL:0000235", "CL:0000091", "CL:0000576", "CL:0000451"
HEPATOCYTE, GOBLET, FIBROBLAST = "CL:0000182", "CL:0000160", "CL:0000057"


def rows() -> pd.DataFrame:
    """Two labels and one method's answers; the other methods said nothing."""
    table = [
        (MACROPHAGE, "macrophage/monocyte", CDC, "dendritic cell", "0.5"),
        (HEPATOCYTE, "epithelial cell", GOBLET, "epithelial cell", "0.5"),
        (FIBROBLAST, "fibroblast", MONOCYTE, "macrophage/monocyte", "0"),
    ]
    found = []
    for truth, broad, answer, answer_broad, agreement in table:
        row = {"manual_annotation": "", "manual_CLID": truth, "manual_broadtype": broad}
        for method in METHODS:
            given = (answer, answer_broad, agreement) if method == METHODS[0] else ("", "", "")
            row[f"{method}_annotation"] = ""
            names = (f"{method}_CLID", f"{method}_broadtype", f"{method}_agreement")
            row |= dict(zip(names, given, strict=True))
        found.append(row)
    return pd.DataFrame(found)


@pytest.mark.parametrize(
    ("answer", "score"),
    [
        (MACROPHAGE, 1.0),
        (KUPFFER, 1.0),  # finer than the label
        (MONOCYTE, 0.5),  # the same broad type
        (CDC, 0.5),  # a related one
        (HEPATOCYTE, 0.0),
        ("", 0.0),
    ],
)
def test_an_answer_is_graded_by_identity_then_by_broad_type(answer: str, score: float) -> None:
    assert Scale.of(rows()).score(answer, rows().to_dict("records")[0]) == score


def test_a_subtype_has_the_broad_type_of_its_nearest_ancestor() -> None:
    scale = Scale.of(rows())
    assert scale.broad_types(KUPFFER) == {"macrophage/monocyte"}
    assert scale.broad_types("CL:0000540") == frozenset()


def test_a_label_without_an_id_can_earn_a_half() -> None:
    scale, label = Scale.of(rows()), {"manual_annotation": "Goblet cells", "manual_CLID": ""}
    assert scale.score(HEPATOCYTE, {**label, "manual_broadtype": "epithelial cell"}) == 0.5
    assert scale.score(HEPATOCYTE, {**label, "manual_broadtype": "fibroblast"}) == 0.0
    assert scale.score(GOBLET, {**label, "manual_broadtype": "fibroblast"}) == 1.0  # by name


def test_published_answers_are_graded_on_the_published_scale(shared) -> None:
    """On 750 published answers; ours differs only where it counts a finer answer as right."""
    path = shared / "data/knowledge/marker_lists_dev.csv.gz"
    frame = pd.read_csv(path, keep_default_na=False, dtype=str)
    scale = Scale.of(frame)
    for method in METHODS:
        for row in frame.to_dict("records"):
            published, ours = row[f"{method}_agreement"], scale.published_score(row, method)
            if published in ("0.5", "1.0"):
                assert ours >= float(published), row
            elif published == "0.0":
                # A finer answer may have another broad type than the label.
                assert ours in (0.0, 1.0), row
