"""The pre-training of LangCell as an objective of the shared trainer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from biosequence.errors import ModelError, UsageError
from biosequence.training.data import TokenShards
from biosequence.training.data.sources import file_sha256
from biosequence.training.objectives import Datasets, DataSettings, Losses
from biosequence.training.objectives.language import facts
from biosequence.training.objectives.objective import Head

from ..auto import register
from ..processing_langcell import LangCellProcessor
from .corpus import PROCESSOR
from .data import CellTexts, TextGroups, collate_cells, encode_groups
from .gather import total_over_ranks
from .settings import LOSSES, LangCellSettings
from .step import pretraining_losses
from .texts import TEXTS, identities, read_texts, relations

if TYPE_CHECKING:
    from ..modeling_langcell import LangCellForPreTraining

# Building a model by its type needs its configuration to be known.
register()

# What each part of the model is trained by.
_TRAINED_BY: dict[str, tuple[str, ...]] = {
    "masked_gene_head": ("masked_genes",),
    "cell_projection": ("cell_cell", "cell_text"),
    "text_projection": ("cell_text",),
    "log_temperature": ("cell_text",),
    "matching_head": ("matching",),
    "text_tower": ("cell_text", "matching"),
    "cross_attention": ("matching",),
}


class LangCellObjective:
    """Masked genes, cells against cells, cells against texts, and matching (Zhao et al. 2024).

    Every loss can be weighed or switched off. The negatives of the contrastive losses are the
    cells and texts of all ranks in one batch; batches that are accumulated do not see each other.
    The wrong pairs of `matching` are drawn among those of one rank.

    Parameters
    ----------
    settings
        Its keys.
    data
        Folders that :func:`write_cell_corpus` wrote.
    """

    name: ClassVar[str] = "langcell"
    head: ClassVar[Head] = "pretraining"
    Settings: ClassVar[type] = LangCellSettings

    def __init__(self, settings: LangCellSettings, data: DataSettings) -> None:
        self.settings = settings
        self.data = data
        self._pads = (0, 0)

    def datasets(self, tokenizer: LangCellProcessor, length: int, seed: int) -> Datasets:
        """Cells in examples of at most `length` genes, ``<cls>`` included.

        Raises
        ------
        InputError
            If a corpus cannot be read, or was made with other genes.
        UsageError
            If a loss needs texts and the corpus has none.
        """
        self._keep_pads(tokenizer)
        train = self._dataset(self.data.train, tokenizer, length, seed, train=True)
        if self.data.validation is None:
            return Datasets(train)
        return Datasets(
            train, self._dataset(self.data.validation, tokenizer, length, seed, train=False)
        )

    def collate(self, examples: Sequence[dict[str, Any]]) -> dict[str, Tensor]:
        """Examples as one batch; see :func:`collate_cells`."""
        return collate_cells(examples, gene_pad=self._pads[0], text_pad=self._pads[1])

    def weight(self, batch: Mapping[str, Tensor]) -> int:
        """Number of cells."""
        return len(batch["input_ids"])

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor]) -> Losses:
        """The weighted sum of the losses, as this rank's share of those of all ranks."""
        settings = self.settings
        # One pass of the wrapped model, whatever happens inside.
        work = partial(
            pretraining_losses, batch=batch, settings=settings, related_II=self._related_II
        )
        found = model(objective=work)
        rows = len(batch["input_ids"])
        none = torch.zeros_like(found["num_rows"])
        own = torch.stack(
            [found["num_rows"], found.get("num_masked", none), found.get("num_pairs", none)]
        ).float()
        all_rows, *counts = total_over_ranks(own)
        shares = {name: found[name] for name in ("cell_cell", "cell_text") if name in found}
        parts = {name: loss.detach() for name, loss in shares.items()}
        weights = {}
        for name, mine, count in zip(("masked_genes", "matching"), own[1:], counts, strict=True):
            if name in found:
                # Ranks are averaged by their rows, and this is to become a mean over all genes.
                shares[name] = found[name] * (all_rows / (rows * count.clamp(min=1)))
                parts[name] = found[name].detach() / mine.clamp(min=1)
                weights[name] = mine
        total = sum(getattr(settings, name) * loss for name, loss in shares.items())
        return Losses(total, parts, rows, weights)

    @cached_property
    def _related_II(self) -> Tensor | None:
        return torch.from_numpy(relations()) if self.settings.reads_texts else None

    def model_options(self, tokenizer: LangCellProcessor) -> dict[str, Any]:
        """Sizes of both vocabularies, and the temperature where the recipe names one."""
        self._keep_pads(tokenizer)
        genes, texts = tokenizer.genes, tokenizer.text
        found: dict[str, Any] = {
            "cell_config": {"vocab_size": len(genes), "pad_token_id": genes.pad_id},
            "text_config": {"vocab_size": len(texts), "pad_token_id": texts.pad_token_id},
        }
        for name in ("temperature", "learn_temperature"):
            value = getattr(self.settings, name)
            if value is not None:
                found[name] = value
        return found

    def data_tokenizer(self) -> LangCellProcessor:
        """The processor that the training corpus was made with."""
        return LangCellProcessor.load(Path(self.data.train) / PROCESSOR)

    def open_tokenizer(self, folder: str | Path) -> LangCellProcessor:
        """The processor in the folder of a trained model."""
        return LangCellProcessor.load(folder)

    def prepare_model(self, model: LangCellForPreTraining, tokenizer: LangCellProcessor) -> None:
        """Freeze what no loss trains: left in, weight decay would go on changing it.

        Raises
        ------
        ModelError
            If the processor has more tokens than the text tower.
        """
        rows, words = model.config.text_config.vocab_size, len(tokenizer.text)
        if rows < words:
            raise ModelError(
                f"The text tower has {rows:,} tokens and the processor {words:,}.",
                where="model.config.text_config",
                fix="Leave vocab_size out of it, or take the model's own processor.",
            )
        used = {name for name in LOSSES if getattr(self.settings, name)}
        # The table of genes is also the head's, and the cell tower is always trained.
        shared = {id(parameter) for parameter in model.cell_tower.parameters()}
        for name, parameter in model.named_parameters():
            losses = [by for part, by in _TRAINED_BY.items() if part in name.split(".")]
            if id(parameter) not in shared and any(used.isdisjoint(by) for by in losses):
                parameter.requires_grad_(False)

    def manifest(self) -> dict[str, Any]:
        """Checksums of the corpora and their texts."""
        found = {}
        for split, path in (("train", self.data.train), ("validation", self.data.validation)):
            if path is not None:
                found[split] = facts(path)
                if self.settings.reads_texts:
                    found[split]["texts_sha256"] = file_sha256(Path(path) / TEXTS)
        return found

    def _dataset(
        self, path: str, tokenizer: LangCellProcessor, length: int, seed: int, *, train: bool
    ) -> CellTexts:
        settings = self.settings
        cells = TokenShards.open(path, tokenizer.genes)
        by_genes = settings.cell_cell and settings.views == "genes"
        return CellTexts(
            cells,
            tokenizer.genes.vocabulary,
            length,
            seed,
            shuffle=train,
            texts=self._texts(Path(path), tokenizer),
            mask_rate=settings.mask_rate if settings.masked_genes else None,
            view_share=settings.view_share if by_genes else None,
        )

    def _texts(self, folder: Path, tokenizer: LangCellProcessor) -> TextGroups | None:
        if not self.settings.reads_texts:
            return None
        groups = read_texts(folder)
        if groups is None:
            raise UsageError(
                "The corpus has no texts.",
                where=f"[data], {folder}",
                fix="Set cell_text = 0 and matching = 0, or write the corpus with text_of.",
            )
        cut = {"truncation": True, "max_length": self.settings.text_length}
        return encode_groups(
            lambda texts: tokenizer.text(texts, **cut)["input_ids"],
            [group.texts for group in groups],
            identities(groups),
        )

    def _keep_pads(self, tokenizer: LangCellProcessor) -> None:
        self._pads = (tokenizer.genes.pad_id, tokenizer.text.pad_token_id)
