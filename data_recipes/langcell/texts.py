"""Training texts of a cell type: many wordings of the facts that the bundled tables hold.

A cell is trained on another text of its type in every epoch, so that a label that the model never
saw, or a description without any label, lands near its relatives. The kinds of text, their shares
and their phrases are data: `phrases.toml`.
"""

from __future__ import annotations

from collections.abc import Collection, Set
from dataclasses import dataclass, field, fields, replace
from functools import cached_property

import numpy as np

from biosequence.errors import UsageError
from cellmodels.genes import ORGANISMS
from cellmodels.models.langcell.facts import CellFacts, cell_facts
from cellmodels.models.langcell.texts import describe, place_name, shown
from cellmodels.ontology.normalise import words

from .phrases import Kind, Wording, wording
from .spelling import cased, drawn_genes, gene_list, plural, with_article

NAMES = ("name", "synonyms", "abbreviations")
FACTS = (*NAMES, "parents", "lineage", "tissues", "markers")
# Texts that hold what they must not are drawn again, so many times for each at most.
MOST_TRIES = 50
# What goes with a fact when it is hidden.
_GOES_WITH = {"parents": ("ancestors", "markers_of"), "lineage": ("compartment",)}


@dataclass(frozen=True)
class Variant:
    """A training text, its kind, and what it mentions: facts to the words of the text."""

    text: str
    kind: str
    said: dict[str, tuple[str, ...]]


def text_variants(
    cl_id: str,
    rng: np.random.Generator,
    n: int,
    *,
    hide: Collection[str] = (),
    never: frozenset[tuple[str, ...]] = frozenset(),
    tissue: str | None = None,
    organism: str | None = None,
) -> list[str]:
    """`n` training texts of a cell type; the same ones for the same state of `rng`.

    Parameters
    ----------
    cl_id
        Any id of the Cell Ontology.
    rng
        Source of every choice.
    n
        How many; texts may repeat.
    hide
        Facts that no text may tell: any of `FACTS`. A hidden name also hides every other fact
        that holds its words ("T cell" as a lineage).
    never
        Names, each as its `words`, that no text may hold, not even where phrases put them
        together ("endothelial cell" of "lymphatic vessel").
    tissue
        Where the sample comes from; it takes the place of the type's own tissues.
    organism
        Whose gene symbols are written. None draws human or mouse for each text.

    Raises
    ------
    InputError
        If the ontology has no such id.
    UsageError
        If `hide` names no fact, or leaves nothing to tell.

    Examples
    --------
    >>> text_variants("CL:0000786", np.random.default_rng(2), 3, organism="human")
    ['plasma b-cell', 'a plasma cell', 'a cluster of plasmocytes']
    """
    drawn = draw_variants(cl_id, rng, n, hide=hide, never=never, tissue=tissue, organism=organism)
    return [variant.text for variant in drawn]


def draw_variants(
    cl_id: str,
    rng: np.random.Generator,
    n: int,
    *,
    hide: Collection[str] = (),
    never: frozenset[tuple[str, ...]] = frozenset(),
    tissue: str | None = None,
    organism: str | None = None,
) -> list[Variant]:
    """As `text_variants`, with the kind of each text and what it mentions."""
    own = cell_facts(cl_id, organism)
    never |= {words(name) for fact in NAMES if fact in hide for name in fact_texts(own, fact)}
    facts_of = []
    for spelled in (organism,) if organism else ORGANISMS:
        facts = cell_facts(cl_id, spelled)
        if tissue:
            facts = replace(facts, tissues=(place_name(tissue),))
        facts_of.append(_without(facts, hide, never))
    how = wording()
    kinds = [kind for kind in how.kinds if all(_can_tell(facts, kind) for facts in facts_of)]
    shares = np.array([kind.share for kind in kinds])
    drawn: list[Variant] = []
    for _ in range(MOST_TRIES * n if kinds else 0):
        if len(drawn) == n:
            break
        kind = kinds[rng.choice(len(kinds), p=shares / shares.sum())]
        variant = _drawn(facts_of[rng.integers(len(facts_of))], kind, how, rng)
        if not tells(words(variant.text), never):
            drawn.append(variant)
    if len(drawn) < n:
        msg = f"Nothing is left to tell of {cl_id}."
        raise UsageError(msg, where="hide", fix="Hide fewer facts.")
    return drawn


def _without(
    facts: CellFacts, hide: Collection[str], never: frozenset[tuple[str, ...]]
) -> CellFacts:
    unknown = sorted(set(hide) - set(FACTS))
    if unknown:
        msg = f"There is no fact called {unknown[0]!r}."
        raise UsageError(msg, where="hide", fix=f"Choose from: {', '.join(FACTS)}.")
    if not hide and not never:
        return facts
    gone = {name for fact in hide for name in (fact, *_GOES_WITH.get(fact, ()))}
    kept = {}
    for name in (f.name for f in fields(facts) if f.name not in ("cl_id", "markers")):
        value = getattr(facts, name)
        if name in gone:
            kept[name] = type(value)()
        elif isinstance(value, str):
            kept[name] = "" if tells(words(value), never) else value
        else:
            kept[name] = tuple(one for one in value if not tells(words(_plain(one)), never))
    return replace(facts, markers=() if "markers" in gone else facts.markers, **kept)


