"""Models to be judged: ours, and those of transformers that our trainer made to compare with."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from ..device import resolve_device
from ..errors import ModelError
from ..inference.loading import FAMILIES, LoadedModel, load_model, silent_transformers
from ..inference.score import is_causal

if TYPE_CHECKING:
    from ..tokenizers import BioTokenizer

_CAUSAL = ("ForCausalLM", "LMHeadModel")
_HEADS = (*_CAUSAL, "ForMaskedLM", "ForSequenceClassification")
_MOST_NEW = 128


def open_model(path: str | Path, *, device: str = "auto") -> LoadedModel:
    """The model in a folder, of our families or of transformers', with our tokenizer beside it.

    Parameters
    ----------
    path
        A folder as `bioseq train` writes it: config.json, model.safetensors, tokenizer files.
    device
        As in :func:`biosequence.device.resolve_device`.

    Raises
    ------
    ModelError
        Something is missing, damaged, or does not fit together.
    """
    folder = Path(path).expanduser()
    kind, name = _described(folder)
    if kind is None or kind in FAMILIES:
        return load_model(path, device=device)
    import transformers

    from ..tokenizers import load_tokenizer

    model_class = getattr(transformers, name or "", None)
    if model_class is None or not str(name).endswith(_HEADS):
        raise ModelError(
            f"The configuration names no model that can be judged ({kind!r}, {name!r}).",
            where=str(folder / "config.json"),
            fix="Give a model with a causal, masked or classification head.",
        )
    tokenizer = load_tokenizer(folder)
    try:
        with silent_transformers():
            model, report = model_class.from_pretrained(
                str(folder),
                dtype=torch.float32,
                use_safetensors=True,
                local_files_only=True,
                output_loading_info=True,
            )
    except Exception as error:  # whatever the damage provokes
        raise ModelError(
            f"The weights cannot be read ({type(error).__name__}).",
            where=str(folder),
            fix="The files are damaged or of another model; train or fetch it again.",
        ) from error
    _check(folder, model, tokenizer, report)
    return LoadedModel(model.to(resolve_device(device).name).eval(), tokenizer, folder)


def is_ours(loaded: LoadedModel) -> bool:
    """Whether a model is of our families, which go on from states and read in pieces."""
    return loaded.model.config.model_type in FAMILIES


def reads_ahead(loaded: LoadedModel) -> bool:
    """Whether a language model predicts the next token; False when it fills in masks.

    Raises
    ------
    ModelError
        The model has no token head.
    """
    name = type(loaded.model).__name__
    if is_ours(loaded) or not name.endswith((*_CAUSAL, "ForMaskedLM")):
        return is_causal(loaded)
    return name.endswith(_CAUSAL)


def written_molecules(
    loaded: LoadedModel, num: int, *, seed: int = 0, batch_size: int = 16
) -> Iterator[str]:
    """SMILES that a causal model of molecules writes at temperature 1, from nothing.

    Models of transformers draw a batch at a time, so that there the batch size changes what is
    written; ours do not.

    Raises
    ------
    ModelError
        The model is not causal, or not of molecules.
    """
    from ..inference import GenerateOptions, generate_molecules

    if is_ours(loaded):
        options = GenerateOptions(num=num, seed=seed, batch_size=batch_size)
        for one in generate_molecules(loaded, options=options):
            yield one.sequence
        return
    loaded.require_kind("molecule")
    if not reads_ahead(loaded):
        loaded.require_causal()
    from .molecule_sets import smiles_of

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        for start in range(0, num, batch_size):
            for ids in _drawn(loaded, min(batch_size, num - start)):
                yield smiles_of(loaded.tokenizer, ids.cpu().numpy())


def _drawn(loaded: LoadedModel, number: int) -> Any:
    vocabulary = loaded.tokenizer.vocabulary
    start = torch.from_numpy(vocabulary.ids(loaded.tokenizer.prefix).astype("int64"))
    end = vocabulary.role_id("eos")
    rows = loaded.model.get_input_embeddings().num_embeddings
    allowed = {*vocabulary.letter_ids.tolist(), end}
    ids_BT = start.expand(number, -1).to(loaded.device)
    found = loaded.model.generate(
        ids_BT,
        attention_mask=torch.ones_like(ids_BT),
        do_sample=True,
        temperature=1.0,
        top_k=0,
        top_p=1.0,
        max_new_tokens=_MOST_NEW,
        eos_token_id=end,
        pad_token_id=loaded.tokenizer.pad_id,
        suppress_tokens=[token for token in range(rows) if token not in allowed],
    )
    return found[:, len(start) :]


def _described(folder: Path) -> tuple[str | None, str | None]:
    """What config.json says the model is; None where `load_model` will say what is wrong."""
    try:
        found = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        return found.get("model_type"), next(iter(found.get("architectures") or ()), None)
    except (OSError, ValueError, AttributeError):
        return None, None


def _check(folder: Path, model: Any, tokenizer: BioTokenizer, report: Any) -> None:
    # Without this, transformers fills what is missing with random numbers.
    wrong = [*report["missing_keys"], *report["unexpected_keys"], *report["mismatched_keys"]]
    if wrong:
        raise ModelError(
            f"The weights do not fit the configuration: {', '.join(map(str, wrong[:3]))}.",
            where=str(folder),
            fix="config.json and the weights are of different models; train or fetch it again.",
        )
    rows = model.get_input_embeddings().num_embeddings
    if rows < len(tokenizer):
        raise ModelError(
            f"The model has {rows} tokens and the tokenizer {len(tokenizer)}.",
            where=str(folder),
            fix="Put the tokenizer files that belong to this model into its folder.",
        )
