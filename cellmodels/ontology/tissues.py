"""Tissues and organs as Uberon terms: free text, parts and kinds."""

from __future__ import annotations

import re
from functools import cached_property, lru_cache

from .graph import TermGraph, read_table, read_tsv
from .index import SCORES, NameIndex
from .match import Match
from .normalise import bag_of, words

_ID = re.compile(r"\s*UBERON[:_]?(\d{7})\s*", re.I)
_STAGES = frozenset({
    "fetal", "fetus", "adult", "embryonic", "embryo", "neonatal", "neonate", "aged", "young", "old",
    "human", "mouse", "murine", "healthy", "normal", "diseased", "tumor", "cancer", "carcinoma",
    "covid", "immunodeficiency", "immune", "virgin", "lactation", "involution", "pregnancy",
    "inflamed", "noninflamed", "sample", "tissue", "biopsy", "whole", "total", "primary",
    "dissociated", "organoid", "cell",
    "left", "right", "preterm", "pregnant", "lactating", "rep", "donor", "portion",
})  # fmt: skip


class TissueOntology(TermGraph):
    """Uberon terms of human and mouse; ancestors include wholes, so colon lies below intestine."""

    @cached_property
    def _index(self) -> NameIndex:
        return NameIndex(self)

    @cached_property
    def _curated(self) -> dict[tuple[str, ...], str]:
        table = {}
        for row in read_tsv("tissue_names.tsv"):
            table[words(row["label"])] = row["uberon_id"]
        return table

    def resolve(self, text: str) -> Match | None:
        """The tissue that a free-text name means, or None.

        Parameters
        ----------
        text
            An id, a name or what the field writes: "PBMC", "gut", "Fetal liver", "Motor Cortex".

        Examples
        --------
        >>> tissue_ontology().resolve("PBMC").name
        'blood'
        """
        query = str(text).strip()
        digits = _ID.fullmatch(query)
        if digits:
            term = f"UBERON:{digits[1]}"
            if term not in self and term not in self.replaced:
                return None
            term = self.current_id(term)
            return Match(term, self.name(term), "id", SCORES["id"], query)
        return self._direct(query, query) or self._shortened(query) or self._misspelled(query)

    def suggest(self, text: str, n: int = 3) -> list[str]:
        """Official names that look most like a text, best first."""
        return self._index.suggest(text, n)

    def related(self, a: str, b: str) -> bool:
        """Whether two tissues are the same, or one is a kind or a part of the other."""
        return self.is_a(a, b) or self.is_a(b, a)

    def _direct(self, text: str, query: str) -> Match | None:
        term = self._curated.get(words(text))
        if term:
            return Match(term, self.name(term), "abbreviation", SCORES["abbreviation"], query)
        found = self._index.official(text) or self._index.spelled(text)
        return found and Match(found.id, found.name, found.how, found.score, query)

    def _shortened(self, query: str) -> Match | None:
        """Without stage and sample words, then without brackets, then piece by piece."""
        # "AdultSigmoidColon1" glues stage, organ and number together.
        spread = re.sub(r"(?<=[a-z])(?=[A-Z\d])", " ", query)
        outside = re.sub(r"[(\[{][^)\]}]*[)\]}]", " ", spread)
        pieces = [piece for piece in re.split(r"[,;/|]|\s-\s", outside) if piece.strip()]
        for text in dict.fromkeys([query, spread, outside, *pieces]):
            kept = [w for w in words(text) if w not in _STAGES and not re.search(r"\d", w)]
            found = self._direct(" ".join(kept), query) if bag_of(tuple(kept)) else None
            if found:
                return Match(found.id, found.name, "rule", 0.9, query)
        return None

    def _misspelled(self, query: str) -> Match | None:
        return self._index.misspelled(query)


@lru_cache(maxsize=1)
def tissue_ontology() -> TissueOntology:
    """The bundled Uberon tissues; read once."""
    return TissueOntology(*read_table("tissues.json.gz"))
