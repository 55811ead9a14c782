"""The trainer: that of transformers, with objectives, an order of data and exact resumption."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR, LRScheduler
from torch.utils.data import DataLoader
from transformers import PrinterCallback, Trainer

from ..errors import ModelError
from ..models import no_decay_names
from .callbacks import RunCallback
from .checkpoints import checkpoint_path, new_checkpoint, prune_checkpoints
from .data_order import BatchOrder, DataOrder, PickedExamples
from .evaluating import validation_loss
from .recipe_tables import Recipe
from .run_log import RunLog
from .run_state import RunState, Window
from .schedules import rate_factor
from .spikes import watch
from .step_losses import LossSums, distributed, predicted, summed
from .universal import restore_groups

_CHANCE = 3


class RecipeTrainer(Trainer):
    """`transformers.Trainer` for a recipe.

    Its loop, precision, DeepSpeed, accumulation and clipping are theirs. Ours are: the loss and
    its parts, averaged over everything that a step predicts; the batches; groups of parameters;
    schedules; evaluation; checkpoints; what is done about bad losses.

    Parameters
    ----------
    recipe
        What was asked for.
    model, args
        As transformers' Trainer takes them.
    objective
        Batches and losses.
    datasets
        Its data.
    order
        The batches of every step.
    run_state
        What the run remembers; changed in place.
    log
        Where lines of metrics go.
    checkpoints
        Folder of checkpoints.
    """

    def __init__(
        self,
        recipe: Recipe,
        model: nn.Module,
        args: Any,
        *,
        objective: Any,
        datasets: Any,
        order: DataOrder,
        run_state: RunState,
        log: RunLog,
        checkpoints: Path,
    ) -> None:
        self.recipe = recipe
        self.objective = objective
        self.order = order
        self.run_state = run_state
        self.run_log = log
        self.checkpoints = checkpoints
        self.loss_is_scaled_for_ga = True
        self._sums = LossSums()
        self._weights: list[float] = []
        self._step_weight = 1.0
        self._seen: list[Tensor] = []
        self._started = 0.0
        self._decays: list[float] = []
        super().__init__(
            model=model,
            args=args,
            data_collator=objective.collate,
            train_dataset=PickedExamples(datasets.train),
            eval_dataset=datasets.validation,
            callbacks=[RunCallback(args)],
        )
        # It prints; a library does not.
        self.remove_callback(PrinterCallback)

    @property
    def rank(self) -> int:
        """Number of this process."""
        return self.args.process_index

    def get_train_dataloader(self) -> DataLoader:
        """Batches of this rank from the step that comes next."""
        batches = BatchOrder(
            self.order,
            first=self._first_step,
            steps=self.args.max_steps,
            rank=self.rank,
        )
        return DataLoader(
            self.train_dataset,
            batch_sampler=batches,
            collate_fn=self.objective.collate,
            num_workers=self.args.dataloader_num_workers,
            pin_memory=self.args.device.type == "cuda",
            # A loader without its own generator draws from the global one.
            generator=torch.Generator(),
        )

    def train(self, resume_from_checkpoint: Any = None, **given: Any) -> Any:
        """Train from the beginning, or from a checkpoint's folder."""
        self._first_step = 0
        if resume_from_checkpoint is not None:
            self._first_step = int(Path(resume_from_checkpoint).name.rpartition("-")[2])
        return super().train(resume_from_checkpoint=resume_from_checkpoint, **given)

    def get_batch_samples(
        self, epoch_iterator: Iterator[Any], num_batches: int, device: torch.device
    ) -> tuple[list[Any], None]:
        """The batches of a step, and how much it predicts on all ranks together."""
        self._started = time.perf_counter()
        batches = [batch for _, batch in zip(range(num_batches), epoch_iterator, strict=False)]
        loading = time.perf_counter() - self._started
        if not batches:
            return batches, None
        self._weights = [predicted(self.objective, batch) for batch in batches]
        tokens = sum(_tokens(batch) for batch in batches)
        self._step_weight, count = summed([sum(self._weights), tokens], device)
        self._sums, self._seen = LossSums(), []
        self.run_state.tokens += int(count)
        window = self.run_state.window
        window.tokens += int(count)
        window.loading += loading
        # Dropout, too, is a function of seed, step and rank: nothing that ran in between, an
        # evaluation or a resumption, can change it.
        words = [_CHANCE, self.recipe.seed, self.state.global_step, self.rank]
        torch.manual_seed(int(np.random.SeedSequence(words).generate_state(1, np.uint64)[0]))
        return batches, None

    def compute_loss(
        self,
        model: nn.Module,
        inputs: dict[str, Any],
        return_outputs: bool = False,
        num_items_in_batch: Any = None,
    ) -> Tensor:
        """The batch's share of the step's mean loss."""
        part = len(self._seen)
        try:
            losses = self.objective.loss(model, inputs)
        except torch.OutOfMemoryError as error:
            raise ModelError(
                "The device ran out of memory.",
                where=f"step {self.state.global_step + 1}, device {self.args.device}",
                fix="Lower run.batch_size and raise run.accumulation, or set "
                "run.gradient_checkpointing or --deepspeed zero3.",
            ) from error
        weight = self._weights[part]
        if self._first_step == self.state.global_step:
            self._check_weight(losses, weight)
        self._sums.add(losses, weight)
        self._seen.append(losses.total.detach())
        if self.accelerator.gradient_state.sync_gradients:
            # Before the last backward pass: a bad loss must not reach the weights.
            self._judge()
        # Ranks are averaged afterwards, and this is a share of the sum.
        return losses.total * (weight * self.args.world_size / max(self._step_weight, 1e-9))

    def _check_weight(self, losses: Any, weight: float) -> None:
        if abs(float(losses.weight) - weight) > 1e-3 * max(weight, 1.0):
            raise ModelError(
                f"The objective predicts {float(losses.weight):g} items in a batch, and its labels "
                f"say {weight:g}.",
                where=f"objective {self.objective.name!r}",
                fix="Give the objective a method weight(batch) that counts what it predicts.",
            )

    def _judge(self) -> None:
        """Keep the step's loss for the log; stop on one that is no number, or a spike."""
        step = self.state.global_step + 1
        found = self._sums.gathered()
        if not math.isfinite(found.total):
            raise self._broken("loss", found.total, step)
        if self.recipe.spikes is not None:
            watch(self.run_state, self.recipe.spikes, step, found.total)
        window = self.run_state.window
        window.loss += found.total
        for name, (total, weight) in found.parts.items():
            sums = window.parts.setdefault(name, [0.0, 0.0])
            sums[0] += total
            sums[1] += weight

    def _broken(self, what: str, value: float, step: int) -> ModelError:
        """The error for a loss or gradient that is no number, the same on every rank."""
        bad = [part for part, loss in enumerate(self._seen) if not bool(torch.isfinite(loss))]
        places = [
            f"rank {self.rank}, batch {part + 1} of the step: "
            f"{_named(self.train_dataset.dataset, self.order.batch(step - 1, part, self.rank))}"
            for part in bad or (range(len(self._seen)) if what != "loss" else [])
        ]
        if distributed():
            every: list[Any] = [None] * self.args.world_size
            torch.distributed.all_gather_object(every, places)
            places = [place for one in every for place in one]
        return ModelError(
            f"The {what} is {value} at step {step}.",
            where="; ".join(places),
            fix="Lower optimizer.learning_rate or look at these examples; the last checkpoint is "
            "whole, and --resume goes on from it.",
        )

    def _clip_grad_norm(self, model: nn.Module) -> Any:
        return self._checked_norm(super()._clip_grad_norm(model))

    def _get_grad_norm(self, model: nn.Module, grad_norm: Any = None) -> Any:
        return self._checked_norm(super()._get_grad_norm(model, grad_norm))

    def _checked_norm(self, norm: Any) -> Any:
        if norm is not None and not math.isfinite(float(norm)):
            raise self._broken("gradient", float(norm), self.state.global_step + 1)
        return norm

    def get_decay_parameter_names(self, model: nn.Module) -> list[str]:
        """Parameters that weight decay applies to: neither transformers' exceptions nor ours."""
        without = no_decay_names(model)
        return [name for name in super().get_decay_parameter_names(model) if name not in without]

    def create_optimizer(self, model: Any = None) -> torch.optim.Optimizer:
        """AdamW over two groups, with and without decay."""
        optimizer = super().create_optimizer(model)
        if not self._decays:
            self._decays = [group["weight_decay"] for group in optimizer.param_groups]
        return optimizer

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is not None and self.is_deepspeed_enabled:
            inner = getattr(self.model_wrapped.optimizer, "optimizer", self.model_wrapped.optimizer)
            restore_groups(inner, self._decays)

    def create_scheduler(
        self, num_training_steps: int, optimizer: torch.optim.Optimizer | None = None
    ) -> LRScheduler:
        """The recipe's schedule."""
        if self.lr_scheduler is None:
            factor = partial(rate_factor, self.recipe.schedule, steps=num_training_steps)
            self.lr_scheduler = LambdaLR(optimizer or self.optimizer, factor)
            self._created_lr_scheduler = True
        return self.lr_scheduler

    def floating_point_ops(self, inputs: dict[str, Any]) -> int:
        """Nothing: counting parameters at every batch costs more than it tells."""
        return 0

    def _maybe_log_save_evaluate(self, *given: Any, **named: Any) -> None:
        if self._started:
            seconds = time.perf_counter() - self._started
            self.run_state.window.seconds += seconds
            self.run_state.seconds += seconds
            self.run_state.window.steps += 1
            self._started = 0.0
        super()._maybe_log_save_evaluate(*given, **named)

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Write a line of metrics; everything but the steps' losses is written elsewhere."""
        window = self.run_state.window
        if "loss" not in logs or not window.steps:
            return
        entry: dict[str, Any] = {
            "step": self.state.global_step,
            "loss": window.loss / window.steps,
            "parts": window.averages(),
            "lr": logs["learning_rate"],
            "grad_norm": logs.get("grad_norm"),
            "length": self.order.length(self.state.global_step - 1),
            "tokens": self.run_state.tokens,
            "tokens_per_second": window.tokens / max(window.seconds, 1e-9),
            "loader_share": window.loading / max(window.seconds, 1e-9),
            "seconds": self.run_state.seconds,
        }
        self.run_log.write(entry)
        self.run_state.window = Window()
        self.control = self.callback_handler.on_log(self.args, self.state, self.control, logs)

    def evaluate(self, *given: Any, **named: Any) -> dict[str, float]:
        """The loss on the validation data; with `patience` also whether to stop."""
        loss, parts = validation_loss(
            self.model_wrapped,
            self.objective,
            self.eval_dataset,
            batch_size=self.args.per_device_eval_batch_size,
            rank=self.rank,
            world=self.args.world_size,
            prepare=self._prepare_inputs,
        )
        step = self.state.global_step
        if not math.isfinite(loss):
            raise ModelError(
                f"The validation loss is {loss} at step {step}.",
                where="data.validation",
                fix="Lower optimizer.learning_rate, and look at the validation data.",
            )
        self.run_log.write({"step": step, "validation_loss": loss, "validation_parts": parts})
        self.control = self.callback_handler.on_evaluate(
            self.args, self.state, self.control, {"eval_loss": loss}
        )
        self._wait(loss, step)
        return {"eval_loss": loss}

    def _wait(self, loss: float, step: int) -> None:
        state, patience = self.run_state, self.recipe.run.patience
        if state.best_loss is None or loss < state.best_loss:
            state.best_loss, state.best_step, state.waited = loss, step, 0
        else:
            state.waited += 1
        if patience is not None and state.best_step == step:
            self.control.should_save = True
        if patience is not None and state.waited >= patience:
            state.stopped = True
            self.control.should_save = self.control.should_training_stop = True

    def _save_checkpoint(self, model: nn.Module, trial: Any) -> None:
        path = checkpoint_path(self.checkpoints, self.state.global_step)
        main = self.args.should_save
        self.run_state.metrics_bytes = self.run_log.size()
        with new_checkpoint(path, main=main, barrier=self.accelerator.wait_for_everyone) as partial:
            self.save_model(str(partial), _internal_call=True)
            self._save_optimizer_and_scheduler(str(partial))
            if main:
                self.state.save_to_json(str(partial / "trainer_state.json"))
                self.run_state.save(partial)
        if main:
            best = self.run_state.best_step if self.recipe.run.patience else None
            prune_checkpoints(self.checkpoints, self.recipe.run.keep, best=best)

    def _save(self, output_dir: str | None = None, state_dict: Any = None) -> None:
        # Theirs writes a pickle of the arguments too.
        if self.args.should_save:
            self.model.save_pretrained(output_dir, state_dict=state_dict)


def _tokens(batch: dict[str, Any]) -> int:
    for name in ("attention_mask", "input_ids", "labels"):
        if name in batch:
            tensor = batch[name]
            return int(tensor.sum()) if name == "attention_mask" else tensor.numel()
    return 0


def _named(dataset: Any, picks: list[Any]) -> str:
    """Documents of a batch where the dataset can say, else numbers of examples."""
    told = getattr(dataset, "documents_of", None)
    if told is None:
        epoch = picks[0].epoch
        return f"examples {', '.join(str(pick.index) for pick in picks)} of epoch {epoch}"
    numbers: list[int] = []
    for pick in picks:
        for name, value in (("set_length", pick.length), ("set_epoch", pick.epoch)):
            if hasattr(dataset, name):
                getattr(dataset, name)(value)
        numbers += told(pick.index)
    return f"documents {', '.join(str(number) for number in dict.fromkeys(numbers))}"
