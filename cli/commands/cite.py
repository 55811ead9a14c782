"""`bioseq cite`: what to put into the methods section and the reference list."""

from __future__ import annotations

import click

from biosequence import __version__

from ..console import Session
from ..help import Command
from ..options import output_switches

# The published work that the parts of this release rest on: facts only.
REFERENCES: tuple[dict[str, str], ...] = (
    {
        "key": "scanpy",
        "for": "neighbours, Leiden clusters and UMAP",
        "text": "Wolf, Angerer, Theis. SCANPY. Genome Biology 19, 15 (2018).",
        "doi": "10.1186/s13059-017-1382-0",
    },
    {
        "key": "anndata",
        "for": "the file format",
        "text": "Virshup et al. anndata. Journal of Open Source Software 9, 4371 (2024).",
        "doi": "10.21105/joss.04371",
    },
    {
        "key": "cell-ontology",
        "for": "names and ids of cell types",
        "text": "Diehl et al. The Cell Ontology 2016. J. Biomedical Semantics 7, 44 (2016).",
        "doi": "10.1186/s13326-016-0088-7",
    },
    {
        "key": "leiden",
        "for": "the clustering method",
        "text": "Traag, Waltman, van Eck. Leiden. Scientific Reports 9, 5233 (2019).",
        "doi": "10.1038/s41598-019-41695-z",
    },
)


@click.command("cite", cls=Command)
@output_switches
@click.pass_obj
def command(session: Session) -> None:
    """Say how to cite bioseq and what it builds on."""
    sentence = f"Cell types were annotated with bioseq-toolkit {__version__}."
    session.say(sentence)
    session.say("")
    for reference in REFERENCES:
        session.say(f"{reference['text']} doi:{reference['doi']}")
        session.say(f"    for {reference['for']}")
    session.result({"version": __version__, "sentence": sentence, "references": list(REFERENCES)})
