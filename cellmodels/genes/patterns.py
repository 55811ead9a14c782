"""The shapes that gene names take in files, and how to get back to the bare name."""

from __future__ import annotations

import re
from collections.abc import Iterator

ENSEMBL = re.compile(r"(?P<id>ENS(?P<species>[A-Z]{3,4})?G\d{11})(?:\.\d+)?(?:_PAR_Y)?")
ENSEMBL_SPECIES = {None: "human", "MUS": "mouse"}

# Cell Ranger puts the genome before each gene of a two-species reference: GRCh38_CD3E, mm10___Cd3e.
_ASSEMBLY = re.compile(
    r"(?P<assembly>GRCh3[78]|hg19|hg38|T2T|CHM13|GRCm3[89]|mm9|mm10|mm39)_+(?=\w)"
)
_ASSEMBLY_SPECIES = {
    "GRCh": "human",
    "hg": "human",
    "T2T": "human",
    "CHM": "human",
    "GRCm": "mouse",
    "mm": "mouse",
}
_JOINED = re.compile(rf"(?:^|[_|;:,/ ()-])({ENSEMBL.pattern})(?:$|[_|;:,/ ()-])")
_SPLIT = re.compile(r"[_|;:,/ ()]+")
_APPENDED = re.compile(r"(?P<base>.+)[-.]\d{1,3}")


def assembly_species(name: str) -> str | None:
    """The organism that an assembly prefix names."""
    match = _ASSEMBLY.match(name)
    if not match:
        return None
    assembly = match["assembly"]
    return next(
        species for start, species in _ASSEMBLY_SPECIES.items() if assembly.startswith(start)
    )


def ensembl_species(name: str) -> str | None:
    """The organism of an Ensembl gene id: ``"human"``, ``"mouse"`` or ``"other"``; else None."""
    match = ENSEMBL.fullmatch(name)
    return ENSEMBL_SPECIES.get(match["species"], "other") if match else None


def bare_name(name: str) -> str:
    """The name without blanks around it and without an assembly prefix."""
    return _ASSEMBLY.sub("", name.strip(), count=1) if "_" in name else name.strip()


def joined_id(name: str) -> str | None:
    """The Ensembl id in a name such as ``TP53_ENSG00000141510.17``."""
    if "ENS" not in name:
        return None
    match = _JOINED.search(name)
    return match["id"] if match else None


def name_variants(name: str) -> Iterator[str]:
    """Other readings of a name that is unknown as it stands, likeliest first.

    What ``var_names_make_unique`` appended taken off (``MATR3-1``, ``MATR3.1``); R's dots back to
    hyphens (``HLA.DRA``, also with an appended number); the parts of a joined name.
    """
    appended = _APPENDED.fullmatch(name)
    if appended:
        yield appended["base"]
    if "." in name:
        yield name.replace(".", "-")
        if appended:
            yield appended["base"].replace(".", "-")
    if "ENS" in name:
        for part in _SPLIT.split(name):
            if part and not ENSEMBL.fullmatch(part):
                yield part
