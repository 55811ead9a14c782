"""The published token and median dictionaries: JSON from gene id to token id, and to median."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from biosequence.errors import InputError
from biosequence.tokenizers import Vocabulary

Dictionary = Mapping[str, float] | str | Path

ROLES = {"pad": "<pad>", "mask": "<mask>", "cls": "<cls>"}
_NEEDED = ("<pad>", "<mask>")
_TO_JSON = (
    "python -c \"import json, pickle; d = pickle.load(open('NAME.pkl', 'rb')); "
    "json.dump({k: v.item() if hasattr(v, 'item') else v for k, v in d.items()}, "
    "open('NAME.json', 'w'))\""
)


def read_dictionary(given: Dictionary) -> Mapping[str, float]:
    """A dictionary from a JSON file, gzipped or not; a mapping is given back as it is.

    Raises
    ------
    InputError
        If the file is missing, is no JSON, or holds something else than numbers by name.
    """
    if isinstance(given, Mapping):
        return given
    path = Path(given)
    if path.suffix == ".pkl":
        raise InputError(
            "Pickled dictionaries are not read: opening one can run any code.",
            where=str(path),
            fix=f"If you trust it, write it as JSON once: {_TO_JSON}",
        )
    try:
        packed = path.read_bytes()
        text = gzip.decompress(packed) if packed[:2] == b"\x1f\x8b" else packed
        found = json.loads(text)
    except FileNotFoundError as error:
        raise _unusable("does not exist", path) from error
    except (OSError, EOFError, ValueError) as error:
        raise _unusable(f"cannot be read ({str(error).splitlines()[0]})", path) from error
    if not isinstance(found, dict) or not all(isinstance(x, int | float) for x in found.values()):
        raise _unusable("holds something else than numbers by gene id", path)
    return found


def vocabulary_of(tokens: Mapping[str, float]) -> Vocabulary:
    """The vocabulary of a token dictionary; `<cls>` becomes the last id where it is missing.

    Names in angle brackets are special tokens.

    Raises
    ------
    InputError
        If the ids are not the numbers from 0 on, or `<pad>` or `<mask>` is missing.
    """
    for needed in _NEEDED:
        if needed not in tokens:
            raise _wrong(f"The token dictionary has no {needed}.")
    ordered = sorted(tokens, key=tokens.__getitem__)
    if [tokens[name] for name in ordered] != list(range(len(ordered))):
        raise _wrong(
            f"The token ids are not the numbers from 0 to {len(ordered) - 1:,}, each once."
        )
    if "<cls>" not in tokens:
        ordered.append("<cls>")
    specials = tuple(name for name in ordered if name.startswith("<") and name.endswith(">"))
    return Vocabulary(tuple(ordered), ROLES, specials)


def medians_of(vocabulary: Vocabulary, medians: Mapping[str, float]) -> np.ndarray:
    """The median of each token, float64 of shape (tokens,); NaN for special tokens.

    Raises
    ------
    InputError
        If a gene of the vocabulary has none.
    """
    genes = [vocabulary.tokens[number] for number in vocabulary.letter_ids]
    missing = [gene for gene in genes if gene not in medians]
    if missing:
        raise InputError(
            f"{len(missing):,} of {len(genes):,} genes have no median.",
            where=f"median dictionary; without: {', '.join(missing[:3])}",
            fix="Give the median dictionary that belongs to the token dictionary.",
        )
    found = np.full(len(vocabulary), np.nan)
    found[vocabulary.letter_ids] = [medians[gene] for gene in genes]
    return found


def median_dictionary(vocabulary: Vocabulary, medians_T: np.ndarray) -> dict[str, float]:
    """What :func:`medians_of` reads, in the order of the ids."""
    return {
        vocabulary.tokens[number]: float(medians_T[number])
        for number in vocabulary.letter_ids.tolist()
    }


def _unusable(why: str, path: Path) -> InputError:
    return InputError(
        f"The dictionary {why}.",
        where=str(path),
        fix='Give a JSON file such as {"ENSG00000000003": 2, ...}, gzipped or not.',
    )


def _wrong(what: str) -> InputError:
    return InputError(
        what,
        where="token dictionary",
        fix="Give the token dictionary of the model, with <pad>, <mask> and one id for each gene.",
    )
