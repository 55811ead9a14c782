"""How large the experiment is."""

from __future__ import annotations

from dataclasses import dataclass

MODELS = {"xlstm": "Prot-xLSTM", "mamba": "Mamba"}
"""Recipes beside this file, and how tables call them."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """Sizes of data and evaluation; those of the models stand in the recipes.

    Parameters
    ----------
    test_share
        Part of the proteins, by residues, whose clusters are held out.
    least_tokens
        A family with fewer is not trained on.
    longest
        Longer proteins are left out, in tokens.
    group_tokens
        A large family is cut into groups of about so many tokens, so that it is read as often as
        its size says.
    held_share, held_most, held_from
        Members held out of a training family: this share, at most so many, of families with at
        least `held_from` members.
    watched
        Groups of the validation data that are watched during training.
    numbers
        Homologs before the one that is asked for.
    repeats
        Sequences asked for in a family.
    families
        At most so many families of the corpus.
    mutants
        Of the assay that are scored by likelihood, drawn by chance; whatever is cheaper scores all.
    infilled
        Spans that are filled in.
    span
        Residues of a span.
    infill_numbers
        Homologs before the protein that is filled in.
    copies
        Simulated families of the first stage.
    copy_lengths, copy_tokens
        Residues of the piece of a protein that a simulated family copies, from and to, and the
        tokens of the family.
    copy_changes, copy_gaps
        Share of residues that a copy changes, from and to, one draw a family; insertions and
        deletions per residue.
    overrides, first
        Changes to the recipes; those of the first stage alone.
    """

    test_share: float = 0.1
    least_tokens: int = 800
    longest: int = 400
    group_tokens: int = 4096
    held_share: float = 0.2
    held_most: int = 60
    held_from: int = 60
    watched: int = 24
    numbers: tuple[int, ...] = (0, 1, 10, 50)
    repeats: int = 2
    families: int = 150
    mutants: int = 1000
    infilled: int = 100
    span: int = 6
    infill_numbers: tuple[int, ...] = (0, 10)
    copies: int = 14_400
    copy_lengths: tuple[int, int] = (32, 96)
    copy_tokens: int = 256
    copy_changes: tuple[float, float] = (0.05, 0.5)
    copy_gaps: float = 0.02
    overrides: tuple[str, ...] = ()
    first: tuple[str, ...] = ()


FULL = Settings()
QUICK = Settings(
    least_tokens=64,
    held_from=8,
    held_share=0.3,
    watched=2,
    numbers=(0, 1, 3),
    repeats=1,
    families=3,
    mutants=40,
    infilled=3,
    infill_numbers=(0, 3),
    copies=12,
    copy_lengths=(16, 32),
    copy_tokens=96,
    overrides=(
        "run.steps=4",
        "run.length=128",
        "run.batch_size=2",
        "run.evaluate_every=2",
        "run.save_every=2",
        "schedule.warmup_steps=1",
        "curriculum={stages=[{from_step=0,length=64},{from_step=2,length=128}]}",
    ),
    first=("model.config.hidden_size=32", "model.config.num_hidden_layers=2"),
)
