"""What published xLSTM configuration files say, in the words of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ...errors import ModelError


def dna_fields(config: Mapping[str, Any] | None, where: str) -> dict[str, Any]:
    """Fields of DNA-xLSTM's ``model_config.json``.

    Raises
    ------
    ModelError
        There is none: directions, strands and positions cannot be told from the tensors.
    """
    if config is None:
        raise ModelError(
            "The directions that a DNA-xLSTM model reads in are not in its tensors.",
            where=where,
            fix="Put model_config.json beside the checkpoint, or pass config=.",
        )
    config = config.get("config", config)
    direction = "none"
    if config.get("bidirectional"):
        direction = "sum_legacy"
        if config.get("bidirectional_alternating"):
            direction = "alternating"
        elif config.get("m_backend_bidirectional"):
            direction = "native"
    fields: dict[str, Any] = {
        "bidirectional": direction,
        "rcps": bool(config.get("rcps")),
        "rope": "per_head" if config.get("m_position_embeddings") else "none",
        "dropout": float(config.get("dropout") or 0.0),
        "num_hidden_layers": config.get("n_layer"),
        "pad_token_id": 4,
        "bos_token_id": 2,
        "eos_token_id": 1,
    }
    if len(config.get("s_lstm_at") or []) == config.get("n_layer"):
        # Rotation belongs to mLSTM blocks.
        fields["rope"] = "none"
    if fields["rcps"]:
        fields["complement_map"] = complement_list(config.get("complement_map"), where)
    return fields


def prot_fields(config: Mapping[str, Any] | None, where: str) -> dict[str, Any]:
    """Fields of Prot-xLSTM's ``config.json``.

    Raises
    ------
    ModelError
        There is none, or its kind of positions is not known.
    """
    if config is None:
        raise ModelError(
            "The positions that a Prot-xLSTM model uses are not in its tensors.",
            where=where,
            fix="Put config.json beside the checkpoint, or pass config=.",
        )
    kind = config.get("position_embeddings") or "none"
    ropes = {"rot_1d": "inner", "rot_2d": "inner_2d"}
    if kind not in (*ropes, "abs_1d", "abs_2d", "none"):
        raise ModelError(
            f"There are no positions of the kind {kind!r}.",
            where=f"{where}: position_embeddings",
            fix="Known are rot_1d, rot_2d, abs_1d, abs_2d and none.",
        )
    return {
        "rope": ropes.get(kind, "none"),
        "position_embeddings": kind if kind.startswith("abs") else "none",
        "rope_theta": float(config.get("rope_base_frequency", 500_000)),
        "max_position_embeddings": config.get("max_position_embeddings", 2048),
        "max_seq_position_embeddings": config.get("max_seq_position_embeddings", 512),
        "dropout": float(config.get("dropout") or 0.0),
        "num_hidden_layers": config.get("num_blocks"),
        "pad_token_id": 1,
        "bos_token_id": 0,
        "eos_token_id": 2,
    }


def v1_fields(config: Mapping[str, Any] | None, where: str) -> dict[str, Any]:
    """Fields of Chem-xLSTM's ``init_arguments.json``, all of which the tensors could do without."""
    config = config or {}
    return {
        "num_hidden_layers": config.get("n_layers", config.get("num_blocks")),
        "pad_token_id": 0,
    }


def large_fields(
    tensors: Mapping[str, Tensor], config: Mapping[str, Any] | None, where: str
) -> dict[str, Any]:
    """Fields of an xLSTM Large, sizes from its tensors and caps from its ``config.json``.

    Raises
    ------
    ModelError
        A tensor that tells a size is missing.
    """
    config = config or {}
    first = "backbone.blocks.0.mlstm_layer."
    tokens = tensors.get("backbone.embeddings.weight", tensors.get("embedding.weight"))
    wanted = [first + name for name in ("q.weight", "v.weight", "igate_preact.weight")]
    wanted.append("backbone.blocks.0.ffn.proj_up.weight")
    missing = [key for key in wanted if key not in tensors]
    if missing or tokens is None:
        raise ModelError(
            f"Tensors are missing: {', '.join(missing) or 'the token embedding'}.",
            where=where,
            fix="Give a whole checkpoint in the weight mode 'single'.",
        )
    q, v, gate, ffn = (tensors[key] for key in wanted)
    width = tokens.shape[1]
    blocks = {int(key.split(".")[2]) for key in tensors if key.startswith("backbone.blocks.")}
    told = config.get("num_hidden_layers") or config.get("num_blocks") or 0
    caps = ("gate_soft_cap", "output_logit_soft_cap")
    return {
        "dialect": "large",
        "vocab_size": tokens.shape[0],
        "hidden_size": width,
        "num_hidden_layers": max(told, max(blocks) + 1),
        "num_heads": gate.shape[0],
        "qk_dim_factor": q.shape[0] / width,
        "v_dim_factor": v.shape[0] / width,
        "ffn_size": ffn.shape[0],
        "use_bias": first + "q.bias" in tensors,
        "gate_soft_cap": config.get(caps[0], 15.0),
        "logit_soft_cap": config.get(caps[1], 30.0),
        "norm_eps": config.get("norm_eps", 1e-6),
        "cell_eps": config.get("eps", 1e-6),
        **{k: config.get(k) for k in ("pad_token_id", "bos_token_id", "eos_token_id")},
    }


def complement_list(table: Mapping[Any, int] | None, where: str) -> list[int]:
    """A published complement map, whose keys JSON turned into text, as a list.

    Raises
    ------
    ModelError
        There is none, or ids are missing.

    Examples
    --------
    >>> complement_list({"0": 1, "1": 0}, "config.json")
    [1, 0]
    """
    ids = {int(key): int(value) for key, value in (table or {}).items()}
    if not ids or sorted(ids) != list(range(len(ids))):
        raise ModelError(
            "The complement map is missing or has holes.",
            where=f"{where}: complement_map",
            fix="Take the configuration that was saved with this checkpoint.",
        )
    return [ids[i] for i in range(len(ids))]
