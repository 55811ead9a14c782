"""A recipe in the words of transformers' TrainingArguments."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

from .deepspeed_presets import deepspeed_settings
from .launching import Launch, prepare_deepspeed
from .recipe_tables import Recipe


def training_arguments(
    recipe: Recipe,
    folder: Path,
    launch: Launch,
    *,
    device: str,
    evaluate: bool,
    universal: bool = False,
) -> Any:
    """Arguments of the trainer; starts the process group where there are other ranks.

    Parameters
    ----------
    recipe
        What was asked for.
    folder
        The run's folder.
    launch
        Place of this process.
    device
        A resolved name.
    evaluate
        Whether there are data to evaluate on.
    universal
        Whether DeepSpeed is to load a converted checkpoint.
    """
    cpu = device == "cpu"
    run, optimizer = recipe.run, recipe.optimizer
    settings = _deepspeed(recipe, cpu=cpu)
    if settings is not None and universal:
        settings["checkpoint"] = {**settings.get("checkpoint", {}), "load_universal": True}
    if launch.world == 1 and device.startswith("cuda:"):
        os.environ["ACCELERATE_TORCH_DEVICE"] = device
    from transformers import TrainingArguments

    arguments = TrainingArguments(
        output_dir=str(folder),
        max_steps=run.steps,
        per_device_train_batch_size=run.batch_size,
        per_device_eval_batch_size=run.batch_size,
        gradient_accumulation_steps=run.accumulation,
        learning_rate=optimizer.learning_rate,
        weight_decay=optimizer.weight_decay,
        adam_beta1=optimizer.betas[0],
        adam_beta2=optimizer.betas[1],
        adam_epsilon=optimizer.eps,
        max_grad_norm=optimizer.clip,
        optim="adamw_torch",
        seed=recipe.seed,
        use_cpu=cpu,
        # DeepSpeed has its own autocast; its bf16 would cast parameters.
        bf16=run.precision == "bf16" and settings is None,
        deepspeed=settings,
        logging_steps=run.log_every,
        logging_first_step=True,
        logging_nan_inf_filter=False,
        eval_strategy="steps" if evaluate else "no",
        eval_steps=run.evaluate_every,
        save_steps=run.save_every,
        # Batches are a function of the step: nothing is read to be skipped.
        ignore_data_skip=True,
        remove_unused_columns=False,
        dataloader_num_workers=run.workers,
        average_tokens_across_devices=False,
        report_to="none",
        disable_tqdm=True,
        log_level="error",
        log_level_replica="error",
    )
    # One process drives one device; more are more processes.
    if arguments.n_gpu > 1:
        arguments._n_gpu = 1
    return arguments


def _deepspeed(recipe: Recipe, *, cpu: bool) -> dict[str, Any] | None:
    table = recipe.deepspeed
    name = None if table is None else table.preset or table.file
    if name is None:
        return None
    settings = deepspeed_settings(name, precision=recipe.run.precision)
    prepare_deepspeed(cpu=cpu)
    return settings
