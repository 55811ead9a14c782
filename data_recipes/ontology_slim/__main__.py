"""Command line of the recipe: `python -m bioseq_recipes.ontology_slim --source DIR --out DIR`."""

from __future__ import annotations

import argparse
from pathlib import Path

from .build import build_tables


def main() -> None:
    """Build the tables and say how many terms each holds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--source", type=Path, required=True, help="the wheel, or its folder")
    parser.add_argument("--out", type=Path, required=True, help="cellmodels/ontology/tables")
    options = parser.parse_args()
    for name, slim in build_tables(options.source, options.out).items():
        print(f"{name}: {len(slim.terms)} terms, {len(slim.replaced)} replaced ids")


if __name__ == "__main__":
    main()
