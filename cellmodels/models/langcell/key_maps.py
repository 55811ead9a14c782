"""Published key names of LangCell and Geneformer against ours."""

from __future__ import annotations

from biosequence.models.key_map import KeyRule

_BOTH = ("weight", "bias")
_EMBEDDINGS = ("word_embeddings", "position_embeddings", "token_type_embeddings")
_ATTENTION = {"self.query": "query", "self.key": "key", "self.value": "value"} | {
    "output.dense": "out",
    "output.LayerNorm": "norm",
}
_FEED_FORWARD = {"intermediate.dense": "up", "output.dense": "down", "output.LayerNorm": "norm"}
_PARTS = {
    "cell_proj": "cell_projection",
    "text_proj": "text_projection",
    "ctm_head": "matching_head",
}
_MASKED_HEAD = {
    "transform.dense.weight": "dense.weight",
    "transform.dense.bias": "dense.bias",
    "transform.LayerNorm.weight": "norm.weight",
    "transform.LayerNorm.bias": "norm.bias",
    "decoder.weight": "decoder.weight",
    "decoder.bias": "decoder.bias",
    "bias": "decoder.bias",
}


def bundle_rules() -> list[KeyRule]:
    """The table of the published bundle; a key there is the part's name, ``/`` and its own key."""
    rules = [*_cell_rules("cell_bert/"), *_text_rules("text_bert/")]
    for theirs, ours in _PARTS.items():
        rules += [KeyRule(f"{theirs}/{end}", f"{ours}.{end}") for end in _BOTH]
    return rules


def geneformer_rules() -> list[KeyRule]:
    """The table of a Geneformer checkpoint, which is transformers' ``BertForMaskedLM``."""
    head = [
        KeyRule(f"cls.predictions.{theirs}", f"masked_gene_head.{ours}")
        for theirs, ours in _MASKED_HEAD.items()
    ]
    return [*_cell_rules("bert."), *head]


def _cell_rules(prefix: str) -> list[KeyRule]:
    names = [f"embeddings.{name}.weight" for name in _EMBEDDINGS]
    modules = ["embeddings.LayerNorm"]
    modules += [f"encoder.layer.{{i}}.attention.{name}" for name in _ATTENTION]
    modules += [f"encoder.layer.{{i}}.{name}" for name in _FEED_FORWARD]
    names += [f"{module}.{end}" for module in modules for end in _BOTH]
    return [KeyRule(f"{prefix}{name}", f"cell_tower.{name}") for name in names]


def _text_rules(prefix: str) -> list[KeyRule]:
    modules = {"embeddings.LayerNorm": "norm"}
    for theirs, ours in (("attention", "attention"), ("crossattention", "cross_attention")):
        for part, name in _ATTENTION.items():
            modules[f"encoder.layer.{{i}}.{theirs}.{part}"] = f"layers.{{i}}.{ours}.{name}"
    for part, name in _FEED_FORWARD.items():
        modules[f"encoder.layer.{{i}}.{part}"] = f"layers.{{i}}.{name}"
    names = {
        "embeddings.word_embeddings.weight": "tokens.weight",
        "embeddings.position_embeddings.weight": "positions.weight",
    }
    for theirs, ours in modules.items():
        names |= {f"{theirs}.{end}": f"{ours}.{end}" for end in _BOTH}
    return [KeyRule(f"{prefix}{a}", f"text_tower.{b}") for a, b in names.items()]
