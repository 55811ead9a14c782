"""What is compared, and how long each is trained: the whole study, and a small one for tests."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A model of the comparison.

    Parameters
    ----------
    name, title
        Of its folder, and in tables.
    type
        A model type of the trainer's recipes.
    config
        Its sizes.
    """

    name: str
    title: str
    type: str
    config: dict[str, Any]


CONTENDERS = (
    Contender(
        name="xlstm",
        title="Chem-xLSTM (BioXLSTM, dialect v1)",
        type="bioxlstm",
        config={"dialect": "v1", "hidden_size": 96, "num_hidden_layers": 4, "num_heads": 4},
    ),
    Contender(
        name="mamba",
        title="Mamba (BioMamba)",
        type="biomamba",
        config={"hidden_size": 96, "num_hidden_layers": 4},
    ),
    Contender(
        name="transformer",
        title="Transformer (Llama of transformers)",
        type="llama",
        config={
            "hidden_size": 96,
            "num_hidden_layers": 3,
            "num_attention_heads": 4,
            "num_key_value_heads": 4,
            "intermediate_size": 176,
            "max_position_embeddings": 320,
        },
    ),
)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """Budgets, the same for every contender.

    Parameters
    ----------
    contenders
        What is compared.
    rates
        Learning rates that are tried on validation data.
    tuning_steps, steps
        Of a trial, and of the training with the best rate.
    rows, length
        Molecules of a step, and the most tokens of one; no molecule of the data is longer.
    watched
        Validation molecules that trials and curves are measured on.
    samples, drawn_at_once
        Molecules that each model writes.
    shown, temperature
        Molecules that the demo model writes for its card, and how boldly.
    compared
        Held-out molecules whose properties are compared with.
    seed
        Of everything.
    """

    contenders: tuple[Contender, ...] = CONTENDERS
    rates: tuple[float, ...] = (2e-3, 4e-3, 8e-3, 1.6e-2)
    tuning_steps: int = 64
    steps: int = 1000
    rows: int = 64
    length: int = 320
    watched: int = 1000
    samples: int = 4000
    drawn_at_once: int = 250
    shown: int = 1000
    temperature: float = 0.7
    compared: int = 2500
    seed: int = 0


def _small(contender: Contender) -> Contender:
    sizes = {"hidden_size": 32, "num_hidden_layers": 1}
    if contender.type == "llama":
        sizes["intermediate_size"] = 64
    return replace(contender, config=contender.config | sizes)


FULL = Plan()
QUICK = replace(
    FULL,
    contenders=tuple(map(_small, CONTENDERS)),
    rates=(4e-3, 8e-3),
    tuning_steps=4,
    steps=30,
    rows=16,
    watched=20,
    samples=40,
    drawn_at_once=20,
    shown=20,
    compared=20,
)
