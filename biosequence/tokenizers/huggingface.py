"""Our tokenizers in Hugging Face's library: the same ids from the same text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .tokenizer import BioTokenizer

# What tokenizer_config.json says in any case. Without the last entry, releases of transformers
# before 5 take out blanks before punctuation when decoding.
_CONFIG: dict[str, Any] = {
    "tokenizer_class": "PreTrainedTokenizerFast",
    "model_input_names": ["input_ids", "attention_mask"],
    "clean_up_tokenization_spaces": False,
}


@dataclass(frozen=True)
class Splitting:
    """How text is cut, in terms that Hugging Face's `tokenizers` knows.

    Parameters
    ----------
    pattern
        Regular expression of one token, in the common ground of Python's `re` and Oniguruma.
    replaced
        Replacements before that, in order: regular expression and text.
    drop_unmatched
        Whether characters between matches vanish; else each piece between them is unknown.
    blanks
        Whether decoded tokens have a blank between them (words, gene names).
    """

    pattern: str
    replaced: tuple[tuple[str, str], ...] = ()
    drop_unmatched: bool = False
    blanks: bool = False


def rust_tokenizer(tokenizer: BioTokenizer) -> Any:
    """The tokenizer as a `tokenizers.Tokenizer`; what `tokenizer.json` holds."""
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers
    from tokenizers.pre_tokenizers import Split
    from tokenizers.processors import TemplateProcessing

    vocabulary, splitting = tokenizer.vocabulary, tokenizer._splitting()
    ids = {token: number for number, token in enumerate(vocabulary.tokens)}
    unknown = vocabulary.role("unk")
    fast = Tokenizer(models.WordLevel(ids, **({"unk_token": unknown} if unknown else {})))
    if splitting.replaced:
        fast.normalizer = normalizers.Sequence(
            [normalizers.Replace(Regex(old), new) for old, new in splitting.replaced]
        )
    pattern, drop = Regex(splitting.pattern), splitting.drop_unmatched
    fast.pre_tokenizer = Split(pattern, "removed" if drop else "isolated", invert=drop)
    if not splitting.blanks:
        # Without it, decoding puts a blank between any two tokens.
        fast.decoder = decoders.Fuse()
    around = [*tokenizer.prefix, *tokenizer.suffix]
    fast.post_processor = TemplateProcessing(
        single=[*tokenizer.prefix, "$A", *tokenizer.suffix],
        special_tokens=[(token, ids[token]) for token in dict.fromkeys(around)],
    )
    fast.add_special_tokens(
        [AddedToken(token, special=True, normalized=False) for token in vocabulary.specials]
    )
    return fast


def configuration(tokenizer: BioTokenizer) -> dict[str, Any]:
    """What `tokenizer_config.json` holds."""
    return {
        **_CONFIG,
        **special_tokens(tokenizer),
        "padding_side": tokenizer.padding_side,
        "truncation_side": "right",
    }


def special_tokens(tokenizer: BioTokenizer) -> dict[str, str]:
    """What `special_tokens_map.json` holds."""
    return {f"{role}_token": token for role, token in tokenizer.vocabulary.roles.items()}


def fast_tokenizer(tokenizer: BioTokenizer) -> Any:
    """The tokenizer as a `PreTrainedTokenizerFast` of transformers."""
    from transformers import PreTrainedTokenizerFast

    options = {key: x for key, x in configuration(tokenizer).items() if key != "tokenizer_class"}
    return PreTrainedTokenizerFast(tokenizer_object=rust_tokenizer(tokenizer), **options)


def one_of(characters: str) -> str:
    r"""A regular expression of any one of some characters.

    Examples
    --------
    >>> one_of("AC-]")
    '[AC\\-\\]]'
    """
    return "[" + "".join(re.escape(character) for character in characters) + "]"
