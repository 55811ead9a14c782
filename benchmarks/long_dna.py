"""A chromosome arm through a causal model in one go: bases a second and peak memory.

    python benchmarks/long_dna.py --bases 1000000 --threads 2

A DNA-xLSTM of the published 500k size (random weights, reading forward) scores DNA that is made
up. The run is a process of its own; a second one of a tenth of the length shows that memory does
not grow. With `--check` the same numbers are computed with pieces of another length.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time

from measured import conditions, run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--bases", type=int, default=1_000_000)
    parser.add_argument("--chunk", type=int, default=4096)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--preset", default="dna-xlstm-500k")
    parser.add_argument("--mlstm", action="store_true", help="mLSTM blocks in place of sLSTM")
    parser.add_argument("--check", action="store_true", help="again with pieces of another length")
    parser.add_argument("--inner", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.inner:
        print(json.dumps(score(given)))
        return
    found = {}
    for bases in (given.bases // 10, given.bases):
        found[f"{bases:,} bases"] = measured(given, bases, given.chunk)
    if given.check:
        other = measured(given, given.bases, given.chunk * 3 // 2 + 1)
        ours = found[f"{given.bases:,} bases"]["log_likelihood"]
        found["difference_a_base"] = abs(other["log_likelihood"] - ours) / given.bases
    found |= conditions("torch", "numba")
    print(json.dumps(found, indent=1))


def measured(given: argparse.Namespace, bases: int, chunk: int) -> dict:
    """One run in a process of its own."""
    command = [sys.executable, __file__, "--inner", "--bases", str(bases), "--chunk", str(chunk)]
    command += ["--threads", str(given.threads), "--preset", given.preset]
    command += ["--mlstm"] if given.mlstm else []
    took = run(command)
    found = json.loads(took.output) | {"peak_mb": round(took.peak_bytes / 1e6)}
    print(f"{bases:,} bases: {found}", file=sys.stderr, flush=True)
    return found


def score(given: argparse.Namespace) -> dict:
    """Score made-up DNA; the first piece compiles and is not counted."""
    for name in ("OMP_NUM_THREADS", "NUMBA_NUM_THREADS"):
        os.environ[name] = str(given.threads)
    # Threads that spin while they wait take six times the processor's time on a busy machine.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    import numpy as np
    import torch

    from biosequence.inference import stream_log_likelihood
    from biosequence.models import BioXLSTMForCausalLM, preset_config

    torch.set_num_threads(given.threads)
    torch.manual_seed(0)
    changes = {"slstm_at": []} if given.mlstm else {}
    config = preset_config(given.preset, bidirectional="none", **changes)
    model = BioXLSTMForCausalLM(config).eval()
    ids = np.random.default_rng(0).integers(7, 11, given.bases).astype(np.uint8)
    stream_log_likelihood(model, ids[: given.chunk], chunk=given.chunk)
    started, used = time.perf_counter(), time.process_time()
    found = stream_log_likelihood(model, ids, chunk=given.chunk)
    seconds, used = time.perf_counter() - started, time.process_time() - used
    return {
        "parameters": sum(p.numel() for p in model.parameters()),
        "chunk": given.chunk,
        "threads": given.threads,
        "seconds": round(seconds, 1),
        "cpu_seconds": round(used, 1),
        "bases_a_second": round(given.bases / seconds),
        "log_likelihood": found.total,
        "perplexity": round(found.perplexity, 5),
    }


if __name__ == "__main__":
    main()
