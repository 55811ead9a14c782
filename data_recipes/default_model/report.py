"""The evaluation as files: results.json and the tables of docs/results.md."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import anndata as ad
import numpy as np
import pandas as pd
from scipy import sparse

from cellmodels.annotate import AnnotateOptions
from cellmodels.annotate.table_reading import MarkerList
from cellmodels.ontology import cell_ontology

from .agreement import METHODS, Scale
from .calibrate import cross_fitted
from .evaluate import (
    Row,
    calibration_error,
    coverage_curve,
    evaluate_fold,
    holds,
    list_scores,
    summary,
    top_lists,
)
from .export import plain_tissue
from .heldout import CONDITIONS, fold_of, read_profiles
from .references import References

METHODS_ON = "10x"
SHOWN = ("bioseq", "correlation", "marker counting")


def evaluate_all(
    source: Path, model: Path, references: References, folds: list[Path], fitted: pd.DataFrame
) -> dict[str, pd.DataFrame | float]:
    """Every table of the protocol.

    Parameters
    ----------
    source
        Folder with profiles/ and knowledge/.
    model
        The model trained on everything; it answers the lists of the development slice and of the
        independent study.
    references
        The whole library.
    folds
        The graded models, one a fold, telling computed probabilities.
    fitted
        The answers that the calibration was fitted on.
    """
    rows: list[Row] = []
    curves = []
    for fold, folder in enumerate(folds):
        held = references.obs["dataset"].map(lambda name: fold_of(name, len(folds))) == fold
        kept = References(
            references.linear_RG[~held.to_numpy()],
            references.genes,
            references.obs[~held].reset_index(drop=True),
        )
        common = (source / "profiles", folder, kept, fold, len(folds))
        for condition in CONDITIONS:
            found, curve = evaluate_fold(*common, condition)
            rows += found
            curves.append(curve.assign(condition=condition.name))
            print(f"fold {fold}, {condition.name}: {len(found)} rows", flush=True)
        found, _ = evaluate_fold(*common, CONDITIONS[0], baselines=False, with_tissue=True)
        rows += found
    curve = cross_fitted(fitted, pd.concat(curves))
    lists = held_lists(source / "profiles", folds)
    first = [row for row in rows if row.condition == METHODS_ON]
    return {
        "rows": pd.DataFrame([asdict(row) for row in rows]),
        "by_condition": summary(rows, ("organism", "condition", "method")),
        "by_tissue": summary(first, ("organism", "tissue", "method")),
        "coverage": coverage_curve(curve[curve["condition"] == METHODS_ON]),
        "calibration_error": calibration_error(curve),
        "lists": lists,
        "list_calibration_error": calibration_error(cross_fitted(lists, lists)),
        "independent_lists": independent_lists(
            source / "profiles" / "profiles_schcl_human.h5ad", model
        ),
        "development_lists": development_lists(
            source / "knowledge" / "marker_lists_dev.csv.gz", model
        ),
    }


def held_lists(profiles: Path, folds: list[Path]) -> pd.DataFrame:
    """Top ten genes of every held-out profile, without and with the tissue."""
    found = []
    for fold, folder in enumerate(folds):
        for organism in ("human", "mouse"):
            linear, obs, names = read_profiles(profiles, organism)
            for dataset in obs["dataset"].unique():
                if fold_of(dataset, len(folds)) != fold:
                    continue
                rows = np.flatnonzero((obs["dataset"] == dataset).to_numpy())
                lists = top_lists(linear[rows], names)
                place = plain_tissue(obs["tissue"].iloc[rows[0]])
                for tissue in dict.fromkeys(("", place)):
                    given = [MarkerList(one.cluster, one.genes, tissue) for one in lists]
                    options = AnnotateOptions(model=str(folder), organism=organism)
                    graded = list_scores(given, obs["cl_id"].iloc[rows].tolist(), options)
                    found.append(
                        graded.assign(
                            known=graded["ontology_term_id"] != "",
                            holds=[
                                holds(answer, truth)
                                for answer, truth in zip(
                                    graded["ontology_term_id"], graded["truth"], strict=True
                                )
                            ],
                            organism=organism,
                            dataset=dataset,
                            setting="tissue given" if tissue else "no tissue",
                            label=obs["cell_type_orig"].iloc[rows].to_numpy(),
                        )
                    )
    return pd.concat(found)


def independent_lists(path: Path, model: Path) -> pd.DataFrame:
    """Top ten genes of the profiles of a study that no model has seen, one tissue sample a file."""
    adata = ad.read_h5ad(path)
    obs = adata.obs.astype(str)
    linear, names = sparse.csr_matrix(adata.X).toarray(), np.asarray(adata.var_names)
    known = obs["cell_ontology_id"].map(lambda one: one in cell_ontology()).to_numpy()
    found = []
    for sample in obs["sample"].unique():
        rows = np.flatnonzero(known & (obs["sample"] == sample).to_numpy())
        if len(rows) > 1:
            options = AnnotateOptions(model=str(model), organism="human")
            truth = obs["cell_ontology_id"].iloc[rows].tolist()
            graded = list_scores(top_lists(linear[rows], names), truth, options)
            found.append(graded.assign(sample=sample))
    return pd.concat(found)


def development_lists(path: Path, model: Path) -> pd.DataFrame:
    """The 125 lists of the development slice: our score, and that of six methods' answers.

    All are graded alike: exact or finer 1, the same broad type (of the published table) 0.5. The
    published agreement, which gives a finer answer 0.5 only, stands beside.
    """
    frame = pd.read_csv(path, keep_default_na=False, dtype=str)
    scale = Scale.of(frame)
    found = []
    for dataset, organism in (("HCL", "human"), ("MCA", "mouse")):
        part = frame[frame["dataset"] == dataset].reset_index(drop=True)
        lists = [
            MarkerList(str(i), tuple(gene.strip() for gene in genes.split(",")))
            for i, genes in enumerate(part["marker"])
        ]
        options = AnnotateOptions(model=str(model), organism=organism)
        graded = list_scores(lists, part["manual_CLID"], options)
        graded = graded.rename(columns={"score": "lineage_score"})
        graded = graded.assign(dataset=dataset, manual=part["manual_annotation"])
        rows = part.to_dict("records")
        answers = zip(graded["ontology_term_id"], rows, strict=True)
        graded["score"] = [scale.score(answer, row) for answer, row in answers]
        for method in METHODS:
            graded[method] = [scale.published_score(row, method) for row in rows]
            graded[f"{method}_agreement"] = pd.to_numeric(part[f"{method}_agreement"])
        found.append(graded)
    return pd.concat(found)


def write_results(results: dict, folder: Path) -> None:
    """results.json with every table, and results.md with those that people read."""
    folder.mkdir(parents=True, exist_ok=True)
    plain = {
        name: table.to_dict("records") if isinstance(table, pd.DataFrame) else table
        for name, table in results.items()
    }
    (folder / "results.json").write_text(json.dumps(plain, indent=1) + "\n")
    (folder / "results.md").write_text(markdown(results))


def markdown(results: dict) -> str:
    """The tables of docs/results.md."""
    counts = _ahead(results["by_tissue"])
    independent = results["independent_lists"]["score"]
    parts = [
        "## By kind of cell\n",
        _accuracy(results["by_condition"], ("organism", "condition", "method")),
        "\n## By tissue (10x)\n",
        table_text(_tissues(results["by_tissue"])),
        "\nTissues in which bioseq is ahead, level or behind:\n",
        table_text(counts),
        "\n## Coverage and accuracy (10x)\n",
        table_text(results["coverage"].round(3)),
        f"\nExpected calibration error: {results['calibration_error']:.3f}",
        "\n## Marker lists\n",
        table_text(_lists(results["lists"])),
        f"\nExpected calibration error of lists: {results['list_calibration_error']:.3f}",
        f"\nHuman Cell Landscape: {independent.mean():.3f} ({len(independent)} lists), "
        f"exact or finer {(independent == 1).mean():.3f}",
        "\nThe development slice:\n",
        table_text(_development(results["development_lists"])),
    ]
    return "\n".join(parts) + "\n"


def _tissues(table: pd.DataFrame) -> pd.DataFrame:
    """One line a tissue: exact and lineage accuracy of each method beside one another."""
    keys = ["organism", "tissue"]
    out = table[table["method"] == "bioseq"].set_index(keys)[["types"]]
    for level in ("exact", "lineage"):
        for method in SHOWN:
            part = table[table["method"] == method].set_index(keys)[level]
            out[f"{method}: {level}"] = part.map("{:.2f}".format)
    return out.reset_index()


def _ahead(table: pd.DataFrame) -> pd.DataFrame:
    """How many tissues bioseq is ahead, level (half a point) or behind in, for each baseline."""
    rows = []
    for level in ("exact", "parent", "lineage"):
        wide = table.pivot(index=["organism", "tissue"], columns="method", values=level)
        for method in SHOWN[1:]:
            gap = wide["bioseq"] - wide[method]
            ahead, behind = int((gap > 0.005).sum()), int((gap < -0.005).sum())
            rows.append((method, level, ahead, len(gap) - ahead - behind, behind))
    return pd.DataFrame(rows, columns=["against", "level", "ahead", "level with", "behind"])


def _lists(lists: pd.DataFrame) -> pd.DataFrame:
    found = lists.groupby(["organism", "setting"])["score"]
    table = found.agg(["mean", lambda score: (score == 1).mean(), "count"]).round(3)
    table.columns = ["score", "exact or finer", "lists"]
    return table.reset_index()


def _development(lists: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for method in ("score", *METHODS):
        line = {"method": "bioseq" if method == "score" else method}
        for dataset, part in lists.groupby("dataset"):
            line[f"{dataset} ({len(part)} lists)"] = f"{part[method].mean():.3f}"
            published = part.get(f"{method}_agreement")
            line[f"{dataset}, as published"] = (
                "" if published is None else f"{published.mean():.3f}"
            )
        rows.append(line)
    return pd.DataFrame(rows)


def _accuracy(table: pd.DataFrame, by: tuple[str, ...]) -> str:
    shown = table[list(by)].copy()
    shown["types"] = table["types"]
    for level in ("exact", "parent", "lineage"):
        shown[f"{level} (cells)"] = table[level].map("{:.3f}".format)
        interval = [
            f"{mean:.3f} [{low:.2f}, {high:.2f}]"
            for mean, low, high in zip(
                table[f"{level}_types"], table[f"{level}_low"], table[f"{level}_high"], strict=True
            )
        ]
        shown[f"{level} (types)"] = interval
    shown["unknown"] = table["unknown"].map("{:.3f}".format)
    return table_text(shown)


def table_text(frame: pd.DataFrame) -> str:
    """A table in markdown."""
    lines = [[str(column) for column in frame.columns], ["---"] * len(frame.columns)]
    lines += [[str(value) for value in row] for row in frame.itertuples(index=False)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
