"""Models that read cells and text together."""

from __future__ import annotations

FORMATS = {
    "geneformer": "cellmodels.models.langcell.formats:read_geneformer",
    "langcell": "cellmodels.models.langcell.formats:read_langcell",
}
"""Published formats and what reads them."""
WRITERS = {"langcell": "cellmodels.models.langcell.formats:write_langcell"}
"""Types of our models and what writes them as they were published."""
OBJECTIVES = {
    "cell-classification": "cellmodels.models.langcell.training.classification:CellClassification",
    "cell-identification": "cellmodels.models.langcell.training.identification:CellIdentification",
    "langcell": "cellmodels.models.langcell.training.objective:LangCellObjective",
}
"""What cell models are trained for."""


def register_formats() -> None:
    """Make published cell models known to `convert_checkpoint`; none is imported before its use.

    Examples
    --------
    >>> from biosequence.inference.formats import format_names
    >>> register_formats()
    >>> format_names()
    ('geneformer', 'langcell')
    """
    from biosequence.inference.formats import register_format, register_writer

    for name, home in FORMATS.items():
        register_format(name, home)
    for model_type, home in WRITERS.items():
        register_writer(model_type, home)


def register_objectives() -> None:
    """Make what cell models are trained for known to recipes; none is imported before its use.

    Examples
    --------
    >>> from biosequence.training.objectives import objective_names
    >>> register_objectives()
    >>> "langcell" in objective_names()
    True
    """
    from biosequence.training.objectives import register_objective

    for name, home in OBJECTIVES.items():
        register_objective(name, home)
