"""`python -m bioseq_recipes.trained.protein`: data, two models, what they are worth, one page."""

from __future__ import annotations

import argparse
import dataclasses
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from biosequence.inference import load_model

from .assay import prepare_assay
from .families import prepare_families
from .measures import COPY, NGRAM, Measures
from .report import write_results
from .settings import FULL, MODELS, QUICK, Settings
from .training import STAGES, train_model


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the experiment, or what of it is not done yet."""
    parser = argparse.ArgumentParser(
        prog="python -m bioseq_recipes.trained.protein", description=__doc__
    )
    parser.add_argument(
        "--source", type=Path, required=True, help="folder with the files of proteins"
    )
    parser.add_argument("--output", type=Path, required=True, help="folder for everything made")
    parser.add_argument("--quick", action="store_true", help="tiny models, to see that it runs")
    options = parser.parse_args(arguments)
    settings = QUICK if options.quick else FULL
    results = run(options.source, options.output, settings)
    quick = " --quick" if options.quick else ""
    command = f"python -m bioseq_recipes.trained.protein --source DIR --output DIR{quick}"
    write_results(options.output, results | {"command": command})
    print(f"results: {options.output / 'results.md'}", flush=True)


def run(source: Path, output: Path, settings: Settings) -> dict[str, Any]:
    """All results of the experiment in a folder; what lies there already is not made again."""
    families = prepare_families(source, output / "data", settings)
    assay = prepare_assay(source, output / "data" / "assay")
    print("data:", json.dumps(families["counts"]), flush=True)
    models = []
    for name in MODELS:
        for stage, summary in zip(STAGES, train_model(name, output, settings), strict=True):
            print(f"{name}, {stage}: loss {summary.loss:.3f}", flush=True)
            models.append(
                {
                    "model": name,
                    "stage": stage,
                    "parameters": summary.parameters,
                    "steps": summary.steps,
                    "tokens": summary.tokens,
                    "seconds": summary.seconds,
                    "loss": summary.loss,
                    "validation_loss": summary.validation_loss,
                }
            )
    measures = Measures(output, settings)
    rows: dict[str, list[Any]] = {"in_context": [], "assay": [], "infill": []}
    for name in MODELS:
        loaded = load_model(output / "models" / name / "model", device="cpu")
        rows["in_context"] += measures.in_context(name, loaded)
        rows["infill"] += measures.infill(name, loaded)
        for method in ("likelihood", "fill"):
            rows["assay"] += measures.assay(name, loaded, method=method)
        print(f"{name}: measured", flush=True)
    rows["in_context"] += measures.in_context(NGRAM, None)
    rows["infill"] += measures.infill(COPY, None)
    rows["assay"] += measures.assay("", None)
    order = [row["set"] for row in rows["in_context"]]
    rows["in_context"].sort(key=lambda row: (order.index(row["set"]), row["before"]))
    return {
        "settings": dataclasses.asdict(settings),
        "data": {**families, "assay": assay},
        "models": models,
        **rows,
    }


if __name__ == "__main__":
    main()
