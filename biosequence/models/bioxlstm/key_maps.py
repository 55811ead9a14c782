"""Published key names of the xLSTM dialects against ours."""

# Shapes: H heads, O and I output and input width of a head, 4 gates in the order i, f, z, o.

from __future__ import annotations

from typing import Literal

from torch import Tensor

from ..key_map import KeyRule

Layout = Literal["cuda", "vanilla"]
LAYOUTS = ("cuda", "vanilla")

PREFIXES = {"dna": "model.backbone.", "prot": "backbone.", "v1": "model."}
"""What each v1-like dialect writes before its keys."""

_MLSTM = {
    "learnable_skip": "skip",
    "proj_up": "up",
    "proj_down": "down",
    "conv1d.conv": "conv",
    "q_proj": "q",
    "k_proj": "k",
    "v_proj": "v",
    "mlstm_cell.igate": "cell.igate",
    "mlstm_cell.fgate": "cell.fgate",
    "mlstm_cell.outnorm": "cell.norm",
}
# The published names of the first two gates are swapped: fgate feeds the input gate.
_SLSTM = {
    "conv1d.conv": "conv",
    "fgate": "igate",
    "igate": "fgate",
    "zgate": "zgate",
    "ogate": "ogate",
    "group_norm": "norm",
}
_LARGE = {
    "norm_mlstm": "norm",
    "norm_ffn": "ffn_norm",
    "mlstm_layer.q": "mixer.q",
    "mlstm_layer.k": "mixer.k",
    "mlstm_layer.v": "mixer.v",
    "mlstm_layer.ogate_preact": "mixer.ogate",
    "mlstm_layer.igate_preact": "mixer.cell.igate",
    "mlstm_layer.fgate_preact": "mixer.cell.fgate",
    "mlstm_layer.multihead_norm": "mixer.cell.norm",
    "mlstm_layer.out_proj": "mixer.down",
    "ffn.proj_up_gate": "ffn.gate",
    "ffn.proj_up": "ffn.up",
    "ffn.proj_down": "ffn.down",
}


def block_rules(prefix: str, *, strands: bool, heads: int, layout: Layout) -> list[KeyRule]:
    """The table of a v1-like dialect.

    Parameters
    ----------
    prefix
        What stands before every key; see :data:`PREFIXES`.
    strands
        The checkpoint shares parameters between strands: its layers lie one level deeper.
    heads
        Heads of the sLSTM blocks.
    layout
        Back end that the sLSTM weights were saved with.
    """
    sub = "submodule." if strands else ""
    theirs, ours = f"{prefix}xlstm_block_stack.blocks.{{i}}.", "backbone.layers.{i}."
    rules = [
        KeyRule(f"{theirs}xlstm_norm.{sub}weight", f"{ours}norm.weight"),
        KeyRule(f"{theirs}ffn_norm.{sub}weight", f"{ours}ffn_norm.weight"),
        KeyRule(f"{prefix}xlstm_block_stack.post_blocks_norm.{sub}weight", "backbone.norm.weight"),
        KeyRule(
            f"{prefix}xlstm_block_stack.absolute_pos_embeds.scale", "backbone.embed.sinusoid.scale"
        ),
        KeyRule(f"{prefix}position_embedding.weight", "backbone.embed.positions.weight"),
        KeyRule(f"{prefix}seq_position_embedding.weight", "backbone.embed.seq_positions.weight"),
        KeyRule(f"{theirs}xlstm.learnable_skip", f"{ours}mixer.skip"),
    ]
    for name, goal in {"proj_up": "up", "proj_down": "down"}.items():
        rules.append(KeyRule(f"{theirs}ffn.{sub}{name}.weight", f"{ours}ffn.{goal}.weight"))
    table = [(f"xlstm.{name}", goal) for name, goal in _MLSTM.items()]
    table += [(f"xlstm.{sub}{name}", goal) for name, goal in _SLSTM.items()]
    for name, goal in table:
        for kind in ("weight", "bias"):
            rules.append(KeyRule(f"{theirs}{name}.{kind}", f"{ours}mixer.{goal}.{kind}"))
    rules += _recurrent_rules(f"{theirs}xlstm.{sub}slstm_cell.", f"{ours}mixer.", heads, layout)
    return rules + _token_rules(prefix, strands=strands)