def tells(found: tuple[str, ...], names: Set[tuple[str, ...]]) -> bool:
    """Whether the words of a text hold those of any of the names, one after the other.

    Examples
    --------
    >>> names = {words("T cell")}
    >>> tells(words("naive T-cells of lung"), names), tells(words("T lymphocyte"), names)
    (True, False)
    """
    return any(
        found[start : start + length] in names
        for length in {len(name) for name in names}
        for start in range(len(found) - length + 1)
    )


def _plain(one: str | tuple[str, str]) -> str:
    return one if isinstance(one, str) else one[0]


def fact_texts(facts: CellFacts, fact: str) -> list[str]:
    """The texts that a fact holds; an abbreviation without the tissue that it is bound to."""
    value = getattr(facts, fact)
    if isinstance(value, str):
        return [value] if value else []
    return [_plain(one) for one in value]


def _labels(facts: CellFacts, fact: str) -> list[str]:
    if fact != "abbreviations":
        return fact_texts(facts, fact)
    free = [label for label, tissue in facts.abbreviations if not tissue]
    bound = [
        label if tells(words(label), {words(tissue)}) else f"{tissue} {label}"
        for label, tissue in facts.abbreviations
        if tissue and facts.tissues
    ]
    return free + bound


def _can_tell(facts: CellFacts, kind: Kind) -> bool:
    if kind.sheet:
        return bool(facts.name or facts.synonyms or facts.markers)
    labelled = any(_labels(facts, source) for source in kind.labels) or not kind.labels
    return labelled and all(getattr(facts, need) for need in kind.needs)


def _drawn(facts: CellFacts, kind: Kind, how: Wording, rng: np.random.Generator) -> Variant:
    if kind.sheet:
        told = shown(facts if kind.sheet == "whole" else _part(facts, how, rng))
        said = {fact: tuple(fact_texts(told, fact)) for fact in FACTS if fact != "abbreviations"}
        return Variant(describe(told), kind.name, {k: v for k, v in said.items() if v})
    filling = _Filling(facts, kind, how, rng)
    phrase = kind.phrases[rng.integers(len(kind.phrases))]
    return Variant(phrase.format_map(filling), kind.name, filling.said)


def _part(facts: CellFacts, how: Wording, rng: np.random.Generator) -> CellFacts:
    """About half of the facts, with markers drawn; a name or markers are always among them."""
    names = [fact for fact in FACTS if fact != "abbreviations"]
    kept = {name for name in names if getattr(facts, name) and rng.random() < 0.5}
    telling = [name for name in ("name", "synonyms", "markers") if getattr(facts, name)]
    if kept.isdisjoint(telling):
        kept.add(telling[rng.integers(len(telling))])
    genes = how.genes
    drawn = drawn_genes(facts.markers[: genes["best"]], rng, genes["fewest"], genes["most"])
    empty = {name: type(getattr(facts, name))() for name in names if name not in kept}
    return replace(facts, **{"markers": drawn, **empty})


@dataclass
class _Filling:
    """The words in braces of one phrase, each drawn when the phrase asks for it."""

    facts: CellFacts
    kind: Kind
    how: Wording
    rng: np.random.Generator
    said: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        if name in ("label", "labels", "a_label"):
            return self._written(name, *self._label)
        if name in ("parent", "parents", "a_parent"):
            return self._written(name, "parents", self._parent())
        if name == "tissue":
            return self._tissue()
        return self._genes(signed=name == "signed")

    def _pick(self, of: list[str] | tuple[str, ...]) -> str:
        return of[self.rng.integers(len(of))]

    @cached_property
    def _label(self) -> tuple[str, str]:
        """The fact that this phrase's label is drawn from, and the label."""
        sources = [fact for fact in self.kind.labels if _labels(self.facts, fact)]
        fact = self._pick(sources)
        return fact, self._pick(_labels(self.facts, fact))

    def _parent(self) -> str:
        direct = self.rng.random() < self.how.direct or not self.facts.ancestors
        return self._pick(self.facts.parents if direct else self.facts.ancestors)

    def _written(self, form: str, fact: str, name: str) -> str:
        name = plural(name) if form.endswith("s") else name
        name = cased(name, self.rng, self.how.case)
        self.said[fact] = (name,)
        return with_article(name) if form.startswith("a_") else name

    def _tissue(self) -> str:
        # "fibroblast of lung" needs no second lung where the type lives elsewhere too.
        label = words(self._label[1]) if self.kind.labels else ()
        news = [one for one in self.facts.tissues if not tells(label, {words(one)})]
        name = cased(self._pick(news or self.facts.tissues), self.rng, self.how.case)
        self.said["tissues"] = (name,)
        return name

    def _genes(self, *, signed: bool) -> str:
        ways = self.how.genes
        fewest, most = (1, ways["signed_most"]) if signed else (ways["fewest"], ways["most"])
        genes = drawn_genes(self.facts.markers[: ways["best"]], self.rng, fewest, most)
        self.said["markers"] = genes
        if signed:
            return " ".join(f"{gene}+" for gene in genes)
        joins = ways["joins"]
        return gene_list(genes, joins[self.rng.integers(len(joins))])
