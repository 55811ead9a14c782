"""What is measured of a model, and of what it must beat; each result is kept once it is there."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from biosequence.atomic import atomic_path
from biosequence.evaluation import Family, evaluate_assays, evaluate_in_context, family_scorer
from biosequence.evaluation.metrics import ratio_estimate
from biosequence.inference import (
    GenerateOptions,
    LoadedModel,
    Sampling,
    infill_proteins,
    score_mutants,
)
from biosequence.io import Record

from .assay import ASSAY, aligned_columns
from .baselines import (
    NgramScorer,
    SiteFrequencies,
    blosum62,
    copied_filling,
    hydrophobicity,
    residue_frequencies,
    subfamilies,
)
from .families import ALIGNMENTS, PROTEINS, open_families
from .settings import Settings

Rows = list[dict[str, Any]]
NGRAM, FREQUENT, COPY = "n-grams of the homologs", "most frequent residue", "copy of the homologs"
SITES, MATRIX, SCALE = "site frequencies", "BLOSUM62", "hydrophobicity"


class Measures:
    """All measurements of an experiment's folder.

    Parameters
    ----------
    output
        Folder with `data/families` and `data/assay`; results are kept in `results`.
    settings
        Sizes.
    """

    def __init__(self, output: Path, settings: Settings) -> None:
        self.settings = settings
        self._families = output / "data" / "families"
        self._assay = output / "data" / "assay"
        self._kept = output / "results"
        self._kept.mkdir(parents=True, exist_ok=True)
        self._known: dict[str, float] | None = None

    def in_context(self, key: str, loaded: LoadedModel | None) -> Rows:
        """Perplexity by homologs before, of :meth:`context_sets`; n-grams without a model."""
        scorer = NgramScorer(self.frequencies()) if loaded is None else family_scorer(loaded)

        def measure() -> Rows:
            rows: Rows = []
            for name, repeats, families in self.context_sets():
                found = evaluate_in_context(
                    scorer, families, numbers=self.settings.numbers, repeats=repeats
                )
                rows += [{"set": name, "model": key, **row} for row in found.rows]
            return rows

        return self._once(f"in-context-{key}", measure)

    def context_sets(self) -> Iterator[tuple[str, int, list[Family]]]:
        """What perplexity is asked of: name, sequences asked for in each family, families."""
        settings = self.settings
        test = list(open_families(self._families, "families"))
        clusters = [one for one in test if one.name.startswith(PROTEINS)]
        # The large ones first: they alone have enough homologs for the larger numbers.
        clusters.sort(key=lambda one: -len(one.sequences))
        yield "held-out families", settings.repeats, clusters[: settings.families]
        size = max(settings.numbers) + 2
        parts = [
            Family(f"{one.name}#{number}", part)
            for one in test
            if one.name.startswith(ALIGNMENTS)
            for number, part in enumerate(subfamilies(one.sequences, size))
        ]
        yield "held-out alignment", settings.repeats, parts
        members = list(open_families(self._families, "members"))
        yield "held-out members of training families", settings.repeats, members

    def assay(self, key: str, loaded: LoadedModel | None, *, method: str = "") -> Rows:
        """Rank correlation with the scan, without and with homologs; baselines without a model."""
        if loaded is None:
            columns = list(aligned_columns(self._assay / f"{ASSAY}.a3m"))
            scores = {
                SITES: SiteFrequencies(columns, self.frequencies()),
                MATRIX: blosum62,
                SCALE: hydrophobicity,
            }
            read = {SITES: max(map(len, columns)) - 1}
            return self._once(
                "assay-baselines",
                lambda: [
                    self._assay_row(name, "", score) | {"homologs": read.get(name, 0)}
                    for name, score in scores.items()
                ],
            )

        def score(wild: str, mutants: Sequence[Any], homologs: Sequence[str]) -> list[float]:
            return score_mutants(
                loaded, wild, mutants, method=method, context=homologs, batch_size=32
            )

        def measure() -> Rows:
            return [
                self._assay_row(key, method, score, context=context) for context in (False, True)
            ]

        return self._once(f"assay-{key}-{method}", measure)

    def infill(self, key: str, loaded: LoadedModel | None) -> Rows:
        """Share of residues of masked spans that come back, without and with homologs."""

        def measure() -> Rows:
            fillings = _fillings_of(loaded) if loaded else None
            rows: Rows = []
            for number in self.settings.infill_numbers:
                if fillings:
                    rows.append(self._infill_row(key, number, fillings))
                    continue
                frequencies = self.frequencies()
                common = max(frequencies, key=frequencies.__getitem__)
                for name, baseline in _simple_fillings(common).items():
                    rows.append(self._infill_row(name, number, baseline))
            return rows

        return self._once(f"infill-{key}", measure)

    def frequencies(self) -> dict[str, float]:
        """How often each residue is in the training groups."""
        if self._known is None:
            groups = open_families(self._families, "train")
            self._known = residue_frequencies(one for group in groups for one in group.sequences)
        return self._known

    def _assay_row(
        self, key: str, method: str, score: Any, *, context: bool = False
    ) -> dict[str, Any]:
        report = evaluate_assays(
            score,
            self._assay / f"{ASSAY}.csv",
            context=self._assay if context else None,
            limit=self.settings.mutants if method == "likelihood" else None,
        )
        return {"model": key, "method": method, **report.rows[0]}

    def _infill_row(self, key: str, number: int, fillings: Any) -> dict[str, Any]:
        """Recovery over families; their draws are the interval."""
        sums: dict[str, np.ndarray] = {}
        for name, target, start, homologs in self._spans(max(self.settings.infill_numbers)):
            size = self.settings.span
            true = target[start : start + size]
            found = fillings(target, start, size, homologs[:number])
            same = sum(one == other for one, other in zip(true, found, strict=False))
            sums[name] = sums.get(name, np.zeros(2)) + (same, size)
        totals = np.array(list(sums.values()))
        estimate = ratio_estimate(totals[:, 0], totals[:, 1])
        return {
            "model": key,
            "before": number,
            "families": len(totals),
            "residues": int(totals[:, 1].sum()),
            "recovery": estimate.value,
            "recovery_low": estimate.low,
            "recovery_high": estimate.high,
        }

    def _spans(self, homologs: int) -> Iterator[tuple[str, str, int, list[str]]]:
        """Family, protein, start of its span and homologs, of held-out families in turn."""
        settings = self.settings
        families = [
            one
            for one in open_families(self._families, "families")
            if len(one.sequences) > homologs and max(map(len, one.sequences)) > 4 * settings.span
        ]
        chance = np.random.default_rng(3)
        for number in range(settings.infilled if families else 0):
            family = families[number % len(families)]
            order = chance.permutation(len(family.sequences))
            target, *others = (family.sequences[at] for at in order[: homologs + 1])
            if len(target) > 2 * settings.span:
                start = int(chance.integers(settings.span, len(target) - settings.span))
                yield family.name, target, start, others

    def _once(self, name: str, measure: Callable[[], Rows]) -> Rows:
        path = self._kept / f"{name.replace(' ', '-')}.json"
        if not path.is_file():
            start = time.perf_counter()
            found = {"rows": measure(), "seconds": time.perf_counter() - start}
            with atomic_path(path) as partial:
                partial.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        return json.loads(path.read_text(encoding="utf-8"))["rows"]


def _fillings_of(loaded: LoadedModel) -> Callable[[str, int, int, list[str]], str]:
    options = GenerateOptions(sampling=Sampling(temperature=0))

    def fill(target: str, start: int, size: int, homologs: list[str]) -> str:
        context = [Record(f"homolog {number}", one) for number, one in enumerate(homologs, 1)]
        span = [(start, start + size)]
        prompts = [Record("target", target)]
        (one,) = infill_proteins(loaded, prompts, span, context=context, options=options)
        return one.fills[0]

    return fill


def _simple_fillings(common: str) -> Mapping[str, Callable[[str, int, int, list[str]], str]]:
    def frequent(target: str, start: int, size: int, homologs: list[str]) -> str:
        counts = Counter("".join(homologs))
        return (max(counts, key=counts.__getitem__) if counts else common) * size

    def copied(target: str, start: int, size: int, homologs: list[str]) -> str:
        return copied_filling(target[:start], homologs, size, common)

    return {FREQUENT: frequent, COPY: copied}