def _token_rules(prefix: str, *, strands: bool) -> list[KeyRule]:
    tokens, head = "backbone.embed.tokens.weight", "lm_head.weight"
    if not strands:
        return [
            KeyRule(f"{prefix}token_embedding.weight", tokens),
            KeyRule(f"{prefix}lm_head.weight", head),
        ]
    return [
        KeyRule(f"{prefix}token_embedding.embedding.weight", tokens),
        KeyRule(f"{prefix}token_embedding.complement_map", "backbone.embed.complement_map"),
        KeyRule(f"{prefix}lm_head.lm_head.weight", head),
        KeyRule(f"{prefix}lm_head.complement_map", "lm_head.complement_map"),
    ]


def _recurrent_rules(theirs: str, ours: str, heads: int, layout: Layout) -> list[KeyRule]:
    def weight(x: Tensor) -> Tensor:
        return recurrent_from_published(x, layout)

    def weight_back(x: Tensor) -> Tensor:
        return recurrent_to_published(x, layout)

    def bias(x: Tensor) -> Tensor:
        return bias_from_published(x, heads, layout)

    def bias_back(x: Tensor) -> Tensor:
        return bias_to_published(x, layout)

    return [
        KeyRule(f"{theirs}_recurrent_kernel_", f"{ours}recurrent", weight, weight_back),
        KeyRule(f"{theirs}_bias_", f"{ours}bias", bias, bias_back),
    ]


def recurrent_from_published(x: Tensor, layout: Layout) -> Tensor:
    """A published recurrent kernel as (4, H, O, I).

    ``cuda`` is (H, I, 4 O), ``vanilla`` is (H, 4 O, I).

    Examples
    --------
    >>> import torch
    >>> x = torch.randn(2, 3, 12)
    >>> ours = recurrent_from_published(x, "cuda")
    >>> tuple(ours.shape), torch.equal(recurrent_to_published(ours, "cuda"), x)
    ((4, 2, 3, 3), True)
    """
    if layout == "cuda":
        return x.unflatten(2, (4, -1)).permute(2, 0, 3, 1)
    return x.unflatten(1, (4, -1)).transpose(0, 1)


def recurrent_to_published(x: Tensor, layout: Layout) -> Tensor:
    """Undo :func:`recurrent_from_published`."""
    if layout == "cuda":
        return x.permute(1, 3, 0, 2).flatten(2)
    return x.transpose(0, 1).flatten(1, 2)


def bias_from_published(x: Tensor, heads: int, layout: Layout) -> Tensor:
    """A published bias as (4, H, O): ``cuda`` runs over heads first, ``vanilla`` over gates."""
    if layout == "cuda":
        return x.view(heads, 4, -1).transpose(0, 1)
    return x.view(4, heads, -1)


def bias_to_published(x: Tensor, layout: Layout) -> Tensor:
    """Undo :func:`bias_from_published`."""
    return (x.transpose(0, 1) if layout == "cuda" else x).flatten()


def large_rules(*, hugging_face: bool) -> list[KeyRule]:
    """The table of xLSTM Large, as NX-AI or as transformers saves it."""
    embedding = "backbone.embeddings.weight" if hugging_face else "embedding.weight"
    rules = [
        KeyRule(embedding, "backbone.embed.tokens.weight"),
        KeyRule("backbone.out_norm.weight", "backbone.norm.weight"),
        KeyRule("lm_head.weight", "lm_head.weight"),
    ]
    for name, goal in _LARGE.items():
        for kind in ("weight", "bias"):
            theirs, ours = f"backbone.blocks.{{i}}.{name}", f"backbone.layers.{{i}}.{goal}"
            rules.append(KeyRule(f"{theirs}.{kind}", f"{ours}.{kind}"))
    return rules
