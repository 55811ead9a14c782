"""Molecules that a model writes from nothing, at temperature 1: ours and those of transformers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch

from biosequence.inference import GenerateOptions, LoadedModel, generate_molecules

from .plan import Plan


def sample(model: Any, tokenizer: Any, plan: Plan) -> list[str]:
    """SMILES as they were written, with nothing constrained but to letters and the end.

    Models of this toolkit write through :mod:`biosequence.inference`; any other through its own
    `generate`, with the same temperature, letters, end and most tokens.
    """
    if model.config.model_type in ("bioxlstm", "biomamba"):
        options = GenerateOptions(
            num=plan.samples,
            max_new_tokens=plan.new_tokens,
            seed=plan.seed,
            batch_size=plan.drawn_at_once,
        )
        loaded = LoadedModel(model, tokenizer, Path())
        return [one.sequence for one in generate_molecules(loaded, options=options)]
    return _by_transformers(model, tokenizer, plan)


@torch.inference_mode()
def _by_transformers(model: Any, tokenizer: Any, plan: Plan) -> list[str]:
    vocabulary = tokenizer.vocabulary
    end = vocabulary.role_id("eos")
    letters = {int(number) for number in vocabulary.letter_ids}
    torch.manual_seed(plan.seed)
    written: list[str] = []
    while (left := plan.samples - len(written)) > 0:
        begin = torch.full((min(left, plan.drawn_at_once), 1), vocabulary.role_id("bos"))
        rows = model.generate(
            begin,
            attention_mask=torch.ones_like(begin),
            do_sample=True,
            temperature=1.0,
            top_k=0,
            top_p=1.0,
            max_new_tokens=plan.new_tokens,
            eos_token_id=end,
            pad_token_id=tokenizer.pad_id,
            suppress_tokens=[
                number
                for number in range(model.config.vocab_size)
                if number not in letters and number != end
            ],
        )
        written += [tokenizer.decode(row.numpy(), skip_special_tokens=True) for row in rows]
    return written
