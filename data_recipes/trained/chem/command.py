"""The command of the study."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from biosequence.errors import BioseqError

from .plan import FULL, QUICK
from .study import run_study


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the study; what lies finished in the output is not done again."""
    parser = argparse.ArgumentParser(
        prog="python -m bioseq_recipes.trained.chem",
        description="Train Chem-xLSTM, Mamba and a transformer on molecules, and compare them.",
    )
    parser.add_argument(
        "--source", type=Path, required=True, help="folder with smiles_canonical.csv.gz"
    )
    parser.add_argument("--output", type=Path, required=True, help="folder of all results")
    parser.add_argument("--workers", type=int, help="processes that read molecules; default: all")
    parser.add_argument(
        "--quick", action="store_true", help="tiny models for a moment: does it run at all?"
    )
    options = parser.parse_args(arguments)
    try:
        results = run_study(
            QUICK if options.quick else FULL,
            options.source,
            options.output,
            workers=options.workers,
        )
    except BioseqError as error:
        sys.exit(str(error))
    print(results.read_text(encoding="utf-8"))
