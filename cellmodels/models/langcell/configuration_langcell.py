"""Sizes of a LangCell model: one tower for cells, one for texts, and the space they share."""

from __future__ import annotations

from typing import Any, ClassVar

from transformers import AutoConfig, BertConfig, PreTrainedConfig

from biosequence.models import BioMambaConfig, BioXLSTMConfig
from biosequence.models.config_checks import refuse

from .gene_bag import GeneBagConfig

CELL_TOWERS: dict[str, type[PreTrainedConfig]] = {
    "bert": BertConfig,
    "bioxlstm": BioXLSTMConfig,
    "biomamba": BioMambaConfig,
    "gene-bag": GeneBagConfig,
}
"""What a cell tower can be, by the `model_type` of its configuration."""

GENE_ROWS = 25_427
"""Rows of the published gene table: 25,424 genes, padding, mask and <cls>."""

GENEFORMER: dict[str, Any] = {
    "model_type": "bert",
    "vocab_size": GENE_ROWS,
    "hidden_size": 512,
    "num_hidden_layers": 12,
    "num_attention_heads": 8,
    "intermediate_size": 1024,
    "hidden_act": "relu",
    "max_position_embeddings": 2048,
    "type_vocab_size": 2,
    "pad_token_id": 0,
    "layer_norm_eps": 1e-12,
    "hidden_dropout_prob": 0.02,
    "attention_probs_dropout_prob": 0.02,
}
"""The cell tower that was published, in the layout of Geneformer with twelve layers."""


class LangCellTextConfig(PreTrainedConfig):
    """Sizes of the text tower, a BERT that can look at a cell.

    Parameters
    ----------
    vocab_size, hidden_size, num_hidden_layers, num_attention_heads, intermediate_size
        Sizes; as PubMedBERT's with two more tokens by default.
    hidden_act
        Activation of the feed-forward layers.
    max_position_embeddings
        Most tokens of a text.
    layer_norm_eps, hidden_dropout_prob, attention_probs_dropout_prob, initializer_range
        As in BERT.
    pad_token_id
        Token that fills up short texts.
    encoder_width
        Width of the cell states that cross-attention reads. :class:`LangCellConfig` fills it in.
    """

    model_type = "langcell_text"

    vocab_size: int = 30_524
    hidden_size: int = 768
    num_hidden_layers: int = 12
    num_attention_heads: int = 12
    intermediate_size: int = 3072
    hidden_act: str = "gelu"
    max_position_embeddings: int = 512
    layer_norm_eps: float = 1e-12
    hidden_dropout_prob: float | int = 0.1
    attention_probs_dropout_prob: float | int = 0.1
    initializer_range: float = 0.02
    pad_token_id: int | None = 0
    encoder_width: int | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        """Check that the heads divide the width."""
        super().__post_init__(**kwargs)
        if self.hidden_size % self.num_attention_heads:
            refuse(
                f"A width of {self.hidden_size} does not divide into "
                f"{self.num_attention_heads} heads.",
                "text_config",
                "Choose num_attention_heads to divide hidden_size.",
            )


