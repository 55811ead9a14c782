"""Published Mamba-family checkpoints to ours, and back to transformers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import ModelError
from ..bioxlstm.published_config import complement_list
from ..checkpoint import Conversion, expected_shapes, read_json_beside, read_tensors
from ..key_map import KeyRule, tied_head, translate
from .configuration_biomamba import BioMambaConfig
from .modeling_biomamba import BioMambaForCausalLM, BioMambaForMaskedLM

FAMILIES = ("mamba_ssm", "hf", "caduceus")
"""Layouts: mamba_ssm (ProtMamba too), transformers' Mamba, Mamba2 and FalconMamba, Caduceus."""

_MIXER = {
    "in_proj": "in_proj",
    "conv1d": "conv",
    "x_proj": "x_proj",
    "dt_proj": "dt_proj",
    "out_proj": "out_proj",
    "norm": "norm",
}
_LOOSE = ("A_log", "D", "dt_bias")


def convert_mamba(
    source: str | Path,
    *,
    family: str | None = None,
    config: Mapping[str, Any] | None = None,
) -> Conversion:
    """A published Mamba, Mamba-2, FalconMamba, Caduceus or ProtMamba checkpoint in our names.

    Parameters
    ----------
    source
        File, or folder that holds it.
    family
        ``"mamba_ssm"`` (ProtMamba too), ``"hf"`` or ``"caduceus"``; None tells it from the keys,
        and a name that contradicts them is refused.
    config
        The configuration that was published with it; None reads config.json beside the file.
        Widths and the vocabulary come from the tensors, whatever it says.

    Raises
    ------
    InputError
        There is no such file.
    ModelError
        Another family, a damaged file, missing or unknown tensors.
    """
    tensors, path = read_tensors(source)
    found = detect_family(tensors, where=str(path))
    if family is not None and family != found:
        raise ModelError(
            f"This is a checkpoint of the family {found!r}, not {family!r}.",
            where=str(path),
            fix=f"Convert it with family={found!r}.",
        )
    if config is None:
        config = read_json_beside(path, ("config.json",))
    return convert_mamba_tensors(tensors, found, config, where=str(path))


def convert_mamba_tensors(
    tensors: Mapping[str, Tensor],
    family: str,
    config: Mapping[str, Any] | None = None,
    *,
    where: str = "checkpoint",
) -> Conversion:
    """Tensors under published names in our names; arguments as :func:`convert_mamba`.

    Raises
    ------
    ModelError
        As :func:`convert_mamba`.
    """
    config = dict(config or {})
    # Gradient checkpointing wrapped the mixers of some ProtMamba models in one more module.
    tensors = {key.replace(".ckpt_layer.", "."): value for key, value in tensors.items()}
    if family == "caduceus":
        return _convert_caduceus(tensors, config, where)
    tokens = "backbone.embeddings.weight" if family == "hf" else "backbone.embedding.weight"
    fields = _sizes(tensors, tokens, "backbone.layers.0.mixer.", config, where)
    fields |= _norm_fields(tensors, "backbone.norm_f.", config)
    fields |= _positions(tensors)
    if config.get("model_type") == "falcon_mamba":
        fields["bcdt_rms_eps"] = config.get("mixer_rms_eps", 1e-6)
    fields["tie_word_embeddings"], dropped = tied_head(tensors, "lm_head.weight", tokens)
    ours = BioMambaConfig(**fields)
    done, report = translate(
        tensors,
        mamba_rules(tokens),
        expected_shapes(BioMambaForCausalLM, ours),
        where=where,
        dropped=dropped,
    )
    return Conversion(ours, BioMambaForCausalLM, done, report)


def detect_family(tensors: Mapping[str, Any], *, where: str = "checkpoint") -> str:
    """The layout that a checkpoint's keys belong to.

    Raises
    ------
    ModelError
        It is no Mamba.

    Examples
    --------
    >>> detect_family({"backbone.embedding.weight": 0, "backbone.layers.0.mixer.D": 0})
    'mamba_ssm'
    """
    mixers = any(".mixer." in key for key in tensors)
    if mixers and any(key.startswith("caduceus.") for key in tensors):
        return "caduceus"
    if mixers and "backbone.embeddings.weight" in tensors:
        return "hf"
    if mixers and "backbone.embedding.weight" in tensors:
        return "mamba_ssm"
    xlstm = any("xlstm" in key or "mlstm" in key for key in tensors)
    raise ModelError(
        "The checkpoint is no Mamba that this converter knows.",
        where=f"{where}: first key {next(iter(tensors), 'none')}",
        fix="Use convert_xlstm for it." if xlstm else "Give the file with the model's weights.",
    )


