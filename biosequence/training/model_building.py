"""The model and tokenizer that a recipe asks for, checked to belong together."""

from __future__ import annotations

import inspect
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ..demo import demo_folder
from ..errors import ModelError, UsageError
from .recipe_reading import unknown_key
from .recipe_tables import Recipe

_AUTO = {
    "causal-lm": "AutoModelForCausalLM",
    "masked-lm": "AutoModelForMaskedLM",
    "pretraining": "AutoModelForPreTraining",
    "sequence-classification": "AutoModelForSequenceClassification",
    "token-classification": "AutoModelForTokenClassification",
}
# What the tokenizer decides; a saved model keeps its own.
_VOCABULARY = ("vocab_size", "complement_map", "pad_token_id", "bos_token_id", "eos_token_id")


def build_tokenizer(recipe: Recipe, objective: Any) -> Any:
    """The tokenizer of the recipe, of the pretrained folder, or of the data.

    Raises
    ------
    UsageError
        None of them has one.
    """
    from ..tokenizers import get_tokenizer, load_tokenizer

    table = recipe.tokenizer
    # Models that read more than sequences keep more than one tokenizer.
    opened = getattr(objective, "open_tokenizer", load_tokenizer)
    if table.name is not None:
        return get_tokenizer(table.name, **table.options)
    if table.folder is not None:
        return opened(table.folder)
    if recipe.model.pretrained is not None:
        return opened(model_folder(recipe.model.pretrained))
    of_data = getattr(objective, "data_tokenizer", None)
    found = None if of_data is None else of_data()
    if found is None:
        raise UsageError(
            "The recipe says nothing of a tokenizer, and the data bring none.",
            where="[tokenizer]",
            fix='Add name = "dna", "protein" or "smiles", for example.',
        )
    return found


