"""DNA that a causal model writes, from given beginnings or from nothing."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import tee

import numpy as np
import torch

from ..errors import InputError
from ..io import Record
from .decoding import Prompt, generate_ids
from .generation import Generated, GenerateOptions
from .loading import LoadedModel
from .sampling import sequence_generator


def generate_dna(
    loaded: LoadedModel,
    prompts: Iterable[Record] | None = None,
    *,
    options: GenerateOptions | None = None,
) -> Iterator[Generated]:
    """DNA sequences, each with its prompt in front, in the order of the prompts.

    Without prompts, a sequence starts from the token that the model's configuration names as its
    first (`bos_token_id`); most DNA models were trained without one, and then its first base is
    drawn at random. A, C, G and T are written; `[SEP]` ends a sequence.

    Parameters
    ----------
    loaded
        A causal DNA model.
    prompts
        Beginnings; taken from the stream as needed.
    options
        How much to write, and how.

    Raises
    ------
    ModelError
        The model is not causal, or not of DNA.
    InputError
        A prompt is empty or has letters that the tokenizer refuses.

    Examples
    --------
    >>> from biosequence.models import BioMambaConfig, BioMambaForCausalLM
    >>> from biosequence.tokenizers import DNATokenizer
    >>> config = BioMambaConfig(vocab_size=12, hidden_size=16, num_hidden_layers=1)
    >>> loaded = LoadedModel(BioMambaForCausalLM(config).eval(), DNATokenizer(), "tiny")
    >>> options = GenerateOptions(num=2, max_new_tokens=20)
    >>> [one.name for one in generate_dna(loaded, [Record("tata", "TATAAA")], options=options)]
    ['tata_1', 'tata_2']
    """
    loaded.require_causal().require_kind("dna")
    options = options or GenerateOptions()
    vocabulary = loaded.tokenizer.vocabulary
    letters = [n for n in vocabulary.letter_ids.tolist() if "N" not in vocabulary.token(n)]
    decoding = options.decoding(256)
    bos = loaded.model.config.bos_token_id
    if prompts is not None:
        records, again = tee(prompts)
        given = (_prompt(loaded, record) for record in records)
    elif bos is not None:
        given, again = [Prompt(np.array([bos]))], iter([Record("generated", "")])
    else:
        # Each sequence has a first base of its own, so each is a prompt of its own.
        given = (_first_base(loaded, options.seed, number) for number in range(options.num))
        again = (Record("generated", "") for _ in range(options.num))
        decoding["num"] = 1
    return _written(loaded, given, again, decoding, letters, prompts is not None)


def _written(
    loaded: LoadedModel,
    given: Iterable[Prompt],
    records: Iterator[Record],
    decoding: dict,
    letters: list[int],
    prompted: bool,
) -> Iterator[Generated]:
    kept, given = tee(given)
    number, record, prompt = -1, Record("", ""), None
    samples = generate_ids(
        loaded.model,
        given,
        stop_ids=[loaded.tokenizer.vocabulary.role_id("eos")],
        allowed_ids=letters,
        pad_id=loaded.tokenizer.pad_id,
        **decoding,
    )
    for sample in samples:
        while number < sample.prompt:
            number, record, prompt = number + 1, next(records), next(kept)
        text = loaded.tokenizer.decode(
            np.concatenate([prompt.ids, sample.ids]), skip_special_tokens=True
        )
        count = sample.number if decoding["num"] > 1 or prompted else sample.prompt
        yield Generated(
            f"{record.name}_{count + 1}",
            text,
            sample.finished,
            len(sample.ids) + sample.finished,
            sample.log_likelihood,
        )


def _prompt(loaded: LoadedModel, record: Record) -> Prompt:
    ids = loaded.tokenizer.encode(record.sequence, special_tokens=False, name=record.name)
    if not len(ids):
        raise InputError(
            "A prompt is empty.",
            where=f"prompt {record.name!r}",
            fix="Give at least one base, or no prompt at all.",
        )
    return Prompt(ids)


def _first_base(loaded: LoadedModel, seed: int, number: int) -> Prompt:
    # The third number keeps this draw apart from those of the sequence itself.
    generator = sequence_generator(seed, number, 0, 1)
    base = "ACGT"[int(torch.randint(4, (1,), generator=generator))]
    return Prompt(loaded.tokenizer.vocabulary.ids([base]))
