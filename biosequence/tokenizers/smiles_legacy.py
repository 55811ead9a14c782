"""The published Chem-xLSTM tokenizer, with what it loses."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import numpy as np

from ..errors import InputError
from .huggingface import Splitting
from .padding import Side
from .tokenizer import BioTokenizer
from .vocabulary import Vocabulary

# What the published expression knows whatever the vocabulary. Its `\` asks for two in a row.
_KNOWN = (r"\\\\", "Cl", "Br", r"%[0-9][0-9]", "[0-9]", r"[\[\]().=#\-+/:~@?>*$BCNOSPFIHbcnosp]")
_SPECIALS = {"pad": "[PAD]", "bos": "[BEG]", "eos": "[END]"}


class LegacySmilesTokenizer(BioTokenizer):
    r"""The tokenizer of published Chem-xLSTM checkpoints. It loses parts of molecules.

    A single `\` vanishes (`C/C=C\C` is read as `C/C=CC`), and so do symbols that neither the
    published expression nor the vocabulary has: `[W]` becomes `[]`, `[Hg]` becomes `[H]`. What the
    expression finds and the vocabulary lacks becomes `[PAD]`. For new models take
    :class:`SmilesTokenizer`.

    Parameters
    ----------
    token_ids
        Token to id, as saved beside a checkpoint (`token2label`); ids from 0 without holes.
        Its symbols of several letters are found as well.
    padding_side
        Where batches are filled up.

    Raises
    ------
    InputError
        If the ids have holes or repeat, or `[PAD]` is missing.

    Examples
    --------
    >>> ids = {"[PAD]": 0, "[BEG]": 1, "C": 2, "/": 3, "=": 4, "[END]": 5}
    >>> LegacySmilesTokenizer(ids).tokens(r"C/C=C\C")
    ['C', '/', 'C', '=', 'C', 'C']
    """

    name = "smiles-legacy"

    def __init__(self, token_ids: Mapping[str, int], *, padding_side: Side = "right") -> None:
        tokens = sorted(token_ids, key=token_ids.__getitem__)
        if sorted(token_ids.values()) != list(range(len(tokens))) or "[PAD]" not in token_ids:
            raise InputError(
                "The ids of a vocabulary must run from 0 without holes, and [PAD] must have one.",
                where=f"{len(tokens)} tokens",
                fix="Give the whole token2label of the checkpoint.",
            )
        roles = {role: token for role, token in _SPECIALS.items() if token in token_ids}
        vocabulary = Vocabulary(tuple(tokens), {**roles, "unk": "[PAD]"})
        own = [x for x in tokens if x not in vocabulary.specials]
        words = sorted((re.escape(x) for x in own if len(x) > 1), key=len, reverse=True)
        letters = [x for x in own if len(x) == 1 and x.isalpha()]
        self._regex = "|".join([*words, *_KNOWN, *letters])
        self._pattern = re.compile(self._regex)
        self._ids = dict(token_ids)
        super().__init__(
            vocabulary,
            prefix=("[BEG]",) if "bos" in roles else (),
            suffix=("[END]",) if "eos" in roles else (),
            padding_side=padding_side,
        )

    @classmethod
    def from_json(cls, path: str | Path, **options: Any) -> Self:
        """From a JSON file: token to id, or with that under the key `token2label`.

        Raises
        ------
        InputError
            If the file is not of that kind.

        Examples
        --------
        >>> _ = Path("init_arguments.json").write_text('{"token2label": {"[PAD]": 0, "C": 1}}')
        >>> len(LegacySmilesTokenizer.from_json("init_arguments.json"))
        2
        """
        try:
            found = json.loads(Path(path).read_text(encoding="utf-8"))
            found = found.get("token2label", found)
            token_ids = {str(token): int(number) for token, number in found.items()}
        except (OSError, ValueError, TypeError, AttributeError) as error:
            raise InputError(
                "The vocabulary cannot be read.",
                where=str(path),
                fix="Give the init_arguments.json of the checkpoint: JSON of token to id.",
            ) from error
        return cls(token_ids, **options)

    def options(self) -> dict[str, Any]:
        """Constructor arguments as plain values; the vocabulary apart."""
        return {"padding_side": self.padding_side}

    def _encode_plain(self, text: str, name: str, start: int) -> np.ndarray:
        ids = [self._ids.get(token, self.pad_id) for token in self._pattern.findall(text)]
        return np.array(ids, dtype=np.int64)

    def _splitting(self) -> Splitting:
        return Splitting(self._regex, drop_unmatched=True)

    @classmethod
    def _rebuild(cls, options: Mapping[str, Any], vocabulary: Vocabulary) -> Self:
        ids = {token: number for number, token in enumerate(vocabulary.tokens)}
        return cls(ids, **options)
