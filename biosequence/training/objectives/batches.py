"""Examples to batches, and batches to models."""

from __future__ import annotations

import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

# What PyTorch's cross-entropy leaves out.
IGNORED = -100


def collate_rows(
    examples: Sequence[Mapping[str, np.ndarray]], fills: Mapping[str, int]
) -> dict[str, Tensor]:
    """Examples of one dimension as rectangles filled up on the right, with `attention_mask`.

    Parameters
    ----------
    examples
        Arrays of one length within an example.
    fills
        What each name is filled up with, `input_ids` among them; `seq_idx` goes on as it ends.

    Examples
    --------
    >>> rows = [{"input_ids": np.array([7, 8])}, {"input_ids": np.array([9])}]
    >>> {name: x.tolist() for name, x in collate_rows(rows, {"input_ids": 4}).items()}
    {'input_ids': [[7, 8], [9, 4]], 'attention_mask': [[1, 1], [1, 0]]}
    """
    width = max(len(example["input_ids"]) for example in examples)
    batch = {}
    for name in examples[0]:
        rows = [example[name] for example in examples]
        array = np.full((len(rows), width), fills.get(name, 0), dtype=np.int64)
        for target, row in zip(array, rows, strict=True):
            target[: len(row)] = row
            if name == "seq_idx" and len(row):
                target[len(row) :] = row[-1]
        batch[name] = torch.from_numpy(array)
    sizes = torch.tensor([len(example["input_ids"]) for example in examples])
    batch["attention_mask"] = (torch.arange(width) < sizes[:, None]).long()
    if "seq_idx" in batch and not bool(batch["seq_idx"].any()):
        # Models have shorter ways for one document a row.
        del batch["seq_idx"]
    return batch


def model_inputs(model: nn.Module, batch: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What of a batch a model takes, labels left out.

    A model that knows no `seq_idx` reads packed documents as one text.
    """
    taken = _arguments(model)
    return {name: x for name, x in batch.items() if name != "labels" and name in taken}


def _arguments(model: nn.Module) -> set[str]:
    """Names of the arguments of the model inside wrappers for devices, adapters or compiling."""
    inner: Any = model
    seen = set()
    while id(inner) not in seen:
        seen.add(id(inner))
        if hasattr(inner, "get_base_model"):
            inner = inner.get_base_model()
        inner = getattr(inner, "_orig_mod", inner)
        # Models have sub-modules of many names; only wrappers call the whole `module`.
        if isinstance(getattr(inner, "module", None), nn.Module):
            inner = inner.module
    return set(inspect.signature(inner.forward).parameters)
