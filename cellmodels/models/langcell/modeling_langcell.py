"""LangCell: cells and texts in one space, and a text tower that can look at a cell."""

# Shapes: B cells, L genes, D cell width, N texts, T tokens, H text width, P shared width,
# M pairs or B times a number of texts, V genes of the vocabulary, K labels.

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from transformers import PreTrainedModel
from transformers import initialization as init

from biosequence.models.outputs import SequenceLabelOutput

from .cell_tower import build_cell_tower, pool_cells, read_cells
from .configuration_langcell import LangCellConfig
from .heads import MaskedGeneHead
from .outputs import CellEncoding, LangCellOutput, TextEncoding
from .text_tower import TextTower


class LangCellPreTrainedModel(PreTrainedModel):
    """Initialisation and the switches that transformers reads."""

    config: LangCellConfig
    config_class = LangCellConfig
    base_model_prefix = "langcell"
    supports_gradient_checkpointing = True
    _supports_sdpa = True
    _no_split_modules: ClassVar[list[str]] = ["BertLayer", "ResidualBlock", "TextLayer"]

    @torch.no_grad()
    def _init_weights(self, module: nn.Module) -> None:
        """Draw the weights of one module as BERT does; cell towers draw their own."""
        if isinstance(module, nn.Linear | nn.Embedding):
            init.normal_(module.weight, std=self.config.initializer_range)
            if getattr(module, "bias", None) is not None:
                init.zeros_(module.bias)
        elif isinstance(module, nn.LayerNorm):
            init.ones_(module.weight)
            init.zeros_(module.bias)
        elif isinstance(module, LangCellModel) and module.log_temperature is not None:
            init.constant_(module.log_temperature, math.log(self.config.temperature))

    def get_input_embeddings(self) -> nn.Module:
        """The table of genes."""
        return self.cell_tower.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace the table of genes."""
        self.cell_tower.set_input_embeddings(value)


class LangCellModel(LangCellPreTrainedModel):
    """Cells, texts, how alike they are, and whether they match.

    Zhao et al. 2024, "LangCell: Language-Cell Pre-training for Cell Identity Understanding".

    Examples
    --------
    >>> import torch
    >>> sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    >>> config = LangCellConfig(cell_config={"model_type": "bert", "vocab_size": 9, **sizes},
    ...     text_config={"vocab_size": 7, **sizes}, projection_dim=8)
    >>> model = LangCellModel(config).eval()
    >>> with torch.no_grad():
    ...     output = model(torch.tensor([[8, 3, 2]]), text_input_ids=torch.tensor([[1, 4], [1, 5]]))
    >>> tuple(output.similarity.shape)
    (1, 2)
    """

    # Decay would draw a learnt temperature to 1.
    no_decay = ("log_temperature",)
    _keys_to_ignore_on_load_unexpected: ClassVar[list[str]] = [
        r"^masked_gene_head\.",
        r"^classifier\.",
    ]

    def __init__(self, config: LangCellConfig) -> None:
        super().__init__(config)
        width, text_width = config.cell_config.hidden_size, config.text_config.hidden_size
        self.cell_tower = build_cell_tower(config.cell_config)
        self.text_tower = TextTower(config.text_config)
        self.cell_projection = nn.Linear(width, config.projection_dim)
        self.text_projection = nn.Linear(text_width, config.projection_dim)
        self.matching_head = nn.Linear(text_width, 2)
        # The logarithm keeps a learnt temperature above 0; DeepSpeed wants a dimension.
        self.log_temperature = None
        if config.learn_temperature:
            self.log_temperature = nn.Parameter(torch.full((1,), math.log(config.temperature)))
        self.post_init()

    @property
    def temperature(self) -> Tensor | float:
        """What divides cosines before a softmax."""
        if self.log_temperature is None:
            return self.config.temperature
        return self.log_temperature.exp()

    def encode_cells(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> CellEncoding:
        """Cells as states of their genes and as points of the shared space.

        Parameters
        ----------
        input_ids
            (B, L) gene ids from the most to the least expressed, after ``<cls>``.
        attention_mask
            (B, L), 0 at padding on the right, which changes nothing. None: no padding.

        Raises
        ------
        InputError
            A cell has more genes than the tower has positions.
        """
        hidden_BLD = read_cells(self.cell_tower, input_ids, attention_mask)
        pooled_BD = pool_cells(hidden_BLD, attention_mask, self.config.cell_pooling)
        return CellEncoding(
            hidden=hidden_BLD, embedding=_unit(_apply(self.cell_projection, pooled_BD))
        )

    def encode_texts(self, input_ids: Tensor, attention_mask: Tensor | None = None) -> TextEncoding:
        """Texts on their own as states of their tokens and as points of the shared space.

        Parameters
        ----------
        input_ids
            (N, T) token ids, ``[CLS]`` first.
        attention_mask
            (N, T), 0 at padding on the right, which changes nothing. None: no padding.

        Raises
        ------
        InputError
            A text has more tokens than the tower has positions.
        """
        hidden_NTH = self.text_tower(input_ids, attention_mask)
        return TextEncoding(
            hidden=hidden_NTH, embedding=_unit(_apply(self.text_projection, hidden_NTH[:, 0]))
        )

    def match(
        self,
        text_input_ids: Tensor,
        text_attention_mask: Tensor | None,
        cell_hidden: Tensor,
        cell_attention_mask: Tensor | None,
    ) -> Tensor:
        """Logits (M, 2) of texts read while looking at cells; index 1: they match.

        Parameters
        ----------
        text_input_ids, text_attention_mask
            (M, T) token ids, and 0 at padding.
        cell_hidden, cell_attention_mask
            (B, L, D) states from :meth:`encode_cells`, and 0 at padding. With M = B, text i goes
            with cell i. With M = R B, each cell is compared with R texts in turn, and its states
            are prepared once for all of them.

        Raises
        ------
        InputError
            M is no multiple of B.
        """
        if cell_attention_mask is not None:
            # A gene bag hands on the states of the highest genes alone.
            cell_attention_mask = cell_attention_mask[:, : cell_hidden.shape[1]]
        hidden_MTH = self.text_tower(
            text_input_ids, text_attention_mask, cell_hidden, cell_attention_mask
        )
        return _at_least_fp32(_apply(self.matching_head, hidden_MTH[:, 0]))

    def similarity(self, cell_embedding: Tensor, text_embedding: Tensor) -> Tensor:
        """Cosines of cells (B, P) and texts (N, P) over the temperature, (B, N)."""
        return cell_embedding @ text_embedding.T / self.temperature

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        text_input_ids: Tensor | None = None,
        text_attention_mask: Tensor | None = None,
        return_dict: bool | None = None,
        **kwargs: Any,
    ) -> LangCellOutput | tuple[Any, ...]:
        """All cells against all texts; without texts, the cells alone.

        Parameters
        ----------
        input_ids, attention_mask
            As :meth:`encode_cells`.
        text_input_ids, text_attention_mask
            As :meth:`encode_texts`.
        return_dict
            Return an object, which is the default, rather than a tuple.
        """
        cells = self.encode_cells(input_ids, attention_mask)
        output = LangCellOutput(cell_embedding=cells.embedding, cell_hidden=cells.hidden)
        if text_input_ids is not None:
            texts = self.encode_texts(text_input_ids, text_attention_mask)
            output.similarity = self.similarity(cells.embedding, texts.embedding)
            output.text_embedding, output.text_hidden = texts.embedding, texts.hidden
        return output.to_tuple() if return_dict is False else output


class LangCellForPreTraining(LangCellModel):
    """The model with the head that names masked genes.

    Examples
    --------
    >>> sizes = {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    >>> config = LangCellConfig(cell_config={"model_type": "bert", "vocab_size": 9, **sizes},
    ...     text_config={"vocab_size": 7, **sizes})
    >>> model = LangCellForPreTraining(config)
    >>> model.masked_gene_head.decoder.weight is model.get_input_embeddings().weight
    True
    """

    _keys_to_ignore_on_load_unexpected: ClassVar[list[str]] = [r"^classifier\."]

    def __init__(self, config: LangCellConfig) -> None:
        super().__init__(config)
        genes = self.get_input_embeddings()
        self.masked_gene_head = MaskedGeneHead(
            config.cell_config.hidden_size,
            genes.num_embeddings,
            getattr(config.cell_config, "hidden_act", "gelu"),
            getattr(config.cell_config, "layer_norm_eps", 1e-12),
        )
        name = next(n for n, module in self.cell_tower.named_modules() if module is genes)
        self._tied_weights_keys = {"masked_gene_head.decoder.weight": f"cell_tower.{name}.weight"}
        self.post_init()

    def forward(
        self,
        *given: Any,
        objective: Callable[[LangCellForPreTraining], Any] | None = None,
        **named: Any,
    ) -> Any:
        """As :meth:`LangCellModel.forward`, or what an objective makes of the model.

        Wrappers for several devices see a model through its forward pass only, so an objective
        that uses its parts one by one has to do so inside of one.

        Parameters
        ----------
        given, named
            As :meth:`LangCellModel.forward`.
        objective
            Called with this model in place of that pass; its answer is returned.
        """
        return super().forward(*given, **named) if objective is None else objective(self)

    def masked_gene_logits(self, hidden: Tensor) -> Tensor:
        """Scores (..., V) of every gene from states (..., D) of positions.

        Give the masked positions alone: the scores of all are by far the largest tensor here.
        """
        return _at_least_fp32(
            self.masked_gene_head(hidden.to(self.masked_gene_head.dense.weight.dtype))
        )

    def get_output_embeddings(self) -> nn.Module:
        """The scores of genes."""
        return self.masked_gene_head.decoder

    def set_output_embeddings(self, value: nn.Module) -> None:
        """Replace the scores of genes."""
        self.masked_gene_head.decoder = value


class LangCellForSequenceClassification(LangCellPreTrainedModel):
    """Classes of cells without texts: the cell tower and a linear layer (LangCell-CE).

    A checkpoint of :class:`LangCellModel` opens with a new classifier. BERT's own pooling layer
    does not stand between: no published checkpoint has it, and a random layer is of no use where
    only the classifier is trained.
    """

    # What adapters go into; the classifier beside it is trained whole.
    base_model_prefix = "cell_tower"
    # Losses here are means over the batch; the Trainer is to average them over accumulated steps.
    accepts_loss_kwargs = False
    _keys_to_ignore_on_load_unexpected: ClassVar[list[str]] = [
        r"^text_tower\.",
        r"^(cell|text)_projection\.",
        r"^(matching|masked_gene)_head\.",
        r"^log_temperature$",
    ]

    def __init__(self, config: LangCellConfig) -> None:
        super().__init__(config)
        self.num_labels = config.num_labels
        self.cell_tower = build_cell_tower(config.cell_config)
        self.dropout = nn.Dropout(config.classifier_dropout)
        self.classifier = nn.Linear(config.cell_config.hidden_size, config.num_labels)
        self.post_init()

    def forward(
        self,
        input_ids: Tensor,
        attention_mask: Tensor | None = None,
        labels: Tensor | None = None,
        return_dict: bool | None = None,
        **kwargs: Any,
    ) -> SequenceLabelOutput | tuple[Any, ...]:
        """Scores (B, K); the loss follows ``config.problem_type``.

        Parameters
        ----------
        input_ids, attention_mask
            As :meth:`LangCellModel.encode_cells`.
        labels
            (B,) classes.
        return_dict
            Return an object, which is the default, rather than a tuple.
        """
        hidden_BLD = read_cells(self.cell_tower, input_ids, attention_mask)
        pooled_BD = pool_cells(hidden_BLD, attention_mask, self.config.cell_pooling)
        logits = _apply(self.classifier, self.dropout(pooled_BD))
        loss = None
        if labels is not None:
            loss = self.loss_function(
                labels=labels, pooled_logits=logits, config=self.config, **kwargs
            )
        output = SequenceLabelOutput(loss=loss, logits=logits)
        return output.to_tuple() if return_dict is False else output


def _apply(layer: nn.Linear, x: Tensor) -> Tensor:
    # A bio tower may keep its residual stream in fp32 under lower precision.
    return layer(x.to(layer.weight.dtype))


def _at_least_fp32(x: Tensor) -> Tensor:
    return x.to(torch.promote_types(x.dtype, torch.float32))


def _unit(x: Tensor) -> Tensor:
    return F.normalize(_at_least_fp32(x), dim=-1)
