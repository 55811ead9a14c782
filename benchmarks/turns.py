"""Programs that take turns within a round, and how their times compare."""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median

import torch
from measured import conditions

Clock = Callable[[], float]


@dataclass(frozen=True)
class Settings:
    """What the command line says about a run."""

    quick: bool
    rounds: int
    clock: Clock


def settings(description: str) -> Settings:
    """Read the command line, set the threads and print where the numbers are from.

    With one thread the time is that of the processor for this process, which other programs add
    little to; with more it is that of the clock.
    """
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="small shapes, few rounds: a minute")
    parser.add_argument("--rounds", type=int)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    rounds = given.rounds or (3 if given.quick else 7)
    before = conditions("torch", "transformers", "numba")
    print(json.dumps({"threads": given.threads, "rounds": rounds} | before, indent=1))
    clock = time.process_time if given.threads == 1 else time.perf_counter
    return Settings(given.quick, rounds, clock)


def take_turns(
    programs: Mapping[str, Callable[[], object]], rounds: int, clock: Clock
) -> dict[str, list[float]]:
    """Seconds of each program in each round, after a round that is not counted."""
    took: dict[str, list[float]] = {name: [] for name in programs}
    for round_ in range(rounds + 1):
        for name, program in programs.items():
            started = clock()
            program()
            if round_:
                took[name].append(clock() - started)
    return took


def ratios(took: Mapping[str, Sequence[float]], slow: str, fast: str) -> str:
    """Least and median ratio within a round, as two cells of a table."""
    found = [a / b for a, b in zip(took[slow], took[fast], strict=True)]
    return f"{min(found):.2f} | {median(found):.2f}"


def milliseconds(took: Mapping[str, Sequence[float]], name: str) -> str:
    """Least and median time, as one cell of a table."""
    return f"{min(took[name]) * 1e3:.2f} / {median(took[name]) * 1e3:.2f}"
