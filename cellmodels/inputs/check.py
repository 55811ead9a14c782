"""The check that every cell command starts with: which matrix, which genes, what to warn of."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from biosequence.errors import InputError
from cellmodels.genes import GeneMap

from .choose import choose_matrix
from .columns import antibody_columns, choose_names, is_transposed
from .notes import Note, notes_on
from .state import MatrixState, matrix_state

if TYPE_CHECKING:
    from cellmodels.stream import CellSource

SAMPLE = 2048
RUN = 8  # neighbours are read together: stored blocks are decompressed whole anyway
MIN_MAPPED = 50


@dataclass(frozen=True)
class InputCheck:
    """What a file holds and which part of it is read.

    Parameters
    ----------
    states
        Each matrix of the file: X, raw and the layers.
    matrix, state
        The matrix that is read, and what it holds.
    reason
        Why that matrix, in one sentence.
    gene_map, gene_key
        The genes of that matrix, and the var column that names them (``"var_names"`` for the
        index).
    organism
        ``"human"`` or ``"mouse"``.
    n_obs
        Cells in the file.
    notes
        What the user should know: a flag and a sentence each.
    """

    states: tuple[MatrixState, ...]
    matrix: str
    state: MatrixState
    reason: str
    gene_map: GeneMap
    gene_key: str
    organism: str
    n_obs: int
    notes: tuple[Note, ...]

    @property
    def flags(self) -> tuple[str, ...]:
        """Short names of what was found, such as ``"hvg_only"``."""
        return tuple(note.flag for note in self.notes)

    @property
    def warnings(self) -> tuple[str, ...]:
        """Sentences for the user, in the order of the flags."""
        return tuple(note.sentence for note in self.notes)

    def to_dict(self) -> dict[str, Any]:
        """The findings, fit for JSON."""
        return {
            "n_obs": self.n_obs,
            "matrix": self.matrix,
            "state": self.state.state,
            "reason": self.reason,
            "organism": self.organism,
            "gene_key": self.gene_key,
            "genes": self.gene_map.to_dict(),
            "matrices": [state.to_dict() for state in self.states],
            "flags": list(self.flags),
            "warnings": list(self.warnings),
        }


def check_input(
    source: CellSource,
    *,
    layer: str = "auto",
    gene_key: str | None = None,
    organism: str = "auto",
) -> InputCheck:
    """Look at a spread sample of every matrix, choose one, and name its genes.

    Parameters
    ----------
    source
        The open file.
    layer
        ``"auto"``, ``"X"``, ``"raw"`` or a layer's name.
    gene_key
        The var column with gene names; by default the one that maps most genes.
    organism
        ``"human"``, ``"mouse"`` or ``"auto"``.

    Raises
    ------
    InputError
        When no matrix can be used, the file is transposed, the genes are unknown or another
        organism's, or the values are not finite. The message names the fix.
    """
    source.check()
    _refuse_transposed(source)
    excluded = {matrix: antibody_columns(source.var(matrix)) for matrix in source.matrices}
    index = spread_rows(source.n_obs)
    states = tuple(
        matrix_state(matrix, source.rows(matrix, index), excluded=excluded[matrix])
        for matrix in source.matrices
    )
    state, reason = choose_matrix(states, layer=layer, where=source.name)
    genes = choose_names(
        source.var(state.matrix),
        state.excluded,
        gene_key=gene_key,
        organism=organism,
        where=source.name,
    )
    _refuse_few_genes(genes.gene_map, len(state.excluded), source.name)
    unread = sum(count for kind, count in source.feature_types.items() if kind != "Gene Expression")
    return InputCheck(
        states=states,
        matrix=state.matrix,
        state=state,
        reason=reason,
        gene_map=genes.gene_map,
        gene_key=genes.key,
        organism=genes.gene_map.organism,
        n_obs=source.n_obs,
        notes=notes_on(state, states, genes.gene_map, num_unread=unread),
    )


def spread_rows(n_obs: int, sample: int = SAMPLE) -> np.ndarray:
    """Ascending row numbers, at most `sample`, in short runs spread evenly over all rows."""
    if n_obs <= sample:
        return np.arange(n_obs)
    starts = np.linspace(0, n_obs - RUN, sample // RUN).astype(np.int64)
    return np.unique(starts[:, None] + np.arange(RUN))


def _refuse_transposed(source: CellSource) -> None:
    if not is_transposed(source.obs.index, source.var(source.matrices[0]).index):
        return
    shown = ", ".join(repr(str(name)) for name in source.obs.index[:3])
    msg = f"The matrix is gene x cell: its rows bear gene names ({shown})."
    raise InputError(
        msg, where=source.name, fix="-> transpose it: adata = adata.T; adata.write_h5ad(NEW_FILE)"
    )


def _refuse_few_genes(genes: GeneMap, num_excluded: int, where: str) -> None:
    if genes.n_mapped >= MIN_MAPPED:
        return
    shown = ", ".join(
        repr(name)
        for name, symbol in zip(genes.names, genes.symbols, strict=True)
        if name and not symbol
    )
    msg = (
        f"Only {genes.n_mapped} of {genes.n_file - num_excluded:,} genes are known "
        f"{genes.organism} genes; at least {MIN_MAPPED} are needed."
    )
    unknown = f"{where}: unknown names such as {shown[:60]}" if shown else where
    raise InputError(
        msg,
        where=unknown,
        fix="-> rerun with --gene-key COLUMN, a var column of symbols or Ensembl gene ids",
    )
