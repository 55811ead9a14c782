"""The Cell Profile Library as it trains the default model, studies in one split."""

from __future__ import annotations

import numpy as np

from ..job import SPLITS, Job
from ..recipe import CorpusRecipe
from ..splits.fractions import SPLIT_OPTIONS, Fractions, assign_groups

FILES = ("profiles_human.h5ad", "profiles_mouse.h5ad")


def prepare(job: Job) -> None:
    """Mean profiles in the shared gene space: `train.h5ad`, `validation.h5ad`, `test.h5ad`."""
    import anndata as ad
    import pandas as pd
    from scipy import sparse

    from ...default_model.references import read_library

    fractions = Fractions.of(job.options)
    human, _ = (job.sources.file(name) for name in FILES)
    references = read_library(human.parent)
    studies, study_of, sizes = np.unique(
        references.obs["dataset"].astype(str), return_inverse=True, return_counts=True
    )
    splits = np.array(assign_groups(studies.tolist(), sizes.tolist(), fractions))[study_of]
    for split in SPLITS:
        rows = np.flatnonzero(splits == split)
        if len(rows):
            adata = ad.AnnData(
                sparse.csr_matrix(references.linear_RG[rows]),
                obs=references.obs.iloc[rows].set_axis([str(row) for row in rows]),
                var=pd.DataFrame(index=references.genes.astype(str)),
            )
            adata.write_h5ad(job.folder / f"{split}.h5ad")
        job.counts[split] = {"profiles": len(rows), "studies": len(np.unique(study_of[rows]))}


RECIPE = CorpusRecipe(
    name="profiles",
    summary="Mean expression profiles of cell types, human and mouse, studies in one split.",
    kind="cell",
    version="1",
    licence="CC BY 4.0",
    citation="Danaher et al. 2022, doi:10.1038/s41467-022-28020-5, and the studies it names",
    split="By study, in the order of a hash, weighed by profiles.",
    prepare=prepare,
    inputs=FILES,
    options=SPLIT_OPTIONS,
)
