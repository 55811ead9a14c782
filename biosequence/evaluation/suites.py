"""The suites by name: what each reads, what it needs, and a model put to it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ..errors import UsageError
from .provenance import made_with
from .report import Report
from .shards import OpenShards, is_shards, shard_documents, shard_molecules

if TYPE_CHECKING:
    from ..inference import LoadedModel


@dataclass(frozen=True, kw_only=True)
class EvaluateRequest:
    """A suite, a model, and what the suite needs.

    Parameters
    ----------
    suite
        A key of :data:`SUITES`.
    model
        Folder of a model; for the task suites also a folder with a model a task, for molecules
        also a file of SMILES that were written already.
    data
        What the model is judged on; see the suites.
    train
        SMILES that the model was trained on, a file or token shards (molecules).
    context
        Folder of alignments (proteingym).
    baselines
        What to compare with (task suites): kmer, cnn.
    label
        Column of the label (probe).
    num
        Molecules to write (molecules).
    strands
        "both": the mean with the reverse complement (task suites and probe, DNA).
    masked
        Causal protein models fill each residue in (proteingym).
    layer, pool
        Of the embedding (probe), as in :func:`~biosequence.inference.embed_records`.
    limit
        Most items of a task, assay or file; None: all.
    seed
        Of everything drawn.
    device, batch_size, chunk
        How it runs; the last two never change a figure.
    """

    suite: str
    model: str
    data: Path | None = None
    train: Path | None = None
    context: Path | None = None
    baselines: tuple[str, ...] = ()
    label: str | None = None
    num: int = 1000
    strands: str = "forward"
    masked: bool = False
    layer: int = -1
    pool: str = "mean"
    limit: int | None = None
    seed: int = 0
    device: str = "auto"
    batch_size: int = 16
    chunk: int = 4096


@dataclass(frozen=True, slots=True)
class Suite:
    """A suite as the command knows it.

    Parameters
    ----------
    summary
        What it measures.
    data
        What `data` is.
    takes
        Fields of a request that it reads besides those of every suite.
    needs
        Those of them that must be given.
    run
        From a request, and how shards are opened, to a report and the models that were used.
    """

    summary: str
    data: str
    takes: frozenset[str]
    needs: frozenset[str]
    run: Callable[[EvaluateRequest, OpenShards | None], tuple[Report, Any]]


def run_suite(request: EvaluateRequest, *, open_shards: OpenShards | None = None) -> Report:
    """Put a model to a suite.

    Parameters
    ----------
    request
        What to do.
    open_shards
        Opens token shards, where `data` (perplexity) or `train` (molecules) is a folder of them:
        ``biosequence.training.data.TokenShards.open``.

    Returns
    -------
    The report, with checksums of model and data in its provenance.

    Raises
    ------
    UsageError
        There is no such suite, or it lacks what it needs.
    BioseqError
        A model or a file cannot be used.
    """
    suite = find_suite(request.suite)
    for name in sorted(suite.needs):
        if getattr(request, name) is None:
            raise UsageError(
                f"The suite {request.suite} needs --{name}.",
                where="bioseq evaluate",
                fix=f"Add --{name} PATH: {suite.data}."
                if name == "data"
                else f"Add --{name} FILE: the molecules that the model was trained on.",
            )
    _check_files(request)
    report, loaded = suite.run(request, open_shards)
    return dataclasses.replace(report, provenance=made_with(request, suite.takes, loaded))


def find_suite(name: str) -> Suite:
    """The suite of that name.

    Raises
    ------
    UsageError
        There is none.
    """
    if name in SUITES:
        return SUITES[name]
    raise UsageError(
        f"There is no suite {name!r}.", where="suite", fix=f"Choose: {', '.join(SUITES)}."
    )


def _check_files(request: EvaluateRequest) -> None:
    """Refuse a path that is not there before anything is loaded."""
    for name in ("data", "train", "context"):
        path = getattr(request, name)
        if path is not None and not Path(path).exists():
            raise UsageError(
                "There is no such file or folder.",
                where=f"--{name} {path}",
                fix="Look at the path's spelling.",
            )


def _load(request: EvaluateRequest, model: str | Path | None = None) -> LoadedModel:
    from .models import open_model

    return open_model(model or request.model, device=request.device)


def _load_own(request: EvaluateRequest) -> LoadedModel:
    """A model of our families: only they go on from states and tell their layers."""
    from ..inference import load_model

    return load_model(request.model, device=request.device)


def _tasks(request: EvaluateRequest, open_shards: OpenShards | None) -> tuple[Report, Any]:
    from .genomic_benchmarks import GENOMIC_BENCHMARKS
    from .nucleotide_transformer import NUCLEOTIDE_TRANSFORMER
    from .task_suite import evaluate_tasks, task_models

    suites = {one.name: one for one in (GENOMIC_BENCHMARKS, NUCLEOTIDE_TRANSFORMER)}
    used: list[Any] = []

    def load(folder: Path) -> LoadedModel:
        used.append(_load(request, folder))
        return used[-1]

    report = evaluate_tasks(
        suites[request.suite],
        task_models(request.model, load),
        _given(request.data),
        baselines=request.baselines,
        strands=request.strands,
        batch_size=request.batch_size,
        limit=request.limit,
        seed=request.seed,
    )
    return report, used


def _proteingym(request: EvaluateRequest, open_shards: OpenShards | None) -> tuple[Report, Any]:
    from ..inference import score_mutants
    from ..inference.mutations import check_method
    from .proteingym import evaluate_assays

    loaded = _load_own(request)
    wanted = "fill" if request.masked and loaded.model.config.is_causal else None
    method = check_method(loaded, wanted, has_context=request.context is not None)

    def score(wild_type: str, mutants: Sequence[Any], homologs: Sequence[str]) -> list[float]:
        return score_mutants(
            loaded,
            wild_type,
            mutants,
            method=method,
            context=homologs,
            batch_size=request.batch_size,
            chunk=request.chunk,
        )

    report = evaluate_assays(
        score,
        _given(request.data),
        context=request.context,
        limit=request.limit,
        seed=request.seed,
    )
    return _noted(report, f"Method of scoring: {method}."), [loaded]


def _molecules(request: EvaluateRequest, open_shards: OpenShards | None) -> tuple[Report, Any]:
    from ..io import read_smiles
    from .models import written_molecules
    from .molecules import evaluate_molecules

    loaded = None if Path(request.model).is_file() else _load(request)
    if loaded is None:
        texts = [record.sequence for record in read_smiles(request.model)]
        how = f"{len(texts):,} molecules of a file."
    else:
        written = written_molecules(
            loaded, request.num, seed=request.seed, batch_size=request.batch_size
        )
        texts = list(written)
        how = f"{len(texts):,} molecules written at temperature 1 with seed {request.seed}."
    texts = texts[: request.limit]
    report = evaluate_molecules(
        texts,
        _smiles(_given(request.train), open_shards),
        reference=None if request.data is None else _smiles(request.data, open_shards),
        seed=request.seed,
    )
    return _noted(report, how), [loaded] if loaded else []


def _smiles(path: Path, open_shards: OpenShards | None) -> Iterable[str]:
    from ..io import read_smiles

    if is_shards(path):
        return shard_molecules(path, open_shards)
    return (record.sequence for record in read_smiles(path, empty="skip"))


def _perplexity(request: EvaluateRequest, open_shards: OpenShards | None) -> tuple[Report, Any]:
    from ..inference.records import read_records
    from .perplexity import encoded_documents, evaluate_perplexity, score_documents

    loaded = _load(request)
    data = _given(request.data)
    found = (
        shard_documents(data, loaded, open_shards)
        if is_shards(data)
        else encoded_documents(loaded, read_records(loaded, data))
    )
    # Cut here already: batches look ahead.
    scores = score_documents(
        loaded,
        islice(found, request.limit),
        batch_size=request.batch_size,
        chunk=request.chunk,
    )
    report = evaluate_perplexity(scores, limit=request.limit, seed=request.seed)
    return report, [loaded]


def _in_context(request: EvaluateRequest, open_shards: OpenShards | None) -> tuple[Report, Any]:
    from .in_context import evaluate_in_context, family_scorer, read_families

    loaded = _load_own(request)
    report = evaluate_in_context(
        family_scorer(loaded, chunk=request.chunk),
        read_families(_given(request.data)),
        limit=request.limit,
        seed=request.seed,
    )
    return report, [loaded]


def _probe(request: EvaluateRequest, open_shards: OpenShards | None) -> tuple[Report, Any]:
    from ..inference import embed_records
    from ..io import Record
    from .probe import evaluate_probe

    loaded = _load_own(request)

    def embed(sequences: Sequence[str]) -> np.ndarray:
        found = embed_records(
            loaded,
            (Record(f"sequence {n}", text) for n, text in enumerate(sequences, 1)),
            layer=request.layer,
            pool=request.pool,
            strands=request.strands,
            batch_size=request.batch_size,
            chunk=request.chunk,
        )
        return np.stack([one.vectors for one in found])

    report = evaluate_probe(
        embed, _given(request.data), label=request.label, limit=request.limit, seed=request.seed
    )
    where = f"Embeddings: layer {request.layer}, pool {request.pool}, strands {request.strands}."
    return _noted(report, where), [loaded]


def _given(path: Path | None) -> Path:
    assert path is not None  # `needs` of the suite names it
    return path


def _noted(report: Report, note: str) -> Report:
    return dataclasses.replace(report, notes=(*report.notes, note))


_DATA = frozenset({"data"})
_TABLES = "a folder with train.csv and test.csv (sequence,label), or one folder a task"

SUITES: dict[str, Suite] = {
    "genomic-benchmarks": Suite(
        "Accuracy of a fine-tuned classifier on the tasks of Genomic Benchmarks.",
        _TABLES,
        frozenset({"data", "baselines", "strands"}),
        _DATA,
        _tasks,
    ),
    "nt": Suite(
        "MCC, F1 or accuracy of a fine-tuned classifier on the Nucleotide Transformer's tasks.",
        _TABLES,
        frozenset({"data", "baselines", "strands"}),
        _DATA,
        _tasks,
    ),
    "proteingym": Suite(
        "Rank correlation of zero-shot scores with deep mutational scans.",
        "a folder of .csv files with mutant,mutated_sequence,DMS_score",
        frozenset({"data", "context", "masked"}),
        _DATA,
        _proteingym,
    ),
    "molecules": Suite(
        "Validity, uniqueness, novelty, scaffolds and properties of written molecules.",
        "held-out SMILES to compare distributions with; default: those of --train",
        frozenset({"data", "train", "num"}),
        frozenset({"train"}),
        _molecules,
    ),
    "perplexity": Suite(
        "Held-out perplexity per token and letter, by context length.",
        "FASTA, SMILES or a folder of token shards",
        _DATA,
        _DATA,
        _perplexity,
    ),
    "in-context": Suite(
        "Perplexity of a sequence after 0, 1, 10 and 50 others of its family.",
        "a folder of .a3m alignments, or a file of molecules joined by '.'",
        _DATA,
        _DATA,
        _in_context,
    ),
    "probe": Suite(
        "Linear regression on frozen embeddings against k-mers.",
        "a folder with train.csv and test.csv, or one table",
        frozenset({"data", "label", "layer", "pool", "strands"}),
        _DATA,
        _probe,
    ),
}
"""Every suite by its name."""
