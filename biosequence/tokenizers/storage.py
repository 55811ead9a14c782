"""A tokenizer as a folder: Hugging Face's files, and one of ours that keeps the policy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..atomic import atomic_path
from ..errors import ModelError
from .huggingface import configuration, rust_tokenizer, special_tokens
from .vocabulary import Vocabulary

if TYPE_CHECKING:
    from .tokenizer import BioTokenizer

OURS = "bioseq_tokenizer.json"
FORMAT = 1


def save_tokenizer(tokenizer: BioTokenizer, folder: str | Path) -> None:
    """Write a tokenizer into a folder; see :meth:`BioTokenizer.save`."""
    texts = {
        "tokenizer.json": rust_tokenizer(tokenizer).to_str(pretty=True),
        "tokenizer_config.json": _text(configuration(tokenizer)),
        "special_tokens_map.json": _text(special_tokens(tokenizer)),
        OURS: _text(
            {
                "format": FORMAT,
                "name": tokenizer.name,
                "options": tokenizer.options(),
                "vocabulary": tokenizer.vocabulary.to_json(),
                "sha256": tokenizer.vocabulary.sha256,
            }
        ),
        **tokenizer._files(),
    }
    for name, text in texts.items():
        with atomic_path(Path(folder) / name) as partial:
            partial.write_text(text, encoding="utf-8")


def load_tokenizer(folder: str | Path) -> BioTokenizer:
    """The tokenizer in a folder, as an object of the class that was saved.

    Raises
    ------
    ModelError
        If there is none, or it is damaged.

    Examples
    --------
    >>> from biosequence.tokenizers import DNATokenizer
    >>> DNATokenizer(soft_masked="N").save("model")
    >>> load_tokenizer("model").soft_masked
    'N'
    """
    from .registry import tokenizer_class

    path = Path(folder) / OURS
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        kept, vocabulary = found["format"], Vocabulary.from_json(found["vocabulary"])
        if kept != FORMAT:
            raise _unusable(path, f"is of format {kept}, and this release reads {FORMAT}")
        if vocabulary.sha256 != found["sha256"]:
            raise _unusable(path, "is damaged: its checksum is wrong")
        tokenizer = tokenizer_class(found["name"])._reopen(
            path.parent, found["options"], vocabulary
        )
    except FileNotFoundError as error:
        raise _unusable(path, "is missing") from error
    except (KeyError, TypeError, AttributeError, ValueError, OSError) as error:
        if isinstance(error, ModelError):
            raise
        raise _unusable(path, f"cannot be read ({str(error).splitlines()[0]})") from error
    if tokenizer.vocabulary != vocabulary:
        raise _unusable(path, f"holds another vocabulary than {found['name']!r} has")
    return tokenizer


def _text(found: dict[str, Any]) -> str:
    return json.dumps(found, indent=2, ensure_ascii=False) + "\n"


def _unusable(path: Path, why: str) -> ModelError:
    return ModelError(
        f"The tokenizer file {path.name} {why}.",
        where=str(path.parent),
        fix="Save the tokenizer again with its save method, or name the model's own folder.",
    )
