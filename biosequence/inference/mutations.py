"""What mutations do to a protein, in the eyes of a model; a context is read once for all."""

# Shapes: B batch, T time, V vocabulary.

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from ..errors import InputError, UsageError
from .long import CHUNK, Context, read_context, read_pieces, stream_token_log_probs
from .records import encode_record
from .score import BATCH_SIZE, is_causal, masked_log_probs

if TYPE_CHECKING:
    from ..io import Mutation
    from .loading import LoadedModel

METHODS = ("likelihood", "fill", "masked")
"""Ways to score: the whole sequence's likelihood, filling in each residue, a masked residue."""

Mutant = Sequence["Mutation"]


class WildType(NamedTuple):
    """A protein as a model reads it behind its context."""

    sequence: str
    """Residues."""
    ids: np.ndarray
    """(T,) ids with ``<cls>``: residue number p, from 1, is at p."""
    position_ids: np.ndarray
    """(T,) places in the sequence."""
    number: int
    """Number of sequences before it."""
    context: Context | None
    """What the model has read of its homologs."""

    def sequence_ids(self, length: int) -> np.ndarray:
        """(length,) the number of the sequence, for models that know several."""
        return np.full(length, self.number)


def score_mutants(
    loaded: LoadedModel,
    wild_type: str,
    mutants: Sequence[Mutant | str],
    *,
    method: str | None = None,
    context: Sequence[str] = (),
    batch_size: int = BATCH_SIZE,
    chunk: int = CHUNK,
) -> list[float]:
    """How much more likely each mutant is than the wild type; negative means worse.

    Parameters
    ----------
    loaded
        A model of proteins.
    wild_type
        Its residues.
    mutants
        Mutations of each, parsed or as text (``"A42G:L50P"``).
    method
        "likelihood" (causal): log-likelihood of the mutant minus that of the wild type; what lies
        before the first mutation is read once for all mutants. "fill" (causal, trained to fill
        in): log p(mutant) - log p(wild) of each residue asked as
        ``WT[:p]<mask-1>WT[p+1:]<eos><mask-1>`` (Prot-xLSTM, ProtMamba), summed over mutations.
        "masked": the same with the residue masked (Meier et al. 2021, masked marginals). None:
        "likelihood" or "masked", as the model is.
    context
        Homologs that the model reads first, once; rows of an alignment will do.
    batch_size, chunk
        Sequences read at once, and tokens; neither changes the answer.

    Raises
    ------
    InputError
        A mutation does not fit the wild type, or a residue is refused.
    ModelError
        The model is not of proteins.
    UsageError
        The method does not go with the model, or a context with a masked model.

    Examples
    --------
    >>> from pathlib import Path
    >>> from biosequence.inference import LoadedModel
    >>> from biosequence.models import BioXLSTMConfig, BioXLSTMForCausalLM
    >>> from biosequence.tokenizers import ProteinTokenizer
    >>> config = BioXLSTMConfig(dialect="prot", hidden_size=32, num_hidden_layers=1, num_heads=2)
    >>> loaded = LoadedModel(BioXLSTMForCausalLM(config).eval(), ProteinTokenizer(), Path("tiny"))
    >>> len(score_mutants(loaded, "MKTA", ["K2R", "M1A:A4G"], context=["MRTA"]))
    2
    """
    from ..io import parse_mutations

    parsed = [parse_mutations(one) if isinstance(one, str) else tuple(one) for one in mutants]
    method = check_method(loaded, method, has_context=bool(context))
    wild = read_wild_type(loaded, wild_type, context, chunk=chunk)
    check_mutants(loaded, wild_type, parsed)
    if method == "likelihood":
        effects = likelihood_effects(loaded, wild, parsed, batch_size=batch_size, chunk=chunk)
        by_number = dict(effects)
        return [by_number[number] for number in range(len(parsed))]
    places = sorted({one.position for mutant in parsed for one in mutant})
    found = residue_log_probs(
        loaded, wild, places, method=method, batch_size=batch_size, chunk=chunk
    )
    table = dict(zip(places, found, strict=True))
    return [summed_effect(loaded, mutant, table) for mutant in parsed]


