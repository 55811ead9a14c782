"""The tower that reads a cell: its genes from the most to the least expressed."""

# Shapes: B cells, L genes, D width.

from __future__ import annotations

from torch import Tensor
from transformers import BertModel, PreTrainedConfig, PreTrainedModel

from biosequence.errors import InputError
from biosequence.models import BioMambaModel, BioXLSTMModel

from .gene_bag import GeneBagModel


def build_cell_tower(config: PreTrainedConfig) -> PreTrainedModel:
    """The stack that a cell configuration describes, ids to hidden states.

    Examples
    --------
    >>> from biosequence.models import BioMambaConfig
    >>> tower = build_cell_tower(BioMambaConfig(hidden_size=16, num_hidden_layers=1,
    ...     bidirectional="add"))
    >>> type(tower).__name__
    'BioMambaModel'
    """
    if config.model_type == "bert":
        return BertModel(config, add_pooling_layer=False)
    towers = {"bioxlstm": BioXLSTMModel, "biomamba": BioMambaModel, "gene-bag": GeneBagModel}
    return towers[config.model_type](config)


def read_cells(tower: PreTrainedModel, input_ids: Tensor, attention_mask: Tensor | None) -> Tensor:
    """Hidden states (B, L, D) of gene ids (B, L); a gene bag keeps those of its top genes alone.

    Raises
    ------
    InputError
        The cells have more genes than the tower has positions.
    """
    config = tower.config
    if config.model_type == "bert" and input_ids.shape[1] > config.max_position_embeddings:
        raise InputError(
            f"A cell has {input_ids.shape[1]:,} genes, and the tower reads "
            f"{config.max_position_embeddings:,}.",
            where="input_ids",
            fix="Cut cells off at that length, or train a bioxlstm or biomamba cell tower.",
        )
    return tower(input_ids=input_ids, attention_mask=attention_mask).last_hidden_state


def pool_cells(hidden_BLD: Tensor, attention_mask: Tensor | None, pooling: str) -> Tensor:
    """One vector (B, D) for each cell: its first position, or the mean over its genes.

    Examples
    --------
    >>> import torch
    >>> hidden = torch.tensor([[[2.0], [4.0], [9.0]]])
    >>> pool_cells(hidden, torch.tensor([[1, 1, 0]]), "mean").tolist()
    [[3.0]]
    """
    if pooling == "cls":
        return hidden_BLD[:, 0]
    if attention_mask is None:
        return hidden_BLD.mean(1)
    weight_BL1 = attention_mask[..., None].to(hidden_BLD.dtype)
    # A cell without any gene is zeros rather than not a number.
    return (hidden_BLD * weight_BL1).sum(1) / weight_BL1.sum(1).clamp(min=1)
