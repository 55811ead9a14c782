"""Slices of the CELLxGENE census, donors in one split."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from biosequence.errors import InputError, RemoteError
from biosequence.extras import require
from biosequence.progress import progress

from ..job import SPLITS, Job
from ..recipe import CorpusRecipe, Option
from .donors import donor_splits

if TYPE_CHECKING:
    import pandas as pd

_COLUMNS = (
    "soma_joinid", "dataset_id", "donor_id", "assay", "cell_type", "cell_type_ontology_term_id",
    "tissue", "tissue_general", "disease", "development_stage", "sex",
)  # fmt: skip
# Cells of one file: some hundred megabytes of counts in memory.
BLOCK = 20_000


def prepare(job: Job) -> None:
    """Counts of the slice in blocks of cells: `train/part-00000.h5ad`, ..."""
    census_library = require("census", "cellxgene_census")
    organism = str(job.options["organism"])
    try:
        with census_library.open_soma(census_version=job.options["census"]) as census:
            cells = _cells(job, census_library, census, organism)
            for split, part in zip(SPLITS, _split(job, cells), strict=True):
                for number, ids in enumerate(progress(list(_blocks(part)), what=split)):
                    adata = census_library.get_anndata(
                        census,
                        organism=organism,
                        obs_coords=ids.tolist(),
                        obs_column_names=list(_COLUMNS),
                    )
                    (job.folder / split).mkdir(exist_ok=True)
                    adata.write_h5ad(job.folder / split / f"part-{number:05d}.h5ad")
    except (OSError, RuntimeError) as error:
        raise RemoteError(
            f"The census cannot be read: {str(error).splitlines()[0] if str(error) else error}.",
            where=f"census {job.options['census']}",
            fix="Check the network and the version, and run again.",
        ) from error


def _cells(job: Job, library: Any, census: Any, organism: str) -> pd.DataFrame:
    """One row a cell of the slice."""
    wanted = "is_primary_data == True"
    for column, option in (("tissue_general", "tissue"), ("disease", "disease")):
        if job.options[option]:
            value = str(job.options[option]).replace("'", "")
            wanted += f" and {column} == '{value}'"
    cells = library.get_obs(
        census,
        organism,
        value_filter=wanted,
        column_names=["soma_joinid", "dataset_id", "donor_id"],
    )
    if not len(cells):
        raise InputError(
            "The slice holds no cell.",
            where=f"census {job.options['census']}, {wanted}",
            fix="Check the names of tissue and disease: those of tissue_general in the census.",
        )
    job.notes["slice"] = wanted
    return cells


def _split(job: Job, cells: pd.DataFrame) -> Iterator[np.ndarray]:
    """Numbers of the cells of each split, sorted; at most as many as wanted."""
    splits = donor_splits(cells["donor_id"], cells["dataset_id"], job.options)
    ids = cells["soma_joinid"].to_numpy()
    most = int(job.options["cells"])
    if most and len(ids) > most:
        chosen = np.random.default_rng(int(job.options["seed"])).permutation(len(ids))[:most]
        ids, splits = ids[chosen], splits[chosen]
    for split in SPLITS:
        part = np.sort(ids[splits == split])
        job.counts[split] = {"cells": len(part)}
        yield part


def _blocks(ids: np.ndarray) -> Iterator[np.ndarray]:
    for start in range(0, len(ids), BLOCK):
        yield ids[start : start + BLOCK]


RECIPE = CorpusRecipe(
    name="census",
    summary="Single cells of the CELLxGENE census: a tissue, donors in one split.",
    kind="cell",
    version="1",
    licence="CC BY 4.0",
    citation="CZI Cell Science Program 2025, doi:10.1093/nar/gkae1142",
    split="By donor, whatever the study; cells of unknown or pooled donors by study; groups in "
    "the order of a hash, weighed by cells.",
    prepare=prepare,
    options={
        "census": Option("2025-11-08", "Release of the census; one with long-term support stays."),
        "organism": Option("homo_sapiens", "Organism.", ("homo_sapiens", "mus_musculus")),
        "tissue": Option("", "Value of tissue_general, such as blood; none: all."),
        "disease": Option("", "Value of disease, such as normal; none: all."),
        "cells": Option(0, "At most so many cells, drawn at random; 0: all."),
        "validation": Option(0.05, "Part of the data for validation."),
        "test": Option(0.05, "Part of the data for the test."),
        "seed": Option(0, "Another number gives another split."),
    },
    extra="census",
    network=True,
)
