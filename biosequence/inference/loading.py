"""A model and its tokenizer from one folder, checked to belong together."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..demo import DEMOS, demo_folder
from ..device import resolve_device
from ..errors import ModelError, UsageError

if TYPE_CHECKING:
    from ..tokenizers import BioTokenizer

# What a tokenizer's name says about the sequences that it reads.
KINDS = {
    "dna": "dna",
    "dna-kmer": "dna",
    "protein": "protein",
    "selfies": "molecule",
    "smiles": "molecule",
    "smiles-legacy": "molecule",
}
FAMILIES = {"bioxlstm": "BioXLSTM", "biomamba": "BioMamba"}
DTYPES = ("auto", "float32", "bfloat16", "float16", "float64")
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
# Token tables are rounded up to a multiple of one of these.
_MULTIPLES = (8, 16, 32, 64, 128)
_ID = re.compile(r"[\w.-]+/[\w.-]+")


@dataclass(frozen=True)
class LoadedModel:
    """A model in evaluation mode, ready on its device, with the tokenizer it was trained with.

    Parameters
    ----------
    model
        A model of `biosequence.models`.
    tokenizer
        Its tokenizer.
    path
        The folder both came from.
    """

    model: Any
    tokenizer: BioTokenizer
    path: Path

    @property
    def kind(self) -> str:
        """``"dna"``, ``"protein"``, ``"molecule"``, or another tokenizer's name."""
        return KINDS.get(self.tokenizer.name, self.tokenizer.name)

    @property
    def device(self) -> Any:
        """The torch device of its weights."""
        return next(self.model.parameters()).device

    def require_causal(self) -> LoadedModel:
        """The same again, if it predicts the next token.

        Raises
        ------
        ModelError
            It has no causal head, or reads both ways.
        """
        if type(self.model).__name__.endswith("ForCausalLM"):
            return self
        raise ModelError(
            f"A {type(self.model).__name__} does not predict the next token.",
            where=str(self.path),
            fix="Give a model with a causal head: its class ends in ForCausalLM.",
        )

    def require_kind(self, *kinds: str) -> LoadedModel:
        """The same again, if its sequences are of one of these kinds.

        Raises
        ------
        ModelError
            They are of another.
        """
        if self.kind in kinds:
            return self
        raise ModelError(
            f"This is a model of {_plural(self.kind)}, not of {_plural(kinds[0])}.",
            where=str(self.path),
            fix=f"Give a model of {' or '.join(_plural(kind) for kind in kinds)}.",
        )


def load_model(path_or_id: str | Path, *, device: str = "auto", dtype: str = "auto") -> LoadedModel:
    """The model in a folder, on a device, with its tokenizer.

    Parameters
    ----------
    path_or_id
        A folder with config.json, model.safetensors and tokenizer files; the name of a demo model
        that comes with the package (``"demo-chem"``); or the id of such a folder on the Hugging
        Face hub, which is fetched once.
    device
        As in :func:`biosequence.device.resolve_device`.
    dtype
        "auto" is float32 on a CPU and what was saved elsewhere; or float32, bfloat16, float16,
        float64.

    Raises
    ------
    ModelError
        Something is missing, damaged, of another family, or does not fit together.
    UsageError
        There is no such device or dtype.

    Examples
    --------
    >>> from biosequence.models import BioMambaConfig, BioMambaForCausalLM
    >>> from biosequence.tokenizers import DNATokenizer
    >>> config = BioMambaConfig(vocab_size=12, hidden_size=16, num_hidden_layers=1)
    >>> BioMambaForCausalLM(config).save_pretrained("tiny")
    >>> DNATokenizer().save("tiny")
    >>> loaded = load_model("tiny", device="cpu")
    >>> loaded.kind, type(loaded.model).__name__
    ('dna', 'BioMambaForCausalLM')
    """
    if dtype not in DTYPES:
        raise UsageError(
            f"There is no dtype {dtype!r}.",
            where="dtype",
            fix=f"Choose one of {', '.join(DTYPES)}.",
        )
    folder = _folder(path_or_id)
    model_class, config = _architecture(folder)
    tokenizer = _tokenizer(folder)
    name = resolve_device(device).name
    wanted = "float32" if dtype == "auto" and name == "cpu" else dtype
    model = load_weights(folder, model_class, config, wanted)
    _check_vocabulary(folder, model, tokenizer)
    return LoadedModel(model.to(name).eval(), tokenizer, folder)


def _folder(path_or_id: str | Path) -> Path:
    folder = Path(path_or_id).expanduser()
    if folder.is_dir():
        return folder
    if folder.is_file():
        raise ModelError(
            "A model is a folder, and this is a file.",
            where=str(folder),
            fix="Name a folder with config.json; `bioseq convert` makes one of a checkpoint.",
        )
    text = str(path_or_id)
    if (demo := demo_folder(text)) is not None:
        return demo
    if _ID.fullmatch(text) and not folder.parent.is_dir():
        return _fetched(text)
    raise ModelError(
        "There is no such model folder.",
        where=text,
        fix="Look at the path's spelling; the folder holds config.json and model.safetensors. "
        f"To try a command, name a demo model: {', '.join(DEMOS)}.",
    )


