"""What one batch costs: the model's passes over cells and texts, and the four losses of them."""

# Shapes: B cells of this rank and their texts, G those of all ranks, L genes, T tokens,
# D width of the cell tower, P shared width, M masked genes, V genes of the vocabulary, R rows,
# I identities.

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from biosequence.training.objectives.batches import IGNORED

from .gather import row_places
from .losses import (
    contrastive_loss,
    draw_negatives,
    first_of_each,
    masked_gene_loss,
    matching_loss,
    same_identity,
)
from .settings import LangCellSettings

if TYPE_CHECKING:
    from ..modeling_langcell import LangCellForPreTraining
    from ..outputs import CellEncoding


def pretraining_losses(
    model: LangCellForPreTraining,
    batch: Mapping[str, Tensor],
    settings: LangCellSettings,
    related_II: Tensor | None = None,
) -> dict[str, Tensor]:
    """The losses that have a weight, and how much they are of.

    Parameters
    ----------
    model
        Not wrapped; wrappers see one pass if this runs inside it.
    batch
        As :func:`collate_cells` gives it.
    settings
        Weights and ways.
    related_II
        True where one of the first I identities is a kind of the other: their cells and texts are
        neither positives nor negatives. None: all others are negatives.

    Returns
    -------
    `cell_cell` and `cell_text`: means over the cells of all ranks, the same on every rank.
    `masked_genes` and `matching`: sums over this rank, with `num_masked` and `num_pairs`.
    `num_rows`: cells of this rank; 0 where each of them is another rank's too.
    """
    rows = batch["input_ids"]
    places = row_places(len(rows), rows.device)
    # A cell that a batch holds twice (epochs meet in it, or validation data have run out) counts
    # once: it is no negative of itself.
    first_G = first_of_each(places.gather(batch["cell"]))
    first_B = first_G[places.own]
    found = {"num_rows": torch.where(first_B.any(), len(rows), 0)}
    if settings.masked_genes:
        found |= _masked_genes(model, batch, first_B)
    if not (settings.cell_cell or settings.cell_text or settings.matching):
        return found
    cells = model.encode_cells(rows, batch["attention_mask"])
    cells_GP = places.gather(cells.embedding)[first_G]
    identity_G = places.gather(batch["identity"])[first_G]
    self_GG = torch.eye(len(cells_GP), dtype=torch.bool, device=rows.device)
    same_GG = same_identity(identity_G, identity_G) | self_GG
    left_out_GG = _related(identity_G, related_II)
    if settings.cell_cell:
        if "view_ids" in batch:
            view = model.encode_cells(batch["view_ids"], batch["view_mask"])
        else:
            # Another dropout makes it another view (Gao et al. 2021).
            view = model.encode_cells(rows, batch["attention_mask"])
        view_GP = places.gather(view.embedding)[first_G]
        similarity_GG = _cosines(cells_GP, view_GP) / settings.cell_temperature
        found["cell_cell"] = contrastive_loss(
            similarity_GG, self_GG, (same_GG & ~self_GG) | left_out_GG
        )
    if settings.cell_text or settings.matching:
        texts = model.encode_texts(batch["text_ids"], batch["text_mask"])
        if settings.cell_text:
            texts_GP = places.gather(texts.embedding)[first_G]
            similarity_GG = _cosines(cells_GP, texts_GP) / model.temperature
            found["cell_text"] = contrastive_loss(similarity_GG, same_GG, left_out_GG)
        if settings.matching:
            similarity_BB = _cosines(cells.embedding, texts.embedding) / model.temperature
            if settings.negatives == "random":
                similarity_BB = torch.zeros_like(similarity_BB)
            found |= _matching(model, batch, cells, similarity_BB, first_B, related_II)
    return found


def _related(identity_R: Tensor, related_II: Tensor | None) -> Tensor:
    """True (R, R) where one row's identity is a kind of the other's."""
    if related_II is None:
        return torch.zeros(
            len(identity_R), len(identity_R), dtype=torch.bool, device=identity_R.device
        )
    known_R = (identity_R >= 0) & (identity_R < len(related_II))
    number_R = identity_R.where(known_R, 0).to(related_II.device)
    found_RR = related_II[number_R][:, number_R].to(identity_R.device)
    return found_RR & known_R[:, None] & known_R


def _cosines(rows_RP: Tensor, columns_CP: Tensor) -> Tensor:
    # Half precision knows a cosine to two digits, and a temperature makes the third one matter.
    with torch.autocast(rows_RP.device.type, enabled=False):
        return rows_RP.float() @ columns_CP.float().T


def _masked_genes(
    model: LangCellForPreTraining, batch: Mapping[str, Tensor], counted_B: Tensor
) -> dict[str, Tensor]:
    hidden_BLD = model.encode_cells(batch["masked_ids"], batch["attention_mask"]).hidden
    masked_BL = (batch["labels"] != IGNORED) & counted_B[:, None]
    # The scores of all genes at all places would be by far the largest tensor.
    logits_MV = model.masked_gene_logits(hidden_BLD[masked_BL])
    loss = masked_gene_loss(logits_MV, batch["labels"][masked_BL])
    return {"masked_genes": loss, "num_masked": masked_BL.sum()}


def _matching(
    model: LangCellForPreTraining,
    batch: Mapping[str, Tensor],
    cells: CellEncoding,
    similarity_BB: Tensor,
    counted_B: Tensor,
    related_II: Tensor | None,
) -> dict[str, Tensor]:
    """Each cell with its text and with another's, and each text with another's cell.

    Others are of this rank: the states of a cell are too large to send to all ranks.
    """
    same_BB = same_identity(batch["identity"], batch["identity"])
    same_BB |= batch["cell"][:, None] == batch["cell"]
    same_BB |= _related(batch["identity"], related_II)
    text_B, has_text_B = draw_negatives(similarity_BB, same_BB, batch["draws"][:, 0])
    cell_B, has_cell_B = draw_negatives(similarity_BB.T, same_BB, batch["draws"][:, 1])
    ids_BT, mask_BT, mask_BL = batch["text_ids"], batch["text_mask"], batch["attention_mask"]
    # Both texts of a cell stand behind one another, so that its states are prepared once.
    texts_B2 = torch.stack([torch.arange(len(text_B), device=text_B.device), text_B], 1)
    texts = texts_B2.flatten()
    by_cell = model.match(ids_BT[texts], mask_BT[texts], cells.hidden, mask_BL)
    by_text = model.match(ids_BT, mask_BT, cells.hidden[cell_B], mask_BL[cell_B])
    logits_B32 = torch.cat([by_cell.unflatten(0, (-1, 2)), by_text[:, None]], 1)
    match_B3 = torch.tensor([1, 0, 0], device=text_B.device).expand(len(text_B), 3)
    there_B3 = torch.stack([torch.ones_like(has_text_B), has_text_B, has_cell_B], 1)
    counted_B3 = there_B3 & counted_B[:, None]
    loss = matching_loss(logits_B32.flatten(0, 1), match_B3.flatten(), counted_B3.flatten())
    return {"matching": loss, "num_pairs": counted_B3.sum()}
