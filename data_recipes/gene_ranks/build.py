"""From files of cells to a token dictionary, a median dictionary and a tokenizer."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import scipy.sparse as sp

from biosequence import __version__
from biosequence.atomic import atomic_folder
from biosequence.errors import InputError
from cellmodels.inputs import InputCheck, check_block, check_input, to_cp10k
from cellmodels.stream import open_cells, prefetch
from cellmodels.tokenizers import GeneRankTokenizer
from cellmodels.tokenizers.medians import NonzeroMedians, nonzero_medians
from cellmodels.tokenizers.published import medians_of, vocabulary_of

from ..corpora.checksums import sha256_file
from .genes import Names, columns_to, gene_names

TOKENS = "token_dictionary.json"
PROVENANCE = "provenance.json"


@dataclass(frozen=True)
class _File:
    path: Path
    check: InputCheck


def build(
    paths: Sequence[str | Path], output: str | Path, *, names: Names = "ensembl"
) -> GeneRankTokenizer:
    """Make the dictionaries of a corpus.

    A gene's median is that of count / total of the cell x 10,000 over the cells that have it; the
    total is over all genes of the file. Files are streamed twice.

    Parameters
    ----------
    paths
        Files of cells: counts, or values that can be brought to ten thousandths.
    output
        A new folder: the tokenizer's files, its medians (`gene_median_dictionary.json`),
        `token_dictionary.json` in the published layout (without `<cls>`), `provenance.json`.
    names
        What genes are called; see :func:`~bioseq_recipes.gene_ranks.genes.gene_names`.

    Raises
    ------
    InputError
        If a file cannot be used, comes twice, or no cell of the corpus has a gene.
    """
    files = [_look_at(Path(path)) for path in paths]
    sums = [sha256_file(file.path) for file in files]
    _refuse_twice(files, sums)
    found = {name for file in files for name in gene_names(file.check.gene_map, names)} - {""}
    places = {name: place for place, name in enumerate(sorted(found))}
    medians = nonzero_medians(lambda: _blocks(files, names, places), len(places))
    kept = {name: place for name, place in places.items() if medians.cells_G[place]}
    if not kept:
        raise InputError(
            "No cell has a protein-coding gene or a microRNA.",
            where=", ".join(str(file.path) for file in files[:3]),
            fix="Give files of human or mouse cells whose matrix is not empty.",
        )
    tokens = {name: number for number, name in enumerate(["<pad>", "<mask>", *kept])}
    vocabulary = vocabulary_of(tokens)
    values = {name: float(medians.medians_G[place]) for name, place in kept.items()}
    tokenizer = GeneRankTokenizer(vocabulary, medians_of(vocabulary, values), id_kind=names)
    with atomic_folder(output) as partial:
        tokenizer.save(partial)
        _write(partial / TOKENS, tokens)
        _write(partial / PROVENANCE, _provenance(files, sums, names, medians, len(kept)))
    return tokenizer


def _look_at(path: Path) -> _File:
    if path.is_dir():
        raise InputError(
            "The recipe reads files, and this is a folder.",
            where=str(path),
            fix="Write its cells as one .h5ad file.",
        )
    with open_cells(path) as source:
        return _File(path, check_input(source))


def _refuse_twice(files: Sequence[_File], sums: Sequence[str]) -> None:
    for number, found in enumerate(sums):
        if found in sums[:number]:
            first = files[sums.index(found)].path
            raise InputError(
                "The same cells come twice.",
                where=f"{first} and {files[number].path}",
                fix="Name each file once.",
            )


def _blocks(
    files: Sequence[_File], names: Names, places: dict[str, int]
) -> Iterator[sp.csr_matrix]:
    for file in files:
        state = file.check.state
        projection = columns_to(file.check.gene_map, names, places)
        with open_cells(file.path) as source:
            for first_row, block in prefetch(source.blocks(file.check.matrix)):
                check_block(block, first_row=first_row, where=source.name)
                yield to_cp10k(block, state) @ projection


def _provenance(
    files: Sequence[_File], sums: Sequence[str], names: Names, medians: NonzeroMedians, genes: int
) -> dict[str, Any]:
    return {
        "recipe": "gene_ranks",
        "bioseq-toolkit": __version__,
        "names": names,
        "num_cells": medians.num_cells,
        "num_genes": genes,
        "relative_error_of_medians": 2.0**-12,
        "fewest_cells_of_a_gene": int(np.min(medians.cells_G[medians.cells_G > 0])),
        "sources": [
            {
                "file": file.path.name,
                "sha256": found,
                "num_cells": file.check.n_obs,
                "matrix": file.check.matrix,
                "state": file.check.state.state,
                "organism": file.check.organism,
                "num_columns": file.check.gene_map.n_file,
                "num_mapped": file.check.gene_map.n_mapped,
            }
            for file, found in zip(files, sums, strict=True)
        ],
    }


def _write(path: Path, found: dict[str, Any]) -> None:
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
