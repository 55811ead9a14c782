"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from anndata import AnnData

# Genes that textbooks name for types no method should take for each other.
LIVER_SAMPLE = {
    "B cell": "MS4A1 CD79A CD79B CD19 BANK1 PAX5 CD22 BLK FCRLA TNFRSF13C CD37 HLA-DRA CD74",
    "NK cell": "GNLY NKG7 KLRD1 KLRF1 NCAM1 FCGR3A PRF1 GZMB SPON2 FGFBP2 TYROBP FCER1G",
    "T cell": "CD3D CD3E CD3G TRAC TRBC2 CD2 CD5 CD6 IL7R LEF1 TCF7 BCL11B LTB",
    "monocyte": "LYZ CD14 S100A8 S100A9 S100A12 FCN1 VCAN CST3 CSF3R MS4A6A CD68 TYROBP FCER1G",
    "hepatocyte": "ALB APOA1 APOC3 TTR SERPINA1 FGB FGA TF HP APOH AMBP CYP2E1 CYP3A4 ASGR1",
    "endothelial": "PECAM1 VWF CDH5 CLDN5 PLVAP EMCN KDR TEK ESAM EGFL7 RAMP2 ENG AQP1",
}


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared data, where BIOSEQ_SHARED names one."""
    folder = os.environ.get("BIOSEQ_SHARED")
    if not folder:
        pytest.skip("BIOSEQ_SHARED is not set: this test needs the shared data folder")
    return Path(folder)


@pytest.fixture(scope="session")
def liver_sample() -> Callable[..., AnnData]:
    """Make counts of six unmistakable types in equal parts, shuffled; obs["truth"] names them."""
    return _liver_sample


@pytest.fixture(scope="session")
def tiny_langcell(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a LangCell that was trained on the liver sample; made once, some ten seconds."""
    from .tiny_langcell import train_tiny

    return train_tiny(
        _liver_sample(num_cells=240, num_genes=600, seed=1), tmp_path_factory.mktemp("tiny")
    )


def _liver_sample(num_cells: int = 300, num_genes: int = 1500, seed: int = 0) -> AnnData:
    import anndata as ad
    import numpy as np
    import pandas as pd
    from scipy import sparse

    from cellmodels.genes import gene_table
    from cellmodels.inputs.notes import EVERYDAY

    rng = np.random.default_rng(seed)
    table = gene_table("human")
    markers = {gene for text in LIVER_SAMPLE.values() for gene in text.split()}
    coding = [gene for gene in table.symbols if table.gene_class(gene) == "coding"]
    others = rng.choice(sorted(set(coding) - markers - set(EVERYDAY)), num_genes, replace=False)
    genes = [*sorted(markers), *EVERYDAY, *others][:num_genes]
    rate = rng.gamma(0.3, 0.5, num_genes)
    rate[: len(markers)] = 0.01
    rate[len(markers) : len(markers) + len(EVERYDAY)] = 5.0
    types = np.array(list(LIVER_SAMPLE))
    truth = rng.permutation(np.resize(types, num_cells))
    rates = np.tile(rate, (num_cells, 1))
    for name, text in LIVER_SAMPLE.items():
        rates[np.ix_(truth == name, [genes.index(gene) for gene in text.split()])] = 8.0
    counts = rng.poisson(rates * rng.lognormal(0, 0.3, (num_cells, 1)))
    return ad.AnnData(
        sparse.csr_matrix(counts.astype(np.float32)),
        obs=pd.DataFrame({"truth": truth}, index=[f"lane/1_{i}" for i in range(num_cells)]),
        var=pd.DataFrame(index=genes),
    )


@pytest.fixture(scope="session")
def sequence_models(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Folder of a tiny random sequence model by name, saved with its tokenizer; see below."""
    root = tmp_path_factory.mktemp("sequence_models")

    def folder(name: str) -> Path:
        if not (root / name).is_dir():
            _save_sequence_model(name, root / name)
        return root / name

    return folder


def _save_sequence_model(name: str, folder: Path) -> None:
    import torch

    from biosequence import models
    from biosequence.tokenizers import get_tokenizer

    xlstm = {"hidden_size": 32, "num_hidden_layers": 2, "num_heads": 2}
    mamba = {"hidden_size": 32, "num_hidden_layers": 2, "state_size": 8}
    family, head, alphabet, options = {
        "dna": ("BioXLSTM", "CausalLM", "dna", {"dialect": "dna", "slstm_at": [1], **xlstm}),
        "dna_masked": ("BioXLSTM", "MaskedLM", "dna", {"bidirectional": "sum", **xlstm}),
        "protein": ("BioXLSTM", "CausalLM", "protein", {"dialect": "prot", **xlstm}),
        "smiles": ("BioXLSTM", "CausalLM", "smiles", {"dialect": "v1", **xlstm}),
        "mamba": ("BioMamba", "CausalLM", "dna", mamba),
        "mamba_protein": (
            "BioMamba",
            "CausalLM",
            "protein",
            {"position_embeddings": "abs_2d", **mamba},
        ),
    }[name]
    tokenizer = get_tokenizer(alphabet)
    torch.manual_seed(len(name))
    config = getattr(models, f"{family}Config")(vocab_size=len(tokenizer), **options)
    model = getattr(models, f"{family}For{head}")(config).eval()
    with torch.no_grad():
        # Fresh gates and heads say almost nothing; wider ones make histories and tokens differ.
        for key, value in model.named_parameters():
            if key.endswith(("gate.weight", "recurrent")):
                value.normal_(std=0.2)
        tied = model.config.tie_word_embeddings
        model.lm_head.weight.normal_(std=0.1 if tied else 0.6)
    model.save_pretrained(folder)
    tokenizer.save(folder)
