"""How well a LangCell names cells of studies, and of whole types, that it has not seen."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from cellmodels.ontology import cell_ontology

from ..default_model.calibrate import right_classes
from ..default_model.evaluate import Row, calibration_error, evaluate_fold, summary
from ..default_model.export import class_tissues
from ..default_model.heldout import CONDITIONS
from .holdout import is_held
from .sources import FOLDS, read_sources, without_fold

METHOD = "LangCell"


def write_classes(folder: Path, source: Path) -> None:
    """Write the types that a model is asked for by default, with where each lives: classes.tsv."""
    sources = read_sources(source)
    places = class_tissues(sources.classes, sources.references, sources.rows)
    ontology = cell_ontology()
    lines = ["cl_id\tname\ttissues"]
    lines += [
        f"{term}\t{ontology.name(term)}\t{','.join(tissues)}"
        for term, tissues in zip(sources.classes, places, strict=True)
    ]
    (folder / "classes.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")


def evaluate(
    source: Path, model: Path, fold: int, conditions: Sequence[str] = ("10x",)
) -> tuple[list[Row], pd.DataFrame]:
    """Rows of LangCell and of the baselines on a fold, and the confidences of LangCell.

    Parameters
    ----------
    source
        Folder with profiles/ and sc/.
    model
        Trained without the fold, and without the held-out types.
    fold
        Whose data sets are asked about.
    conditions
        Names of conditions of the protocol.
    """
    references = without_fold(read_sources(source), fold).references
    rows: list[Row] = []
    curves = []
    for condition in CONDITIONS:
        if condition.name in conditions:
            place = (source / "profiles", model, references, fold, FOLDS, condition)
            found, curve = evaluate_fold(*place, method="langcell", called=METHOD)
            rows += found
            curves.append(curve.assign(condition=condition.name))
    return rows, pd.concat(curves)


def tables(rows: Sequence[Row], classes: Sequence[str]) -> pd.DataFrame:
    """Accuracy of each method on types that were trained on and on types that were held out.

    `chance` is the share of a uniform guess among the candidates that is exact.
    """
    parts = []
    for name, held in (("seen", False), ("unseen", True)):
        some = [row for row in rows if is_held(row.cl_id) is held]
        if some:
            right = right_classes([row.cl_id for row in some], classes).mean()
            found = summary(some, ("condition", "organism", "method"))
            parts.append(found.assign(types_are=name, chance=right))
    return pd.concat(parts)


def main(arguments: Sequence[str] | None = None) -> None:
    """Ask a model about its fold and write the answers beside it."""
    parser = argparse.ArgumentParser(
        prog="python -m bioseq_recipes.langcell.evaluate", description=__doc__
    )
    parser.add_argument("--source", type=Path, required=True, help="folder with profiles/ and sc/")
    parser.add_argument("--output", type=Path, required=True, help="folder of the recipe's run")
    parser.add_argument("--fold", type=int, choices=range(FOLDS), required=True)
    parser.add_argument("--condition", action="append", help="of the protocol; default 10x")
    options = parser.parse_args(arguments)
    model = options.output / "run" / "model"
    write_classes(model, options.source)
    rows, curve = evaluate(
        options.source, model, options.fold, tuple(options.condition or ("10x",))
    )
    found = tables(rows, read_sources(options.source).classes)
    print(found.to_string(index=False))
    print(f"calibration error {calibration_error(curve):.3f}")
    answers = {
        "rows": [vars(row) for row in rows],
        "calibration_error": calibration_error(curve),
    }
    path = options.output / "answers.json"
    path.write_text(json.dumps(answers, indent=1) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
