"""`python -m bioseq_recipes.default_model`: train, calibrate, evaluate and write a model."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from cellmodels.default import DefaultModel
from cellmodels.knowledge import marker_rows

from .calibrate import fit, gather, join
from .export import write_model
from .features import choose_genes
from .heldout import CONDITIONS, fold_of, test_sets
from .library import class_ids, read_cell_sets
from .references import References, read_library
from .report import evaluate_all, write_results
from .train import TrainConfig, train

FOLDS = 3
# Limits that are a choice, not a fit; the temperatures beside them are fitted.
CHOSEN = {"threshold": 0.5, "threshold_list": 0.3, "least_genes": 20, "elsewhere": -3.0}
UNFITTED = {"weights": {"markers": 0.0, "unmeasured": 0.0}, "calibration": {}}


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
            write_model(folder, trained, kept, rows, {"version": "fold", **UNFITTED})
        models.append(folder)
    measured = np.isin(classes, references.obs["cl_id"].unique())
    fitted = calibrate(options.source / "profiles", models, measured)
    settings = model_config(fitted, config)
    for folder in models:
        _rewrite_config(folder, settings)
    if not (options.output / "config.json").exists():
        trained = train(references, rows, genes, cells, config, classes=classes, report=print)
        write_model(options.output, trained, references, rows, settings)
    _rewrite_config(options.output, settings)
    results = evaluate_all(options.source, options.work, options.output, references, models)
    write_results(results, options.work)


def calibrate(profiles: Path, models: list[Path], measured_C: np.ndarray) -> dict:
    """Weights and temperatures from the held-out data sets of all folds."""
    cells, clusters = [], []
    for fold, folder in enumerate(models):
        model = DefaultModel.load(folder)
        for condition in CONDITIONS:
            for test in test_sets(profiles, fold, len(models), condition, per_type=8, seed=1):
                one, many = gather(model, test.adata, test.organism)
                cells.append(one)
                clusters.append(many)
    return fit(join(cells), join(clusters), measured_C)


def model_config(fitted: dict, config: TrainConfig) -> dict:
    """config.json of a model with fitted weights and temperatures."""
    temperatures = {
        name: fitted[name]
        for name in ("temperature_cell", "temperature_cluster", "temperature_list")
    }
    return {
        "version": "1",
        "weights": fitted["weights"],
        "calibration": CHOSEN | temperatures,
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
