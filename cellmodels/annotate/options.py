"""What a user may say about an annotation; the command line and Python share it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from biosequence.errors import UsageError


@dataclass(frozen=True, kw_only=True)
class AnnotateOptions:
    """Options of `bioseq annotate`, with its defaults.

    Attributes
    ----------
    output
        Where the annotated file goes; None for the default beside the input.
    report
        Path of the HTML report, None for the default beside the output, False for none.
    method
        "auto" (the embedded default), "markers" (the marker table alone), "langcell" (with
        `model`) or "llm".
    tissue, organism
        Free text; "human", "mouse" or "auto".
    candidates
        Names, Cell Ontology ids and, for "langcell", descriptions: with commas, or one each.
    cluster_key, cluster
        An existing clustering; False answers per cell only.
    layer, gene_key
        Which matrix and which var column; None and "auto" let the input check choose.
    min_confidence
        Below it the answer is `Unknown`.
    llm, model
        PROVIDER/MODEL, and the folder of another model.
    device, batch_size, seed
        "auto" or a torch device; rows per block; seed of the clustering.
    dask
        Address of a running Dask scheduler.
    key_added
        Prefix of everything that is written.

    Raises
    ------
    UsageError
        On making, for a number out of its range or a name that files cannot hold.
    """

    output: Path | None = None
    report: Path | bool | None = None
    method: str = "auto"
    tissue: str | None = None
    organism: str = "auto"
    candidates: str | tuple[str, ...] | None = None
    cluster_key: str | None = None
    cluster: bool = True
    layer: str = "auto"
    gene_key: str | None = None
    min_confidence: float = 0.0
    llm: str | None = None
    model: str | None = None
    device: str = "auto"
    batch_size: int = 4096
    seed: int = 0
    dask: str | None = None
    key_added: str = "bioseq"

    def __post_init__(self) -> None:
        if self.batch_size < 1:
            msg = f"--batch-size must be at least 1, not {self.batch_size}."
            raise UsageError(msg, where="--batch-size", fix="Leave it out, or give some thousands.")
        if not 0 <= self.min_confidence <= 1:
            msg = f"--min-confidence is a probability, not {self.min_confidence}."
            raise UsageError(msg, where="--min-confidence", fix="Give a number from 0 to 1.")
        if "/" in self.key_added:
            msg = f"The name {self.key_added!r} holds a slash, which files take for a folder."
            fix = f"Use {self.key_added.replace('/', '_')!r}."
            raise UsageError(msg, where="key_added", fix=fix)

    def to_dict(self) -> dict[str, Any]:
        """The options as JSON can hold them."""
        plain = asdict(self)
        return {
            key: str(value) if isinstance(value, Path) else value for key, value in plain.items()
        }
