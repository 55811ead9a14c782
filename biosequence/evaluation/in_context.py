"""In-context gain: how much better a sequence is guessed after others of its family."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import InputError
from ..inference.long import CHUNK, read_context, stream_token_log_probs
from ..inference.mutations import read_wild_type
from ..inference.records import uncounted_ids
from ..progress import progress
from .classification import spread
from .metrics import RESAMPLES, Estimate, ratio_estimate
from .report import Column, Plot, Report

if TYPE_CHECKING:
    from ..inference import LoadedModel

NUMBERS = (0, 1, 10, 50)
"""Sequences before the one that is asked for."""
REPEATS = 4
"""Sequences of each family that are asked for."""

LogLikelihood = Callable[[str, Sequence[str]], tuple[float, int]]
"""From a sequence and those before it to its log-likelihood and the number of its tokens."""


@dataclass(frozen=True, slots=True)
class Family:
    """Sequences that belong together.

    Parameters
    ----------
    name
        Name of the file, or number of the line.
    sequences
        Homologs, or molecules of a domain; without gaps.
    """

    name: str
    sequences: tuple[str, ...]


def evaluate_in_context(
    log_likelihood: LogLikelihood,
    families: Iterable[Family],
    *,
    numbers: Sequence[int] = NUMBERS,
    repeats: int = REPEATS,
    limit: int | None = None,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Report:
    """Perplexity of a sequence with 0, 1, 10, 50 others of its family before it.

    The same sequences are asked for at every number, with the smaller contexts as the ends of the
    larger ones, so that only what is read changes. A family that is too small for a number is left
    out there, and the gain compares with no context on the same sequences.

    Parameters
    ----------
    log_likelihood
        The model, as :func:`family_scorer` makes it.
    families
        Families; copies of a sequence count once, so that none is before itself.
    numbers
        How many are before; 0 is always among them.
    repeats
        Sequences asked for in each family, drawn by the seed.
    limit
        The first so many families; all when None.
    resamples, seed
        Of the intervals, which draw families again; the seed also draws and orders sequences.

    Raises
    ------
    InputError
        No family has two different sequences.
    """
    wanted = sorted({0, *numbers})
    totals: dict[int, list[np.ndarray]] = {number: [] for number in wanted}
    for place, family in enumerate(progress(families, what="reading", unit=" families")):
        if limit is not None and place >= limit:
            break
        known = list(dict.fromkeys(family.sequences))
        rng = np.random.default_rng([seed, place])
        found = {number: np.zeros(3) for number in wanted}
        for target in rng.permutation(len(known))[:repeats] if len(known) > 1 else ():
            others = [known[at] for at in rng.permutation(len(known)) if at != target]
            alone = 0.0
            for number in wanted:
                if number > len(others):
                    break
                total, tokens = log_likelihood(known[target], others[len(others) - number :])
                alone = total if number == 0 else alone
                found[number] += (-total, -alone, tokens)
        for number in wanted:
            if found[number][2]:
                totals[number].append(found[number])
    if not totals[0]:
        raise InputError(
            "No family has two different sequences.",
            where="families",
            fix="Give alignments (.a3m), or lines of molecules joined by '.'.",
        )
    rows = [
        _row(number, np.array(totals[number]), resamples, seed)
        for number in wanted
        if totals[number]
    ]
    return _report(rows, len(totals[0]), repeats, seed)


def family_scorer(loaded: LoadedModel, *, chunk: int = CHUNK) -> LogLikelihood:
    """What a causal model says of a sequence after others, counting the sequence's own tokens.

    Homologs are read one after the other, each opened by `<cls>`; molecules are joined by `.`.
    What opens or ends a sequence is not counted, as it differs with and without a context.

    Raises
    ------
    ModelError
        The model is not causal, or not of proteins or molecules.
    """
    loaded.require_causal().require_kind("protein", "molecule")
    return _Proteins(loaded, chunk) if loaded.kind == "protein" else _Molecules(loaded, chunk)


def read_families(path: str | Path) -> Iterable[Family]:
    """Families of a folder of alignments (.a3m), of one, or of a file of joined molecules.

    Raises
    ------
    InputError
        A file cannot be read, or a folder has no alignment.
    """
    from ..io import read_a3m, read_smiles

    base = Path(path)
    files = [base] if not base.is_dir() else sorted([*base.glob("*.a3m"), *base.glob("*.a3m.gz")])
    if not files:
        raise InputError(
            "There is no alignment there.", where=str(path), fix="Give a folder of .a3m files."
        )
    for file in files:
        if ".a3m" in file.suffixes:
            sequences = tuple(filter(None, read_a3m(file).sequences()))
            yield Family(file.name.removesuffix(".gz").removesuffix(".a3m"), sequences)
        else:
            for record in read_smiles(file):
                yield Family(record.name, tuple(filter(None, record.sequence.split("."))))


class _Proteins:
    def __init__(self, loaded: LoadedModel, chunk: int) -> None:
        self.loaded, self.chunk = loaded, chunk
        vocabulary = loaded.tokenizer.vocabulary
        self.ignored = [*uncounted_ids(loaded.tokenizer), *vocabulary.special_ids]

    def __call__(self, sequence: str, before: Sequence[str]) -> tuple[float, int]:
        read = read_wild_type(self.loaded, sequence, before, chunk=self.chunk)
        pieces = stream_token_log_probs(
            self.loaded.model,
            read.ids,
            position_ids=read.position_ids,
            sequence_ids=read.sequence_ids(len(read.ids)),
            chunk=self.chunk,
            context=read.context,
        )
        return _summed(np.concatenate(list(pieces)), ~np.isin(read.ids, self.ignored))


class _Molecules:
    def __init__(self, loaded: LoadedModel, chunk: int) -> None:
        self.loaded, self.chunk = loaded, chunk
        vocabulary = loaded.tokenizer.vocabulary
        self.opener = vocabulary.ids(loaded.tokenizer.prefix)
        self.between = vocabulary.ids(["."])
        self.ignored = uncounted_ids(loaded.tokenizer)

    def __call__(self, sequence: str, before: Sequence[str]) -> tuple[float, int]:
        ids = self._ids(sequence)
        read: list[np.ndarray] = [self.opener]
        for other in before:
            read += [self._ids(other), self.between]
        start = np.concatenate(read)
        if not len(start):
            pieces = stream_token_log_probs(self.loaded.model, ids, chunk=self.chunk)
        else:
            context = read_context(self.loaded.model, start, chunk=self.chunk)
            pieces = stream_token_log_probs(
                self.loaded.model, ids, chunk=self.chunk, context=context
            )
        return _summed(np.concatenate(list(pieces)), ~np.isin(ids, self.ignored))

    def _ids(self, sequence: str) -> np.ndarray:
        return self.loaded.tokenizer.encode(sequence, special_tokens=False).astype(np.int64)


def _summed(log_probs: np.ndarray, counted: np.ndarray) -> tuple[float, int]:
    counted = counted & ~np.isnan(log_probs)
    return float(log_probs[counted].sum()), int(counted.sum())


def _row(number: int, sums: np.ndarray, resamples: int, seed: int) -> dict[str, Any]:
    """A row from (families, 3): nats with this context, nats with none, tokens."""
    options = {"resamples": resamples, "seed": seed}
    rate = ratio_estimate(sums[:, 0], sums[:, 2], **options)
    perplexity = Estimate(*(None if one is None else float(np.exp(one)) for one in rate))
    gain = ratio_estimate(sums[:, 1] - sums[:, 0], sums[:, 2], **options)
    return {
        "before": number,
        "families": len(sums),
        "tokens": int(sums[:, 2].sum()),
        **spread("perplexity", perplexity),
        **spread("gain", gain),
    }


def _report(rows: list[dict[str, Any]], families: int, repeats: int, seed: int) -> Report:
    return Report(
        suite="in-context",
        title="In-context gain",
        columns=(
            Column("before", "sequences before"),
            Column("families", "families", "{:,}"),
            Column("tokens", "tokens", "{:,}"),
            Column("perplexity", "perplexity", "{:.4f}", interval=True),
            Column("gain", "gain, nats per token", "{:+.4f}", interval=True),
        ),
        rows=tuple(rows),
        summary={"families": families}
        | {f"gain with {row['before']}": row["gain"] for row in rows if row["before"]},
        plot=Plot("line", "before", "perplexity", "perplexity", axis="sequences before"),
        notes=(
            f"At most {repeats} sequences of each family are asked for, drawn with seed {seed}; "
            "the same ones with every number before them. The gain compares with none before, on "
            "the same sequences. Families that are too small for a number are left out there. "
            "Intervals draw families again.",
        ),
    )