def check_method(loaded: LoadedModel, method: str | None, *, has_context: bool = False) -> str:
    """The method to use, if it goes with the model.

    Raises
    ------
    ModelError
        The model is not of proteins.
    UsageError
        It does not, or a context is given to a masked model.
    """
    loaded.require_kind("protein")
    causal = is_causal(loaded)
    method = method or ("likelihood" if causal else "masked")
    if method not in METHODS or (method == "masked") == causal:
        fits = METHODS[:2] if causal else METHODS[2:]
        raise UsageError(
            f"The method {method!r} does not go with a {'causal' if causal else 'masked'} model.",
            where="method",
            fix=f"Choose {' or '.join(fits)}.",
        )
    if has_context and not causal:
        raise UsageError(
            "A masked model does not read other sequences first.",
            where="context",
            fix="Leave the context out, or give a causal model.",
        )
    return method


def read_wild_type(
    loaded: LoadedModel, sequence: str, context: Sequence[str] = (), *, chunk: int = CHUNK
) -> WildType:
    """The wild type, with its homologs read once.

    Raises
    ------
    InputError
        A residue is refused, or a sequence is longer than the model's positions.
    """
    from ..io import Record
    from ..tokenizers import concatenate_homologs

    wild = encode_record(loaded, Record("wild type", sequence))
    residues = loaded.tokenizer.encode(sequence, special_tokens=False)
    if len(residues) != len(sequence):
        raise InputError(
            "The wild type has gaps, so that its positions are not clear.",
            where=f"{len(sequence)} letters, {len(residues)} residues",
            fix="Give the sequence without gaps.",
        )
    ids = wild.ids.astype(np.int64)
    last, most = _last_positions(loaded)
    read = None
    if context:
        for number, homolog in enumerate(context, 1):
            encode_record(loaded, Record(f"homolog {number}", homolog))
        tokens = concatenate_homologs(
            list(context), loaded.tokenizer, last_position=last, last_sequence=most
        )
        read = read_context(
            loaded.model,
            tokens.input_ids,
            position_ids=tokens.position_ids,
            sequence_ids=tokens.sequence_ids,
            chunk=chunk,
        )
    places = np.minimum(np.arange(len(ids)), last)
    return WildType(sequence, ids, places, min(len(context), most), read)


def likelihood_effects(
    loaded: LoadedModel,
    wild: WildType,
    mutants: Sequence[Mutant],
    *,
    batch_size: int = BATCH_SIZE,
    chunk: int = CHUNK,
    done: int = 0,
) -> Iterator[tuple[int, float]]:
    """Number and effect of each mutant, in the order of first mutations; `done` are left out.

    The model's state before a mutation is reached once, by going along the wild type.
    """
    groups = defaultdict(list)
    for number, mutant in enumerate(mutants):
        groups[min((one.position for one in mutant), default=0)].append(number)
    order = [number for first in sorted(groups) for number in groups[first]]
    waiting = set(order[done:])
    for number in groups.pop(0, ()):
        if number in waiting:
            yield number, 0.0
    read, base, rest = 0, None, _suffix_sums(loaded, wild, chunk)
    for first in sorted(groups):
        numbers = [number for number in groups[first] if number in waiting]
        if not numbers:
            continue
        here = slice(read, first)
        base = read_context(
            loaded.model,
            wild.ids[here],
            position_ids=wild.position_ids[here],
            sequence_ids=wild.sequence_ids(first - read),
            chunk=chunk,
            context=base or wild.context,
        )
        read = first
        for start in range(0, len(numbers), batch_size):
            some = numbers[start : start + batch_size]
            ids_BT = np.stack([_mutated(loaded, wild, mutants[number])[first:] for number in some])
            totals = sum(
                piece.sum(1)
                for piece in stream_token_log_probs(
                    loaded.model,
                    ids_BT,
                    position_ids=wild.position_ids[first:],
                    sequence_ids=wild.sequence_ids(ids_BT.shape[1]),
                    chunk=chunk,
                    context=base,
                )
            )
            yield from zip(some, (totals - rest[first]).tolist(), strict=True)


