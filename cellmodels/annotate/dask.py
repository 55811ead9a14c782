"""An atlas as independent row ranges on an existing Dask cluster."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from biosequence.errors import BioseqError, RemoteError, UsageError
from biosequence.extras import require
from cellmodels.stream import CellSource

from .scoring import Job, Part, score_rows

# Rows of one task: some seconds of work, so that the scheduler has little to do.
TASK_ROWS = 16_384
# Tasks sent ahead for each thread of the cluster: none waits for the next, results stay few.
AHEAD = 2
PATIENCE = 30  # seconds


def score_on_dask(source: CellSource, job: Job, address: str) -> Iterator[Part]:
    """The parts of `score_rows`, in the same order and with the same bits, worked out on a cluster.

    The job is sent to every worker once; each opens the file by itself.

    Parameters
    ----------
    source
        Cells from a path that every worker can read.
    job
        What to do with them.
    address
        Of the scheduler, such as ``tcp://10.0.0.1:8786``.

    Raises
    ------
    UsageError
        If the cells are in memory only.
    MissingExtraError
        If Dask is not installed.
    RemoteError
        If no scheduler or worker answers, or a worker fails.
    InputError
        If a worker finds the file damaged.
    """
    if source.path is None:
        msg = "Dask workers read files, and these cells are in memory only."
        raise UsageError(msg, where="--dask", fix='Save them first: adata.write_zarr("cells.zarr")')
    require("dask", "dask")
    return _parts(source, job, address, require("dask", "distributed"))


def _parts(source: CellSource, job: Job, address: str, distributed: Any) -> Iterator[Part]:
    with _client(address, distributed) as client:
        shared = client.scatter((source, job), broadcast=True, hash=False)
        threads = sum(client.nthreads().values())
        waiting: deque[Any] = deque()
        try:
            for start in range(0, source.n_obs, TASK_ROWS):
                stop = min(start + TASK_ROWS, source.n_obs)
                waiting.append(client.submit(_score_range, shared, start, stop, pure=False))
                if len(waiting) > AHEAD * threads:
                    yield from waiting.popleft().result()
            while waiting:
                yield from waiting.popleft().result()
        finally:
            client.cancel(list(waiting))


@contextmanager
def _client(address: str, distributed: Any) -> Iterator[Any]:
    try:
        with distributed.Client(address, timeout=PATIENCE, set_as_default=False) as client:
            client.wait_for_workers(1, timeout=PATIENCE)
            yield client
    except BioseqError:
        raise
    except (OSError, ValueError) as error:
        # Timeouts and broken connections are OSErrors; ValueError: no such kind of address.
        msg = f"The Dask cluster does not answer: {_said(error)}."
        fix = f"Check that a scheduler and a worker run: dask scheduler; dask worker {address}"
        raise RemoteError(msg, where=f"--dask {address}", fix=fix) from error
    except Exception as error:
        msg = f"The Dask cluster failed: {_said(error)}."
        fix = "Look into the workers' logs; they need this bioseq version and enough memory."
        raise RemoteError(msg, where=f"--dask {address}", fix=fix) from error


def _said(error: BaseException) -> str:
    text = " ".join(str(error).split()).rstrip(".")
    return f"{type(error).__name__}: {text[:240]}" if text else type(error).__name__


def _score_range(shared: tuple[CellSource, Job], start: int, stop: int) -> list[Part]:
    source, job = shared
    if not source.path.exists():
        msg = "A Dask worker cannot see the file."
        fix = "Put it on a disk that all workers share, under the same path."
        raise RemoteError(msg, where=str(source.path), fix=fix)
    return list(score_rows(source, job, start, stop))
