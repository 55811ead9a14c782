"""Read one ontology out of a `cellxgene-ontology-guide` wheel."""

from __future__ import annotations

import json
import re
import zipfile
from dataclasses import dataclass
from pathlib import Path

from biosequence.errors import InputError

MEMBER = re.compile(
    r"cellxgene_ontology_guide/data/(?P<key>\w+)-ontology-v(?P<version>[\d-]+)\.json\.zst"
)


@dataclass(frozen=True)
class OntologyFile:
    """The newest release of one ontology in a wheel: its version, member name and terms."""

    version: str
    member: str
    terms: dict[str, dict]


def read_ontology(wheel: Path, key: str) -> OntologyFile:
    """The newest release of the ontology `key` ("CL" or "UBERON") in `wheel`.

    Raises
    ------
    InputError
        If `wheel` is not a zip archive or holds no such ontology.
    """
    if not zipfile.is_zipfile(wheel):
        msg = "The source is not a wheel."
        fix = "pip download --no-deps cellxgene-ontology-guide"
        raise InputError(msg, where=str(wheel), fix=fix)
    with zipfile.ZipFile(wheel) as archive:
        found = [m for m in map(MEMBER.fullmatch, archive.namelist()) if m and m["key"] == key]
        if not found:
            msg = f"The wheel holds no {key} ontology."
            fix = "Use cellxgene-ontology-guide 1.11 or later."
            raise InputError(msg, where=str(wheel), fix=fix)
        newest = max(found, key=lambda m: m["version"])
        packed = archive.read(newest.group())
    return OntologyFile(newest["version"], newest.group(), json.loads(_unzstd(packed)))


def _unzstd(packed: bytes) -> bytes:
    # numcodecs comes with zarr, so the recipe needs no package of its own.
    from numcodecs.zstd import decompress

    return bytes(decompress(packed))
