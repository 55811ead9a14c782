"""Models that read cells and text together."""

from __future__ import annotations

FORMATS = {
    "geneformer": "cellmodels.models.langcell.formats:read_geneformer",
    "langcell": "cellmodels.models.langcell.formats:read_langcell",
}
"""Published formats and what reads them."""
WRITERS = {"langcell": "cellmodels.models.langcell.formats:write_langcell"}
"""Types of our models and what writes them as they were published."""


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
