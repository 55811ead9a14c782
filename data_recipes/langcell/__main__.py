"""`python -m bioseq_recipes.langcell`: corpora of cells and texts, and a small LangCell of them."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from importlib.resources import files
from pathlib import Path

from biosequence.training import TrainSummary, load_recipe, train
from cellmodels.models import register_objectives

from .cells import Amounts, write_corpora
from .holdout import training_variants
from .sources import FOLDS, Sources, read_sources, without_fold, without_held_types
from .texts import text_variants
from .wordpieces import train_tokenizer, training_texts

# Wordings of each type, of which a cell draws one in every epoch.
TEXTS = 48
MAX_LENGTH = 1024
QUICK = Amounts(pool=512, pools=1, shows=1, validation=64)


def main(arguments: Sequence[str] | None = None) -> None:
    """Make the corpora that are not there yet, and train or go on training."""
    parser = argparse.ArgumentParser(prog="python -m bioseq_recipes.langcell", description=__doc__)
    parser.add_argument("--source", type=Path, required=True, help="folder with profiles/ and sc/")
    parser.add_argument("--output", type=Path, required=True, help="folder for everything made")
    parser.add_argument(
        "--fold", type=int, choices=range(FOLDS), help="leave the data sets of this fold out"
    )
    parser.add_argument(
        "--hold-types", action="store_true", help="leave the types of held_out.tsv out"
    )
    parser.add_argument("--quick", action="store_true", help="few cells and steps, to see it run")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="change train.toml"
    )
    options = parser.parse_args(arguments)
    amounts = QUICK if options.quick else Amounts()
    make_corpora(
        options.source,
        options.output / "corpora",
        amounts,
        fold=options.fold,
        hold_types=options.hold_types,
    )
    short = ("run.steps=4", "run.batch_size=16", "schedule.warmup_steps=1", "run.evaluate_every=2")
    summary = train_model(options.output, (*(short if options.quick else ()), *options.set))
    print(f"{options.output / 'run' / 'model'}: loss {summary.loss:.3f}", flush=True)


def make_corpora(
    source: Path, output: Path, amounts: Amounts, *, fold: int | None, hold_types: bool
) -> None:
    """Write the corpora, unless they are there.

    Parameters
    ----------
    source
        Folder with profiles/ and sc/.
    output
        Folder of the corpora.
    amounts
        How many cells.
    fold
        Data sets that are left out; None: none.
    hold_types
        Leave the held-out types out.
    """
    if (output / "validation").exists():
        return
    sources = left(read_sources(source), fold=fold, hold_types=hold_types)
    variants = training_variants if hold_types else text_variants
    write_corpora(
        output,
        sources,
        train_tokenizer(training_texts()),
        lambda term, rng: variants(term, rng, TEXTS),
        amounts,
        max_length=MAX_LENGTH,
    )


def left(sources: Sources, *, fold: int | None, hold_types: bool) -> Sources:
    """What a model is trained on."""
    if fold is not None:
        sources = without_fold(sources, fold)
    return without_held_types(sources) if hold_types else sources


def train_model(output: Path, overrides: Sequence[str] = ()) -> TrainSummary:
    """Train a model on the corpora below a folder, or go on where a run was stopped."""
    register_objectives()
    run, corpora = output / "run", output / "corpora"
    recipe = load_recipe(
        str(files(__package__) / "train.toml"),
        (
            f"output={run}",
            f"data.train={corpora / 'train'}",
            f"data.validation={corpora / 'validation'}",
            "run.device=cpu",
            *overrides,
        ),
    )
    return train(recipe, resume=run.exists())


if __name__ == "__main__":
    main()
