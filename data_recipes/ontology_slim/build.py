"""Write the bundled ontology tables and their source note."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path

from biosequence.errors import InputError

from .prune import not_cells, not_mammal_anatomy
from .slim import SlimOntology, cut
from .wheel import OntologyFile, read_ontology

CELLS = "cell_ontology.json.gz"
TISSUES = "tissues.json.gz"
SOURCE = "SOURCE.toml"


def build_tables(source: Path, out: Path) -> dict[str, SlimOntology]:
    """Write the cell and tissue tables and SOURCE.toml into `out`, byte for byte reproducible.

    Parameters
    ----------
    source
        A `cellxgene-ontology-guide` wheel, or a folder that holds one.
    out
        Where the three files go.

    Raises
    ------
    InputError
        If no wheel is found, or it holds no Cell Ontology or Uberon.
    """
    wheel = _find_wheel(Path(source))
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    cells, tissues = read_ontology(wheel, "CL"), read_ontology(wheel, "UBERON")
    tables = {
        CELLS: (cells, cut(cells.terms, drop=not_cells(cells.terms))),
        TISSUES: (tissues, cut(tissues.terms, drop=not_mammal_anatomy(tissues.terms))),
    }
    for name, (_, slim) in tables.items():
        (out / name).write_bytes(pack(slim))
    (out / SOURCE).write_text(_source_note(wheel, out, tables), encoding="utf-8")
    return {name: slim for name, (_, slim) in tables.items()}


def pack(slim: SlimOntology) -> bytes:
    """A slim ontology as gzipped JSON, without a time stamp so that the bytes are reproducible."""
    table = {"terms": slim.terms, "replaced": slim.replaced}
    text = json.dumps(table, ensure_ascii=False, separators=(",", ":"))
    return gzip.compress(text.encode(), compresslevel=9, mtime=0)


def _find_wheel(source: Path) -> Path:
    if source.is_file():
        return source
    wheels = sorted(source.glob("cellxgene_ontology_guide-*.whl"))
    if not wheels:
        msg = "No cellxgene-ontology-guide wheel found."
        fix = "pip download --no-deps -d DIR cellxgene-ontology-guide"
        raise InputError(msg, where=str(source), fix=fix)
    return wheels[-1]


def _source_note(
    wheel: Path, out: Path, tables: dict[str, tuple[OntologyFile, SlimOntology]]
) -> str:
    titles = {CELLS: "Cell Ontology", TISSUES: "Uberon multi-species anatomy ontology"}
    lines = [
        "# Written by data_recipes/ontology_slim: ids, names, synonyms, parents; no definitions.",
        f'package = "{wheel.name}"',
        f'package_sha256 = "{_sha256(wheel)}"',
    ]
    for name, (ontology, slim) in tables.items():
        lines += [
            "",
            f'["{name}"]',
            f'source = "{titles[name]}"',
            f'version = "{ontology.version}"',
            f'member = "{ontology.member}"',
            'licence = "CC BY 4.0"',
            f'sha256 = "{_sha256(out / name)}"',
            f"num_terms = {len(slim.terms)}",
            f"num_synonyms = {sum(len(row[2]) for row in slim.terms)}",
            f"num_replaced = {len(slim.replaced)}",
        ]
    return "\n".join(lines) + "\n"


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
