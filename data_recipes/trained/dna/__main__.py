"""`python -m bioseq_recipes.trained.dna`: data, models, tables and curves from two files."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from pathlib import Path
from typing import Any

from biosequence.atomic import atomic_path
from biosequence.errors import BioseqError
from biosequence.provenance import package_versions

from .data import prepare_data
from .figure import draw_curves
from .plan import read_plan
from .report import markdown, pretraining_rows, promoter_rows
from .running import Experiment


def main(arguments: list[str] | None = None) -> None:
    """Do what is not done yet; the tables are written after every job, the curves at the end."""
    parser = argparse.ArgumentParser(prog="python -m bioseq_recipes.trained.dna")
    parser.add_argument(
        "--source", type=Path, required=True,
        help="folder with dna_genomes.fa.gz and dna_promoter_251bp.csv.gz",
    )  # fmt: skip
    parser.add_argument("--output", type=Path, required=True, help="folder of the experiment")
    parser.add_argument("--quick", action="store_true", help="everything small: a minute")
    options = parser.parse_args(arguments)
    experiment = Experiment(read_plan(quick=options.quick), options.output)
    counts = prepare_data(options.source, experiment.data, experiment.plan["data"])
    command = f"{parser.prog} --source DIR --output DIR{' --quick' if options.quick else ''}"
    for name in experiment.jobs():
        if name not in experiment.finished():
            print(name, flush=True)
            experiment.do(name)
            write_results(experiment, counts, command)
    results = write_results(experiment, counts, command)
    draw_curves(
        experiment.plan,
        experiment.run_folder,
        results["promoters"],
        experiment.output / "curves.png",
    )


def write_results(experiment: Experiment, counts: dict[str, Any], command: str) -> dict[str, Any]:
    """Write results.json and results.md of what is finished, and return what is in the first."""
    answers, plan = experiment.finished(), experiment.plan
    minutes = sum(one["processor_seconds"] for one in answers.values()) / 60
    results = {
        "command": command,
        "machine": f"one core of {platform.machine()}, {platform.system()}",
        "versions": package_versions(),
        "plan": plan,
        "counts": counts,
        "processor_minutes": minutes,
        "frequencies": answers.get("frequencies", {}).get("perplexity"),
        "pretraining": pretraining_rows(plan, answers),
        "promoters": promoter_rows(plan, answers),
        "answers": answers,
    }
    _write(experiment.output / "results.json", json.dumps(results, indent=2) + "\n")
    draw_curves(plan, experiment.run_folder, results["promoters"], experiment.output / "curves.png")
    if results["frequencies"] is not None:
        _write(experiment.output / "results.md", markdown(plan, results))
    return results


def _write(path: Path, text: str) -> None:
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    try:
        main()
    except BioseqError as error:
        sys.exit(str(error))
