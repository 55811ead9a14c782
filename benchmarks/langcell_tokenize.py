"""Cells a second of the gene-rank tokenizer, beside one numpy argsort a row.

    python benchmarks/langcell_tokenize.py --cells 8192 --genes 2000 --rounds 5

The peer does what Geneformer's tokenizer does with a sparse block: divide, then argsort each row
of the values that are there, once in numpy's calls. Both give the same ids, which is checked
first; they take turns. With one thread the time is that of the processor for this process, with
two it is that of the clock, other programs included. Fails below 20,000 cells a second on two
cores, by the processor's time.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from statistics import median

import numpy as np
import scipy.sparse as sp
import torch
from measured import conditions
from turns import take_turns

from cellmodels.tokenizers import BoundRanks, GeneRankTokenizer

WANTED = 20_000
CORES = 2
NUM_TOKENS = 25_424
NUM_COLUMNS = 20_000


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cells", type=int, default=8192)
    parser.add_argument("--genes", type=int, default=2000, help="values of a cell")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    print(json.dumps(conditions("numba", "torch"), indent=1))
    rng = np.random.default_rng(0)
    bound = bound_tokenizer(rng)
    block = made_up_cells(rng, given.cells, given.genes)
    ours, theirs = bound(block[:200]), argsort_rows(block[:200], bound)
    assert all(np.array_equal(a, b) for a, b in zip(ours, theirs, strict=True))
    programs = {"ours": lambda: bound(block), "argsort": lambda: argsort_rows(block, bound)}
    rates = {}
    for threads, clock in ((1, time.process_time), (2, time.perf_counter)):
        torch.set_num_threads(threads)
        took = take_turns(programs, given.rounds, clock)
        ratio = median(a / b for a, b in zip(took["argsort"], took["ours"], strict=True))
        rates[threads], peer = (given.cells / median(took[name]) for name in programs)
        print(
            f"| {threads} | {given.genes:,} | {rates[threads]:,.0f} | {peer:,.0f} | {ratio:.1f} |"
        )
    return 0 if CORES * rates[1] >= WANTED else 1


def bound_tokenizer(rng: np.random.Generator) -> BoundRanks:
    """A vocabulary of the published size, bound to a file whose columns are not in its order."""
    genes = [f"ENSG{number:011d}" for number in range(NUM_TOKENS)]
    tokens = {name: number for number, name in enumerate(["<pad>", "<mask>", *genes])}
    medians = dict(zip(genes, rng.lognormal(1, 0.8, NUM_TOKENS).tolist(), strict=True))
    columns = [genes[number] for number in rng.permutation(NUM_TOKENS)[:NUM_COLUMNS]]
    return GeneRankTokenizer.from_published(tokens, medians).bind(columns)


def made_up_cells(rng: np.random.Generator, num_cells: int, num_genes: int) -> sp.csr_matrix:
    """Counts of `num_genes` genes a cell, of abundances over several orders of magnitude."""
    chances = np.log(rng.gamma(0.5, 1.0, NUM_COLUMNS))
    rows = [
        np.sort(np.argpartition(chances + rng.gumbel(size=NUM_COLUMNS), -num_genes)[-num_genes:])
        for _ in range(num_cells)
    ]
    counts = rng.geometric(0.5, num_cells * num_genes).astype(np.float32)
    starts = np.arange(num_cells + 1, dtype=np.int32) * num_genes
    indices = np.concatenate(rows).astype(np.int32)
    return sp.csr_matrix((counts, indices, starts), shape=(num_cells, NUM_COLUMNS))


def argsort_rows(block: sp.csr_matrix, bound: BoundRanks) -> list[np.ndarray]:
    """The peer: one division for the block, one argsort for each row."""
    totals = np.asarray(block.sum(1, dtype=np.float64)).ravel()
    values = block.data / np.repeat(totals / 1e4, np.diff(block.indptr))
    tokens = bound.token_V[block.indices]
    values /= bound.medians_T[tokens]
    most = bound.max_length - 1
    rows = []
    for start, end in zip(block.indptr[:-1], block.indptr[1:], strict=True):
        order = np.argsort(-values[start:end])[:most]
        rows.append(np.concatenate([[bound.cls_id], tokens[start:end][order]]))
    return rows


if __name__ == "__main__":
    sys.exit(main())
