"""Say which terms of the ontologies are of no use for naming human and mouse samples."""

from __future__ import annotations

import re

CELL = "CL:0000000"
ANATOMY = "UBERON:0001062"
SKELETAL_ELEMENT = "UBERON:0004765"

# Uberon spans all animals; the source does not say which has what, so names must tell.
_OTHER_TAXA = re.compile(
    r"\b(fins?|feathers?|antennae?|insect|arthropod|teleost|zebrafish|fish|amphibian|avian|bird"
    r"|beak|gills?|drosophila|larval?|tadpole|wing vein|imaginal|nematode|cephalopod|mollusc"
    r"|echinoderm|echinopluteus|ascidian|lateral line|neuromast|barbel|tentacle|antler|hoof"
    r"|syrinx|swim bladder|gas bladder"
    r"|bursa of fabricius|pygostyle|furcula|carapace|plastron|chelicera|lepidotrich\w+"
    r"|pterygiophore|urostyle|hypural|opercul\w+|branchiosteg\w+|basibranchial|epibranchial"
    r"|hypobranchial|ceratobranchial|pharyngobranchial|supraneural|weberian"
    r"|sensu (?!vertebrata|mammalia|rodentia)\w+)\b",
    re.I,
)
# Limbs are filed under classes that name fins too; without them a hand would be no part of a body.
_KEEP = re.compile(r"limb/fin|limb or fin")
_EMBRYO_DETAIL = re.compile(
    r"pre-cartilage condensation|cartilage element|endochondral element|\b(somite|rhombomere) \d",
    re.I,
)


def not_cells(terms: dict[str, dict]) -> set[str]:
    """Ids of terms that are parts or properties of cells (cytoplasm, nucleus shapes), not cells."""
    return {
        i
        for i, term in terms.items()
        if i != CELL and not any(distance == 1 for distance in term["ancestors"].values())
    }


def not_mammal_anatomy(terms: dict[str, dict]) -> set[str]:
    """Ids of terms that are no anatomy, of other animals, or finer parts of bones than samples."""
    return {i for i, term in terms.items() if i != ANATOMY and not _is_useful(term)}


def _is_useful(term: dict) -> bool:
    name = term["label"]
    if ANATOMY not in term["ancestors"] or _EMBRYO_DETAIL.search(name):
        return False
    if _OTHER_TAXA.search(name) and not _KEEP.search(name):
        return False
    # Single-cell samples come from the femur or a rib, not from the crest of a tubercle.
    return SKELETAL_ELEMENT not in term["ancestors"] or len(name.split()) <= 2
