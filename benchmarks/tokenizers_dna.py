"""Bases a second of the DNA tokenizer, beside Hugging Face's `tokenizers` with the same vocabulary.

    python benchmarks/tokenizers_dna.py --bases 1000000 --rounds 5

Both give the same ids, which is checked first; they take turns, so that what else the machine does
falls on both. Fails below a ratio of 100.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from statistics import median

import numpy as np
from measured import conditions

from biosequence.tokenizers import DNATokenizer, KmerTokenizer, ProteinTokenizer
from biosequence.tokenizers.huggingface import rust_tokenizer

WANTED = 100


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bases", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    found = {
        name: compare(tokenizer, letters, given.bases, given.rounds)
        for name, tokenizer, letters in (
            ("dna", DNATokenizer(), "ACGT"),
            ("dna-kmer", KmerTokenizer(6), "ACGT"),
            ("protein", ProteinTokenizer(), "LAGVSERTIDPKQNFYMHWC"),
        )
    }
    print(json.dumps({**found, **conditions("tokenizers")}, indent=1))
    for name, row in found.items():
        print(
            f"| {name} | {row['ours_ms']} | {row['tokenizers_ms']} | {row['ratio']:.0f} | "
            f"{row['letters_a_second']:,} |"
        )
    return 0 if found["dna"]["ratio"] >= WANTED else 1


def compare(tokenizer, letters: str, size: int, rounds: int) -> dict[str, float]:
    """Median milliseconds of both on one random sequence.

    The text has upper-case letters only, so that Hugging Face's tokenizer needs no replacements:
    the ratio is to its time without them, the lower one.
    """
    text = "".join(np.random.default_rng(0).choice(list(letters), size))
    theirs = rust_tokenizer(tokenizer)
    assert theirs.encode(text).ids == tokenizer.encode(text).tolist()
    plain = rust_tokenizer(tokenizer)
    plain.normalizer = None
    assert plain.encode(text).ids == theirs.encode(text).ids
    works = {
        "ours": lambda: tokenizer.encode(text),
        "tokenizers": lambda: plain.encode(text),
        "tokenizers_with_policy": lambda: theirs.encode(text),
    }
    rows: dict[str, list[float]] = {name: [] for name in works}
    for _ in range(rounds):
        for name, work in works.items():
            rows[name].append(seconds(work))
    middle = {name: median(row) for name, row in rows.items()}
    return {
        **{f"{name}_ms": round(1e3 * value, 2) for name, value in middle.items()},
        "ratio": round(middle["tokenizers"] / middle["ours"], 1),
        "letters_a_second": int(size / middle["ours"]),
    }


def seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    sys.exit(main())
