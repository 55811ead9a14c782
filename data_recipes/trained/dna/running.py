"""The jobs of the experiment, each done once: what is finished in the output is not done again."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from biosequence.atomic import atomic_path
from biosequence.errors import InputError
from biosequence.evaluation.tables import read_split
from biosequence.inference import load_model
from biosequence.training import Recipe, train

from .language import frequency_perplexity, masked_perplexity, token_strand_error
from .plan import Finetuning, Model, finetuning_recipe, finetunings, models, pretraining_recipe
from .promoters import judge_baselines, judge_model

Job = Callable[[], Any]


class Experiment:
    """Everything that the experiment does, in an output folder.

    Parameters
    ----------
    plan
        As :func:`~bioseq_recipes.trained.dna.plan.read_plan` gives it.
    output
        Folder of the data, the runs and the answers.

    Raises
    ------
    InputError
        The folder holds an experiment of another plan.
    """

    def __init__(self, plan: Mapping[str, Any], output: Path) -> None:
        self.plan = plan
        self.output = output
        self.data = output / "data"
        text = json.dumps(plan, indent=2) + "\n"
        kept = output / "plan.json"
        if not kept.is_file():
            _write(kept, text)
        elif kept.read_text(encoding="utf-8") != text:
            raise InputError(
                "The output folder holds an experiment of another plan.",
                where=str(kept),
                fix="Name a new folder with --output.",
            )

    def jobs(self) -> dict[str, Job]:
        """All jobs by name, in the order in which they are done.

        Whatever is finished when a run is killed compares like with like: a seed at a time.
        """
        found: dict[str, Job] = {
            model.name: lambda model=model: self._pretrain(model) for model in models(self.plan)
        }
        found["frequencies"] = self._frequencies
        found["baselines"] = self._baselines
        whole = bool(self.plan["baselines"]["whole_epochs"])
        if whole:
            found["baselines-whole-kmer"] = lambda: self._baselines_of_all("kmer")
        for run in finetunings(self.plan):
            found[run.name] = lambda run=run: self._finetune(run)
        if whole:
            found["baselines-whole-cnn"] = lambda: self._baselines_of_all("cnn")
        return found

    def do(self, name: str) -> Any:
        """The answer of a job; it is worked out where it is not there yet."""
        path = self._answer(name)
        if not path.is_file():
            # Machines that are shared say little by the clock: the processor's time is noted too.
            before = time.process_time()
            found = self.jobs()[name]()
            if isinstance(found, dict):
                found["processor_seconds"] = time.process_time() - before
            _write(path, json.dumps(found, indent=2) + "\n")
        return json.loads(path.read_text(encoding="utf-8"))

    def finished(self) -> dict[str, Any]:
        """Answers of the jobs that are done."""
        return {
            name: json.loads(self._answer(name).read_text(encoding="utf-8"))
            for name in self.jobs()
            if self._answer(name).is_file()
        }

    def run_folder(self, name: str) -> Path:
        """Where the training of that name is."""
        return self.output / "runs" / name

    def _answer(self, name: str) -> Path:
        return self.output / "answers" / f"{name}.json"

    def _pretrain(self, model: Model) -> dict[str, Any]:
        genomes = self.data / "genomes"
        found = self._train(
            pretraining_recipe(self.plan, model, genomes, self.run_folder(model.name))
        )
        loaded = load_model(self.run_folder(model.name) / "model", device="cpu")
        length = self.plan["pretrain"]["run"]["length"]
        return found | {
            "held out": masked_perplexity(loaded, genomes, length),
            "strand error": token_strand_error(loaded, genomes, length),
        }

    def _finetune(self, run: Finetuning) -> dict[str, Any]:
        rows, start = self.data / "rows", self.run_folder(run.model.name) / "model"
        found = self._train(
            finetuning_recipe(self.plan, run, rows, self.run_folder(run.name), start)
        )
        loaded = load_model(self.run_folder(run.name) / "model", device="cpu")
        return found | judge_model(loaded, rows)

    def _frequencies(self) -> dict[str, float]:
        length = self.plan["pretrain"]["run"]["length"]
        return {"perplexity": frequency_perplexity(self.data / "genomes", length)}

    def _baselines(self) -> dict[str, Any]:
        rows = self.data / "rows"
        return {
            "table": judge_baselines(
                read_split(rows, "train"),
                read_split(rows, "test"),
                epochs=self.plan["baselines"]["epochs"],
                seeds=self.plan["seeds"]["baselines"],
            )
        }

    def _baselines_of_all(self, method: str) -> dict[str, Any]:
        return {
            "table": judge_baselines(
                read_split(self.data / "promoters", "train"),
                read_split(self.data / "rows", "test"),
                epochs=self.plan["baselines"]["whole_epochs"],
                seeds=self.plan["seeds"]["baselines"][:1],
                strands=(False,),
                methods=(method,),
            )
        }

    def _train(self, recipe: Recipe) -> dict[str, Any]:
        summary = train(recipe, resume=True)
        return {
            "parameters": summary.parameters,
            "steps": summary.steps,
            "tokens": summary.tokens,
            "seconds": summary.seconds,
            "loss": summary.loss,
            "validation_loss": summary.validation_loss,
        }


def _write(path: Path, text: str) -> None:
    with atomic_path(path) as partial:
        partial.write_text(text, encoding="utf-8")