def _fetched(name: str) -> Path:
    from huggingface_hub import snapshot_download

    patterns = ["*.json", "*.safetensors"]
    try:
        return Path(snapshot_download(name, allow_patterns=patterns, local_files_only=True))
    except Exception:  # noqa: BLE001  # not fetched yet, for whatever reason
        pass
    try:
        return Path(snapshot_download(name, allow_patterns=patterns))
    except Exception as error:  # the hub raises errors of many libraries
        raise ModelError(
            f"There is no folder of that name, and the hub does not give it ({_first(error)}).",
            where=name,
            fix="Look at its spelling and at the network, or name a folder of this machine.",
        ) from error


def _architecture(folder: Path) -> tuple[Any, Any]:
    """The class of the model and its configuration."""
    path = folder / "config.json"
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        kind, names = found.get("model_type"), found.get("architectures") or []
    except FileNotFoundError as error:
        raise ModelError(
            "The folder holds no config.json.",
            where=str(folder),
            fix="Name a model's folder; `bioseq convert` makes one of a published checkpoint.",
        ) from error
    except (OSError, ValueError, AttributeError) as error:
        raise ModelError(
            f"config.json cannot be read ({_first(error)}).",
            where=str(path),
            fix="Fetch or save the model again.",
        ) from error
    if kind not in FAMILIES:
        raise ModelError(
            f"The configuration is of another family (model_type {kind!r}).",
            where=str(path),
            fix="Convert the checkpoint with `bioseq convert`, which reads published formats.",
        )
    from .. import models

    try:
        config = getattr(models, f"{FAMILIES[kind]}Config").from_pretrained(str(folder))
    except ModelError:
        raise
    except Exception as error:  # transformers raises errors of many kinds
        raise ModelError(
            f"config.json does not describe a model ({_first(error)}).",
            where=str(path),
            fix="Fetch or save the model again.",
        ) from error
    default = f"{FAMILIES[kind]}For{'CausalLM' if config.is_causal else 'MaskedLM'}"
    name = names[0] if names else default
    if name not in models.__all__ or not name.startswith(FAMILIES[kind]):
        raise ModelError(
            f"config.json names a class that does not exist: {name!r}.",
            where=str(path),
            fix="Take a release of bioseq-toolkit that knows it, or save the model again.",
        )
    return getattr(models, name), config


def _tokenizer(folder: Path) -> BioTokenizer:
    from ..tokenizers import load_tokenizer

    return load_tokenizer(folder)


def load_weights(folder: Path, model_class: Any, config: Any, dtype: str = "auto") -> Any:
    """A model from a folder whose weights are all there and all of that model.

    Parameters
    ----------
    folder
        Folder with model.safetensors.
    model_class, config
        What the weights are of.
    dtype
        As transformers takes it.

    Raises
    ------
    ModelError
        The weights are missing, damaged, or of another model.
    """
    if not any((folder / name).is_file() for name in _WEIGHTS):
        raise ModelError(
            "The folder holds no model.safetensors.",
            where=str(folder),
            fix="Fetch the whole model again, or convert its checkpoint with `bioseq convert`.",
        )
    try:
        with silent_transformers():
            model, report = model_class.from_pretrained(
                str(folder),
                config=config,
                dtype=dtype,
                use_safetensors=True,
                local_files_only=True,
                output_loading_info=True,
            )
    except Exception as error:  # whatever the damage provokes
        raise ModelError(
            f"The weights cannot be read ({_first(error)}).",
            where=str(folder / _WEIGHTS[0]),
            fix="The file is truncated, corrupted or of another model; fetch it again.",
        ) from error
    # Without this, transformers fills what is missing with random numbers.
    wrong = {
        "lack": sorted(report["missing_keys"]),
        "have too much": sorted(report["unexpected_keys"]),
        "have another shape at": sorted(str(key) for key in report["mismatched_keys"]),
    }
    for what, keys in wrong.items():
        if keys:
            raise ModelError(
                f"The weights {what}: {', '.join(keys[:3])}{' ...' if len(keys) > 3 else ''}.",
                where=str(folder / _WEIGHTS[0]),
                fix="config.json and the weights are of different models; fetch both again.",
            )
    return model


@contextmanager
def silent_transformers() -> Iterator[None]:
    """No bars and no reports by transformers inside: what is wrong becomes an error of ours."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _check_vocabulary(folder: Path, model: Any, tokenizer: BioTokenizer) -> None:
    rows, tokens = model.get_input_embeddings().num_embeddings, len(tokenizer)
    padded = {-(-tokens // multiple) * multiple for multiple in _MULTIPLES}
    # Published vocabularies that were learned from a file leave any number of rows unused.
    learned = tokenizer.name == "smiles-legacy" and rows > tokens
    if rows == tokens or rows in padded or learned:
        return
    raise ModelError(
        f"The model has {rows} tokens and the tokenizer {tokens}.",
        where=str(folder),
        fix="Put the tokenizer files that belong to this model into its folder.",
    )


def _plural(kind: str) -> str:
    return {"dna": "DNA", "protein": "proteins", "molecule": "molecules"}.get(kind, kind)


def _first(error: BaseException) -> str:
    lines = str(error).splitlines() or [""]
    return f"{type(error).__name__}: {lines[0][:160]}" if lines[0] else type(error).__name__
