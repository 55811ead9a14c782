"""What cells add to the objectives and tokenizers of biosequence, by name."""

from __future__ import annotations

OBJECTIVES = {
    "cell-classification": (
        "cellmodels.models.langcell.training.classification:CellClassification"
    ),
    "langcell": "cellmodels.models.langcell.training.objective:LangCellObjective",
}
TOKENIZERS = {"gene-rank": "cellmodels.tokenizers.gene_rank:GeneRankTokenizer"}


def register() -> None:
    """Make them known to recipes and folders; nothing is imported before its first use.

    Examples
    --------
    >>> from biosequence.training.objectives import objective_names
    >>> register()
    >>> "langcell" in objective_names()
    True
    """
    from biosequence.tokenizers import register_tokenizer
    from biosequence.training.objectives import register_objective

    for name, home in OBJECTIVES.items():
        register_objective(name, home)
    for name, home in TOKENIZERS.items():
        register_tokenizer(name, home)
