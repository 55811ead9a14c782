"""What a LangCell model reads with: genes by rank, and the words of texts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Self

from biosequence.atomic import atomic_path
from biosequence.errors import InputError, ModelError
from cellmodels.tokenizers import GeneRankTokenizer

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerFast

    from biosequence.tokenizers import Vocabulary

GENES = "genes"
TEXT = "text"
"""Folders of the two tokenizers inside a model's folder."""


class LangCellProcessor:
    """The tokenizers of both towers, kept together.

    Its length and its vocabulary are those of the genes, so that a trainer can treat it as the
    model's tokenizer.

    Parameters
    ----------
    genes
        Reads cells.
    text
        Reads texts; it has a padding token and puts ``[CLS]`` before a text by itself.

    Attributes
    ----------
    name
        Its name, for reports.

    Raises
    ------
    InputError
        The text tokenizer cannot pad.

    Examples
    --------
    >>> from tokenizers import Tokenizer, models, pre_tokenizers
    >>> from transformers import PreTrainedTokenizerFast
    >>> words = Tokenizer(models.WordLevel({"[PAD]": 0, "[UNK]": 1, "cell": 2}, "[UNK]"))
    >>> words.pre_tokenizer = pre_tokenizers.Whitespace()
    >>> text = PreTrainedTokenizerFast(tokenizer_object=words, pad_token="[PAD]")
    >>> genes = GeneRankTokenizer.from_published({"<pad>": 0, "<mask>": 1, "G": 2}, {"G": 1.5})
    >>> processor = LangCellProcessor(genes, text)
    >>> len(processor), processor.texts(["B cell", "cell"])["input_ids"].tolist()
    (4, [[1, 2], [2, 0]])
    """

    name: ClassVar[str] = "langcell"

    def __init__(self, genes: GeneRankTokenizer, text: PreTrainedTokenizerFast) -> None:
        if text.pad_token_id is None:
            raise InputError(
                "The text tokenizer has no padding token, so texts cannot stand in one batch.",
                where="text tokenizer of a LangCell processor",
                fix="Set its pad_token; BERT's is [PAD].",
            )
        self.genes = genes
        self.text = text

    def __len__(self) -> int:
        return len(self.genes)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.genes):,} genes, {len(self.text):,} words)"

    @property
    def vocabulary(self) -> Vocabulary:
        """The vocabulary of the genes."""
        return self.genes.vocabulary

    @property
    def pad_id(self) -> int:
        """Id that fills up short cells."""
        return self.genes.pad_id

    @property
    def mask_id(self) -> int:
        """Id that hides a gene."""
        return self.genes.mask_id

    def texts(self, texts: Sequence[str], *, max_length: int = 512) -> dict[str, Tensor]:
        """`input_ids` and `attention_mask` (texts, tokens), padded on the right; the rest is cut.

        Parameters
        ----------
        texts
            What to read.
        max_length
            Most tokens of a text.
        """
        found = self.text(
            list(texts),
            padding=True,
            padding_side="right",
            truncation=True,
            max_length=max_length,
            return_tensors="pt",
        )
        return {name: found[name] for name in ("input_ids", "attention_mask")}

    def save(self, folder: str | Path) -> None:
        """Write both into a model's folder, below genes/ and text/.

        Raises
        ------
        InputError
            The folder cannot be written to.
        """
        self.genes.save(Path(folder) / GENES)
        with atomic_path(Path(folder) / TEXT) as partial:
            self.text.save_pretrained(str(partial))

    @classmethod
    def load(cls, folder: str | Path) -> Self:
        """What :meth:`save` wrote.

        Raises
        ------
        ModelError
            One of both is missing or damaged.
        """
        genes = GeneRankTokenizer.load(Path(folder) / GENES)
        return cls(genes, load_text_tokenizer(Path(folder) / TEXT))


def load_text_tokenizer(folder: Path) -> PreTrainedTokenizerFast:
    """The text tokenizer in a folder of Hugging Face's files, or of BERT's vocab.txt.

    Raises
    ------
    ModelError
        There is none, or it is damaged.
    """
    from transformers import BertTokenizerFast, PreTrainedTokenizerFast

    whole = (folder / "tokenizer.json").is_file()
    try:
        kind: Any = PreTrainedTokenizerFast if whole else BertTokenizerFast
        if not whole and not (folder / "vocab.txt").is_file():
            raise FileNotFoundError("no tokenizer.json and no vocab.txt")
        return kind.from_pretrained(str(folder), local_files_only=True)
    except Exception as error:  # transformers raises errors of many kinds
        why = str(error).splitlines()[0][:160] if str(error) else type(error).__name__
        raise ModelError(
            f"The tokenizer of texts cannot be read ({why}).",
            where=str(folder),
            fix="Save the processor again, or name the model's own folder.",
        ) from error
