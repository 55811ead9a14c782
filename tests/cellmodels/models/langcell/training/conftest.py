"""A place with a corpus of pseudo-cells to train in."""

from __future__ import annotations

import gc
from pathlib import Path

import pytest

from .pseudo_cells import pseudo_cells, recipe_values, write_corpus


@pytest.fixture(scope="session")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`corpus` and `validation` of cells with texts, `cells` without, and `cells.h5ad`."""
    root = tmp_path_factory.mktemp("langcell")
    write_corpus(root / "corpus")
    write_corpus(root / "validation", per_type=5, seed=9)
    write_corpus(root / "cells", with_texts=False, per_type=10)
    pseudo_cells().write_h5ad(root / "cells.h5ad")
    return root


@pytest.fixture(scope="session")
def imported() -> None:
    """All that a run imports, set apart: each run makes Python look for garbage, which is slow."""
    import biosequence.training.trainer  # noqa: F401
    import cellmodels.models.langcell.training.objective  # noqa: F401

    gc.freeze()


@pytest.fixture(scope="session")
def learnt(corpora: Path, imported: None) -> Path:
    """The folder of a run of sixty steps with all losses."""
    from biosequence.training import recipe_from_values, train
    from cellmodels.models import register_objectives

    register_objectives()
    values = recipe_values(
        data={"train": str(corpora / "corpus")},
        run={"steps": 60, "save_every": 60},
        optimizer={"learning_rate": 5e-3},
    )
    config = values["model"]["config"]
    wide = {"initializer_range": 0.2}
    parts = {name: config[name] | wide for name in ("cell_config", "text_config")}
    values["model"]["config"] = {**config, **wide, **parts, "cell_pooling": "mean"}
    values["output"] = str(corpora / "learnt")
    return train(recipe_from_values(values)).output


@pytest.fixture
def place(tmp_path: Path, corpora: Path, imported: None, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder to run in, with the corpora."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    for path in corpora.iterdir():
        (tmp_path / path.name).symlink_to(path)
    return tmp_path
