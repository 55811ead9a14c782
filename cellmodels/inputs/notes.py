"""What is unusual about an input that can be used all the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cellmodels.genes import GeneMap, orthologs

from .choose import place
from .state import TARGET, MatrixState

# Genes that every cell transcribes and that hardly any selection of variable genes keeps.
EVERYDAY = tuple(
    "RPL3 RPL5 RPL7 RPL10 RPL11 RPL13 RPL14 RPL19 RPL23 RPL32 RPL35 RPS2 RPS3 RPS5 RPS7 RPS9 RPS12 "
    "RPS15 RPS18 RPS23 RPS27A FAU UBA52 EEF1A1 EEF1B2 EEF2 EIF1 EIF4A1 NACA TPT1 PABPC1 ACTB GAPDH "
    "PPIA UBC UBB YWHAZ HNRNPA1 HSPA8 HSP90AB1 COX4I1 COX6C ATP5F1B NDUFA4 CALM1 SUMO2 SRSF3 "
    "MT-CO1 MT-CO2 MT-ND1".split()
)
PANEL_CEILING = 1300
FULL_FLOOR = 10_000


@dataclass(frozen=True, slots=True)
class Note:
    """A flag for programs and a sentence for people."""

    flag: str
    sentence: str


def notes_on(
    state: MatrixState, states: Sequence[MatrixState], genes: GeneMap, *, num_unread: int = 0
) -> tuple[Note, ...]:
    """Everything to warn of, in the order of weight.

    Parameters
    ----------
    state, genes
        What the matrix holds that is read, and its genes.
    states
        Every matrix of the file.
    num_unread
        Features beside genes that the reader has left out already, as 10x files tell them.
    """
    return (
        *_completeness(state, genes),
        *_values(state, states),
        *_names(state, genes, num_unread),
    )


def everyday_share(genes: GeneMap) -> float:
    """Share of the everyday genes that the file has."""
    present = set(genes.symbols)
    wanted = EVERYDAY
    if genes.organism == "mouse":
        mouse = orthologs("human", "mouse")
        wanted = tuple(mouse[symbol][0] for symbol in EVERYDAY if symbol in mouse)
    return sum(symbol in present for symbol in wanted) / len(wanted)


def _completeness(state: MatrixState, genes: GeneMap) -> list[Note]:
    if genes.n_mapped >= FULL_FLOOR:
        return []
    notes = []
    missing = everyday_share(genes) < 0.5
    # Values scaled to 10,000 over all genes, of which only a part is here, sum to less.
    partial = (
        state.log_base is not None
        and state.target_sum is None
        and state.total_median < 0.95 * TARGET
    )
    if missing and (genes.n_mapped >= PANEL_CEILING or partial):
        notes.append(
            Note(
                "hvg_only",
                f"{place(state.matrix)} seems to hold highly variable genes only "
                f"({genes.n_mapped:,} known genes, most everyday genes missing): answers are less "
                "sure; give the matrix with all genes if you have it.",
            )
        )
    if genes.n_mapped < PANEL_CEILING:
        notes.append(
            Note(
                "small_panel",
                f"{place(state.matrix)} holds {genes.n_mapped:,} known genes only, like a targeted "
                "panel: close cell types may not be told apart.",
            )
        )
    return notes


def _values(state: MatrixState, states: Sequence[MatrixState]) -> list[Note]:
    notes = []
    if state.rounded:
        notes.append(
            Note(
                "rounded_log",
                f"{state.detail} Much is lost by rounding; give the counts if you have them.",
            )
        )
    if state.n_empty:
        share = state.n_empty / state.n_sampled
        notes.append(
            Note(
                "empty_cells",
                f"About {share:.1%} of the cells hold no counts at all: they stay Unknown.",
            )
        )
    broken = [other for other in states if other.n_nonfinite]
    if broken:
        notes.append(Note("non_finite", " ".join(other.detail for other in broken)))
    return notes


def _names(state: MatrixState, genes: GeneMap, num_unread: int) -> list[Note]:
    notes = []
    num_genes = genes.n_file - len(state.excluded)
    num_others = len(state.excluded) + num_unread
    if num_others:
        notes.append(
            Note(
                "antibody_columns",
                f"{num_others:,} columns are antibodies, hashtags or other features, not "
                "genes: left out.",
            )
        )
    if genes.n_duplicate:
        notes.append(
            Note(
                "duplicate_genes",
                f"{genes.n_duplicate:,} columns bear the gene of another column: "
                "they are added up.",
            )
        )
    if genes.n_mapped < 0.5 * num_genes:
        notes.append(
            Note(
                "few_mapped",
                f"Only {genes.n_mapped:,} of {num_genes:,} gene names are known "
                f"{genes.organism} genes.",
            )
        )
    other = "mouse" if genes.organism == "human" else "human"
    if genes.organism_votes[other] > 0.2 * num_genes:
        notes.append(
            Note(
                "mixed_species",
                f"{genes.organism_votes[other]:,} genes are {other}: "
                f"only the {genes.organism} genes are read.",
            )
        )
    return notes
