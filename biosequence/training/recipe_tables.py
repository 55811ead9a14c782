"""The tables of a training recipe: every key, its type, its default and its limits."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

PRECISIONS = ("fp32", "bf16")
SCHEDULES = ("cosine", "warmup-stable-decay", "constant")


@dataclass(frozen=True, kw_only=True)
class ModelTable:
    """Which model is trained: a published size, a folder, or a kind with its own sizes."""

    preset: str | None = None
    pretrained: str | None = None
    type: str | None = None
    config: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class TokenizerTable:
    """A tokenizer by name or folder; further keys are options of its class."""

    name: str | None = None
    folder: str | None = None
    options: dict[str, Any] = field(default_factory=dict, metadata={"rest": True})


@dataclass(frozen=True, kw_only=True)
class DataTable:
    """Where the training and validation data are; further keys belong to the objective."""

    train: str
    validation: str | None = None
    options: dict[str, Any] = field(default_factory=dict, metadata={"rest": True})


@dataclass(frozen=True, kw_only=True)
class ObjectiveTable:
    """What is learnt; further keys belong to the objective."""

    name: str
    options: dict[str, Any] = field(default_factory=dict, metadata={"rest": True})


@dataclass(frozen=True, kw_only=True)
class OptimizerTable:
    """AdamW and the clipping of gradients (0: none)."""

    learning_rate: float = field(default=1e-3, metadata={"above": 0})
    weight_decay: float = field(default=0.1, metadata={"least": 0})
    betas: tuple[float, float] = (0.9, 0.95)
    eps: float = field(default=1e-8, metadata={"above": 0})
    clip: float = field(default=1.0, metadata={"least": 0})


@dataclass(frozen=True, kw_only=True)
class ScheduleTable:
    """How the learning rate rises and falls."""

    name: str = field(default="cosine", metadata={"choices": SCHEDULES})
    warmup_steps: int = field(default=0, metadata={"least": 0})
    decay_steps: int | None = field(default=None, metadata={"least": 1})
    final_fraction: float = field(default=0.1, metadata={"least": 0, "most": 1})


@dataclass(frozen=True, kw_only=True)
class RunTable:
    """How long, how large, how precise, and how often something is written."""

    steps: int = field(metadata={"least": 1})
    length: int = field(default=1024, metadata={"least": 2})
    batch_size: int = field(default=8, metadata={"least": 1})
    accumulation: int = field(default=1, metadata={"least": 1})
    precision: str = field(default="fp32", metadata={"choices": PRECISIONS})
    gradient_checkpointing: bool = False
    evaluate_every: int | None = field(default=None, metadata={"least": 1})
    save_every: int | None = field(default=None, metadata={"least": 1})
    keep: int = field(default=2, metadata={"least": 1})
    patience: int | None = field(default=None, metadata={"least": 1})
    log_every: int = field(default=10, metadata={"least": 1})
    workers: int = field(default=0, metadata={"least": 0})
    device: str = "auto"


@dataclass(frozen=True, kw_only=True)
class Stage:
    """From which step on examples have which length."""

    from_step: int = field(metadata={"least": 0})
    length: int = field(metadata={"least": 2})


@dataclass(frozen=True, kw_only=True)
class CurriculumTable:
    """Lengths that grow in stages; none: `run.length` all the way."""

    stages: tuple[Stage, ...] = ()


@dataclass(frozen=True, kw_only=True)
class SpikesTable:
    """When a rising loss sends the run back to an earlier checkpoint, and how often."""

    patience: int = field(default=3, metadata={"least": 1})
    factor: float = field(default=2.0, metadata={"above": 1})
    most: int = field(default=3, metadata={"least": 0})


@dataclass(frozen=True, kw_only=True)
class LoraTable:
    """Low-rank adapters beside frozen weights."""

    rank: int = field(default=8, metadata={"least": 1})
    alpha: float = field(default=16.0, metadata={"above": 0})
    dropout: float = field(default=0.0, metadata={"least": 0, "most": 1})
    targets: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class DeepSpeedTable:
    """A preset by name, or a file of DeepSpeed's own."""

    preset: str | None = None
    file: str | None = None


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """A whole training run, checked; :func:`~biosequence.training.load_recipe` reads one."""

    seed: int = field(default=0, metadata={"least": 0})
    output: str
    model: ModelTable
    tokenizer: TokenizerTable = field(default_factory=TokenizerTable)
    data: DataTable
    objective: ObjectiveTable
    optimizer: OptimizerTable = field(default_factory=OptimizerTable)
    schedule: ScheduleTable = field(default_factory=ScheduleTable)
    run: RunTable
    curriculum: CurriculumTable | None = None
    spikes: SpikesTable | None = None
    lora: LoraTable | None = None
    deepspeed: DeepSpeedTable | None = None
