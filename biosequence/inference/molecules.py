"""Molecules that a causal model writes: from nothing, from a beginning, or after examples."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import tee
from typing import Any

import numpy as np

from ..errors import InputError, UsageError
from ..io import Record
from ..tokenizers import join_molecules
from .decoding import Prompt, Sample, generate_ids
from .generation import Generated, GenerateOptions
from .loading import LoadedModel
from .smiles_constraint import SmilesConstraint
from .smiles_grammar import distance


def generate_molecules(
    loaded: LoadedModel,
    prompts: Iterable[Record] | None = None,
    *,
    examples: Sequence[Record] = (),
    constrain: bool = False,
    options: GenerateOptions | None = None,
) -> Iterator[Generated]:
    """Molecules as SMILES, each with its prompt in front, in the order of the prompts.

    After examples, the model writes one molecule more of the same set (in-context generation of
    Chem-xLSTM): the examples are joined by `.`, read once, and a `.` ends a molecule too.

    Parameters
    ----------
    loaded
        A causal model of SMILES or SELFIES.
    prompts
        Beginnings of molecules; None: from nothing.
    examples
        Molecules like those wanted.
    constrain
        Write syntactically whole SMILES only; see :class:`SmilesConstraint`.
    options
        How much to write, and how.

    Raises
    ------
    ModelError
        The model is not causal, or not of molecules.
    InputError
        A prompt or example is empty or no SMILES.
    UsageError
        The model's tokenizer does not fit the options.

    Examples
    --------
    >>> from biosequence.models import BioMambaConfig, BioMambaForCausalLM
    >>> from biosequence.tokenizers import SmilesTokenizer
    >>> tokenizer = SmilesTokenizer()
    >>> config = BioMambaConfig(vocab_size=len(tokenizer), hidden_size=16, num_hidden_layers=1)
    >>> loaded = LoadedModel(BioMambaForCausalLM(config).eval(), tokenizer, "tiny")
    >>> options = GenerateOptions(num=3, max_new_tokens=10)
    >>> len(list(generate_molecules(loaded, constrain=True, options=options)))
    3
    """
    loaded.require_causal().require_kind("molecule")
    writer = _Molecules(loaded, examples, constrain)
    options = options or GenerateOptions()
    decoding = options.decoding(128)
    named = iter([Record("generated", "")]) if prompts is None else _not_empty(prompts)
    records, kept = tee(named)
    samples = generate_ids(
        loaded.model,
        (writer.prompt(record, decoding["max_new_tokens"]) for record in records),
        stop_ids=writer.stops,
        allowed_ids=loaded.tokenizer.vocabulary.letter_ids.tolist(),
        constraint=writer.constraint,
        context=writer.context,
        pad_id=loaded.tokenizer.pad_id,
        **decoding,
    )
    return _written(writer, samples, kept)


class _Molecules:
    """Molecules as prompts of one model, and what ends them."""

    def __init__(self, loaded: LoadedModel, examples: Sequence[Record], constrain: bool) -> None:
        self.tokenizer = loaded.tokenizer
        vocabulary = self.tokenizer.vocabulary
        self.stops = [vocabulary.role_id("eos")]
        self.opener = vocabulary.ids(self.tokenizer.prefix)
        self.context = self._joined(examples) if examples else None
        if examples:
            self.opener = vocabulary.ids(["."])
            self.stops.append(vocabulary.id("."))
        self.constraint = SmilesConstraint(self.tokenizer, self.stops) if constrain else None

    def prompt(self, record: Record, limit: int) -> Prompt:
        """The beginning of a molecule."""
        prompt = Prompt(np.concatenate([self.opener, self.encode(record)]))
        if self.constraint is not None:
            needed = distance(self.constraint.start(prompt))
            if needed > limit:
                raise UsageError(
                    f"{limit} new tokens cannot close what a prompt opens.",
                    where=f"prompt {record.name!r}",
                    fix=f"Give --max-new-tokens {needed} or more.",
                )
        return prompt

    def encode(self, record: Record) -> np.ndarray:
        """Tokens of a SMILES, as the model writes molecules."""
        text = record.sequence
        if self.tokenizer.name == "selfies" and text:
            from ..tokenizers.smiles_selfies import to_selfies

            text = to_selfies(text)
        return self.tokenizer.encode(text, special_tokens=False, name=record.name)

    def text(self, ids: np.ndarray) -> str:
        """The SMILES of some tokens."""
        text = self.tokenizer.decode(ids, skip_special_tokens=True)
        if self.tokenizer.name == "selfies":
            from ..tokenizers.smiles_selfies import to_smiles

            return to_smiles(text)
        return text

    def _joined(self, examples: Sequence[Record]) -> Prompt:
        if "." not in self.tokenizer.vocabulary:
            raise UsageError(
                "This model has no token that separates molecules.",
                where="option context",
                fix="Give no examples, or a model that was trained on sets of molecules.",
            )
        join_molecules([record.sequence for record in examples])
        ids: list[Any] = [self.opener]
        for number, record in enumerate(examples):
            ids += [self.tokenizer.vocabulary.ids(["."])] if number else []
            ids.append(self.encode(record))
        return Prompt(np.concatenate(ids))


def _not_empty(prompts: Iterable[Record]) -> Iterator[Record]:
    for record in prompts:
        if not record.sequence.strip():
            raise InputError(
                "A prompt is empty.",
                where=f"prompt {record.name!r}",
                fix="Give at least one atom, or no prompt at all.",
            )
        yield record


def _written(
    writer: _Molecules, samples: Iterator[Sample], records: Iterator[Record]
) -> Iterator[Generated]:
    at, record = -1, Record("", "")
    for sample in samples:
        while at < sample.prompt:
            at, record = at + 1, next(records)
        yield Generated(
            f"{record.name}_{sample.number + 1}",
            writer.text(np.concatenate([writer.encode(record), sample.ids])),
            sample.finished,
            len(sample.ids) + sample.finished,
            sample.log_likelihood,
        )
