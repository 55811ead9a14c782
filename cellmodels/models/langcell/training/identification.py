"""Both towers trained on a few labelled cells, against the texts of all their labels."""

# Shapes: B cells of a batch, N labels, T tokens of their texts.

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar

from torch import Tensor, nn
from torch.nn import functional as F

from biosequence.training.objectives import Datasets, Losses
from biosequence.training.objectives.objective import Head

from ..wording import text_of_words
from .classification import CellClassification, CellLabelSettings

if TYPE_CHECKING:
    from ..modeling_langcell import LangCellForPreTraining
    from ..processing_langcell import LangCellProcessor


class CellIdentification(CellClassification):
    """Every cell against the texts of all labels, by similarity and by matching.

    The losses of few-shot learning in the LangCell repository (Zhao et al. 2024): the
    cross-entropy of cosines over the temperature, and that of the probabilities of a match taken
    for logits. Each cell is matched with each text, so that labels should be few. The trained
    model is a LangCell like the one before, and goes on reading any text.

    Labels are read as candidates are: those that the Cell Ontology knows by its descriptions,
    others as they stand.
    """

    name: ClassVar[str] = "cell-identification"
    head: ClassVar[Head] = "pretraining"
    Settings: ClassVar[type] = CellLabelSettings

    def datasets(self, tokenizer: LangCellProcessor, length: int, seed: int) -> Datasets:
        """As :meth:`CellClassification.datasets`."""
        self._read_texts(tokenizer)
        return super().datasets(tokenizer, length, seed)

    def loss(self, model: nn.Module, batch: Mapping[str, Tensor]) -> Losses:
        """Mean over cells."""
        # One pass of the wrapped model, whatever happens inside.
        similarity_BN, match_BN = model(objective=partial(self._scores, batch=batch))
        labels_B = batch["labels"]
        parts = {
            "similarity": F.cross_entropy(similarity_BN, labels_B),
            "matching": F.cross_entropy(match_BN, labels_B),
        }
        right = (similarity_BN.argmax(-1) == labels_B).float().mean()
        logged = {name: part.detach() for name, part in parts.items()} | {"accuracy": right}
        return Losses(sum(parts.values()), logged, len(labels_B))

    def model_options(self, tokenizer: LangCellProcessor) -> dict[str, Any]:
        """Sizes of both vocabularies; a model that is there keeps its own."""
        genes, texts = tokenizer.genes, tokenizer.text
        return {
            "cell_config": {"vocab_size": len(genes), "pad_token_id": genes.pad_id},
            "text_config": {"vocab_size": len(texts), "pad_token_id": texts.pad_token_id},
        }

    def prepare_model(self, model: LangCellForPreTraining, tokenizer: LangCellProcessor) -> None:
        """Freeze the head that names masked genes, which is not used."""
        shared = {id(parameter) for parameter in model.cell_tower.parameters()}
        for parameter in model.masked_gene_head.parameters():
            if id(parameter) not in shared:
                parameter.requires_grad_(False)

    def _read_texts(self, tokenizer: LangCellProcessor) -> None:
        texts = [text_of_words(label) for label in self.label_options()["label2id"]]
        self._texts = tokenizer.texts(texts)

    def _scores(
        self, model: LangCellForPreTraining, batch: Mapping[str, Tensor]
    ) -> tuple[Tensor, Tensor]:
        """Cosines over the temperature, and probabilities of a match, (B, N) each."""
        texts = {name: values.to(model.device) for name, values in self._texts.items()}
        ids_NT, mask_NT = texts["input_ids"], texts["attention_mask"]
        mask_BL = batch["attention_mask"]
        cells = model.encode_cells(batch["input_ids"], mask_BL)
        points = model.encode_texts(ids_NT, mask_NT)
        similarity_BN = model.similarity(cells.embedding, points.embedding)
        size = len(mask_BL)
        logits_M2 = model.match(
            ids_NT.repeat(size, 1), mask_NT.repeat(size, 1), cells.hidden, mask_BL
        )
        return similarity_BN.float(), logits_M2.softmax(-1)[:, 1].view(size, -1)
