"""The vocabulary of a model: which token has which id, and which tokens are special."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np

from ..errors import InputError

ROLES = ("pad", "unk", "bos", "eos", "cls", "sep", "mask")


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """Tokens with their ids, immutable; used by every tokenizer, that of the cell models included.

    Parameters
    ----------
    tokens
        All tokens in the order of their ids, which start at 0.
    roles
        Special tokens by what they do: keys of :data:`ROLES`. A token may have several roles.
    specials
        Special tokens without a role (mask-1, reserved places). Those of `roles` need not be named.
    complement
        Token to token, for nucleotides: what the other strand reads. Tokens left out map to
        themselves.

    Raises
    ------
    InputError
        On a token that occurs twice or is empty, a role that does not exist, a special token that
        is not among `tokens`, or a complement that is not its own inverse.

    Examples
    --------
    >>> letters = Vocabulary(("<pad>", "A", "T"), roles={"pad": "<pad>"}, complement={"A": "T"})
    Traceback (most recent call last):
    ...
    biosequence.errors.InputError: The complement of 'A' is 'T', whose own complement is 'T'.
    ...
    >>> letters = Vocabulary(("<pad>", "A", "T"), roles={"pad": "<pad>"})
    >>> letters.id("A"), letters.token(2), letters.role_id("pad"), len(letters)
    (1, 'T', 0, 3)
    """

    tokens: tuple[str, ...]
    roles: Mapping[str, str] = field(default_factory=dict)
    specials: tuple[str, ...] = ()
    complement: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        tokens = tuple(self.tokens)
        index = {token: number for number, token in enumerate(tokens)}
        _check_tokens(tokens, index)
        for role in self.roles:
            if role not in ROLES:
                raise InputError(
                    f"{role!r} is no role of a special token.",
                    where="roles of a vocabulary",
                    fix=f"Use one of {', '.join(ROLES)}.",
                )
        specials = tuple(dict.fromkeys([*self.roles.values(), *self.specials]))
        for token in specials:
            if token not in index:
                raise InputError(
                    f"The special token {token!r} is not in the vocabulary.",
                    where="special tokens of a vocabulary",
                    fix="Add it to the tokens, or leave it out of the special ones.",
                )
        _check_complement(self.complement, index)
        put = object.__setattr__
        put(self, "tokens", tokens)
        put(self, "roles", MappingProxyType(dict(self.roles)))
        put(self, "specials", tuple(sorted(specials, key=index.__getitem__)))
        put(self, "complement", MappingProxyType(dict(self.complement)))
        put(self, "_index", MappingProxyType(index))

    def __len__(self) -> int:
        return len(self.tokens)

    def __contains__(self, token: object) -> bool:
        return token in self._index

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Vocabulary) and self.sha256 == other.sha256

    def __hash__(self) -> int:
        return hash(self.sha256)

    def __reduce__(self):
        # Read-only mappings cannot be sent between processes.
        return Vocabulary, (self.tokens, dict(self.roles), self.specials, dict(self.complement))

    def id(self, token: str) -> int:
        """The id of a token.

        Raises
        ------
        InputError
            If there is no such token; the message names similar ones.
        """
        try:
            return self._index[token]
        except KeyError:
            near = get_close_matches(token, self.tokens, n=3)
            raise InputError(
                f"{token!r} is not a token of this vocabulary.",
                where=f"vocabulary of {len(self)} tokens",
                fix=f"Did you mean {', '.join(map(repr, near))}?"
                if near
                else "Check its spelling.",
            ) from None

    def token(self, number: int) -> str:
        """The token of an id.

        Raises
        ------
        InputError
            If the id is outside the vocabulary.
        """
        if not 0 <= number < len(self.tokens):
            raise InputError(
                f"The id {number} is outside the vocabulary.",
                where=f"ids run from 0 to {len(self) - 1}",
                fix="Take the tokenizer that belongs to the model.",
            )
        return self.tokens[number]

    def ids(self, tokens: Iterable[str]) -> np.ndarray:
        """Ids of some tokens, int64 of shape (number of tokens,); errors as in :meth:`id`."""
        return np.array([self.id(token) for token in tokens], dtype=np.int64)

    def role(self, role: str) -> str | None:
        """The special token that has a role, or None."""
        return self.roles.get(role)

    def role_id(self, role: str) -> int:
        """The id of the special token that has a role.

        Raises
        ------
        InputError
            If no token has it.
        """
        if role not in self.roles:
            raise InputError(
                f"This vocabulary has no token for {role!r}.",
                where=f"its special tokens: {', '.join(self.roles) or 'none'}",
                fix="Take another tokenizer, or an option that does not need this token.",
            )
        return self._index[self.roles[role]]

    @cached_property
    def special_ids(self) -> np.ndarray:
        """Ids of all special tokens, ascending, int64."""
        return _frozen(sorted(self._index[token] for token in self.specials))

    @cached_property
    def letter_ids(self) -> np.ndarray:
        """Ids of all tokens that are not special, ascending, int64."""
        return _frozen(sorted(set(range(len(self))) - set(self.special_ids.tolist())))

    @cached_property
    def complement_ids(self) -> np.ndarray:
        """For each id, the id that the other strand reads there, int64 of shape (tokens,)."""
        return _frozen([self._index[self.complement.get(token, token)] for token in self.tokens])

    @cached_property
    def sha256(self) -> str:
        """A checksum of tokens, their order, roles and complements."""
        text = json.dumps(self.to_json(), sort_keys=True, ensure_ascii=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()

    def to_json(self) -> dict[str, Any]:
        """What :meth:`from_json` reads: plain lists and dictionaries."""
        return {
            "tokens": list(self.tokens),
            "roles": dict(self.roles),
            "specials": list(self.specials),
            "complement": dict(self.complement),
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Vocabulary:
        """A vocabulary from what :meth:`to_json` gave.

        Examples
        --------
        >>> letters = Vocabulary(("A", "T"), complement={"A": "T", "T": "A"})
        >>> Vocabulary.from_json(letters.to_json()) == letters
        True
        """
        return cls(
            tuple(found["tokens"]),
            found.get("roles", {}),
            tuple(found.get("specials", ())),
            found.get("complement", {}),
        )


def _frozen(values: Sequence[int]) -> np.ndarray:
    array = np.array(values, dtype=np.int64)
    array.flags.writeable = False
    return array


def _check_tokens(tokens: Sequence[str], index: Mapping[str, int]) -> None:
    if len(index) != len(tokens):
        seen: set[str] = set()
        twice = next(token for token in tokens if token in seen or seen.add(token))
        raise InputError(
            f"The token {twice!r} occurs more than once.",
            where="tokens of a vocabulary",
            fix="Give every token once: its place is its id.",
        )
    if "" in index or not tokens:
        raise InputError(
            "A vocabulary needs tokens, and none may be empty.",
            where="tokens of a vocabulary",
            fix="Remove the empty token.",
        )


def _check_complement(complement: Mapping[str, str], index: Mapping[str, int]) -> None:
    for token, other in complement.items():
        back = complement.get(other, other)
        if token not in index or other not in index or back != token:
            raise InputError(
                f"The complement of {token!r} is {other!r}, whose own complement is {back!r}.",
                where="complement of a vocabulary",
                fix="Give pairs of tokens of the vocabulary, both ways.",
            )
