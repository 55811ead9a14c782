"""Cells among candidates that are known by their texts alone."""

# Shapes: B cells, L genes, D cell width, N candidates, T tokens, P shared width, K candidates
# that are matched, R texts for each cell of a call.

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from biosequence.device import resolve_device
from biosequence.errors import UsageError

from .cell_blocks import ROWS, CellBlock, cell_blocks
from .reranking import Reranking
from .scores import PUBLISHED_ALPHA, log_scores, published_scores
from .zero_shot_settings import ZeroShotSettings

if TYPE_CHECKING:
    from .modeling_langcell import LangCellModel
    from .processing_langcell import LangCellProcessor

# Texts that are encoded at once, and tokens of all texts that are matched at once: what is in
# memory beside the model.
TEXTS = 64
TOKENS = 16_384
# Cells that are encoded and matched at once. Where they are filled up, the rest is computed for
# nothing; only a gene bag is so cheap that calls cost more than cells.
ROWS_OF = {"gene-bag": (128, 32)}
ROWS_OF_OTHERS = (ROWS, 4)


class ZeroShot:
    """A LangCell model and candidates, whose texts are read once.

    The default, :meth:`scores`, finds the most similar candidates and matches only these, and only
    where the similarity does not decide by itself. :meth:`scores_exact` matches every cell with
    every candidate, as published. The numbers of a cell do not depend on what other cells are
    given with it.

    Parameters
    ----------
    model
        Its towers and heads; moved to the device.
    processor
        Its tokenizers.
    texts
        One for each candidate.
    settings
        How the default works.
    device
        ``"auto"`` or a torch device.

    Raises
    ------
    UsageError
        There is no candidate, or no such device.
    """

    def __init__(
        self,
        model: LangCellModel,
        processor: LangCellProcessor,
        texts: Sequence[str],
        *,
        settings: ZeroShotSettings | None = None,
        device: str = "auto",
    ) -> None:
        if not len(texts):
            raise UsageError(
                "There is no candidate.", where="candidates", fix="Describe at least one."
            )
        self.settings = settings or ZeroShotSettings()
        self._asked = device
        self.model = model.to(resolve_device(device).name).eval()
        kind = model.config.cell_config.model_type
        self._rows, self._at_once = ROWS_OF.get(kind, ROWS_OF_OTHERS)
        self._pad_id = processor.genes.pad_id
        self._longest = _longest(model, processor)
        most = model.config.text_config.max_position_embeddings
        found = processor.texts(list(texts), max_length=most)
        self._texts_NT = found["input_ids"].to(self.model.device)
        self._mask_NT = found["attention_mask"].to(self.model.device)

    def __len__(self) -> int:
        return len(self._texts_NT)

    @property
    def text_length(self) -> int:
        """Tokens of the longest text, to which all are filled up in matching."""
        return self._texts_NT.shape[1]

    def __getstate__(self) -> dict[str, Any]:
        """On the CPU: the process that opens it may have another device."""
        _ = self.text_embedding_NP  # once here, not in every process
        state = self.__dict__ | {"model": copy.deepcopy(self.model).cpu()}
        return {k: v.cpu() if isinstance(v, Tensor) else v for k, v in state.items()}

    def __setstate__(self, state: dict[str, Any]) -> None:
        """Move everything to the device that was asked for."""
        device = resolve_device(state["_asked"]).name
        moved = {
            k: v.to(device) for k, v in state.items() if isinstance(v, Tensor | torch.nn.Module)
        }
        self.__dict__.update(state | moved)

    @torch.inference_mode()
    def embed(self, cells: Sequence[np.ndarray]) -> np.ndarray:
        """Points of the space that cells and texts share, float32 (B, P) of length 1.

        Parameters
        ----------
        cells
            Gene ids of each, ``<cls>`` first; zeros come back for those without ids.
        """
        found_BP = np.zeros((len(cells), self.model.config.projection_dim), np.float32)
        for block in self._blocks(cells):
            embedding_BP = self.model.encode_cells(block.ids_BL, block.mask_BL).embedding
            found_BP[block.rows] = embedding_BP[: len(block.rows)].cpu().numpy()
        return found_BP

    @torch.inference_mode()
    def scores_exact(
        self,
        cells: Sequence[np.ndarray],
        alpha: float = PUBLISHED_ALPHA,
        *,
        logit_space: bool = False,
    ) -> np.ndarray:
        """The published score of all cells and candidates, float32 (B, N).

        Parameters
        ----------
        cells
            As :meth:`embed`; those without ids get zeros.
        alpha
            Weight of the similarity. What is right for a few candidates is not for many.
        logit_space
            Add up logarithms instead, without the second softmax; see :func:`log_scores`.
        """
        fuse = log_scores if logit_space else published_scores
        found_BN = np.zeros((len(cells), len(self)), np.float32)
        for block in self._blocks(cells):
            encoding = self.model.encode_cells(block.ids_BL, block.mask_BL)
            similarity_BN = self.model.similarity(encoding.embedding, self.text_embedding_NP)
            match_BN2 = self._match_all(encoding.hidden, block.mask_BL)
            scores_BN = fuse(similarity_BN, match_BN2, alpha)
            found_BN[block.rows] = scores_BN[: len(block.rows)].cpu().numpy()
        return found_BN

    @torch.inference_mode()
    def scores(
        self, cells: Sequence[np.ndarray], log_prior_N: np.ndarray | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Uncalibrated log probabilities, float32 (B, N), and embeddings, float32 (B, P).

        They are log s + weight x log m, of similarity and match; see :func:`matched_scores`.

        Parameters
        ----------
        cells
            As :meth:`embed`; those without ids get zeros.
        log_prior_N
            What speaks for candidates beforehand; it has a say in which are matched and is not
            part of what comes back.
        """
        embedding_BP = np.zeros((len(cells), self.model.config.projection_dim), np.float32)
        prior_N = torch.zeros(len(self)) if log_prior_N is None else torch.from_numpy(log_prior_N)
        prior_N = prior_N.to(self.model.device, torch.float32)
        ranking = Reranking(
            len(cells),
            len(self),
            self.settings.most,
            prior_N,
            self._match,
            at_once=self._at_once,
        )
        for block in self._blocks(cells):
            encoding = self.model.encode_cells(block.ids_BL, block.mask_BL)
            similarity_BN = self.model.similarity(encoding.embedding, self.text_embedding_NP)
            ranking.add(block, similarity_BN.log_softmax(-1), encoding.hidden)
            found_BP = encoding.embedding[: len(block.rows)]
            embedding_BP[block.rows] = found_BP.cpu().numpy()
        return ranking.scores(self.settings.weight).numpy(), embedding_BP

    def _blocks(self, cells: Sequence[np.ndarray]) -> Iterator[CellBlock]:
        return cell_blocks(
            cells,
            pad_id=self._pad_id,
            longest=self._longest,
            size=self._rows,
            device=self.model.device,
        )

    @cached_property
    @torch.inference_mode()
    def text_embedding_NP(self) -> Tensor:
        """Points of the candidates, (N, P) of length 1; read when they are first needed."""
        lengths_N = self._mask_NT.sum(1)
        embedding_NP = torch.zeros(len(self), self.model.config.projection_dim)
        embedding_NP = embedding_NP.to(self.model.device)
        for rows in lengths_N.argsort(stable=True).split(TEXTS):
            width = int(lengths_N[rows].max())
            encoding = self.model.encode_texts(
                self._texts_NT[rows, :width], self._mask_NT[rows, :width]
            )
            embedding_NP[rows] = encoding.embedding
        return embedding_NP

    def _match_all(self, hidden_BLD: Tensor, mask_BL: Tensor) -> Tensor:
        size = max(1, TOKENS // (len(hidden_BLD) * self._texts_NT.shape[1]))
        parts = []
        for rows in torch.arange(len(self), device=hidden_BLD.device).split(size):
            rows_BR = rows.expand(len(hidden_BLD), -1)
            parts.append(self._match(rows_BR, hidden_BLD, mask_BL))
        return torch.cat(parts, 1)

    def _match(self, rows_BR: Tensor, hidden_BLD: Tensor, mask_BL: Tensor) -> Tensor:
        """Logits (B, R, 2) of each cell's own candidates."""
        states = self.settings.states
        flat_M = rows_BR.reshape(-1)
        logits_M2 = self.model.match(
            self._texts_NT[flat_M],
            self._mask_NT[flat_M],
            hidden_BLD[:, :states],
            mask_BL[:, :states],
        )
        return logits_M2.view(*rows_BR.shape, 2)


def _longest(model: LangCellModel, processor: LangCellProcessor) -> int:
    cell = model.config.cell_config
    places = cell.max_position_embeddings if cell.model_type == "bert" else None
    return min(processor.genes.max_length, places or processor.genes.max_length)
