"""Molecules of a domain, one after another: learning a domain from its examples."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, ClassVar

from ...errors import UsageError
from ..data.epochs import EpochDataset
from ..data.molecule_sets import MoleculeSets
from ..data.sources import open_documents
from .causal_lm import CausalLM, labelled
from .language import unpredicted_ids

if TYPE_CHECKING:
    from ...tokenizers import BioTokenizer


@dataclass(frozen=True, kw_only=True)
class InContextSettings:
    """Keys of `in-context`.

    Parameters
    ----------
    examples_per_domain
        Examples of each domain in an epoch, each with its molecules in another order.
    random_smiles
        Write the molecules with their atoms in random order, while training.
    unpredicted
        Tokens that are read and never predicted, besides padding and unknown.
    """

    examples_per_domain: int = 1
    random_smiles: bool = False
    unpredicted: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.examples_per_domain < 1:
            raise UsageError(
                f"examples_per_domain = {self.examples_per_domain} is not possible.",
                where="[objective], key examples_per_domain",
                fix="Give 1 or more.",
            )


class InContext(CausalLM):
    """Next-token prediction over the `.`-joined molecules of a domain (Chem-xLSTM)."""

    name: ClassVar[str] = "in-context"
    Settings: ClassVar[type] = InContextSettings

    def _dataset(
        self, path: str, tokenizer: BioTokenizer, length: int, seed: int, *, train: bool
    ) -> EpochDataset:
        settings = self.settings
        left_out = unpredicted_ids(tokenizer.vocabulary, settings.unpredicted)
        return MoleculeSets(
            open_documents(path, tokenizer),
            tokenizer,
            length,
            seed,
            shuffle=train,
            examples_per_domain=settings.examples_per_domain if train else 1,
            random_smiles=settings.random_smiles and train,
            transform=partial(labelled, left_out=left_out),
        )
