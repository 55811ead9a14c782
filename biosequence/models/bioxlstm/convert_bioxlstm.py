"""Published xLSTM checkpoints to ours, and back to the layouts that others read."""

# Shapes: D width, H heads.

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ...errors import ModelError, UsageError
from ..checkpoint import Conversion, expected_shapes, read_json_beside, read_tensors
from ..key_map import KeyReport, tied_head, translate
from .configuration_bioxlstm import BioXLSTMConfig
from .key_maps import LAYOUTS, PREFIXES, Layout, block_rules, large_rules
from .modeling_bioxlstm import BioXLSTMForCausalLM, BioXLSTMForMaskedLM
from .published_config import dna_fields, large_fields, prot_fields, v1_fields

_BESIDE = {
    "dna": ("model_config.json", "config.json"),
    "prot": ("config.json",),
    "v1": ("init_arguments.json", "config.json"),
    "large": ("config.json",),
}


def convert_xlstm(
    source: str | Path,
    *,
    dialect: str | None = None,
    config: Mapping[str, Any] | None = None,
    slstm_layout: Layout | None = None,
    legacy_rc_head_flip: bool | None = None,
) -> Conversion:
    """A published xLSTM checkpoint in our names.

    Reads DNA-xLSTM ``.ckpt``, Prot-xLSTM ``pytorch_model.bin``, Chem-xLSTM ``model.pt``, NX-AI
    xLSTM Large and transformers' xLSTM.

    Parameters
    ----------
    source
        File, or folder that holds it.
    dialect
        ``"dna"``, ``"prot"``, ``"v1"`` (Chem) or ``"large"``; None tells it from the keys, and a
        name that contradicts them is refused.
    config
        The configuration that was published with it; None reads it beside the file. Head counts,
        widths and the vocabulary come from the tensors, whatever it says.
    slstm_layout
        ``"cuda"`` or ``"vanilla"``: the back end that wrote the sLSTM weights (published
        checkpoints: cuda). The biases of both have the same shape, so it is never guessed.
    legacy_rc_head_flip
        For DNA parameter-sharing models: compute what was published, although it is not
        equivariant with several heads. None: yes.

    Raises
    ------
    InputError
        There is no such file.
    ModelError
        Another dialect, a damaged file, missing or unknown tensors, an untold sLSTM layout.
    """
    tensors, path = read_tensors(source)
    found = detect_dialect(tensors, where=str(path))
    if dialect is not None and dialect != found:
        raise ModelError(
            f"This is a checkpoint of the dialect {found!r}, not {dialect!r}.",
            where=str(path),
            fix=f"Convert it with dialect={found!r}.",
        )
    if config is None:
        config = read_json_beside(path, _BESIDE[found])
    return convert_xlstm_tensors(
        tensors,
        found,
        config,
        slstm_layout=slstm_layout,
        legacy_rc_head_flip=legacy_rc_head_flip,
        where=str(path),
    )


def convert_xlstm_tensors(
    tensors: Mapping[str, Tensor],
    dialect: str,
    config: Mapping[str, Any] | None = None,
    *,
    slstm_layout: Layout | None = None,
    legacy_rc_head_flip: bool | None = None,
    where: str = "checkpoint",
) -> Conversion:
    """Tensors under published names in our names; arguments as :func:`convert_xlstm`.

    Raises
    ------
    ModelError
        As :func:`convert_xlstm`.
    """
    if dialect == "large":
        return _convert_large(tensors, config, where)
    prefix = _prefix(tensors)
    facts = _facts(tensors, prefix)
    strands = any(".submodule." in key for key in tensors)
    _check_layout(tensors, slstm_layout, facts["slstm_num_heads"], where)
    fields = {"dna": dna_fields, "prot": prot_fields, "v1": v1_fields}[dialect](config, where)
    fields = {**fields, **_known_blocks(facts, fields)}
    if dialect == "dna":
        scale = f"{prefix}xlstm_block_stack.absolute_pos_embeds.scale"
        fields["position_embeddings"] = "sinusoidal" if scale in tensors else "none"
    if strands != fields.get("rcps", False):
        raise ModelError(
            "Configuration and tensors disagree on whether strands share parameters (rcps).",
            where=where,
            fix="Take the configuration that was saved with this checkpoint.",
        )
    if strands and facts["slstm_at"]:
        fields["legacy_rc_head_flip"] = legacy_rc_head_flip is not False
    head = f"{prefix}lm_head.lm_head.weight" if strands else f"{prefix}lm_head.weight"
    tokens = f"{prefix}token_embedding." + ("embedding." if strands else "") + "weight"
    fields["tie_word_embeddings"], dropped = tied_head(tensors, head, tokens)
    ours = BioXLSTMConfig(**{**fields, "dialect": dialect})
    kind = BioXLSTMForCausalLM if ours.is_causal else BioXLSTMForMaskedLM
    rules = block_rules(
        prefix, strands=strands, heads=ours.slstm_num_heads, layout=slstm_layout or "cuda"
    )
    done, report = translate(
        tensors, rules, expected_shapes(kind, ours), where=where, dropped=dropped
    )
    return Conversion(ours, kind, done, report)


