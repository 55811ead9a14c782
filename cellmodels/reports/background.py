"""What stands behind the answers: the input, the method and the record of the run."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from biosequence._version import __version__

from .wording import STATES, matrix_name, methods_text, number

if TYPE_CHECKING:
    from cellmodels.annotate.result import AnnotationResult
    from cellmodels.inputs import InputCheck


def setting(result: AnnotationResult, record: dict[str, Any], name: str) -> Any:
    """The value an option had, None where nobody noted it."""
    return result.params.get(name, record.get("options", {}).get(name))


def input_checks(check: InputCheck, n_genes_used: int | None) -> dict[str, Any]:
    """Each matrix with its state, which was read and why, and what became of the genes."""
    genes = check.gene_map
    steps = [("in the file", genes.n_file), ("known genes", genes.n_mapped)]
    if n_genes_used is not None:
        steps.append(("read by the model", n_genes_used))
    kinds = {"symbol": "symbols", "alias": "earlier symbols and aliases", "ensembl": "Ensembl ids"}
    counts = {words: genes.namespaces.get(kind, 0) for kind, words in kinds.items()}
    found = [f"{count:,} {words}" for words, count in counts.items() if count]
    return {
        "reason": check.reason,
        "gene_key": check.gene_key,
        "namespaces": ", ".join(found),
        "n_duplicate": genes.n_duplicate,
        "steps": steps,
        "matrices": [
            {
                "name": matrix_name(state),
                "state": STATES.get(state.state, state.state),
                "n_vars": state.n_vars,
                "detail": state.detail,
                "chosen": state.matrix == check.matrix,
            }
            for state in check.states
        ],
        "warnings": list(check.warnings),
    }


def methods_paragraph(
    result: AnnotationResult, record: dict[str, Any], n_genes_used: int | None
) -> str:
    """A paragraph for the methods section of a paper."""
    check = result.check
    genes = number(check.gene_map.n_mapped, f"known {check.organism} gene")
    if n_genes_used is not None:
        genes += f", {n_genes_used:,} of them read by the model"
    clusters = ""
    if result.cluster is not None:
        column = setting(result, record, "cluster_key")
        by = f"the clusters of obs column {column}" if column else "Leiden over-clusters"
        clusters = (
            f", and like cells voted within {by} ({len(result.clusters):,} in all); cells of "
        )
        clusters += "clusters without a majority kept their own answers"
    return methods_text(
        version=str(record.get("versions", {}).get("bioseq-toolkit", __version__)),
        model=str(record.get("model", "")),
        matrix=matrix_name(check.state),
        state=check.state.state,
        genes=genes,
        against=(
            "descriptions of cell types by a model of cells and language"
            if setting(result, record, "method") == "langcell"
            else "reference classes of the Cell Ontology"
        ),
        clusters=clusters + ".",
    )


def run_record(record: dict[str, Any]) -> dict[str, Any]:
    """The main entries of the record, the versions, and the whole as text."""
    top = [
        ("Model", record.get("model")),
        ("Model sha256", record.get("model_sha256")),
        ("Seed", record.get("seed")),
        ("Device", record.get("device")),
        ("Python", record.get("python")),
        ("System", record.get("platform")),
        ("Time (UTC)", record.get("time")),
    ]
    return {
        "top": [(label, str(value)) for label, value in top if value not in (None, "")],
        "versions": sorted(record.get("versions", {}).items()),
        "json": json.dumps(record, indent=2, sort_keys=True, ensure_ascii=False) if record else "",
    }
