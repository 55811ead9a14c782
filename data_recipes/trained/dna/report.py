"""The results as tables: JSON for programs, markdown for people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from .plan import Finetuning, finetunings, models
from .promoters import COMPARED, FIGURES

_TITLES = ("accuracy", "MCC", "F1", "AUROC")
_BASELINES = {"kmer": "logistic regression on 1- to 6-mers", "cnn": "CNN of Genomic Benchmarks"}


def pretraining_rows(plan: Mapping[str, Any], answers: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row for each pre-trained model."""
    rows = []
    for model in models(plan):
        if model.name in answers:
            found = answers[model.name]
            rows.append(
                {
                    "model": model.title,
                    "parameters": found["parameters"],
                    "tokens": found["tokens"],
                    "processor_seconds": found["processor_seconds"],
                    "perplexity": found["held out"]["perplexity"],
                    "strand_error": found["strand error"]["largest"],
                    "score_spread": found["strand error"]["spread"],
                }
            )
    return rows


def promoter_rows(plan: Mapping[str, Any], answers: Mapping[str, Any]) -> list[dict[str, Any]]:
    """A row for each way of fine-tuning and of asking, over its seeds; then the baselines."""
    groups: dict[str, list[Finetuning]] = {}
    for run in finetunings(plan):
        if run.name in answers:
            groups.setdefault(run.group, []).append(run)
    rows = []
    for runs in groups.values():
        first, found = runs[0], [answers[run.name] for run in runs]
        # Both strands of a model that shares them say the same, but for the [SEP] at the end.
        asked = ("one strand",) if first.model.both_strands else ("one strand", "both strands")
        rows += [
            {
                "method": first.model.title,
                "start": "pre-trained" if first.pretrained else "new",
                "training strands": "shared"
                if first.model.both_strands
                else ("either, by chance" if first.flips else "as given"),
                "asked": "shared" if first.model.both_strands else strands,
                "rows": plan["data"]["train_rows"],
                "strands disagree": float(np.mean([one["strands disagree"] for one in found])),
                "strand_error": max(one["strand error"]["largest"] for one in found),
                "strand_error_bases": max(
                    one["strand error without [SEP]"]["largest"] for one in found
                ),
                **_over_seeds([one[strands] for one in found]),
            }
            for strands in asked
        ]
    return rows + list(_baseline_rows(answers))


def _baseline_rows(answers: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    for name in ("baselines", "baselines-whole-kmer", "baselines-whole-cnn"):
        table = answers[name]["table"] if name in answers else []
        for method, both in dict.fromkeys((row["method"], row["both"]) for row in table):
            mine = [row for row in table if (row["method"], row["both"]) == (method, both)]
            yield {
                "method": _BASELINES[method],
                "start": "new",
                "training strands": "both" if both else "as given",
                "asked": "both strands" if both else "one strand",
                "rows": mine[0]["rows"],
                **_over_seeds(mine),
            }


def _over_seeds(found: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """Mean of each figure and its value for each seed."""
    values = {name: [one[name] for one in found] for name in FIGURES}
    row = {name: float(np.mean(each)) for name, each in values.items()}
    if len(found) == 1:
        row |= {name: found[0][name] for name in ("accuracy_low", "accuracy_high")}
    return row | {"seeds": len(found), "of_seeds": values}


def markdown(plan: Mapping[str, Any], results: Mapping[str, Any]) -> str:
    """The tables as text."""
    test = plan["data"]["test_rows"]
    parts = [
        "## DNA",
        "",
        f"Command: `{results['command']}` ({results['machine']}; "
        f"{results['processor_minutes']:.0f} minutes of one core). Pre-training seed "
        f"{plan['pretrain']['seed']}; fine-tuning seeds "
        f"{', '.join(map(str, plan['seeds']['finetune']))}.",
        "",
        f"Pre-training: masked bases, {results['counts']['genomes']['train']['tokens']:,} bases of "
        f"{results['counts']['genomes']['train']['documents']} records; perplexity on the same "
        "hidden bases (15 %, each replaced by the mask) of "
        f"{results['counts']['genomes']['test']['documents']} other records, "
        f"{results['counts']['genomes']['test']['tokens']:,} bases. Base frequencies alone: "
        f"{results['frequencies']:.4f}. Strand error: largest difference between the scores of "
        "windows and those of their other strand, turned back.",
        "",
        *_table(
            ("model", "parameters", "tokens", "core seconds", "perplexity", "strand error"),
            (
                (
                    row["model"],
                    f"{row['parameters']:,}",
                    f"{row['tokens']:,}",
                    f"{row['processor_seconds']:.0f}",
                    f"{row['perplexity']:.4f}",
                    f"{row['strand_error']:.1e} (scores vary by {row['score_spread']:.2f})",
                )
                for row in results["pretraining"]
            ),
        ),
        "",
        f"Promoters of 251 bases against other DNA: {plan['data']['train_rows']:,} training rows "
        f"(the same for all methods, but for the lines with more), {test:,} test rows, "
        f"{plan['finetune']['run']['steps']} steps of {plan['finetune']['run']['batch_size']} rows "
        "for our models. Accuracy: with the 95 % interval of the test rows where there is one "
        "seed, else each seed's. F1 is that of promoters.",
        "",
        *_table(
            (
                "method",
                "start",
                "rows",
                "seeds",
                "training strands",
                "asked",
                *_TITLES,
                "strands disagree",
            ),
            (_cells(row) for row in results["promoters"]),
        ),
        "",
        *_strands(results["promoters"]),
    ]
    return "\n".join(parts)


def _strands(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    """How far class scores of the strands are apart, in one sentence."""
    ours = [row for row in rows if "strand_error" in row]
    shared = [row for row in ours if row["asked"] == "shared"]
    if not shared:
        return []
    alone, closed = (
        max(row[name] for row in shared) for name in ("strand_error_bases", "strand_error")
    )
    least = min((row["strand_error_bases"] for row in ours if row not in shared), default=np.nan)
    return [
        "After fine-tuning, scores of a sequence and of its other strand differ by at most "
        f"{alone:.1e} in models that share strands (the largest difference in each of the others: "
        f"{least:.1f} or more), read as bases alone. The classifiers read [SEP] behind either "
        f"strand, which is no mirror image: with it the largest difference is {closed:.1e}, and "
        "the last column says how many answers change (of models that share strands, among "
        f"{COMPARED:,} test rows).",
        "",
    ]


def _cells(row: Mapping[str, Any]) -> tuple[str, ...]:
    figures = [f"{row[name]:.3f}" for name in FIGURES]
    if row["seeds"] == 1:
        figures[0] += f" ({row['accuracy_low']:.3f} to {row['accuracy_high']:.3f})"
    else:
        figures[0] += f" ({', '.join(f'{one:.3f}' for one in row['of_seeds']['accuracy'])})"
    differ = row.get("strands disagree")
    return (
        row["method"],
        row["start"],
        f"{row['rows']:,}",
        str(row["seeds"]),
        row["training strands"],
        row["asked"],
        *figures,
        "-" if differ is None else f"{differ:.1%}",
    )


def _table(heads: Sequence[str], rows: Any) -> list[str]:
    lines = [heads, ["---"] * len(heads), *rows]
    return ["| " + " | ".join(line) + " |" for line in lines]
