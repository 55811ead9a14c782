"""Protein sequences with spans moved to their end, so that a causal model learns to fill them in.

The layout is that of ProtMamba (Sgarbossa, Malbranke and Bitbol 2024) and Prot-xLSTM.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal, NamedTuple

import numpy as np

from ..errors import InputError
from .protein import PROTEIN_VOCABULARY, SPAN_MASKS, ProteinTokenizer

Span = tuple[int, int]

# The published models have this many positions within a sequence, and this many sequences.
LAST_POSITION = 2047
LAST_SEQUENCE = 511
_CLS = PROTEIN_VOCABULARY.role_id("cls")
_EOS = PROTEIN_VOCABULARY.role_id("eos")
_MASKS = PROTEIN_VOCABULARY.ids(SPAN_MASKS)


class ProteinTokens(NamedTuple):
    """One stream of tokens; each field is int64 of shape (tokens,).

    Parameters
    ----------
    input_ids
        The tokens.
    position_ids
        For each, its place in its own sequence: `<cls>` 0, residues from 1.
    sequence_ids
        For each, the number of its sequence, from 0.
    """

    input_ids: np.ndarray
    position_ids: np.ndarray
    sequence_ids: np.ndarray


def sample_spans(
    length: int,
    generator: np.random.Generator,
    *,
    mean: float = 1.0,
    max_spans: int = len(SPAN_MASKS),
    fraction: float = 0.2,
) -> list[Span]:
    """Random spans of a sequence, as in training: pairs (start, end) from 0, half-open, in order.

    Their number is Poisson (drawn again above `max_spans`), their starts are any residues, and
    their lengths uniform up to `fraction` of the way to the next start, but at least 1.

    Parameters
    ----------
    length
        Residues of the sequence.
    generator
        Source of chance.
    mean, max_spans, fraction
        Of the distributions above; at most five spans have tokens.

    Examples
    --------
    >>> sample_spans(100, np.random.default_rng(4))
    [(28, 30), (44, 46), (60, 62)]
    """
    most = min(max_spans, length, len(SPAN_MASKS))
    number = generator.poisson(mean)
    while number > most:
        number = generator.poisson(mean)
    starts = np.sort(generator.choice(np.arange(1, length + 1), number, replace=False))
    spans = []
    for start, after in pairwise([*starts, length + 1]):
        size = int(generator.integers(1, int(max((after - start) * fraction, 2))))
        spans.append((int(start) - 1, int(start) - 1 + size))
    return spans


def span_tokens(
    sequence: str,
    spans: Sequence[Span],
    tokenizer: ProteinTokenizer | None = None,
    *,
    last_position: int = LAST_POSITION,
    name: str = "",
) -> ProteinTokens:
    """A sequence with the given spans masked, and their residues after `<eos>`.

    A mask has the position of the first residue it stands for, `<eos>` has 0, and each filling
    starts with its mask at the same position. Without spans there is no `<eos>`.

    Parameters
    ----------
    sequence
        A protein.
    spans
        Pairs (start, end) from 0, half-open, in order, not overlapping, at most five.
    tokenizer
        How to read it; default: :class:`ProteinTokenizer` as it is.
    last_position
        Larger positions become this one.
    name
        Name of the sequence, for messages.

    Raises
    ------
    InputError
        If the spans are not as said, or the sequence has letters that the tokenizer refuses.

    Examples
    --------
    >>> found = span_tokens("MKTAYIAK", [(4, 5), (7, 8)])
    >>> ProteinTokenizer().decode(found.input_ids)
    '<cls>MKTA<mask-1>IA<mask-2><eos><mask-1>Y<mask-2>K'
    >>> found.position_ids.tolist()
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 5, 5, 8, 8]
    """
    residues = (tokenizer or ProteinTokenizer()).encode(sequence, special_tokens=False, name=name)
    check_spans(spans, len(residues), name)
    ids, positions = _layout(residues, spans)
    return ProteinTokens(ids, np.minimum(positions, last_position), np.zeros_like(ids))


def infill_prompt(
    sequence: str,
    spans: Sequence[Span],
    tokenizer: ProteinTokenizer | None = None,
    *,
    context: Sequence[str] = (),
    last_position: int = LAST_POSITION,
    last_sequence: int = LAST_SEQUENCE,
) -> ProteinTokens:
    """What to give a causal model that is to fill spans: all up to `<eos><mask-1>`.

    The model goes on with the residues of the first span, `<mask-2>`, and so on.

    Parameters
    ----------
    sequence, spans, tokenizer, last_position
        As in :func:`span_tokens`; at least one span.
    context
        Homologs to put before it.
    last_sequence
        Larger sequence numbers become this one.

    Raises
    ------
    InputError
        As :func:`span_tokens`, and without any span.

    Examples
    --------
    >>> found = infill_prompt("MKTAYIAK", [(4, 5)])
    >>> ProteinTokenizer().decode(found.input_ids)
    '<cls>MKTA<mask-1>IAK<eos><mask-1>'
    """
    if not spans:
        raise InputError(
            "There is no span to fill in.",
            where="spans",
            fix="Give at least one pair (start, end), from 0, half-open.",
        )
    whole = span_tokens(sequence, spans, tokenizer, last_position=last_position)
    end = int(np.flatnonzero(whole.input_ids == _EOS)[0]) + 2
    own = ProteinTokens(*(field[:end] for field in whole))
    before = [span_tokens(text, (), tokenizer, last_position=last_position) for text in context]
    return _concatenated([*before, own], last_sequence)


def infill_positions(
    generated: Sequence[int] | np.ndarray,
    spans: Sequence[Span],
    *,
    last_position: int = LAST_POSITION,
) -> np.ndarray:
    """Position ids of what a model wrote after :func:`infill_prompt`, int64 of shape (tokens,).

    Examples
    --------
    >>> infill_positions(ProteinTokenizer().encode("YV<mask-2>K")[1:], [(4, 5), (7, 8)]).tolist()
    [5, 6, 8, 8]
    """
    starts = {int(mask): start + 1 for mask, (start, _) in zip(_MASKS, spans, strict=False)}
    position, found = (spans[0][0] + 1 if spans else 0), []
    for token in np.asarray(generated).tolist():
        position = starts.get(token, position)
        found.append(0 if token == _EOS else position)
        position += token not in starts
    return np.minimum(np.array(found, dtype=np.int64), last_position)


def concatenate_homologs(
    sequences: Sequence[str],
    tokenizer: ProteinTokenizer | None = None,
    *,
    spans: Literal["sample"] | Sequence[Sequence[Span]] | None = None,
    shuffle: bool = False,
    generator: np.random.Generator | None = None,
    last_position: int = LAST_POSITION,
    last_sequence: int = LAST_SEQUENCE,
) -> ProteinTokens:
    """Related proteins as one stream, each opened by `<cls>`; rows of an a3m alignment will do.

    Parameters
    ----------
    sequences
        The proteins.
    tokenizer
        How to read them; default: :class:`ProteinTokenizer` as it is.
    spans
        "sample": spans drawn for each as in training; or the spans of each; None: no spans.
    shuffle
        Put the sequences into a random order first.
    generator
        Source of chance, for "sample" and `shuffle`.
    last_position, last_sequence
        Larger position ids and sequence ids become these.

    Raises
    ------
    InputError
        On wrong letters or spans, or as many lists of spans as there are not sequences.

    Examples
    --------
    >>> found = concatenate_homologs(["MK-TA", "GAvLI"], spans=[[], [(2, 3)]])
    >>> ProteinTokenizer().decode(found.input_ids)
    '<cls>MKTA<cls>GA<mask-1>LI<eos><mask-1>V'
    >>> found.sequence_ids.tolist()
    [0, 0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 1]
    """
    tokenizer = tokenizer or ProteinTokenizer()
    if (shuffle or spans == "sample") and generator is None:
        raise InputError(
            "Random spans and random order need a source of chance.",
            where="option generator",
            fix="Give generator=numpy.random.default_rng(SEED).",
        )
    if not isinstance(spans, str) and spans is not None and len(spans) != len(sequences):
        raise InputError(
            f"There are {len(sequences)} sequences and spans for {len(spans)}.",
            where="option spans",
            fix="Give one list of spans for each sequence; an empty one for none.",
        )
    order = generator.permutation(len(sequences)) if shuffle else range(len(sequences))
    parts = []
    for number in map(int, order):
        name = f"number {number + 1}"
        residues = tokenizer.encode(sequences[number], special_tokens=False, name=name)
        own = sample_spans(len(residues), generator) if spans == "sample" else ()
        own = spans[number] if spans is not None and spans != "sample" else own
        check_spans(own, len(residues), name)
        ids, positions = _layout(residues, own)
        parts.append(ProteinTokens(ids, np.minimum(positions, last_position), np.zeros_like(ids)))
    return _concatenated(parts, last_sequence)


def restore_spans(ids: Sequence[int] | np.ndarray) -> np.ndarray:
    """The tokens with every filling back in its place; the inverse of :func:`span_tokens`.

    Parameters
    ----------
    ids
        One or several sequences, each opened by `<cls>`; fillings may be of any length.

    Raises
    ------
    InputError
        If a mask has no filling, or a filling has no mask.

    Examples
    --------
    >>> ids = span_tokens("MKTAYIAK", [(4, 5), (7, 8)]).input_ids
    >>> ProteinTokenizer().decode(restore_spans(ids))
    '<cls>MKTAYIAK'
    """
    ids = np.asarray(ids, dtype=np.int64)
    starts = np.flatnonzero(ids == _CLS)
    parts = [_restored(part) for part in np.split(ids, starts) if len(part)]
    return np.concatenate(parts) if parts else ids


def read_fills(generated: Sequence[int] | np.ndarray) -> list[str]:
    """The fillings, in order, that a model wrote after :func:`infill_prompt`.

    A special token other than `<mask-2>` to `<mask-5>` ends them.

    Examples
    --------
    >>> read_fills(ProteinTokenizer().encode("YV<mask-2>K<cls>M")[1:])
    ['YV', 'K']
    """
    fills = [""]
    special = set(PROTEIN_VOCABULARY.special_ids.tolist())
    for token in np.asarray(generated).tolist():
        if len(fills) < len(_MASKS) and token == _MASKS[len(fills)]:
            fills.append("")
        elif token in special:
            break
        else:
            fills[-1] += PROTEIN_VOCABULARY.token(token)
    return fills


def fill_in(sequence: str, spans: Sequence[Span], fills: Sequence[str]) -> str:
    """The sequence with its spans replaced by fillings of any length.

    Raises
    ------
    InputError
        If there are not as many fillings as spans, or the spans are not in order.

    Examples
    --------
    >>> fill_in("MKTAYIAK", [(4, 5), (7, 8)], ["WW", ""])
    'MKTAWWIA'
    """
    check_spans(spans, len(sequence))
    if len(fills) != len(spans):
        raise InputError(
            f"There are {len(spans)} spans and {len(fills)} fillings.",
            where="fillings",
            fix="Give one filling for each span.",
        )
    parts, end = [], 0
    for (start, after), fill in zip(spans, fills, strict=True):
        parts += [sequence[end:start], fill]
        end = after
    return "".join([*parts, sequence[end:]])


def check_spans(spans: Sequence[Span], length: int, name: str = "") -> None:
    """Refuse spans that overlap, are empty, out of order, outside or more than five.

    Raises
    ------
    InputError
        If they are not fit.
    """
    end = 0
    wrong = f"There are {len(spans)} spans." if len(spans) > len(SPAN_MASKS) else ""
    for start, after in spans:
        if not end <= start < after <= length:
            wrong = wrong or f"The span ({start}, {after}) does not fit."
        end = after
    if wrong:
        raise InputError(
            wrong,
            where=f"sequence {name!r} of {length} residues" if name else f"{length} residues",
            fix=f"Give at most {len(SPAN_MASKS)} pairs (start, end), from 0, half-open, in order.",
        )


def _layout(residues: np.ndarray, spans: Sequence[Span]) -> tuple[np.ndarray, np.ndarray]:
    tokens = np.concatenate([[_CLS], residues])
    places = np.arange(len(tokens))
    if not spans:
        return tokens, places
    ids, positions, fill_ids, fill_positions = [], [], [], []
    end = 0
    for mask, (first, after) in zip(_MASKS, spans, strict=False):
        start, stop = first + 1, after + 1
        ids += [tokens[end:start], [mask]]
        positions += [places[end:start], [start]]
        fill_ids += [[mask], tokens[start:stop]]
        fill_positions += [[start], places[start:stop]]
        end = stop
    return (
        np.concatenate([*ids, tokens[end:], [_EOS], *fill_ids]),
        np.concatenate([*positions, places[end:], [0], *fill_positions]),
    )


def _concatenated(parts: Sequence[ProteinTokens], last_sequence: int) -> ProteinTokens:
    if not parts:
        raise InputError(
            "There is no sequence.", where="sequences", fix="Give at least one protein."
        )
    numbers = [np.full(len(part.input_ids), number) for number, part in enumerate(parts)]
    return ProteinTokens(
        np.concatenate([part.input_ids for part in parts]),
        np.concatenate([part.position_ids for part in parts]),
        np.minimum(np.concatenate(numbers), last_sequence),
    )


def _restored(ids: np.ndarray) -> np.ndarray:
    ends = np.flatnonzero(ids == _EOS)
    body, rest = (ids[: ends[0]], ids[ends[0] + 1 :]) if len(ends) else (ids, ids[:0])
    edges = np.flatnonzero(np.isin(rest, _MASKS))
    fills = {int(part[0]): part[1:] for part in np.split(rest, edges) if len(part)}
    masks = body[np.isin(body, _MASKS)].tolist()
    if sorted(fills) != sorted(masks):
        raise InputError(
            "The masks of a sequence and its fillings do not belong together.",
            where=f"masks {len(masks)}, fillings {len(fills)}",
            fix="Give a whole sequence: from <cls> to the end of its last filling.",
        )
    pieces = [fills.get(token, [token]) for token in body.tolist()]
    return np.concatenate(pieces).astype(np.int64) if pieces else body
