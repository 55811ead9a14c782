"""Reading published checkpoints without running what they contain, and writing ours whole."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from accelerate import init_empty_weights
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor, nn

from ..atomic import atomic_folder
from ..errors import InputError, ModelError
from .key_map import KeyReport

WEIGHTS = ("model.safetensors", "pytorch_model.bin", "model.pt")
"""Names that are looked for in a folder, in this order."""


@dataclass
class Conversion:
    """A checkpoint in our names, not yet written anywhere."""

    config: Any
    """Our configuration."""
    model_class: type[nn.Module]
    """The class that holds the tensors."""
    tensors: dict[str, Tensor]
    """Tensors by our names."""
    report: KeyReport
    """What became of every key."""

    def model(self) -> nn.Module:
        """The model in evaluation mode; its weights are `tensors`, in their dtype."""
        # Built without memory and filled with the tensors themselves: one copy of a large model.
        # Buffers that no checkpoint holds, such as counts of positions, must be real.
        with init_empty_weights(include_buffers=False):
            model = self.model_class(self.config)
        model.load_state_dict(self.tensors, assign=True, strict=False)
        model.tie_weights()
        return model.eval()

    def save(self, folder: str | Path) -> Path:
        """Write config.json and model.safetensors; on failure nothing is left behind."""
        return save_whole(self.model(), folder)


class _Shell:
    """Stands in for every class that a checkpoint names beside tensors; it holds nothing."""

    def __init__(self, *args: object, **kwargs: object) -> None:
        pass

    def __new__(cls, *args: object, **kwargs: object) -> _Shell:
        return super().__new__(cls)

    def __setstate__(self, state: object) -> None:
        pass


class _PlainDict:
    """Stands in for named kinds of dict: torch's safe reader fills nothing but a real one."""

    def __new__(cls, *args: object, **kwargs: object) -> dict:  # type: ignore[misc]
        return {}


def read_tensors(source: str | Path) -> tuple[dict[str, Tensor], Path]:
    """All tensors of a checkpoint, on the CPU, and the file that they came from.

    Parameters
    ----------
    source
        A ``.safetensors`` file, a torch file (``.bin``, ``.pt``, ``.ckpt``), or a folder with one;
        sharded safetensors with an index are read whole.

    Raises
    ------
    InputError
        There is no such file.
    ModelError
        The file is truncated, corrupted, or holds no tensors.
    """
    path = _weights_file(Path(source))
    if path.name.endswith(".index.json"):
        return _read_shards(path), path
    if path.suffix == ".safetensors":
        return _read_safetensors(path), path
    loaded = _read_torch(path)
    state = loaded
    for name in ("state_dict", "model_state_dict", "model"):
        if isinstance(loaded.get(name), Mapping):
            state = loaded[name]
            break
    tensors = {key: value for key, value in state.items() if isinstance(value, Tensor)}
    if not tensors:
        raise ModelError(
            "The file holds no tensors.", where=str(path), fix="Give the file with the weights."
        )
    return tensors, path


def read_json_beside(path: Path, names: tuple[str, ...]) -> dict[str, Any] | None:
    """The first of the named JSON files beside a checkpoint; None when there is none.

    Raises
    ------
    ModelError
        The file is not JSON.
    """
    for name in names:
        file = path.parent / name
        if file.is_file():
            try:
                return json.loads(file.read_text(encoding="utf-8"))
            except (json.JSONDecodeError, UnicodeDecodeError) as error:
                raise ModelError(
                    f"The configuration is not JSON: {error}.",
                    where=str(file),
                    fix="Fetch the file again.",
                ) from error
    return None


def expected_shapes(model_class: type[nn.Module], config: Any) -> dict[str, tuple[int, ...]]:
    """Names and shapes of what a model saves, tied copies left out; no memory is used."""
    with torch.device("meta"):
        model = model_class(config)
    tied = getattr(model, "_tied_weights_keys", None) or {}
    tied = set(tied) if getattr(config, "tie_word_embeddings", False) else set()
    return {key: tuple(value.shape) for key, value in model.state_dict().items() if key not in tied}


def save_whole(model: nn.Module, folder: str | Path) -> Path:
    """Write a model beside the goal and then rename it, so that no half of it is ever seen.

    Raises
    ------
    InputError
        The folder exists and is not empty.
    """
    folder = Path(folder)
    with atomic_folder(folder) as work:
        model.save_pretrained(work)
    return folder


def _weights_file(path: Path) -> Path:
    if path.is_file():
        return path
    if path.is_dir():
        named = [path / name for name in ("model.safetensors.index.json", *WEIGHTS)]
        others = sorted(path.glob("*.safetensors")) + sorted(path.glob("*.ckpt"))
        for file in [*named, *others]:
            if file.is_file():
                return file
        raise InputError(
            "The folder holds no checkpoint.",
            where=str(path),
            fix=f"Give the file itself, or a folder with one of: {', '.join(WEIGHTS)}.",
        )
    raise InputError(
        "There is no such checkpoint.", where=str(path), fix="Look at the path's spelling."
    )


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    try:
        return load_file(path)
    except (SafetensorError, OSError, ValueError) as error:
        raise ModelError(
            f"The safetensors file cannot be read: {error}.",
            where=str(path),
            fix="It is truncated or corrupted; fetch it again and compare its checksum.",
        ) from error


def _read_shards(index: Path) -> dict[str, Tensor]:
    named = read_json_beside(index, (index.name,)) or {}
    weight_map = named.get("weight_map", {})
    tensors: dict[str, Tensor] = {}
    for name in sorted(set(weight_map.values())):
        shard = index.parent / Path(name).name
        if not shard.is_file():
            raise ModelError(
                f"A part of the checkpoint is missing: {Path(name).name}.",
                where=str(index),
                fix="Fetch all parts that the index names.",
            )
        tensors |= _read_safetensors(shard)
    missing = [key for key in weight_map if key not in tensors]
    if missing or not tensors:
        raise ModelError(
            f"The parts lack {len(missing)} tensors that the index names.",
            where=str(index),
            fix="Fetch all parts again.",
        )
    return tensors


def _read_torch(path: Path) -> Mapping[str, Any]:
    try:
        with torch.serialization.safe_globals(_stand_ins(path)):
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever the damage provokes
        raise ModelError(
            f"The torch file cannot be read as tensors ({type(error).__name__}).",
            where=str(path),
            fix="It is truncated, corrupted, or no checkpoint; fetch it again. Code in checkpoint "
            "files is never run here.",
        ) from error
    if not isinstance(loaded, Mapping):
        raise ModelError(
            "The torch file holds no table of tensors.",
            where=str(path),
            fix="Give the file that holds the model's state_dict.",
        )
    return loaded


def _stand_ins(path: Path) -> list[tuple[type, str]]:
    """An empty class for each name that a checkpoint mentions beside tensors.

    Training frameworks put their hyper-parameters there. With these in place torch's safe reader
    gets past them, and nothing of what the names really mean is ever called.
    """
    try:
        names = torch.serialization.get_unsafe_globals_in_checkpoint(path)
    except (ValueError, RuntimeError):
        # A file of another kind: the reader itself says what is wrong.
        return []
    kinds = {True: _PlainDict, False: _Shell}
    # One class each: the reader tells them apart by identity.
    return [(type("StandIn", (kinds[name.lower().endswith("dict")],), {}), name) for name in names]
