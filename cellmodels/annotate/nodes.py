"""What may be answered: terms of the Cell Ontology, and texts that no term stands for."""

from __future__ import annotations

from functools import lru_cache

from cellmodels.ontology import cell_ontology

# No id of an ontology begins like this.
_FREE = "text "


def free_node(text: str) -> str:
    """The node of a text; texts that differ in blanks only share one.

    Examples
    --------
    >>> free_node("weird  cells") == free_node("weird cells")
    True
    """
    return _FREE + " ".join(text.split())


def is_free(node: str) -> bool:
    """Whether a node is a text."""
    return node.startswith(_FREE)


def node_name(node: str) -> str:
    """The term's name, or the text."""
    return node.removeprefix(_FREE) if is_free(node) else cell_ontology().name(node)


def term_id(node: str) -> str:
    """The term's id; "" for a text."""
    return "" if is_free(node) else node


def label(node: str) -> str:
    """The term's id, or the text: what a list of answers shows."""
    return node_name(node) if is_free(node) else node


def kind_of(name: str, cl_id: str) -> str:
    """The term, or the nearest that an answer without one speaks of ("" for none)."""
    return cl_id or _kind(name)


@lru_cache(maxsize=8192)
def lineage_up(node: str) -> frozenset[str]:
    """The node and all terms above it; a text lies below the kind of cell that it speaks of.

    Examples
    --------
    >>> "CL:0000235" in lineage_up(free_node("weird macrophages of some organoid"))
    True
    """
    term = _kind(node_name(node)) if is_free(node) else node
    above = frozenset(cell_ontology().ancestors(term) | {term}) if term else frozenset()
    return above | {node}


def node_lineage(node: str) -> str:
    """Name of the lineage; a text that speaks of no kind of cell is one of its own."""
    term = _kind(node_name(node)) if is_free(node) else node
    return cell_ontology().lineage(term) if term else node


def _kind(text: str) -> str:
    from cellmodels.models.langcell.mentions import mentions

    return mentions(text, "human").kind
