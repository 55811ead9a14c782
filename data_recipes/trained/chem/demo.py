"""The trained Chem-xLSTM as the demo model that ships with the package."""

from __future__ import annotations

import hashlib
import shutil
from importlib.resources import files
from pathlib import Path
from typing import Any

from biosequence.atomic import atomic_path
from biosequence.demo import DEMO_FILES
from biosequence.inference import (
    GenerateOptions,
    Sampling,
    generate_molecules,
    load_model,
    report_molecules,
)

from .plan import Plan

MOST_BYTES = 5_000_000
"""What the model may weigh in the wheel."""


def show(plan: Plan, model: Path) -> dict[str, Any]:
    """What a model writes at the temperature that its card and the manual name."""
    options = GenerateOptions(
        num=plan.shown,
        sampling=Sampling(temperature=plan.temperature),
        seed=plan.seed,
        batch_size=plan.drawn_at_once,
    )
    written = generate_molecules(load_model(model, device="cpu"), options=options)
    report = report_molecules(one.sequence for one in written)
    return {"temperature": plan.temperature, **report.to_dict()}


def write_demo(model: Path, facts: dict[str, Any], corpus: dict[str, Any], folder: Path) -> Path:
    """A folder ready to be `biosequence/demo/chem`: weights, configuration, tokenizer, card.

    Parameters
    ----------
    model
        The folder of the trained model.
    facts, corpus
        What `results.json` says of it and of its data.
    folder
        Where to write; what was there is replaced.
    """
    weights = (model / "model.safetensors").read_bytes()
    assert len(weights) <= MOST_BYTES, len(weights)
    with atomic_path(folder) as partial:
        partial.mkdir()
        for name in DEMO_FILES:
            shutil.copyfile(model / name, partial / name)
        card = demo_card(facts, corpus, hashlib.sha256(weights).hexdigest(), len(weights))
        (partial / "README.md").write_text(card, encoding="utf-8")
    return folder


def demo_card(facts: dict[str, Any], corpus: dict[str, Any], digest: str, size: int) -> str:
    """The model card.

    Parameters
    ----------
    facts, corpus
        As in :func:`write_demo`.
    digest, size
        SHA-256 and bytes of the weights.
    """
    source = corpus["sources"][0]
    values = facts["molecules"] | facts["held_out"] | facts
    del values["documents"]
    return (
        files(__package__)
        .joinpath("card.md")
        .read_text(encoding="utf-8")
        .format(
            **values,
            documents=corpus["counts"]["train"]["documents"],
            file=source["file"],
            sha256=source["sha256"],
            digest=digest,
            size=size,
        )
    )
