"""The whole study: data, training, held-out likelihood, molecules, tables; goes on where it is."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from biosequence.atomic import atomic_path
from biosequence.evaluation.models import open_model, written_molecules

from ...corpora.pool import all_cores
from .corpus import SPLITS, prepare, watched
from .demo import show, write_demo
from .judging import held_out, judge, write_scaffolds
from .plan import Plan
from .report import write_report
from .training import Trained, train_contender


def run_study(plan: Plan, source: Path, output: Path, *, workers: int | None = None) -> Path:
    """Do what of the study is not done yet; the path of its results.

    Parameters
    ----------
    plan
        What to do.
    source
        Folder with the file of molecules.
    output
        Folder of everything: `data`, a folder for each model, `demo`, `results.json`,
        `results.md` and `curves.png`.
    workers
        Processes that read molecules; None: one for each core.
    """
    workers = workers or all_cores()
    data = output / "data"
    manifest = prepare(source, data, workers=workers)
    watched(data / "validation", data / "watched", count=plan.watched, seed=plan.seed)
    trained = [train_contender(plan, one, data, output / one.name) for one in plan.contenders]
    scaffolds = write_scaffolds(data / "train", output / "train_scaffolds.txt", workers=workers)
    results: dict[str, Any] = {
        "corpus": {
            "recipe": manifest["recipe"],
            "licence": manifest["licence"],
            "sources": manifest["sources"],
            "counts": {split: manifest["counts"][split] for split in SPLITS},
        },
        "models": [_judged(plan, one, data, scaffolds, output) for one in trained],
    }
    first = trained[0].summary.model
    shown = _kept(output / plan.contenders[0].name / "shown.json", lambda: show(plan, first))
    write_demo(first, results["models"][0] | {"shown": shown}, results["corpus"], output / "demo")
    return write_report(plan, results, trained, output)


def _judged(
    plan: Plan, trained: Trained, data: Path, scaffolds: Path, output: Path
) -> dict[str, Any]:
    """Everything that is told of a model; each part is kept in a file of its own."""
    folder = output / trained.contender.name
    summary = trained.summary
    return {
        "name": trained.contender.name,
        "title": trained.contender.title,
        "type": trained.contender.type,
        "config": trained.contender.config,
        "parameters": summary.parameters,
        "learning_rate": trained.rate,
        "trials": {f"{rate:g}": loss for rate, loss in trained.trials.items()},
        "steps": summary.steps,
        "tokens": summary.tokens,
        "training_seconds": summary.seconds,
        "tokens_per_second": summary.tokens_per_second,
        "validation_loss": summary.validation_loss,
        "held_out": _kept(folder / "held_out.json", lambda: _scored(summary.model, data / "test")),
        "molecules": _kept(
            folder / "molecules.json",
            lambda: judge(
                _written(plan, summary.model, folder / "samples.smi"),
                data / "train",
                scaffolds,
                data / "test",
                compared=plan.compared,
            ),
        ),
    }


def _scored(model: Path, test: Path) -> dict[str, Any]:
    began = time.perf_counter()
    found = held_out(open_model(model, device="cpu"), test)
    return {**found, "seconds": time.perf_counter() - began}


def _written(plan: Plan, model: Path, path: Path) -> list[str]:
    if not path.is_file():
        loaded = open_model(model, device="cpu")
        written = written_molecules(
            loaded, plan.samples, seed=plan.seed, batch_size=plan.drawn_at_once
        )
        with atomic_path(path) as partial:
            partial.write_text("".join(f"{one}\n" for one in written), encoding="ascii")
    return path.read_text(encoding="ascii").split("\n")[:-1]


def _kept(path: Path, make: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """What a file holds; it is made where it is not there."""
    if not path.is_file():
        found = make()
        with atomic_path(path) as partial:
            partial.write_text(json.dumps(found, indent=2) + "\n", encoding="utf-8")
    return json.loads(path.read_text(encoding="utf-8"))
