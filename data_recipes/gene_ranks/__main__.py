"""`python -m bioseq_recipes.gene_ranks --output DIR FILE...`: dictionaries of a corpus of cells."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from .build import build


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the dictionaries and say how many genes they hold."""
    parser = argparse.ArgumentParser(
        prog="python -m bioseq_recipes.gene_ranks",
        description="Token and median dictionaries of a corpus of cells, and their tokenizer.",
    )
    parser.add_argument("files", type=Path, nargs="+", metavar="FILE", help=".h5ad files of cells")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="a new folder")
    parser.add_argument(
        "--names",
        choices=("ensembl", "shared"),
        default="ensembl",
        help="human Ensembl ids, or symbols that keep mouse genes without a human ortholog",
    )
    options = parser.parse_args(arguments)
    tokenizer = build(options.files, options.output, names=options.names)
    print(f"{options.output}: {len(tokenizer.vocabulary.letter_ids):,} genes")


if __name__ == "__main__":
    main()