def mamba_rules(tokens: str) -> list[KeyRule]:
    """The table of mamba_ssm's and transformers' layouts, which differ in one name."""
    theirs, ours = "backbone.layers.{i}.", "backbone.layers.{i}."
    rules = [
        KeyRule(tokens, "backbone.embed.tokens.weight"),
        KeyRule("backbone.position_embedding.weight", "backbone.embed.positions.weight"),
        KeyRule("backbone.seq_position_embedding.weight", "backbone.embed.seq_positions.weight"),
        KeyRule("lm_head.weight", "lm_head.weight"),
    ]
    for kind in ("weight", "bias"):
        rules.append(KeyRule(f"{theirs}norm.{kind}", f"{ours}norm.{kind}"))
        rules.append(KeyRule(f"backbone.norm_f.{kind}", f"backbone.norm.{kind}"))
    return rules + _mixer_rules(f"{theirs}mixer.", f"{ours}mixer.")


def caduceus_rules(*, strands: bool, unfused: bool, both_ways: bool) -> list[KeyRule]:
    """The table of Caduceus.

    Parameters
    ----------
    strands
        Parameter sharing between strands (Caduceus-PS).
    unfused
        Norms lie in a wrapper of their own, as they do without the fused norm.
    both_ways
        Mixers come in pairs.
    """
    root, ours = "caduceus.backbone.", "backbone."
    words = f"{root}embeddings.word_embeddings."
    sub, norm = ("submodule." if strands else ""), ("submodule." if unfused else "")
    tokens = f"{words}embedding.weight" if strands else f"{words}weight"
    head = "lm_head.lm_head.weight" if strands else "lm_head.weight"
    rules = [
        KeyRule(tokens, "backbone.embed.tokens.weight"),
        KeyRule(f"{words}complement_map", "backbone.embed.complement_map"),
        KeyRule(head, "lm_head.weight"),
        KeyRule("lm_head.complement_map", "lm_head.complement_map"),
    ]
    for kind in ("weight", "bias"):
        rules.append(
            KeyRule(f"{root}layers.{{i}}.norm.{norm}{kind}", f"{ours}layers.{{i}}.norm.{kind}")
        )
        rules.append(KeyRule(f"{root}norm_f.{norm}{kind}", f"{ours}norm.{kind}"))
    for name in ("fwd", "rev"):
        mixer = f"{ours}layers.{{i}}.mixer." + (f"{name}." if both_ways else "")
        rules += _mixer_rules(f"{root}layers.{{i}}.mixer.{sub}mamba_{name}.", mixer)
        if not both_ways:
            break
    return rules


def to_hf_mamba(model: BioMambaForCausalLM) -> nn.Module:
    """A causal model as transformers' Mamba, Mamba-2 or FalconMamba, with the same logits.

    Raises
    ------
    ModelError
        transformers has no class for it (positions, LayerNorm).

    Examples
    --------
    >>> config = BioMambaConfig(vocab_size=8, hidden_size=16, num_hidden_layers=1)
    >>> type(to_hf_mamba(BioMambaForCausalLM(config))).__name__
    'MambaForCausalLM'
    """
    config = model.config
    if config.has_positions or config.norm != "rms" or not config.is_causal:
        raise ModelError(
            "transformers has no Mamba with these positions, norms or directions.",
            where=f"position_embeddings={config.position_embeddings!r}, norm={config.norm!r}",
            fix="Keep it in our format.",
        )
    twin = _hf_twin(config)
    tied = set(twin._tied_weights_keys or {}) if config.tie_word_embeddings else set()
    shapes = {k: tuple(v.shape) for k, v in twin.state_dict().items() if k not in tied}
    state = {k: v for k, v in model.state_dict().items() if k not in tied}
    done, _ = translate(
        state, mamba_rules("backbone.embeddings.weight"), shapes, where="our model", back=True
    )
    twin.load_state_dict(done, strict=False)
    twin.tie_weights()
    return twin.to(model.dtype).eval()