class LangCellConfig(PreTrainedConfig):
    """Both towers of a LangCell model and the space in which they meet.

    Parameters
    ----------
    cell_config
        Fields of the cell tower and its `model_type`: ``"bert"`` (the published one),
        ``"bioxlstm"`` or ``"biomamba"``, whose cost is linear in the number of genes and which
        must read both ways, or ``"gene-bag"``, a weighted sum of gene vectors for processors.
        Without a `model_type`: changes to the published sizes.
    text_config
        Fields of :class:`LangCellTextConfig`. Default: the published sizes.
    projection_dim
        Width of the space that both towers share.
    temperature
        Divides cosines before a softmax.
    learn_temperature
        Train the temperature, starting from that value.
    cell_pooling
        What stands for a cell: ``"cls"``, the first position, or ``"mean"`` over its genes.
    classifier_dropout
        Before the classifier of :class:`LangCellForSequenceClassification`.
    initializer_range
        Standard deviation of new weights outside the cell tower.

    Raises
    ------
    ModelError
        A value is unknown or two contradict each other.

    Examples
    --------
    >>> config = LangCellConfig(cell_config={"model_type": "biomamba", "hidden_size": 64,
    ...     "bidirectional": "add"})
    >>> config.cell_config.hidden_size, config.text_config.encoder_width
    (64, 64)
    """

    model_type = "langcell"
    sub_configs: ClassVar[dict[str, type]] = {
        "cell_config": AutoConfig,
        "text_config": LangCellTextConfig,
    }

    cell_config: dict[str, Any] | PreTrainedConfig | None = None
    text_config: dict[str, Any] | PreTrainedConfig | None = None
    projection_dim: int = 256
    temperature: float | int = 0.05
    learn_temperature: bool = False
    cell_pooling: str = "cls"
    classifier_dropout: float | int = 0.1
    initializer_range: float = 0.02
    tie_word_embeddings: bool = True

    def __post_init__(self, **kwargs: Any) -> None:
        """Build both towers' configurations and check that all fit together."""
        self.cell_config = _cell_config(self.cell_config)
        if not isinstance(self.text_config, LangCellTextConfig):
            self.text_config = LangCellTextConfig(**(self.text_config or {}))
        width = self.cell_config.hidden_size
        if self.text_config.encoder_width not in (None, width):
            refuse(
                f"The text tower expects cells of width {self.text_config.encoder_width}, "
                f"the cell tower gives {width}.",
                "text_config.encoder_width",
                "Leave encoder_width out; it follows from the cell tower.",
            )
        self.text_config.encoder_width = width
        super().__post_init__(**kwargs)
        if self.cell_pooling not in ("cls", "mean"):
            refuse(
                f"{self.cell_pooling!r} is not a value of cell_pooling.",
                "cell_pooling",
                "Choose one of: cls, mean.",
            )
        if self.cell_config.model_type == "gene-bag" and self.cell_pooling != "cls":
            refuse(
                "The first state of a gene bag is the cell; a mean over states is not.",
                "cell_pooling",
                "Leave it 'cls'.",
            )
        if not self.temperature > 0:
            refuse(
                f"A temperature of {self.temperature} cannot divide.",
                "temperature",
                "Choose one above 0, such as 0.05.",
            )

    @property
    def vocab_size(self) -> int:
        """Tokens of the cell tower, which a trainer compares with those of its tokenizer."""
        return self.cell_config.vocab_size


def _cell_config(given: dict[str, Any] | PreTrainedConfig | None) -> PreTrainedConfig:
    if isinstance(given, PreTrainedConfig):
        config, kind = given, given.model_type
    else:
        fields = dict(given or {})
        # Without a kind of its own, it is the published tower with some sizes changed.
        fields = fields if "model_type" in fields else GENEFORMER | fields
        kind = fields.pop("model_type")
        if kind == "bert":
            # An encoder has no cache; transformers warns of the default while training.
            fields.setdefault("use_cache", False)
        config = CELL_TOWERS[kind](**fields) if kind in CELL_TOWERS else None
    if kind not in CELL_TOWERS:
        refuse(
            f"{kind!r} is no cell tower.",
            "cell_config.model_type",
            f"Choose one of: {', '.join(CELL_TOWERS)}.",
        )
    if kind in ("bert", "gene-bag"):
        return config
    if config.is_causal or config.rcps:
        refuse(
            "A cell tower sees all genes of a cell from each of them.",
            f"cell_config: bidirectional={config.bidirectional!r}, rcps={config.rcps}",
            "Set bidirectional ('sum' or 'native' for bioxlstm, 'add' for biomamba), rcps=False.",
        )
    if config.position_embeddings in ("abs_1d", "abs_2d"):
        refuse(
            "Tables of positions take a part of the width from the genes, and end somewhere.",
            f"cell_config.position_embeddings={config.position_embeddings!r}",
            "Leave it 'none': the tower reads genes in order and needs no positions.",
        )
    return config
