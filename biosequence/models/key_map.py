"""Tables that say what each published key is called here, usable in both directions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..errors import ModelError

Change = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class KeyRule:
    """One published name and ours; ``{i}`` stands for the number of a block.

    Examples
    --------
    >>> rule = KeyRule("blocks.{i}.norm.weight", "layers.{i}.norm.weight")
    >>> rule.rename("blocks.3.norm.weight"), rule.rename("layers.3.norm.weight", back=True)
    ('layers.3.norm.weight', 'blocks.3.norm.weight')
    """

    theirs: str
    ours: str
    forward: Change | None = None
    """Turns their tensor into ours; None: the same numbers."""
    back: Change | None = None
    """Turns ours into theirs."""

    def rename(self, key: str, *, back: bool = False) -> str | None:
        """The other side's name of a key; None when the rule is about another key."""
        source, target = (self.ours, self.theirs) if back else (self.theirs, self.ours)
        pattern = re.escape(source).replace(re.escape("{i}"), r"(\d+)")
        match = re.fullmatch(pattern, key)
        if match is None:
            return None
        return target.replace("{i}", match.group(1)) if match.groups() else target


@dataclass
class KeyReport:
    """What became of every key of a checkpoint."""

    renamed: list[tuple[str, str]] = field(default_factory=list)
    """(key there, key here), in the checkpoint's order."""
    dropped: dict[str, str] = field(default_factory=dict)
    """Keys that are not needed here, and why."""

    def lines(self) -> list[str]:
        """The report as text, one line a key."""
        kept = [f"{theirs} -> {ours}" for theirs, ours in self.renamed]
        return kept + [f"{key}: left out, {why}" for key, why in self.dropped.items()]


def translate(
    tensors: Mapping[str, Tensor],
    rules: Iterable[KeyRule],
    expected: Mapping[str, tuple[int, ...]],
    *,
    where: str,
    back: bool = False,
    dropped: Mapping[str, str] | None = None,
) -> tuple[dict[str, Tensor], KeyReport]:
    """Rename and reshape tensors by a table, and see that the result is whole.

    Parameters
    ----------
    tensors
        Tensors by the source's names.
    rules
        The table.
    expected
        Shapes by the target's names: each must come out, and no other.
    where
        File, for messages.
    back
        From our names to theirs.
    dropped
        Keys to leave out and why.

    Returns
    -------
    Tensors by the target's names, and the report.

    Raises
    ------
    ModelError
        A key is unknown, missing or of another shape; the message names the keys.

    Examples
    --------
    >>> import torch
    >>> rules = [KeyRule("emb.weight", "tokens.weight")]
    >>> done, report = translate({"emb.weight": torch.zeros(2, 3)}, rules,
    ...     {"tokens.weight": (2, 3)}, where="x.bin")
    >>> report.lines()
    ['emb.weight -> tokens.weight']
    """
    rules, report, done = list(rules), KeyReport(dropped=dict(dropped or {})), {}
    unexpected = []
    for key, value in tensors.items():
        if key in report.dropped:
            continue
        found = next(((r, name) for r in rules if (name := r.rename(key, back=back))), None)
        if found is None or found[1] not in expected:
            unexpected.append(key)
            continue
        rule, name = found
        change = rule.back if back else rule.forward
        done[name] = value if change is None else change(value).contiguous()
        report.renamed.append((key, name))
    missing = [key for key in expected if key not in done]
    if unexpected or missing:
        raise _keys_error(unexpected, missing, rules, where, back)
    wrong = [
        f"{name} is {tuple(done[name].shape)}, not {tuple(shape)}"
        for name, shape in expected.items()
        if tuple(done[name].shape) != tuple(shape)
    ]
    if wrong:
        raise ModelError(
            f"{len(wrong)} tensors have another shape than the configuration says.",
            where=f"{where}: {_some(wrong)}",
            fix="Take the configuration that was saved with this checkpoint.",
        )
    return done, report


def _keys_error(
    unexpected: list[str], missing: list[str], rules: list[KeyRule], where: str, back: bool
) -> ModelError:
    what = []
    if missing:
        # Users know the names in their file, not ours.
        theirs = [next((n for r in rules if (n := r.rename(k, back=not back))), k) for k in missing]
        what.append(f"{len(missing)} tensors are missing ({_some(theirs)})")
    if unexpected:
        what.append(f"{len(unexpected)} are not known to this dialect ({_some(unexpected)})")
    return ModelError(
        "The checkpoint does not hold the model that its configuration describes: "
        + "; ".join(what)
        + ".",
        where=where,
        fix="See that the file is whole and that dialect and configuration belong to it.",
    )


def _some(names: list[str], count: int = 4) -> str:
    shown = ", ".join(names[:count])
    return shown if len(names) <= count else f"{shown}, and {len(names) - count} more"


def tied_head(tensors: Mapping[str, Tensor], head: str, tokens: str) -> tuple[bool, dict[str, str]]:
    """Whether a token head is tied to the embedding, and the copy that is then left out.

    Examples
    --------
    >>> import torch
    >>> tied_head({"e": torch.ones(2), "h": torch.ones(2)}, "h", "e")
    (True, {'h': 'a copy of e, to which it is tied'})
    """
    if head not in tensors:
        return True, {}
    if tokens not in tensors or not torch.equal(tensors[head], tensors[tokens]):
        return False, {}
    return True, {head: f"a copy of {tokens}, to which it is tied"}
