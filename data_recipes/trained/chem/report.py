"""The study's results as JSON, as a table in Markdown, and as curves."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from biosequence.atomic import atomic_path
from biosequence.provenance import package_versions

from .plan import Plan
from .training import Trained

COMMAND = "python -m bioseq_recipes.trained.chem --source DIR --output DIR"
_PACKAGES = ("numpy", "rdkit", "torch", "transformers")
_COLOURS = ("#33658a", "#d1495b", "#66a182", "#edae49")


def write_report(
    plan: Plan, results: dict[str, Any], trained: Sequence[Trained], output: Path
) -> Path:
    """Write `results.json`, `results.md` and `curves.png`; the path of the table."""
    whole = {
        "command": COMMAND,
        "seed": plan.seed,
        "plan": {
            "learning_rates": plan.rates,
            "tuning_steps": plan.tuning_steps,
            "steps": plan.steps,
            "molecules_a_step": plan.rows,
            "samples": plan.samples,
            "watched_molecules": plan.watched,
        },
        "versions": package_versions(_PACKAGES),
        **results,
    }
    with atomic_path(output / "results.json") as partial:
        partial.write_text(json.dumps(whole, indent=2) + "\n", encoding="utf-8")
    draw_curves(trained, output / "curves.png")
    with atomic_path(output / "results.md") as partial:
        partial.write_text(markdown(whole), encoding="utf-8")
    return output / "results.md"


def markdown(results: dict[str, Any]) -> str:
    """The tables of the study.

    Parameters
    ----------
    results
        What `results.json` holds.
    """
    plan, counts = results["plan"], results["corpus"]["counts"]
    models = results["models"]
    lines = [
        "## Molecules",
        "",
        f"`{results['command']}` (seed {results['seed']}). "
        f"{plan['steps']:,} steps of {plan['molecules_a_step']} molecules, the same ones in the "
        f"same order for every model; {counts['train']['documents']:,} training, "
        f"{counts['test']['documents']:,} test molecules, no scaffold in both.",
        "",
        *_table(models, _ROWS),
        "",
        f"Each model wrote {plan['samples']:,} molecules at temperature 1, of at most 128 tokens. "
        "In brackets: 95 % intervals.",
        "",
        f"Learning rates, each tried for {plan['tuning_steps']} steps, by the loss on "
        f"{plan['watched_molecules']:,} validation molecules:",
        "",
        *_table(
            models,
            [
                (f"validation loss at {rate:g}", lambda one, key=f"{rate:g}": _trial(one, key))
                for rate in plan["learning_rates"]
            ],
        ),
        "",
        "![Training curves](curves.png)",
        "",
    ]
    return "\n".join(lines)


def draw_curves(trained: Sequence[Trained], path: Path) -> None:
    """Training loss (thin) and validation loss (marked) of every model over its steps, as PNG."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(7.5, 4.5), dpi=120, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.add_subplot()
    for one, colour in zip(trained, _COLOURS, strict=False):
        axes.plot(*_points(one, "loss"), color=colour, linewidth=0.8, alpha=0.5)
        axes.plot(
            *_points(one, "validation_loss"),
            color=colour,
            marker="o",
            markersize=3,
            label=f"{one.contender.title}, {one.summary.parameters / 1e6:.2f} M",
        )
    # The first steps fall from ln(vocabulary) and would flatten what follows.
    low, high = axes.get_ylim()
    axes.set_ylim(low, min(high, 2.0))
    axes.set_xlabel("step")
    axes.set_ylabel("nats a token (marked: validation)")
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)
    with atomic_path(path) as partial:
        figure.savefig(partial, format="png", metadata={"Software": None})


def _points(one: Trained, key: str) -> tuple[list[int], list[float]]:
    points = one.curve(key)
    return [step for step, _ in points], [loss for _, loss in points]


def _table(models: Sequence[dict[str, Any]], rows: Sequence[tuple[str, Any]]) -> list[str]:
    return [
        f"| | {' | '.join(one['title'] for one in models)} |",
        f"|---|{'---:|' * len(models)}",
        *(f"| {name} | {' | '.join(show(one) for one in models)} |" for name, show in rows),
    ]


def _trial(one: dict[str, Any], rate: str) -> str:
    loss = f"{one['trials'][rate]:.4f}"
    return f"**{loss}**" if float(rate) == one["learning_rate"] else loss


def _share(key: str) -> Any:
    def show(one: dict[str, Any]) -> str:
        found = one["molecules"]
        if found[key] is None:
            return "-"
        low, high = found.get(f"{key}_low"), found.get(f"{key}_high")
        between = "" if low is None else f" ({low:.1%} to {high:.1%})"
        return f"{found[key]:.1%}{between}"

    return show


def _number(key: str, form: str) -> Any:
    def show(one: dict[str, Any]) -> str:
        found = one["molecules"][key]
        return "-" if found is None else form.format(found)

    return show


def _perplexity(one: dict[str, Any]) -> str:
    found = one["held_out"]
    return (
        f"{found['perplexity']:.4f} "
        f"({found['perplexity_low']:.4f} to {found['perplexity_high']:.4f})"
    )


_ROWS = [
    ("parameters", lambda one: f"{one['parameters']:,}"),
    ("learning rate", lambda one: f"{one['learning_rate']:g}"),
    ("tokens read in training", lambda one: f"{one['tokens']:,}"),
    ("training, seconds", lambda one: f"{one['training_seconds']:,.0f}"),
    ("test perplexity per token", _perplexity),
    ("test bits per character", lambda one: f"{one['held_out']['bits_per_character']:.4f}"),
    ("valid", _share("validity")),
    ("unique of the valid", _share("uniqueness")),
    ("novel against train of the unique", _share("novelty")),
    ("different scaffolds", _number("scaffolds", "{:,.0f}")),
    ("scaffolds that train does not have", _share("scaffold_novelty")),
    ("internal diversity", _number("internal_diversity", "{:.3f}")),
    ("distance of weight, Da", _number("molecular_weight_distance", "{:.1f}")),
    ("distance of logP", _number("logp_distance", "{:.3f}")),
    ("distance of QED", _number("qed_distance", "{:.4f}")),
]
