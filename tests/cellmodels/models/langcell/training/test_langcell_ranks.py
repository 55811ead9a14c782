"""Two ranks learn what one does with as many cells: negatives come from both."""

from __future__ import annotations

from pathlib import Path

import pytest

from biosequence.training import recipe_from_values, recipe_text, train

from .....biosequence.training.runs import curve
from .....biosequence.training.test_ranks import close, launch
from .pseudo_cells import recipe_values

pytestmark = pytest.mark.slow
# Wrong pairs are drawn within a rank, so that matching alone depends on the number of ranks.
LOSSES = {"matching": 0.0, "learn_temperature": True}
SEVERAL = """
from biosequence.training import train
from cellmodels.models import register_objectives
register_objectives()
for name in ("ddp", "zero2"):
    changes = [f"output={name}", "run.batch_size=8"]
    train("recipe.toml", overrides=changes, deepspeed=None if name == "ddp" else name)
"""


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory, corpora: Path) -> Path:
    """The runs of one rank, and of two in both ways."""
    place = tmp_path_factory.mktemp("ranks")
    data = {"train": str(corpora / "corpus"), "validation": str(corpora / "validation")}
    values = recipe_values(data=data, objective=LOSSES, run={"evaluate_every": 3})
    values["output"] = str(place / "alone")
    recipe = recipe_from_values(values)
    (place / "recipe.toml").write_text(recipe_text(recipe), encoding="utf-8")
    (place / "several.py").write_text(SEVERAL, encoding="utf-8")
    launch(place, "several.py")
    train(recipe)
    return place


@pytest.mark.parametrize("name", ["ddp", "zero2"])
def test_two_ranks_give_the_curve_of_one(place: Path, name: str) -> None:
    assert close(curve(place / name), curve(place / "alone"))