def model_folder(name: str) -> Path:
    """The folder of a pretrained or demo model; an id of the hub is fetched once.

    Raises
    ------
    ModelError
        There is no such folder and no such id.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        return folder
    demo = demo_folder(name)
    if demo is not None:
        return demo
    from huggingface_hub import snapshot_download

    try:
        return Path(snapshot_download(name, allow_patterns=["*.json", "*.safetensors"]))
    except Exception as error:  # the hub raises errors of many libraries
        raise ModelError(
            f"There is no model folder of that name ({type(error).__name__}).",
            where=f"model.pretrained = {name!r}",
            fix="Look at the path's spelling, or give the id of a model on the hub.",
        ) from error


def build_config(recipe: Recipe, objective: Any, tokenizer: Any) -> Any:
    """The configuration of the model: the recipe's fields over the objective's.

    Raises
    ------
    UsageError
        An unknown preset, type or field; the message names near ones.
    ModelError
        The fields contradict each other.
    """
    import transformers

    from .. import models

    table = recipe.model
    wanted = objective.model_options(tokenizer)
    if table.pretrained is not None:
        folder = model_folder(table.pretrained)
        make, first = transformers.AutoConfig.from_pretrained, (str(folder),)
        saved = _configuration(make, *first)
        _check_fields(saved, table)
        parts = _parts(saved)
        options = {k: v for k, v in wanted.items() if k not in parts and k not in _VOCABULARY}
        # A part replaces the saved one, so that it has to be whole.
        kept = {name: saved.to_dict()[name] for name in parts & table.config.keys()}
        return _configuration(make, *first, **{**options, **_over(kept, table.config, parts)})
    if table.preset is not None:
        config = models.preset_config(table.preset)
        make, first = models.preset_config, (table.preset,)
    else:
        # Using a name of the package registers our families.
        assert models.BioMambaConfig is not None
        known = list(transformers.CONFIG_MAPPING.keys())
        if table.type not in known:
            near = get_close_matches(str(table.type), known, n=3, cutoff=0.5)
            raise UsageError(
                f"There is no model type {table.type!r}.",
                where="model.type",
                fix=f"Did you mean {' or '.join(near)}?" if near else "Try bioxlstm or biomamba.",
            )
        make, first = transformers.AutoConfig.for_model, (table.type,)
        config = _configuration(make, *first)
    fields = _check_fields(config, table)
    options = {k: v for k, v in wanted.items() if k != "complement_map" or k in fields}
    return _configuration(make, *first, **_over(options, table.config, _parts(config)))


def build_model(recipe: Recipe, config: Any, objective: Any, tokenizer: Any) -> Any:
    """The model itself, new or with the weights of a folder; seeded by the recipe.

    Raises
    ------
    ModelError
        Its vocabulary is too small, its weights cannot be read, or it cannot be trained this way.
    """
    import torch
    import transformers

    auto = getattr(transformers, _AUTO[objective.head])
    rows = getattr(config, "vocab_size", None)
    if rows is not None and rows < len(tokenizer):
        raise ModelError(
            f"The model has {rows} tokens and the tokenizer {len(tokenizer)}.",
            where=f"tokenizer {tokenizer.name!r}",
            fix="Leave vocab_size out of [model.config], or take the model's own tokenizer.",
        )
    torch.manual_seed(recipe.seed)
    try:
        if recipe.model.pretrained is None:
            model = auto.from_config(config, dtype=torch.float32)
        else:
            model = auto.from_pretrained(
                str(model_folder(recipe.model.pretrained)),
                config=config,
                dtype=torch.float32,
                use_safetensors=True,
            )
    except (ModelError, UsageError):
        raise
    except Exception as error:  # transformers raises errors of many kinds
        raise ModelError(
            f"The model cannot be built ({type(error).__name__}: {str(error).splitlines()[0]}).",
            where=f"[model], head {objective.head}",
            fix="Look at [model] of the recipe; not every type has every head.",
        ) from error
    prepare = getattr(objective, "prepare_model", None)
    if prepare is not None:
        prepare(model, tokenizer)
    if recipe.run.gradient_checkpointing:
        _checkpoint_activations(model)
    return model


def _checkpoint_activations(model: Any) -> None:
    if not getattr(model, "supports_gradient_checkpointing", False):
        raise ModelError(
            f"{type(model).__name__} cannot recompute its activations.",
            where="run.gradient_checkpointing",
            fix="Set it to false, and lower run.batch_size if memory is short.",
        )
    options = {"use_reentrant": False}
    if hasattr(model, "activation_checkpointing_enable"):
        model.activation_checkpointing_enable(activation_checkpointing_kwargs=options)
    else:
        model.gradient_checkpointing_enable(gradient_checkpointing_kwargs=options)


def _configuration(make: Any, *given: Any, **fields: Any) -> Any:
    try:
        return make(*given, **fields)
    except (ModelError, UsageError):
        raise
    except Exception as error:  # validators of transformers raise errors of many kinds
        raise ModelError(
            f"This is no configuration: {str(error).splitlines()[0]}.",
            where="[model.config]",
            fix="Look at the types and values of its fields.",
        ) from error


def _parts(config: Any) -> set[str]:
    """Fields that are configurations of parts of the model."""
    return set(getattr(config, "sub_configs", {}))


def _over(low: dict[str, Any], high: dict[str, Any], parts: set[str]) -> dict[str, Any]:
    """Fields of two tables, of which the second wins; `parts` are tables of fields themselves."""
    both = parts & low.keys() & high.keys()
    return {**low, **high, **{name: {**low[name], **high[name]} for name in both}}


def _check_fields(config: Any, table: Any) -> set[str]:
    """Names of all fields of a configuration; a field of the recipe that is none is refused."""
    known = set(config.to_dict()) | set(vars(config))
    for kind in type(config).__mro__:
        known |= set(inspect.get_annotations(kind))
        if "__init__" in vars(kind):
            known |= set(inspect.signature(kind.__init__).parameters)
    known = {name for name in known if not name.startswith("_")}
    for name in table.config:
        if name not in known:
            raise unknown_key(name, "model.config", sorted(known), f"model {config.model_type}")
    return known
