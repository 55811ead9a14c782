"""What the trainer costs beside a bare PyTorch loop on the same model and batches.

The two take turns inside one process: at the beginning of every block of steps the trainer stands
still and the bare loop runs as many. Tokens a second of both, their ratio within a block, and the
share of a step that goes into the loader.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
import torch
from measured import conditions
from torch.nn import functional as F

from biosequence.tokenizers import DNATokenizer
from biosequence.training import read_metrics, recipe_from_values, train
from biosequence.training.data import ShardWriter
from biosequence.training.trainer import RecipeTrainer

SIZES = {
    "small": {"hidden_size": 64, "num_hidden_layers": 2, "num_heads": 2},
    "middle": {"hidden_size": 256, "num_hidden_layers": 6, "num_heads": 4},
}


class BareLoop:
    """What one would write by hand: forward, backward, clip, step."""

    def __init__(self, trainer: RecipeTrainer, model: Any, batches: list[dict[str, Any]]) -> None:
        self.model = model.train()
        self.batches = batches
        self.optimizer = torch.optim.AdamW(
            model.parameters(), lr=trainer.args.learning_rate, betas=(0.9, 0.95), weight_decay=0.1
        )
        self.schedule = torch.optim.lr_scheduler.LambdaLR(self.optimizer, lambda step: 1.0)

    def run(self) -> float:
        for batch in self.batches:
            inputs = {name: x for name, x in batch.items() if name != "labels"}
            logits = self.model(**inputs).logits[:, :-1]
            labels = batch["labels"][:, 1:]
            loss = F.cross_entropy(logits.flatten(0, 1), labels.flatten())
            loss.backward()
            torch.nn.utils.clip_grad_norm_(self.model.parameters(), 1.0)
            self.optimizer.step()
            self.schedule.step()
            self.optimizer.zero_grad()
        return loss.item()


class Turns:
    """Lets the bare loop run between two blocks of the trainer's steps, and times both."""

    def __init__(self, block: int) -> None:
        self.block = block
        self.clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
        self.ours: list[float] = []
        self.bare: list[float] = []
        self._loop: BareLoop | None = None
        self._began = 0.0

    def before_step(self, trainer: RecipeTrainer) -> None:
        step = trainer.state.global_step
        if step % self.block:
            return
        if step:
            self.ours.append(self.clock() - self._began)
        started = self.clock()
        self._loop_of(trainer, step).run()
        if step:
            self.bare.append(self.clock() - started)
        self._began = self.clock()

    def _loop_of(self, trainer: RecipeTrainer, step: int) -> BareLoop:
        if self._loop is None:
            model = type(trainer.model)(trainer.model.config)
            self._loop = BareLoop(trainer, model, [])
        picks = (trainer.order.batch(step + n, 0, 0) for n in range(self.block))
        data = trainer.train_dataset
        self._loop.batches = [trainer.objective.collate([data[p] for p in one]) for one in picks]
        return self._loop


def write_shards(folder: Path, letters: int) -> None:
    dna, chance = DNATokenizer(), np.random.default_rng(0)
    with ShardWriter(folder, dna) as writer:
        for _ in range(-(-letters // 100_000)):
            writer.add(dna.encode("".join(chance.choice(list("ACGT"), 100_000))))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a small model, few steps: a minute")
    parser.add_argument("--size", choices=SIZES)
    parser.add_argument("--steps", type=int)
    parser.add_argument("--block", type=int, default=5)
    parser.add_argument("--length", type=int, default=512)
    parser.add_argument("--batch-size", type=int, default=8)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    size = given.size or ("small" if given.quick else "middle")
    steps = given.steps or (40 if given.quick else 60)
    print(json.dumps({"threads": given.threads, "size": size} | conditions("torch"), indent=1))
    turns = Turns(given.block)
    usual = RecipeTrainer.get_batch_samples

    def counted(trainer: RecipeTrainer, *rest: Any) -> Any:
        if trainer.state.global_step < trainer.args.max_steps:
            turns.before_step(trainer)
        return usual(trainer, *rest)

    RecipeTrainer.get_batch_samples = counted
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        write_shards(Path("shards"), 2_000_000)
        recipe = recipe_from_values(
            {
                "output": "run",
                "model": {"type": "bioxlstm", "config": SIZES[size]},
                "data": {"train": "shards"},
                "objective": {"name": "causal-lm", "packing": True},
                "schedule": {"name": "constant"},
                "run": {
                    "steps": steps,
                    "length": given.length,
                    "batch_size": given.batch_size,
                    "save_every": steps,
                    "device": "cpu",
                },
            }
        )
        train(recipe)
        shares = [e["loader_share"] for e in read_metrics(Path("run")) if "loss" in e][1:]
        os.chdir("/")
    tokens = given.block * given.length * given.batch_size
    ratios = [ours / bare for ours, bare in zip(turns.ours, turns.bare, strict=True)]
    print(f"bare loop   {tokens / median(turns.bare):12,.0f} tokens/s")
    print(f"trainer     {tokens / median(turns.ours):12,.0f} tokens/s")
    print(f"time ratio  {median(ratios):12.3f}  (target at most 1.05)")
    print(f"loader      {100 * median(shares):11.2f}%  of a step (target below 2)")


if __name__ == "__main__":
    main()
