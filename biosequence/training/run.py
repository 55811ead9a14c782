"""A training run from recipe to model, from the beginning or from where it stopped."""

from __future__ import annotations

import dataclasses
import gc
import shutil
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..device import resolve_device
from ..errors import UsageError
from .checkpoints import checkpoint_path, checkpoint_steps
from .deepspeed_presets import deepspeed_settings, preset_names
from .launching import Launch, current_launch, forget_deepspeed
from .quiet import quiet_libraries
from .recipe import load_recipe, recipe_from_values, recipe_values, stages
from .recipe_tables import Recipe
from .run_folder import RunFolder
from .run_state import RunState
from .spikes import LossSpikeError
from .summary import TrainSummary, summarise


def train(
    recipe: Recipe | str | Path,
    *,
    resume: bool = False,
    deepspeed: str | Path | None = None,
    overrides: Sequence[str] = (),
) -> TrainSummary:
    """Train a model as a recipe says; every rank of a launcher calls this.

    Parameters
    ----------
    recipe
        A recipe, or the path of one.
    resume
        Go on with the run in the output folder; a finished one is left as it is.
    deepspeed
        A preset's name or a JSON file, over the recipe's.
    overrides
        Changes such as ``"run.steps=100"``.

    Raises
    ------
    UsageError
        The recipe is wrong, or is not that of the run to go on with.
    InputError
        Data cannot be read, the folder is in use, or the disk is full.
    ModelError
        The model cannot be built, does not fit the tokenizer, or its loss is no number.
    """
    chosen = _resolved(recipe, overrides, deepspeed)
    launch = current_launch()
    folder = RunFolder(chosen.output)
    # The others must not see what the first is about to write.
    if launch.main:
        folder.check(chosen, resume=resume)
    device = resolve_device(chosen.run.device).name
    with quiet_libraries(cpu=device == "cpu"):
        return _Run(chosen, folder, launch, device=device, resume=resume).go()


