"""Checks that the configurations of both families share."""

from __future__ import annotations

from typing import Any, NoReturn

from ..errors import ModelError


def refuse(what: str, where: str, fix: str) -> NoReturn:
    """Raise the error of a configuration that cannot be built."""
    raise ModelError(what, where=f"configuration: {where}", fix=fix)


def check_strands(config: Any) -> None:
    """Check that `complement_map` belongs to the vocabulary and undoes itself.

    Raises
    ------
    ModelError
        It is missing, too short, or no complement.
    """
    if not config.rcps:
        return
    table = config.complement_map
    if table is None:
        refuse(
            "Parameter sharing between strands needs to know the complement of each token.",
            "complement_map",
            "Give a list with the complement's id for each id; the DNA tokenizer has it.",
        )
    size = len(table)
    paired = all(0 <= i < size and table[i] == j for j, i in enumerate(table))
    if not paired or not config.vocab_size <= size:
        refuse(
            "complement_map is not its own inverse over the vocabulary.",
            f"{size} entries, vocab_size={config.vocab_size}",
            "Give vocab_size ids, each the complement of its complement.",
        )
