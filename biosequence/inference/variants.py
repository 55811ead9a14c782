"""What variants of a VCF file do to DNA, in the eyes of a model that reads a window around each."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..complement import reverse_complement
from ..errors import UsageError
from ..progress import progress
from .batches import run_in_batches
from .long import CHUNK
from .records import check_strands, encode_record
from .score import BATCH_SIZE, is_causal, masked_log_probs, score_records
from .tables import Column, write_table

if TYPE_CHECKING:
    from ..io import Reference, Variant
    from .loading import LoadedModel

WINDOW = 1024
COLUMNS = (
    Column("chromosome", "{}"),
    Column("position", "{}"),
    Column("id", "{}"),
    Column("ref", "{}"),
    Column("alt", "{}"),
    Column("score", "{:.6f}"),
)


@dataclass(frozen=True, slots=True)
class Alleles:
    """A stretch of the genome with each of two alleles in it.

    Parameters
    ----------
    left, right
        Bases before and behind the variant.
    ref, alt
        The two alleles.
    name
        Of the variant, for messages.
    """

    left: str
    ref: str
    alt: str
    right: str
    name: str = ""

    def sequence(self, allele: str) -> str:
        """The stretch with an allele in it."""
        return self.left + allele + self.right

    def other_strand(self) -> Alleles:
        """The same on the other strand.

        Examples
        --------
        >>> Alleles("AA", "C", "G", "T").other_strand()
        Alleles(left='A', ref='G', alt='C', right='TT', name='')
        """
        left, ref, alt, right = map(reverse_complement, (self.right, self.ref, self.alt, self.left))
        return Alleles(left, ref, alt, right, self.name)


def window_around(variant: Variant, reference: Reference, window: int = WINDOW) -> Alleles:
    r"""The bases around a variant: `window` with the reference allele, fewer at a chromosome's end.

    Raises
    ------
    UsageError
        The window is shorter than the allele.
    InputError
        The reference has no such place.

    Examples
    --------
    >>> from biosequence.io import Reference, Variant
    >>> _ = Path("ref.fa").write_text(">chr1\nACGTACGT\n")
    >>> window_around(Variant("chr1", 4, "T", "A"), Reference("ref.fa"), 5)
    Alleles(left='CG', ref='T', alt='A', right='AC', name='chr1:4:T>A')
    """
    place = variant.interval
    if window < len(place):
        raise UsageError(
            f"A window of {window:,} bases does not hold the variant {variant}.",
            where="window",
            fix=f"Give at least {len(place):,}.",
        )
    around = window - len(place)
    before = around // 2
    whole = place.pad(before, around - before)
    length = reference.lengths.get(variant.chromosome, 0)
    text = reference.fetch(whole.truncate(length))
    start = place.start - max(whole.start, 0)
    end = start + len(place)
    return Alleles(text[:start], text[start:end], variant.alt, text[end:], str(variant))


def score_variants(
    loaded: LoadedModel,
    variants: Iterable[Variant],
    reference: Reference,
    *,
    window: int = WINDOW,
    strands: str = "forward",
    batch_size: int = BATCH_SIZE,
    chunk: int = CHUNK,
) -> Iterator[float | None]:
    r"""How much more likely the alternative is than the reference; negative means less likely.

    A causal model gives log-likelihood of the window with the alternative minus that with the
    reference. A masked model is asked with the changed bases masked, one at a time, and gives the
    sum of log p(alt) - log p(ref); that needs alleles of one length, and others have no score.

    Parameters
    ----------
    loaded
        A model of DNA.
    variants
        Such as a :class:`~biosequence.io.VcfReader` gives; taken one at a time.
    reference
        Their genome.
    window
        Bases that the model reads around a variant.
    strands
        "forward", or "both": the mean with the reverse complement.
    batch_size, chunk
        Windows and tokens read at once; neither changes the answer.

    Raises
    ------
    InputError
        A variant lies outside the reference.
    ModelError
        The model is not of DNA.
    UsageError
        The window is shorter than an allele.

    Examples
    --------
    >>> from biosequence.inference import LoadedModel
    >>> from biosequence.io import Reference, Variant
    >>> from biosequence.models import BioMambaConfig, BioMambaForCausalLM
    >>> from biosequence.tokenizers import DNATokenizer
    >>> model = BioMambaForCausalLM(BioMambaConfig(vocab_size=12, hidden_size=16)).eval()
    >>> loaded = LoadedModel(model, DNATokenizer(), Path("tiny"))
    >>> _ = Path("ref.fa").write_text(">chr1\nACGTACGTAC\n")
    >>> same = Variant("chr1", 4, "T", "T")
    >>> list(score_variants(loaded, [same], Reference("ref.fa"), window=6))
    [0.0]
    """
    loaded.require_kind("dna")
    check_strands(loaded, strands)
    if window < 1:
        raise UsageError("A window needs bases.", where="window", fix="Give a number such as 1024.")
    windows = (window_around(variant, reference, window) for variant in variants)
    if not is_causal(loaded):
        return _masked_scores(loaded, windows, strands, batch_size)
    return _causal_scores(loaded, windows, strands, batch_size, chunk)


def score_vcf(
    loaded: LoadedModel,
    vcf: str | Path,
    reference: str | Path,
    output: str | Path,
    *,
    window: int = WINDOW,
    strands: str = "forward",
    batch_size: int = BATCH_SIZE,
    chunk: int = CHUNK,
    resume: bool = False,
) -> dict[str, Any]:
    """Score the variants of a VCF file into a table (chromosome, position, id, ref, alt, score).

    Parameters
    ----------
    loaded, window, strands, batch_size, chunk
        As in :func:`score_variants`.
    vcf, reference
        The variants, and their genome as FASTA.
    output
        The table, with tabs; it appears when it is whole.
    resume
        Go on where a stopped run of the same options and input was.

    Returns
    -------
    Variants, how many of them have a score, and alleles of the file that have no bases.

    Raises
    ------
    BioseqError
        As :func:`score_variants`; a reference allele that the genome does not have, an unknown
        chromosome (the line is named); a file that cannot be read or written.
    """
    from ..io import Reference, VcfReader

    counts = {"variants": 0, "scored": 0}

    with Reference(reference) as genome:
        reader = VcfReader(vcf, reference=genome)

        def rows(done: int) -> Iterator[dict[str, Any]]:
            kept: list[Variant] = []

            def remembered() -> Iterator[Variant]:
                for variant in islice(reader, done, None):
                    kept.append(variant)
                    yield variant

            for score in score_variants(
                loaded,
                remembered(),
                genome,
                window=window,
                strands=strands,
                batch_size=batch_size,
                chunk=chunk,
            ):
                variant = kept.pop(0)
                yield {
                    "chromosome": variant.chromosome,
                    "position": variant.position,
                    "id": variant.name or ".",
                    "ref": variant.ref,
                    "alt": variant.alt,
                    "score": score,
                }

        def count(row: dict[str, Any]) -> None:
            counts["variants"] += 1
            counts["scored"] += row["score"] is not None

        write_table(
            output,
            COLUMNS,
            lambda done: progress(rows(done), what="scoring", unit=" variants"),
            options={"task": "variants", "strands": strands, "window": window},
            files=(vcf, reference, loaded.path),
            resume=resume,
            each=count,
        )
    return {"output": str(output), **counts, "without_bases": dict(reader.skipped)}


def _causal_scores(
    loaded: LoadedModel, windows: Iterable[Alleles], strands: str, batch_size: int, chunk: int
) -> Iterator[float]:
    from ..io import Record

    sides = 2 if strands == "both" else 1

    def records() -> Iterator[Record]:
        for alleles in windows:
            for one in (alleles, alleles.other_strand())[:sides]:
                for allele in (one.ref, one.alt):
                    yield Record(one.name, one.sequence(allele))

    scores = score_records(loaded, records(), batch_size=batch_size, chunk=chunk)
    while values := [score.log_likelihood for score in islice(scores, 2 * sides)]:
        differences = [alt - ref for ref, alt in zip(values[::2], values[1::2], strict=True)]
        yield sum(differences) / sides


def _masked_scores(
    loaded: LoadedModel, windows: Iterable[Alleles], strands: str, batch_size: int
) -> Iterator[float | None]:
    sides = 2 if strands == "both" else 1

    def work(batch: list[Alleles]) -> list[float | None]:
        rows, places, pairs, owners = [], [], [], []
        for number, alleles in enumerate(batch):
            if len(alleles.ref) != len(alleles.alt):
                continue
            for one in (alleles, alleles.other_strand())[:sides]:
                ref, alt = _encoded(loaded, one)
                for place in np.flatnonzero(ref != alt).tolist():
                    rows.append(ref)
                    places.append(place)
                    pairs.append((ref[place], alt[place]))
                    owners.append(number)
        totals = [0.0 if len(one.ref) == len(one.alt) else None for one in batch]
        asked = masked_log_probs(loaded, rows, places, batch_size=batch_size)
        for owner, (ref, alt), log_probs in zip(owners, pairs, asked, strict=True):
            totals[owner] += float(log_probs[alt] - log_probs[ref]) / sides
        return totals

    return run_in_batches(
        windows, work, length=lambda one: len(one.left) + len(one.right), batch_size=batch_size
    )


def _encoded(loaded: LoadedModel, alleles: Alleles) -> tuple[np.ndarray, np.ndarray]:
    from ..io import Record

    ref, alt = (
        encode_record(loaded, Record(alleles.name, alleles.sequence(allele))).ids
        for allele in (alleles.ref, alleles.alt)
    )
    return ref, alt