def _hf_twin(config: BioMambaConfig) -> nn.Module:
    import transformers

    shared = {
        "vocab_size": config.padded_vocab_size,
        "hidden_size": config.hidden_size,
        "num_hidden_layers": config.num_hidden_layers,
        "state_size": config.state_size,
        "conv_kernel": config.conv_kernel,
        "expand": config.expand,
        "use_bias": config.use_bias,
        "use_conv_bias": config.use_conv_bias,
        "layer_norm_epsilon": config.norm_eps,
        "residual_in_fp32": config.residual_in_fp32,
        "tie_word_embeddings": config.tie_word_embeddings,
        "pad_token_id": config.pad_token_id,
        "bos_token_id": config.bos_token_id,
        "eos_token_id": config.eos_token_id,
    }
    if config.mixer == "mamba2":
        theirs = transformers.Mamba2Config(
            **shared,
            num_heads=config.inner_size // config.head_dim,
            head_dim=config.head_dim,
            n_groups=config.num_groups,
            chunk_size=config.chunk_size or 256,
            time_step_limit=config.dt_limit,
        )
        return transformers.Mamba2ForCausalLM(theirs)
    shared["time_step_rank"] = config.time_step_rank
    if config.bcdt_rms_eps is not None:
        theirs = transformers.FalconMambaConfig(**shared, mixer_rms_eps=config.bcdt_rms_eps)
        return transformers.FalconMambaForCausalLM(theirs)
    return transformers.MambaForCausalLM(transformers.MambaConfig(**shared))


def _convert_caduceus(
    tensors: Mapping[str, Tensor], config: dict[str, Any], where: str
) -> Conversion:
    strands = any(".mixer.submodule." in key for key in tensors)
    unfused = any(".norm.submodule." in key for key in tensors)
    both_ways = any(".mamba_rev." in key for key in tensors)
    words = "caduceus.backbone.embeddings.word_embeddings."
    tokens = words + ("embedding.weight" if strands else "weight")
    mixer = "caduceus.backbone.layers.0.mixer." + ("submodule." if strands else "")
    fields = _sizes(tensors, tokens, f"{mixer}mamba_fwd.", config, where)
    norm = "caduceus.backbone.norm_f." + ("submodule." if unfused else "")
    fields |= _norm_fields(tensors, norm, config)
    head = "lm_head.lm_head.weight" if strands else "lm_head.weight"
    fields["tie_word_embeddings"], dropped = tied_head(tensors, head, tokens)
    if both_ways:
        copies = _tied_projections(tensors)
        fields["bidirectional"] = config.get("bidirectional_strategy") or "add"
        fields["tie_bidirectional_projections"] = copies is not None
        dropped |= copies or {}
    if strands:
        fields |= {"rcps": True, "rcps_swap": not unfused}
        table = config.get("complement_map")
        if table is None:
            # The buffer covers the padded rows too, which map to themselves.
            saved = tensors.get(f"{words}complement_map")
            table = None if saved is None else dict(enumerate(saved.tolist()))
        known = complement_list(table, where)[: fields["vocab_size"]]
        fields["complement_map"] = known
    ours = BioMambaConfig(**fields)
    kind = BioMambaForCausalLM if ours.is_causal else BioMambaForMaskedLM
    rules = caduceus_rules(strands=strands, unfused=unfused, both_ways=both_ways)
    shapes = expected_shapes(kind, ours)
    done, report = translate(tensors, rules, shapes, where=where, dropped=dropped)
    return Conversion(ours, kind, done, report)


def _mixer_rules(theirs: str, ours: str) -> list[KeyRule]:
    rules = [KeyRule(f"{theirs}{name}", f"{ours}{name}") for name in _LOOSE]
    for name, goal in _MIXER.items():
        for kind in ("weight", "bias"):
            rules.append(KeyRule(f"{theirs}{name}.{kind}", f"{ours}{goal}.{kind}"))
    return rules


