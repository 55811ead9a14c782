"""Which organism a list of gene names comes from."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from .patterns import assembly_species, bare_name, ensembl_species, joined_id
from .tables import ORGANISMS, gene_table

UPPER_SHARE = 0.98
WEAK_SHARE = 0.01
WEAK_SAMPLE = 2000


def organism_votes(names: Iterable[str]) -> dict[str, int]:
    """How many names speak for each organism.

    An Ensembl id or an assembly prefix speaks for its organism. A symbol speaks for the organism
    that alone has it in this case: ``CD3E`` for human, ``Cd3e`` for mouse. When nearly all
    letters are upper case somebody may have raised them, and only symbols that the other
    organism lacks in every case count: ``ZNF101`` against ``GM10033`` and ``LYZ2``.

    Returns
    -------
    Votes by organism, with ``"other"`` for Ensembl ids of further species where there are any.
    """
    votes = dict.fromkeys((*ORGANISMS, "other"), 0)
    symbols = []
    for name in names:
        species = ensembl_species(name) or assembly_species(name)
        if species is None and "ENS" in name:
            embedded = joined_id(name)
            species = ensembl_species(embedded) if embedded else None
        if species is None:
            symbols.append(name)
        else:
            votes[species] += 1
    if symbols:
        _add_symbol_votes(votes, symbols)
    if not votes["other"]:
        del votes["other"]
    return votes


def _add_symbol_votes(votes: dict[str, int], names: list[str]) -> None:
    human, mouse = (gene_table(organism) for organism in ORGANISMS)
    raised = sum(name == name.upper() for name in names) >= UPPER_SHARE * len(names)
    if raised:
        ours, theirs = human.upper_symbols, mouse.upper_symbols
        names = [bare_name(name).upper() for name in names]
    else:
        ours, theirs = human.symbols, mouse.symbols
    for name in names:
        in_human, in_mouse = name in ours, name in theirs
        if in_human != in_mouse:
            votes["human" if in_human else "mouse"] += 1


def likeliest(votes: dict[str, int], names: Sequence[str]) -> str:
    """The organism with most votes; where hardly a name votes, the one that maps more names.

    Human when that leaves a tie.
    """
    if max(votes[organism] for organism in ORGANISMS) < WEAK_SHARE * len(names):
        seen = names[:: max(1, len(names) // WEAK_SAMPLE)]
        votes = {
            organism: sum(gene_table(organism).find(name)[0] != "" for name in seen)
            for organism in ORGANISMS
        }
    return "mouse" if votes["mouse"] > votes["human"] else "human"


def contradicts(votes: dict[str, int], organism: str, num_names: int) -> bool:
    """Whether the votes are clearly for the other organism.

    Clearly: at least five names and a fifth of all speak for it, five times as many as for the
    one that was asked for.
    """
    other = next(name for name in ORGANISMS if name != organism)
    enough = max(5, 0.2 * num_names)
    return votes[other] >= enough and votes[other] >= 5 * votes[organism]
