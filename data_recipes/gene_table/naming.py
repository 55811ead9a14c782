"""Which earlier name belongs to which gene: facts gathered, ambiguity thrown out."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import dataclass, field

# Clone names ("RP11-34P13.7", "AC004233.2") came and went with every assembly: they name a place,
# not a gene.
_CLONE = re.compile(
    r"^(?:RP\d+|CT[A-D]|XX\w*|KB|LL\w*|[A-Z]{1,2}\d{5,})[-.]|^[A-Z]{2}\d{6}(\.\d+)?$"
)
_PLAIN = re.compile(r"^\S{2,20}$")

CLASSES = {
    "protein_coding": "coding",
    "protein-coding gene": "coding",
    "lncRNA": "lncRNA",
    "non-coding RNA": "ncRNA",
    "Mt_rRNA": "mito_rna",
    "Mt_tRNA": "mito_rna",
    "pseudogene": "pseudogene",
}


@dataclass(slots=True)
class Row:
    """One line of a gene table; an empty symbol means that the id is the only name."""

    ensembl_id: str
    symbol: str
    kind: str


@dataclass(slots=True)
class Names:
    """What each current symbol was and is called elsewhere."""

    previous: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    aliases: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def settled(self, current: set[str]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """Previous names and aliases that point to one gene only, and are no gene's symbol now.

        A previous symbol outranks another gene's alias: files carry what was official in their
        day. A name that two genes share on the same rank points nowhere.
        """
        previous = _unshared(self.previous, banned=current)
        taken = current | {name for names in self.previous.values() for name in names}
        return previous, _unshared(self.aliases, banned=taken)


def _unshared(names: dict[str, set[str]], banned: set[str]) -> dict[str, list[str]]:
    owners: dict[str, set[str]] = defaultdict(set)
    for symbol, others in names.items():
        for other in others:
            owners[other].add(symbol)
    kept: dict[str, list[str]] = defaultdict(list)
    for other in sorted(owners):
        if len(owners[other]) == 1 and other not in banned and _PLAIN.match(other):
            kept[next(iter(owners[other]))].append(other)
    return kept


def gene_class(biotype: str) -> str:
    """GENCODE's biotype or HGNC's locus group as one of eight classes."""
    if biotype in CLASSES:
        return CLASSES[biotype]
    if biotype.endswith("pseudogene"):
        return "pseudogene"
    if biotype.startswith(("IG_", "TR_")):
        return "receptor"
    if biotype.endswith(("RNA", "ribozyme")):
        return "ncRNA"
    return "other"


def is_clone(name: str) -> bool:
    """Whether a name is a clone's, as older annotations gave to unnamed genes."""
    return bool(_CLONE.match(name))
