"""What a LangCell model reads with: genes by rank, and words."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from biosequence.errors import ModelError
from cellmodels.tokenizers import GeneRankTokenizer

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

GENES = "genes"
TEXT = "text"


class LangCellProcessor:
    """The tokenizers of both towers, kept together.

    Its length is that of the genes, so that a trainer can treat it as the model's tokenizer.

    Parameters
    ----------
    genes
        Reads cells.
    text
        Reads texts; has a padding token.

    Attributes
    ----------
    name
        Its name, for messages.
    """

    name: ClassVar[str] = "langcell"

    def __init__(self, genes: GeneRankTokenizer, text: PreTrainedTokenizerFast) -> None:
        self.genes = genes
        self.text = text

    def __len__(self) -> int:
        return len(self.genes)

    def texts(self, texts: Sequence[str], *, max_length: int = 512) -> dict[str, Any]:
        """Texts as `input_ids` and `attention_mask`, tensors (texts, tokens); longer ones are cut.

        Parameters
        ----------
        texts
            What to read.
        max_length
            Most tokens of a text.
        """
        found = self.text(
            list(texts), padding=True, truncation=True, max_length=max_length, return_tensors="pt"
        )
        return {name: found[name] for name in ("input_ids", "attention_mask")}

    def save(self, folder: str | Path) -> None:
        """Write both into a folder of a model.

        Raises
        ------
        InputError
            If the folder cannot be written to.
        """
        self.genes.save(Path(folder) / GENES)
        self.text.save_pretrained(str(Path(folder) / TEXT))

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """What :meth:`save` wrote.

        Raises
        ------
        ModelError
            If one of both is missing or damaged.
        """
        from transformers import PreTrainedTokenizerFast

        place = Path(folder)
        genes = GeneRankTokenizer.load(place / GENES)
        try:
            text = PreTrainedTokenizerFast.from_pretrained(str(place / TEXT))
        except Exception as error:  # transformers raises errors of many kinds
            raise ModelError(
                f"The tokenizer of texts cannot be read ({type(error).__name__}).",
                where=str(place / TEXT),
                fix="Save the processor again, or name the model's own folder.",
            ) from error
        return cls(genes, text)
