"""MoleculeNet and other tables of molecules with properties."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from biosequence.errors import InputError

from ..job import Job
from ..pool import map_batches
from ..recipe import CorpusRecipe, Option, SourceFile
from ..splits.fractions import SPLIT_OPTIONS, Fractions, fill_largest_first, split_of_key
from ..splits.molecule_scaffolds import Canonical, canonical_molecules
from ..tables import column_names, read_table

# File, column of SMILES, columns of labels, as DeepChem reads them.
TASKS: dict[str, tuple[str, tuple[str, ...]]] = {
    "delaney-processed.csv": ("smiles", ("measured log solubility in mols per litre",)),
    "SAMPL.csv": ("smiles", ("expt",)),
    "Lipophilicity.csv": ("smiles", ("exp",)),
    "bace.csv": ("mol", ("Class",)),
    "BBBP.csv": ("smiles", ("p_np",)),
    "HIV.csv": ("smiles", ("HIV_active",)),
    "clintox.csv.gz": ("smiles", ("FDA_APPROVED", "CT_TOX")),
    "tox21.csv.gz": (
        "smiles",
        ("NR-AR", "NR-AR-LBD", "NR-AhR", "NR-Aromatase", "NR-ER", "NR-ER-LBD", "NR-PPAR-gamma")
        + ("SR-ARE", "SR-ATAD5", "SR-HSE", "SR-MMP", "SR-p53"),
    ),
}
_SMILES = ("smiles", "smiles_canonical", "canonical_smiles", "mol", "SMILES")
# Whole numbers with more different values than this are measurements.
_CLASSES = 10


def prepare(job: Job) -> None:
    """A folder of tables for each file: canonical SMILES and the labels, empty where missing."""
    fractions = Fractions.of(job.options)
    for path in _paths(job):
        _prepare_one(job, path, fractions)


def _paths(job: Job) -> list[Path]:
    if not job.sources.given:
        return [job.sources.file(name) for name in TASKS]
    known = [path for name in TASKS if (path := job.sources.find(name)) is not None]
    named = [path for path in job.sources.given if path.is_file() and path not in known]
    if not known and not named:
        named = job.sources.matching("prop_*.csv", "prop_*.csv.gz")
    for path in named:
        job.sources.add(path)
    return known + named


def _prepare_one(job: Job, path: Path, fractions: Fractions) -> None:
    name = path.name.split(".csv")[0]
    smiles_at, labels = _columns(path)
    rows = list(read_table(path, smiles_at, *labels))
    texts = [row[smiles_at].strip() for row in rows]
    molecules = list(map_batches(canonical_molecules, texts, workers=job.workers, batch=512))
    readable = [(row, one) for row, one in zip(rows, molecules, strict=True) if one.smiles]
    splits = _splits(job, [one for _, one in readable], fractions)
    with job.tables(("smiles", *labels), name) as tables:
        for (row, one), split in zip(readable, splits, strict=True):
            tables.add(split, (one.smiles, *(row[label].strip() for label in labels)))
    repeats = len(readable) - len({one.smiles for _, one in readable})
    job.counts["tables"][name] |= {
        "unreadable": len(rows) - len(readable),
        "repeated_molecules": repeats,
        "scaffolds": len({one.scaffold for _, one in readable}),
    }
    kinds = {label: _kind([row[label] for row, _ in readable]) for label in labels}
    job.notes.setdefault("labels", {})[name] = kinds


def _columns(path: Path) -> tuple[str, tuple[str, ...]]:
    """The column of SMILES and those of labels: known, else every other column of numbers."""
    header = column_names(path)
    for name in (path.name, f"{path.name}.gz", path.name.removesuffix(".gz")):
        if name in TASKS and set(TASKS[name][1]) <= set(header):
            return TASKS[name]
    smiles_at = next((name for name in _SMILES if name in header), None)
    numbers = dict.fromkeys(name for name in header if name != smiles_at)
    for row in read_table(path) if smiles_at else ():
        for name in list(numbers):
            if row[name].strip() and not _number(row[name]):
                del numbers[name]
    if smiles_at is None or not numbers:
        lacking = "column of SMILES" if smiles_at is None else "column of numbers"
        raise InputError(
            f"The table has no {lacking}.",
            where=str(path),
            fix=f"It has: {', '.join(header)[:200]}. SMILES stand under `smiles`.",
        )
    return smiles_at, tuple(numbers)


def _splits(job: Job, molecules: list[Canonical], fractions: Fractions) -> list[str]:
    if job.options["split"] == "random":
        return [split_of_key(one.smiles, fractions) for one in molecules]
    groups: dict[str, int] = {}
    group_of = [groups.setdefault(one.scaffold, len(groups)) for one in molecules]
    sizes = Counter(group_of)
    of_group = fill_largest_first([sizes[number] for number in range(len(groups))], fractions)
    return [of_group[group] for group in group_of]


def _kind(values: list[str]) -> dict[str, Any]:
    numbers = [float(value) for value in values if _number(value)]
    different = set(numbers)
    classes = len(different) <= _CLASSES and all(number.is_integer() for number in different)
    return {"task": "classification" if classes else "regression", "values": len(numbers)}


def _number(text: str) -> bool:
    try:
        return bool(text.strip()) and float(text) == float(text)
    except ValueError:
        return False


_AT = "https://deepchemdata.s3-us-west-1.amazonaws.com/datasets"
RECIPE = CorpusRecipe(
    name="moleculenet",
    summary="Tables of molecules with properties, scaffolds in one split.",
    kind="molecule",
    version="1",
    licence="MIT (DeepChem's copies); the sets have terms of their own",
    citation="Wu et al. 2018, doi:10.1039/C7SC02664A",
    split="By Bemis-Murcko scaffold without stereochemistry: the largest train, the rest is "
    "validation, then test, as in MoleculeNet. split=random: by a hash of the molecule.",
    prepare=prepare,
    files=tuple(SourceFile(f"{_AT}/{name}", name) for name in TASKS),
    inputs=(*TASKS, "any CSV with a column smiles and columns of numbers, given by its path"),
    options=SPLIT_OPTIONS
    | {
        "validation": Option(0.1, "Part of the data for validation."),
        "test": Option(0.1, "Part of the data for the test."),
        "split": Option("scaffold", "The rule of the split.", ("scaffold", "random")),
    },
)