def _sizes(
    tensors: Mapping[str, Tensor], tokens: str, mixer: str, config: dict[str, Any], where: str
) -> dict[str, Any]:
    """Sizes that the tensors tell; where two go with the same shapes, the configuration's."""
    wanted = [tokens, f"{mixer}A_log", f"{mixer}conv1d.weight", f"{mixer}out_proj.weight"]
    missing = [key for key in wanted if key not in tensors]
    if missing:
        raise ModelError(
            f"Tensors are missing: {', '.join(missing)}.",
            where=where,
            fix="Give a whole checkpoint.",
        )
    table, a_log, conv, out = (tensors[key] for key in wanted)
    width, inner = out.shape
    layers = tokens.partition("backbone.")[0] + "backbone.layers."
    numbers = {int(k[len(layers) :].split(".")[0]) for k in tensors if k.startswith(layers)}
    told = config.get("n_layer") or config.get("num_hidden_layers") or 0
    fields = {
        "hidden_size": width,
        "num_hidden_layers": max(told, max(numbers) + 1),
        "expand": inner // width if inner % width == 0 else inner / width,
        "conv_kernel": conv.shape[-1],
        "use_conv_bias": f"{mixer}conv1d.bias" in tensors,
        "use_bias": f"{mixer}in_proj.bias" in tensors,
        "residual_in_fp32": bool(config.get("residual_in_fp32", True)),
        **_vocabulary(table.shape[0], config),
        **{k: config.get(k) for k in ("pad_token_id", "bos_token_id", "eos_token_id")},
    }
    if a_log.ndim == 2:
        rank = tensors.get(f"{mixer}dt_proj.weight")
        sizes = {"mixer": "mamba", "state_size": a_log.shape[1]}
        return fields | sizes | {"time_step_rank": None if rank is None else rank.shape[1]}
    return fields | _mamba2_sizes(inner, a_log.shape[0], conv.shape[0], config, where)


def _mamba2_sizes(
    inner: int, heads: int, mixed: int, config: dict[str, Any], where: str
) -> dict[str, Any]:
    ssm = config.get("ssm_cfg") or {}
    state = config.get("state_size") or ssm.get("d_state")
    groups = config.get("n_groups") or ssm.get("ngroups")
    product = (mixed - inner) // 2
    if groups is None and state is None:
        # mamba_ssm's default; only the product of groups and states is in the shapes.
        groups = 1 if "ssm_cfg" in config else None
    if groups is None and state is None:
        raise ModelError(
            "Mamba-2's number of groups is not in its tensors.",
            where=where,
            fix="Put config.json beside the checkpoint, or pass config=.",
        )
    groups = groups or product // state
    low, high = config.get("time_step_limit") or ssm.get("dt_limit") or (0.0, None)
    return {
        "mixer": "mamba2",
        "num_groups": groups,
        "state_size": product // groups,
        "head_dim": inner // heads,
        "time_step_limit": [_number(low), _number(high)],
    }


def _number(value: Any) -> float | None:
    """A number as JSON may spell it; None stands for infinity."""
    if isinstance(value, Mapping):
        # transformers writes infinity as an object with one entry.
        value = next(iter(value.values()), None)
    return None if value is None or float(value) == float("inf") else float(value)


def _vocabulary(rows: int, config: dict[str, Any]) -> dict[str, int]:
    told, multiple = config.get("vocab_size"), config.get("pad_vocab_size_multiple") or 1
    if told and told <= rows and -(-told // multiple) * multiple == rows:
        return {"vocab_size": told, "pad_vocab_size_multiple": multiple}
    return {"vocab_size": rows, "pad_vocab_size_multiple": 1}


def _norm_fields(
    tensors: Mapping[str, Tensor], norm: str, config: dict[str, Any]
) -> dict[str, Any]:
    eps = config.get("layer_norm_epsilon", config.get("norm_epsilon", 1e-5))
    return {"norm": "layer" if f"{norm}bias" in tensors else "rms", "norm_eps": eps}


def _positions(tensors: Mapping[str, Tensor]) -> dict[str, Any]:
    one = tensors.get("backbone.position_embedding.weight")
    two = tensors.get("backbone.seq_position_embedding.weight")
    if one is None:
        return {}
    fields = {"position_embeddings": "abs_1d", "max_position_embeddings": one.shape[0]}
    if two is not None:
        fields |= {"position_embeddings": "abs_2d", "max_seq_position_embeddings": two.shape[0]}
    return fields


def _tied_projections(tensors: Mapping[str, Tensor]) -> dict[str, str] | None:
    """The reverse mixers' copies of the forward projections; None when any differs."""
    copies = {}
    for key, value in tensors.items():
        if ".mamba_rev.in_proj." in key or ".mamba_rev.out_proj." in key:
            twin = key.replace(".mamba_rev.", ".mamba_fwd.")
            if twin not in tensors or not torch.equal(value, tensors[twin]):
                return None
            copies[key] = f"a copy of {twin}, to which it is tied"
    return copies