def detect_dialect(tensors: Mapping[str, Any], *, where: str = "checkpoint") -> str:
    """The dialect that a checkpoint's keys belong to.

    Raises
    ------
    ModelError
        It is no xLSTM.

    Examples
    --------
    >>> detect_dialect({"backbone.xlstm_block_stack.post_blocks_norm.weight": None})
    'prot'
    """
    if any(".mlstm_layer." in key for key in tensors):
        return "large"
    prefix = _prefix(tensors)
    for dialect, known in PREFIXES.items():
        if prefix == known:
            return dialect
    if prefix == "":
        return "v1"
    mamba = any(".mixer." in key for key in tensors)
    raise ModelError(
        "The checkpoint is no xLSTM that this converter knows.",
        where=f"{where}: first key {next(iter(tensors), 'none')}",
        fix="Use convert_mamba for it." if mamba else "Give the file with the model's weights.",
    )


def published_tensors(
    model: nn.Module, *, slstm_layout: Layout = "cuda"
) -> tuple[dict[str, Tensor], KeyReport]:
    """A v1, DNA or Prot model's tensors under the published names.

    Parameters
    ----------
    model
        A language model of ours.
    slstm_layout
        Back end whose layout sLSTM weights get.

    Raises
    ------
    ModelError
        The model speaks the Large dialect; see :func:`to_hf_xlstm`.
    """
    config = model.config
    if config.dialect not in PREFIXES:
        raise ModelError(
            f"The dialect {config.dialect!r} has no v1-like layout.",
            where="published_tensors",
            fix="Use to_hf_xlstm.",
        )
    rules = block_rules(
        PREFIXES[config.dialect],
        strands=config.rcps,
        heads=config.slstm_num_heads,
        layout=slstm_layout,
    )
    state = model.state_dict()
    expected = {}
    for key, value in state.items():
        rule = next(r for r in rules if r.rename(key, back=True))
        shape = value if rule.back is None else rule.back(value)
        expected[rule.rename(key, back=True)] = tuple(shape.shape)
    return translate(state, rules, expected, where="our model", back=True)


def to_hf_xlstm(model: BioXLSTMForCausalLM) -> nn.Module:
    """A Large model as transformers' ``xLSTMForCausalLM``, with the same logits.

    Raises
    ------
    ModelError
        The model speaks another dialect, which transformers does not know.

    Examples
    --------
    >>> config = BioXLSTMConfig(dialect="large", vocab_size=8, hidden_size=64, num_heads=2,
    ...     num_hidden_layers=1)
    >>> type(to_hf_xlstm(BioXLSTMForCausalLM(config))).__name__
    'xLSTMForCausalLM'
    """
    from transformers import xLSTMConfig, xLSTMForCausalLM

    config = model.config
    if config.block != "post_up":
        raise ModelError(
            f"transformers' xLSTM knows the Large dialect only, this model is {config.dialect!r}.",
            where="to_hf_xlstm",
            fix="Use published_tensors for the v1, DNA and Prot layouts.",
        )
    theirs = xLSTMConfig(
        vocab_size=config.vocab_size,
        hidden_size=config.hidden_size,
        num_hidden_layers=config.num_hidden_layers,
        num_heads=config.num_heads,
        qk_dim_factor=config.qk_dim_factor,
        v_dim_factor=config.v_dim_factor,
        ffn_proj_factor=config.ffn_size / config.hidden_size,
        ffn_round_up_to_multiple_of=1,
        gate_soft_cap=config.gate_soft_cap,
        output_logit_soft_cap=config.logit_soft_cap,
        norm_eps=config.norm_eps,
        eps=config.cell_eps,
        use_bias=config.use_bias,
        tie_word_embeddings=config.tie_word_embeddings,
        pad_token_id=config.pad_token_id,
        bos_token_id=config.bos_token_id,
        eos_token_id=config.eos_token_id,
    )
    twin = xLSTMForCausalLM(theirs)
    expected = {key: tuple(value.shape) for key, value in twin.state_dict().items()}
    done, _ = translate(
        model.state_dict(), large_rules(hugging_face=True), expected, where="our model", back=True
    )
    twin.load_state_dict(done)
    return twin.to(model.dtype).eval()


