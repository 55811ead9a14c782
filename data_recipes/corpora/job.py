"""One preparation: where it reads, where it writes, with what options and how many processes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from .recipe import CorpusRecipe, Value
from .sources import Sources

if TYPE_CHECKING:
    from biosequence.tokenizers import BioTokenizer

    from .shards import SplitShards
    from .tables import SplitTables

SPLITS = ("train", "validation", "test")


@dataclass
class Job:
    """What the `prepare` of a recipe is given.

    Parameters
    ----------
    recipe
        Which.
    sources
        What it may read.
    folder
        The folder to fill; it becomes the corpus when all went well.
    options
        A value for every option of the recipe.
    workers
        How many processes may run.

    Attributes
    ----------
    counts
        What the recipe counted; it goes into the manifest.
    notes
        Further facts for the manifest, such as label maps.
    """

    recipe: CorpusRecipe
    sources: Sources
    folder: Path
    options: Mapping[str, Value]
    workers: int = 1
    counts: dict[str, Any] = field(default_factory=dict)
    notes: dict[str, Any] = field(default_factory=dict)

    @contextmanager
    def shards(self, tokenizer: BioTokenizer) -> Iterator[SplitShards]:
        """Shard folders `train`, `validation` and `test`; their counts are noted."""
        from .shards import SplitShards

        facts = {
            "recipe": self.recipe.name,
            "version": self.recipe.version,
            "licence": self.recipe.licence,
            "citation": self.recipe.citation,
            "split": self.recipe.split,
            "options": dict(self.options),
            "files": self.sources.record,
        }
        with SplitShards(self.folder, tokenizer, facts) as shards:
            yield shards
        self.counts |= shards.counts()

    @contextmanager
    def tables(self, columns: tuple[str, ...], name: str = "") -> Iterator[SplitTables]:
        """Tables `train.csv`, `validation.csv`, `test.csv`, in a folder of that name if given."""
        from .tables import SplitTables

        with SplitTables(self.folder / name, columns) as tables:
            yield tables
        if name:
            self.counts.setdefault("tables", {})[name] = tables.counts()
        else:
            self.counts |= tables.counts()

    @contextmanager
    def scratch(self) -> Iterator[Path]:
        """A folder for passing files, on the disk of the output; it is gone afterwards."""
        with TemporaryDirectory(prefix=".scratch-", dir=self.folder) as place:
            yield Path(place)