def residue_log_probs(
    loaded: LoadedModel,
    wild: WildType,
    places: Sequence[int],
    *,
    method: str,
    batch_size: int = BATCH_SIZE,
    chunk: int = CHUNK,
) -> Iterator[np.ndarray]:
    """Log-probabilities (V,) float64 of the residue at each place (from 1), hidden there."""
    if method == "masked":
        # With one `<cls>` before it, residue p is token p.
        rows = [wild.ids] * len(places)
        yield from masked_log_probs(loaded, rows, places, batch_size=batch_size)
        return
    from ..tokenizers import infill_prompt

    last, _ = _last_positions(loaded)
    for start in range(0, len(places), batch_size):
        prompts = [
            infill_prompt(wild.sequence, [(place - 1, place)], loaded.tokenizer, last_position=last)
            for place in places[start : start + batch_size]
        ]
        ids_BT = np.stack([prompt.input_ids for prompt in prompts])
        for _, logits_BTV, _ in read_pieces(  # noqa: B007  # the last one is wanted
            loaded.model,
            ids_BT,
            position_ids=np.stack([prompt.position_ids for prompt in prompts]),
            sequence_ids=wild.sequence_ids(ids_BT.shape[1]),
            chunk=chunk,
            context=wild.context,
            only_last=True,
        ):
            pass
        yield from logits_BTV[:, -1].cpu().double().log_softmax(-1).numpy()


def summed_effect(loaded: LoadedModel, mutant: Mutant, table: dict[int, np.ndarray]) -> float:
    """Sum over mutations of log p(mutant) - log p(wild), from log-probabilities by position."""
    vocabulary = loaded.tokenizer.vocabulary
    return float(
        sum(
            table[one.position][vocabulary.id(one.mutant)]
            - table[one.position][vocabulary.id(one.wild)]
            for one in mutant
        )
    )


def check_mutants(loaded: LoadedModel, wild_type: str, mutants: Sequence[Mutant]) -> None:
    """See that mutations fit the wild type and that the model knows their residues.

    Raises
    ------
    InputError
        One does not.
    """
    from ..io import apply_mutations

    for mutant in mutants:
        apply_mutations(wild_type, mutant)
        for one in mutant:
            if one.mutant not in loaded.tokenizer.vocabulary:
                raise InputError(
                    f"{one} puts in {one.mutant!r}, which is no residue.",
                    where=f"mutation {one}",
                    fix="Write residues as capital letters.",
                )


def _mutated(loaded: LoadedModel, wild: WildType, mutant: Mutant) -> np.ndarray:
    ids = wild.ids.copy()
    for one in mutant:
        ids[one.position] = loaded.tokenizer.vocabulary.id(one.mutant)
    return ids


def _suffix_sums(loaded: LoadedModel, wild: WildType, chunk: int) -> np.ndarray:
    """For each place of the wild type, the log-likelihood from there to its end."""
    each = np.concatenate(
        list(
            stream_token_log_probs(
                loaded.model,
                wild.ids,
                position_ids=wild.position_ids,
                sequence_ids=wild.sequence_ids(len(wild.ids)),
                chunk=chunk,
                context=wild.context,
            )
        )
    )
    return np.nan_to_num(each)[::-1].cumsum()[::-1]


def _last_positions(loaded: LoadedModel) -> tuple[int, int]:
    """The largest position and number of a sequence; larger ones become these, as published."""
    config = loaded.model.config
    return config.max_position_embeddings - 1, config.max_seq_position_embeddings - 1