def _convert_large(
    tensors: Mapping[str, Tensor], config: Mapping[str, Any] | None, where: str
) -> Conversion:
    hugging_face = "backbone.embeddings.weight" in tensors
    fields = large_fields(tensors, config, where)
    tokens = "backbone.embeddings.weight" if hugging_face else "embedding.weight"
    fields["tie_word_embeddings"], dropped = tied_head(tensors, "lm_head.weight", tokens)
    ours = BioXLSTMConfig(**fields)
    done, report = translate(
        tensors,
        large_rules(hugging_face=hugging_face),
        expected_shapes(BioXLSTMForCausalLM, ours),
        where=where,
        dropped=dropped,
    )
    return Conversion(ours, BioXLSTMForCausalLM, done, report)


def _prefix(tensors: Mapping[str, Any]) -> str | None:
    for key in tensors:
        if "xlstm_block_stack." in key:
            return key.partition("xlstm_block_stack.")[0]
    return None


def _facts(tensors: Mapping[str, Tensor], prefix: str) -> dict[str, Any]:
    """Sizes that the tensors tell: blocks, kinds, widths, heads, vocabulary."""
    facts: dict[str, Any] = {"slstm_at": [], "num_heads": None, "slstm_num_heads": None}
    blocks = {}
    for key, value in tensors.items():
        match = re.match(re.escape(prefix) + r"xlstm_block_stack\.blocks\.(\d+)\.(.+)", key)
        if match:
            blocks.setdefault(int(match[1]), {})[match[2].replace("submodule.", "")] = value
        elif key.endswith(("token_embedding.weight", "token_embedding.embedding.weight")):
            facts["vocab_size"], facts["token_width"] = value.shape
    facts["num_hidden_layers"] = max(blocks, default=-1) + 1
    for index, block in sorted(blocks.items()):
        if "xlstm_norm.weight" in block:
            facts["hidden_size"] = block["xlstm_norm.weight"].shape[0]
        if "xlstm.slstm_cell._recurrent_kernel_" in block:
            facts["slstm_at"].append(index)
            facts["slstm_num_heads"] = block["xlstm.slstm_cell._recurrent_kernel_"].shape[0]
            if "ffn.proj_up.weight" in block:
                facts["ffn_size"] = block["ffn.proj_up.weight"].shape[0] // 2
        if "xlstm.mlstm_cell.igate.weight" in block:
            facts["num_heads"] = block["xlstm.mlstm_cell.igate.weight"].shape[0]
        if "xlstm.learnable_skip" in block:
            facts["inner_size"] = block["xlstm.learnable_skip"].shape[0]
            facts["use_bias"] = "xlstm.proj_up.bias" in block
        if "xlstm.conv1d.conv.weight" in block:
            facts["conv_kernel"] = block["xlstm.conv1d.conv.weight"].shape[-1]
        if "xlstm.q_proj.weight" in block:
            facts["qkv"] = f"headwise{block['xlstm.q_proj.weight'].shape[-1]}"
    return facts


def _known_blocks(facts: dict[str, Any], fields: dict[str, Any]) -> dict[str, Any]:
    known = {k: v for k, v in facts.items() if v is not None and k != "token_width"}
    known["num_heads"] = facts["num_heads"] or facts["slstm_num_heads"]
    # Where the configuration counts more blocks than the file holds, the file is cut off.
    told = fields.get("num_hidden_layers")
    if told is not None:
        known["num_hidden_layers"] = max(told, facts["num_hidden_layers"])
    return known


def _check_layout(
    tensors: Mapping[str, Tensor], layout: str | None, heads: int | None, where: str
) -> None:
    if layout is not None and layout not in LAYOUTS:
        raise UsageError(
            f"There is no sLSTM layout {layout!r}.",
            where="slstm_layout",
            fix=f"Choose one of: {', '.join(LAYOUTS)}.",
        )
    kernels = [v for k, v in tensors.items() if k.endswith("slstm_cell._recurrent_kernel_")]
    if not kernels:
        return
    if layout is None:
        raise ModelError(
            "The sLSTM biases were saved in one of two orders, and the file does not say which.",
            where=where,
            fix="Say slstm_layout='cuda' (published checkpoints) or slstm_layout='vanilla'.",
        )
    wide = 2 if layout == "cuda" else 1
    if any(x.shape[wide] != 4 * x.shape[3 - wide] for x in kernels):
        raise ModelError(
            f"The sLSTM weights are not in the layout {layout!r}.",
            where=f"{where}: a kernel has the shape {tuple(kernels[0].shape)}",
            fix="Use the other value of slstm_layout.",
        )
