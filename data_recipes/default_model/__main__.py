"""`python -m bioseq_recipes.default_model`: train, calibrate, evaluate and write a model."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pandas as pd

from cellmodels.default import DefaultModel
from cellmodels.knowledge import marker_rows

from .calibrate import fit_temperature, gather, join, stated_confidence
from .evaluate import evaluate_fold
from .export import write_model
from .features import choose_genes
from .heldout import CONDITIONS, fold_of, test_sets
from .library import class_ids, read_cell_sets
from .references import References, read_library
from .report import evaluate_all, held_lists, write_results
from .train import TrainConfig, train

FOLDS = 3
# Chosen among a few values on held-out pseudo-cells and held-out labelled cells, common to all
# types; the temperature of single cells and the worth of a probability are fitted.
WEIGHTS = {"markers": 45.0, "contrast": 12.0}
CHOSEN = {
    "temperature_cluster": 2.0,
    "temperature_list": 1.0,
    "threshold": 0.5,
    "threshold_list": 0.2,
    "least_genes": 20,
    "elsewhere": -3.0,
}
# Seed of the cells that the calibration sees; those that are reported have another.
CALIBRATION_SEED = 1


def main(arguments: list[str] | None = None) -> None:
    """Run the recipe; fold models that lie in --work are not trained again."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, required=True, help="folder with profiles/ and sc/")
    parser.add_argument("--output", type=Path, required=True, help="folder for the model")
    parser.add_argument(
        "--work", type=Path, required=True, help="folder for fold models and results"
    )
    parser.add_argument("--pools", type=int, default=TrainConfig().pools)
    options = parser.parse_args(arguments)
    references = read_library(options.source / "profiles")
    rows = marker_rows()
    genes = choose_genes(references, rows)
    cells = read_cell_sets(options.source / "sc", genes)
    classes = class_ids(references, rows)
    config = TrainConfig(pools=options.pools)
    held = references.obs["dataset"].map(lambda name: fold_of(name, FOLDS)).to_numpy()
    models = []
    for fold in range(FOLDS):
        folder = options.work / f"fold{fold}"
        if not (folder / "config.json").exists():
            kept = References(
                references.linear_RG[held != fold],
                references.genes,
                references.obs[held != fold].reset_index(drop=True),
            )
            used = [one for place, one in enumerate(cells) if place % FOLDS != fold]
            print(f"fold {fold}: {len(kept.obs)} references, {len(used)} cell sets", flush=True)
            trained = train(kept, rows, genes, used, config, classes=classes, report=print)
            write_model(
                folder,
                trained,
                kept,
                rows,
                {"version": "fold", "weights": WEIGHTS, "calibration": CHOSEN},
            )
        models.append(folder)
    for folder in models:
        _rewrite_config(folder, model_config({}, config))
    fitted, curves = calibrate(options.source / "profiles", models, references)
    settings = model_config(fitted, config)
    for folder in models:
        # The models that are graded tell their computed probabilities: what these are worth is
        # read off other data sets in the report.
        plain = {name: value for name, value in fitted.items() if not name.startswith("stated")}
        _rewrite_config(folder, model_config(plain, config))
    if not (options.output / "config.json").exists():
        trained = train(references, rows, genes, cells, config, classes=classes, report=print)
        write_model(options.output, trained, references, rows, settings)
    _rewrite_config(options.output, settings)
    results = evaluate_all(options.source, options.output, references, models, curves)
    write_results(results, options.work)


def calibrate(
    profiles: Path, models: list[Path], references: References
) -> tuple[dict, pd.DataFrame]:
    """Temperature of cells and worth of probabilities, from the held-out data sets of all folds.

    Returns
    -------
    fitted
        Entries of a model's calibration.
    curve
        The answers that they were fitted on: dataset, confidence, known and holds.
    """
    cells, curves = [], []
    for fold, folder in enumerate(models):
        model = DefaultModel.load(folder)
        for condition in CONDITIONS:
            seed = CALIBRATION_SEED
            for test in test_sets(profiles, fold, len(models), condition, per_type=8, seed=seed):
                cells.append(gather(model, test.adata, test.organism)[0])
            place = (profiles, folder, references, fold, len(models))
            curves.append(evaluate_fold(*place, condition, baselines=False, seed=seed)[1])
    curve = pd.concat(curves)
    fitted = {
        "temperature_cell": fit_temperature(join(cells), WEIGHTS["markers"]),
        "stated": stated_confidence(curve),
        "stated_list": stated_confidence(held_lists(profiles, models)),
    }
    return fitted, curve


def model_config(fitted: dict, config: TrainConfig) -> dict:
    """config.json of a model with its weights and its calibration."""
    return {
        "version": "1",
        "weights": WEIGHTS,
        "calibration": CHOSEN | fitted,
        "calibration_markers": CHOSEN | {"temperature_cell": 1.0, "temperature_cluster": 1.0},
        "training": {
            "pools": config.pools,
            "epochs": config.epochs,
            "pool": config.pool,
            "seed": config.seed,
        },
    }


def _rewrite_config(folder: Path, settings: dict) -> None:
    path = folder / "config.json"
    sha256 = json.loads(path.read_text())["sha256"]
    path.write_text(json.dumps({**settings, "sha256": sha256}, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
