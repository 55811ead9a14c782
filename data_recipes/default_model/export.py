"""A trained encoder as the folder that `cellmodels.default` reads."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save
from sklearn.decomposition import PCA

from cellmodels.knowledge import MarkerRow
from cellmodels.ontology import cell_ontology

from .library import answer_ids, marker_weights
from .pseudocells import Noise, draw
from .references import References
from .train import Trained, build_stock, unit

COMPONENTS = 50
PCA_CELLS = 8_192
# Folder names of the library in plain words; what is no organ does not say where a type lives.
TISSUES = {
    "Immunodeficiency_PBMCs": "blood",
    "CensusImmune": "bone marrow",
    "MGH_Broad": "blood",
    "Bronchoalveolar_lavage_fluid": "lung",
    "Covid_Airway": "airway",
    "Immunodeficiency_Nasal_Swabs": "nose",
    "PeripheralBlood": "blood",
    "BoneMarrow_cKit": "bone marrow",
    "BoneMarrow": "bone marrow",
    "SmallIntestine": "small intestine",
    "MammaryGland_Involution": "breast",
    "MammaryGland_Lactation": "breast",
    "MammaryGland_Pregnancy": "breast",
    "MammaryGland_Virgin": "breast",
    "NeonatalCalvaria": "bone",
    "Adrenal": "adrenal gland",
}
NO_ORGAN = ("TumorImmune", "EmbryonicMesenchyme")


def plain_tissue(name: str) -> str:
    """A tissue of the library in words that the tissue ontology resolves ("" for none)."""
    if name in NO_ORGAN:
        return ""
    for stage in ("Neonatal", "Fetal"):
        name = name.removeprefix(stage)
    return TISSUES.get(name, name.lower())


def class_tissues(
    classes: Sequence[str], references: References, rows: Sequence[MarkerRow]
) -> list[tuple[str, ...]]:
    """Where each class lives: the marker table's tissues and those it was measured in."""
    ontology = cell_ontology()
    found: dict[str, set[str]] = {cl_id: set() for cl_id in classes}
    for row in rows:
        if row.cl_id in found:
            found[row.cl_id] |= set(row.tissues)
    # A broad label (T cell in lung) says that each of its subtypes may be there.
    above = {cl_id: ontology.ancestors(cl_id) | {cl_id} for cl_id in classes}
    for label, tissue in set(zip(references.obs["cl_id"], references.obs["tissue"], strict=True)):
        place = plain_tissue(tissue)
        for cl_id in classes:
            if (
                place
                and label in above[cl_id]
                and ontology.roll_up(label, "lineage") != ontology.roll_up(label, "compartment")
            ):
                found[cl_id].add(place)
    return [
        ("any",) if not found[c] or "any" in found[c] else tuple(sorted(found[c])) for c in classes
    ]


def write_model(
    folder: Path,
    trained: Trained,
    references: References,
    rows: Sequence[MarkerRow],
    config: dict[str, Any],
    *,
    seed: int = 0,
) -> None:
    """Write model.safetensors (float16), config.json, classes.tsv and genes.txt."""
    state = {name: tensor.numpy() for name, tensor in trained.encoder.state_dict().items()}
    mean, basis, class_mean, background = components(trained, references, rows, seed)
    tensors = {
        **state,
        "components.mean": mean,
        "components.basis": basis,
        "class.components": class_mean,
        "background.mean": background.mean(axis=0),
        "background.spread": background.std(axis=0),
    }
    tensors = {
        name: np.ascontiguousarray(array, dtype=np.float16) for name, array in tensors.items()
    }
    folder.mkdir(parents=True, exist_ok=True)
    payload = save(tensors)
    # Not through save_file: its files are for their owner only, and this one goes into the wheel.
    (folder / "model.safetensors").write_bytes(payload)
    config = {**config, "sha256": hashlib.sha256(payload).hexdigest()}
    (folder / "config.json").write_text(json.dumps(config, indent=1, sort_keys=True) + "\n")
    (folder / "genes.txt").write_text("\n".join(trained.genes) + "\n")
    header = "cl_id\torganism\ttissue\tdataset\tlabel"
    described = references.obs[["cl_id", "organism", "tissue", "dataset", "label"]]
    lines = [header, *("\t".join(row) for row in described.itertuples(index=False))]
    (folder / "references.tsv").write_text("\n".join(lines) + "\n")
    ontology = cell_ontology()
    places = class_tissues(trained.classes, references, rows)
    lines = ["cl_id\tname\ttissues\tkind"]
    lines += [
        f"{cl_id}\t{ontology.name(cl_id)}\t{','.join(tissues)}\tclass"
        for cl_id, tissues in zip(trained.classes, places, strict=True)
    ]
    broad = sorted(set(answer_ids(references, rows)) - set(trained.classes))
    lines += [
        f"{cl_id}\t{ontology.name(cl_id)}\tany\tbroad"
        for cl_id in broad
        if cl_id not in ontology.property_classes
    ]
    (folder / "classes.tsv").write_text("\n".join(lines) + "\n")


def components(
    trained: Trained, references: References, rows: Sequence[MarkerRow], seed: int
) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Mean and basis of pseudo-cell expression, each class's mean in it, and the pseudo-cells."""
    rng = np.random.default_rng(seed)
    weights = marker_weights(rows, trained.classes, trained.genes)
    stock, targets = build_stock(references, trained.genes, trained.classes, weights)
    measured = np.flatnonzero(stock.measured_S)
    chosen = rng.choice(measured, PCA_CELLS)
    cells = draw(stock, chosen, rng, Noise(depth=(2_000.0, 40_000.0)))
    pca = PCA(COMPONENTS, random_state=seed, svd_solver="randomized").fit(unit(cells))
    profiles = (unit(np.log1p(stock.linear_SF)) - pca.mean_) @ pca.components_.T
    ontology = cell_ontology()
    above = [ontology.ancestors(targets[t]) | {targets[t]} for t in stock.class_S]
    means = []
    for cl_id in trained.classes:
        members = [row for row, terms in enumerate(above) if cl_id in terms]
        means.append(profiles[members].mean(axis=0) if members else np.zeros(COMPONENTS))
    return pca.mean_, pca.components_.T, np.array(means), cells