class _Run:
    """What stays the same when a run goes back to an earlier checkpoint."""

    def __init__(
        self, recipe: Recipe, folder: RunFolder, launch: Launch, *, device: str, resume: bool
    ) -> None:
        from .model_building import build_config, build_tokenizer
        from .objectives import objective_from_settings

        self.folder, self.launch, self.device = folder, launch, device
        self.step = folder.last_step() if resume else 0
        self.state = self._state(self.step)
        self.recipe = self._same_batch(recipe)
        values = recipe_values(self.recipe)
        self.objective = objective_from_settings(values["objective"], _given(values["data"]))
        self.tokenizer = build_tokenizer(self.recipe, self.objective)
        self.config = build_config(self.recipe, self.objective, self.tokenizer)
        self.datasets = self.objective.datasets(
            self.tokenizer, stages(self.recipe)[0].length, self.recipe.seed
        )
        # Curves of all stages are to be of the same data.
        resize = getattr(self.datasets.validation, "set_length", None)
        if resize is not None:
            resize(self.recipe.run.length)
        if self.recipe.run.patience and self.datasets.validation is None:
            raise UsageError(
                "There are no validation data for run.patience to watch.",
                where="[data]",
                fix="Add validation = ..., or leave patience out.",
            )
        self.parameters = 0
        self.kind = ""

    def go(self) -> TrainSummary:
        recipe, folder = self.recipe, self.folder
        ahead = self.step < recipe.run.steps and not self.state.stopped
        # What cannot be built leaves no folder behind.
        model = self._model() if ahead else None
        if self.launch.main and not folder.finished:
            manifest = self.objective.manifest()
            if self.step:
                folder.check_data(manifest)
            folder.begin(recipe, manifest, device=self.device, world=self.launch.world)
        keep: int | None = self.state.metrics_bytes
        while self.step < recipe.run.steps and not self.state.stopped:
            try:
                self._train(model or self._model(), keep)
            except LossSpikeError as spike:
                self._go_back(spike)
                model = keep = None
                continue
            self.step = folder.last_step()
            self.state = self._state(self.step)
        if self.launch.main and not folder.finished:
            self._finish()
        return summarise(folder, self.parameters or self._count(self._model()))

    def _train(self, model: Any, keep: int | None) -> None:
        """One training from the current step on; returns when it is over."""
        from .arguments import training_arguments
        from .run_log import RunLog
        from .trainer import RecipeTrainer

        recipe, state = self.recipe, self.state
        self.parameters, self.kind = self._count(model), _kind(model)
        moved = bool(state.deepspeed) and (
            (state.world, state.deepspeed) != (self.launch.world, self._sharding())
        )
        arguments = training_arguments(
            recipe,
            self.folder.path,
            self.launch,
            device=self.device,
            evaluate=self.datasets.validation is not None,
            universal=moved,
        )
        start = self._start(arguments, moved=moved)
        state.world = self.launch.world
        state.deepspeed = self._sharding()
        main = self.launch.main
        log = RunLog(self.folder.path, main=main, keep=keep, step=self.step)
        try:
            trainer = RecipeTrainer(
                recipe,
                model,
                arguments,
                objective=self.objective,
                datasets=self.datasets,
                order=self._order(),
                run_state=state,
                log=log,
                checkpoints=self.folder.checkpoints,
            )
            trainer.train(resume_from_checkpoint=None if start is None else str(start))
            trainer.accelerator.wait_for_everyone()
        finally:
            log.close()
            forget_deepspeed()
            if main:
                shutil.rmtree(self.folder.checkpoints / "universal", ignore_errors=True)

    def _start(self, arguments: Any, *, moved: bool) -> Path | None:
        """The checkpoint to load, converted where other ranks wrote it."""
        if not self.step:
            return None
        path = checkpoint_path(self.folder.checkpoints, self.step)
        wrote, here = self.state.deepspeed, self._sharding()
        # The states of stages 1 and 2 are cut alike.
        if wrote != here and {wrote, here} != {"zero1", "zero2"}:
            raise UsageError(
                f"The checkpoint was written with {wrote or 'no DeepSpeed'}, and this run has "
                f"{here or 'none'}.",
                where=str(path),
                fix=f"Resume with --deepspeed {wrote}." if wrote else "Leave --deepspeed out.",
            )
        if not moved:
            return path
        from .universal import to_universal, universal_path

        if self.launch.main:
            to_universal(path)
        if self.launch.world > 1:
            import torch

            assert arguments.device is not None
            torch.distributed.barrier()
        return universal_path(path)

    def _go_back(self, spike: LossSpikeError) -> None:
        """Return to the last checkpoint before a spike, and pass its batches over."""
        from .run_log import RunLog

        # The model and its states are about to be built again.
        gc.collect()
        skips = self.state.skips
        before = [s for s in checkpoint_steps(self.folder.checkpoints) if s < spike.began]
        self.step = max(before, default=0)
        self.state = self._state(self.step)
        self.state.skips = [*skips, (self.step, spike.step - self.step)]
        loss, usual = spike.losses
        entry = {
            "event": "rollback",
            "step": spike.step,
            "to": self.step,
            "spike_loss": loss,
            "usual_loss": usual,
        }
        log = RunLog(self.folder.path, main=self.launch.main, keep=None)
        log.write(entry)
        log.close()
        if self.launch.main:
            warnings.warn(
                f"The loss rose to {loss:.4g} at step {spike.step}; the run goes back to step "
                f"{self.step} and on with other data.",
                stacklevel=2,
            )
            for step in checkpoint_steps(self.folder.checkpoints):
                if step > self.step:
                    shutil.rmtree(checkpoint_path(self.folder.checkpoints, step))

    def _finish(self) -> None:
        """Write the final model and the picture."""
        from .curves import draw_losses
        from .final_model import write_model
        from .model_card import model_card

        recipe, state = self.recipe, self.state
        step = state.best_step if recipe.run.patience and state.best_step else self.step
        summary = summarise(self.folder, self.parameters or self._count(self._model()))
        facts = {
            "objective": recipe.objective.name,
            "steps": summary.steps,
            "weights of step": step,
            "training loss": summary.loss,
            "best validation loss": summary.validation_loss,
            "tokens": summary.tokens,
            "trainable parameters": summary.parameters,
            "seed": recipe.seed,
        }
        kind = self.kind or _kind(self._model())
        draw_losses(self.folder.path)
        write_model(
            self.folder,
            checkpoint_path(self.folder.checkpoints, step),
            tokenizer=self.tokenizer,
            card=model_card(recipe, self.objective.manifest(), facts, kind),
            use_cache=getattr(self.config, "use_cache", None),
            base=self._base if recipe.lora else None,
        )

    def _base(self) -> Any:
        from .model_building import build_model

        plain = dataclasses.replace(
            self.recipe, run=dataclasses.replace(self.recipe.run, gradient_checkpointing=False)
        )
        return build_model(plain, self._config_copy(), self.objective, self.tokenizer)

    def _model(self) -> Any:
        from .lora import add_adapters
        from .model_building import build_model

        model = build_model(self.recipe, self._config_copy(), self.objective, self.tokenizer)
        if self.recipe.lora is not None:
            model = add_adapters(model, self.recipe.lora, head=self.objective.head)
        return model

    def _config_copy(self) -> Any:
        # The trainer changes the configuration of the model it is given.
        return type(self.config).from_dict(self.config.to_dict())

    def _order(self) -> Any:
        from .data_order import DataOrder, counts_by_stage

        run = self.recipe.run
        found = stages(self.recipe)
        counts = counts_by_stage(self.datasets.train, found)
        return DataOrder(
            self.recipe.seed,
            found,
            counts,
            tokens=run.length * run.batch_size,
            accumulation=run.accumulation,
            world=self.launch.world,
            skips=self.state.skips,
            shuffle=not getattr(self.datasets.train, "shuffled", False),
        )

    def _sharding(self) -> str:
        """How DeepSpeed cuts the states; checkpoints of another cut are converted."""
        table = self.recipe.deepspeed
        name = None if table is None else table.preset or table.file
        if name is None:
            return ""
        stage = deepspeed_settings(name).get("zero_optimization", {}).get("stage", 0)
        return f"zero{stage}"

    def _state(self, step: int) -> RunState:
        if not step:
            return RunState(world=self.launch.world)
        return RunState.load(checkpoint_path(self.folder.checkpoints, step))

    def _same_batch(self, recipe: Recipe) -> Recipe:
        """The recipe with the global batch that the run began with, whatever the ranks now."""
        run, state = recipe.run, self.state
        here = run.batch_size * self.launch.world
        if not state.global_batch:
            state.global_batch = here * run.accumulation
        if here * run.accumulation == state.global_batch:
            return recipe
        if state.global_batch % here:
            raise UsageError(
                f"The run was begun with {state.global_batch} sequences a step, which "
                f"{self.launch.world} ranks of {run.batch_size} cannot make.",
                where="run.batch_size",
                fix="Resume with as many ranks, or --set run.batch_size to a divisor.",
            )
        changed = dataclasses.replace(run, accumulation=state.global_batch // here)
        return dataclasses.replace(recipe, run=changed)

    @staticmethod
    def _count(model: Any) -> int:
        return sum(p.numel() for p in model.parameters() if p.requires_grad)


def _resolved(
    recipe: Recipe | str | Path, overrides: Sequence[str], deepspeed: str | Path | None
) -> Recipe:
    """The recipe with overrides, and with the cadences that it left open."""
    if isinstance(recipe, Recipe):
        chosen = recipe_from_values(_given(recipe_values(recipe)), overrides)
    else:
        chosen = load_recipe(recipe, overrides)
    values = _given(recipe_values(chosen))
    if deepspeed is not None:
        key = "preset" if str(deepspeed) in preset_names() else "file"
        values["deepspeed"] = {key: str(deepspeed)}
    run = values["run"]
    tenth = max(run["steps"] // 10, 1)
    run.setdefault("save_every", tenth)
    run.setdefault("evaluate_every", tenth)
    table = values.get("deepspeed", {})
    if table:
        # A file that cannot be read is to be known before anything is loaded.
        deepspeed_settings(table.get("preset") or table.get("file", ""))
    return recipe_from_values(values)


def _given(values: dict[str, Any]) -> dict[str, Any]:
    return {
        key: _given(value) if isinstance(value, dict) else value
        for key, value in values.items()
        if value is not None
    }


def _kind(model: Any) -> str:
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    return type(inner).__name__
