"""A fine-tuned classifier on a task: its answers, and the row that they make."""

# Shapes: B batch, T time, N sequences, K labels.

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from ..errors import ModelError
from ..inference.batches import run_in_batches
from ..inference.records import EncodedRecord, encode_record, strands_of
from ..inference.score import BATCH_SIZE
from ..io import Record
from .labels import LabelMap, match_labels, model_labels
from .metrics import RESAMPLES, Estimate, measure

if TYPE_CHECKING:
    from ..inference import LoadedModel

ALSO = ("accuracy", "mcc", "f1_macro", "auroc")
"""Figures that every row has besides the task's own."""


def class_scores(
    loaded: LoadedModel,
    sequences: Sequence[str],
    *,
    strands: str = "forward",
    batch_size: int = BATCH_SIZE,
) -> np.ndarray:
    """Scores of the model's labels, (N, K) float64.

    Parameters
    ----------
    loaded
        A model with a head for whole sequences.
    sequences
        What to judge.
    strands
        "both": the mean of a sequence's scores and its reverse complement's (post-hoc conjoining
        of Caduceus).
    batch_size
        Sequences read at once; it never changes a score.

    Raises
    ------
    ModelError
        The model is no classifier.
    InputError
        A sequence cannot be read.

    Examples
    --------
    >>> from biosequence.inference import LoadedModel
    >>> from biosequence.models import BioMambaConfig, BioMambaForSequenceClassification
    >>> from biosequence.tokenizers import DNATokenizer
    >>> config = BioMambaConfig(vocab_size=12, hidden_size=16, num_hidden_layers=1, num_labels=3)
    >>> model = BioMambaForSequenceClassification(config).eval()
    >>> class_scores(LoadedModel(model, DNATokenizer(), "tiny"), ["ACGT", "AC"]).shape
    (2, 3)
    """
    require_classifier(loaded)
    records = (Record(f"sequence {n}", text) for n, text in enumerate(sequences, 1))
    rows = (encode_record(loaded, record) for record in strands_of(loaded, records, strands))

    def work(batch: list[EncodedRecord]) -> list[np.ndarray]:
        widest = max(map(len, batch))
        ids_BT = np.full((len(batch), widest), loaded.tokenizer.pad_id, dtype=np.int64)
        mask_BT = np.zeros((len(batch), widest), dtype=bool)
        for number, row in enumerate(batch):
            ids_BT[number, : len(row)] = row.ids
            mask_BT[number, : len(row)] = True
        with torch.inference_mode():
            output = loaded.model(
                torch.from_numpy(ids_BT).to(loaded.device),
                attention_mask=torch.from_numpy(mask_BT).to(loaded.device),
            )
        return list(output.logits.double().cpu().numpy())

    found = list(run_in_batches(rows, work, batch_size=batch_size))
    scores = np.array(found).reshape(len(found), loaded.model.config.num_labels)
    return (scores[0::2] + scores[1::2]) / 2 if strands == "both" else scores


def require_classifier(loaded: LoadedModel) -> None:
    """Refuse a model that does not give labels to whole sequences.

    Raises
    ------
    ModelError
        It does not.
    """
    name, kind = type(loaded.model).__name__, loaded.model.config.problem_type
    if not name.endswith("ForSequenceClassification"):
        what = f"A {name} gives no labels."
    elif kind not in (None, "single_label_classification"):
        what = f"The model was fine-tuned for another kind of answer ({kind})."
    else:
        return
    raise ModelError(
        what,
        where=str(loaded.path),
        fix="Fine-tune it first with `bioseq finetune --task classification`, or run the suite "
        "probe.",
    )


def answer_labels(
    loaded: LoadedModel,
    sequences: Sequence[str],
    labels: Sequence[str],
    **options: Any,
) -> tuple[LabelMap, np.ndarray]:
    """The labels of a task, and scores (N, K) in their order.

    Parameters
    ----------
    loaded
        A classifier.
    sequences
        What to judge.
    labels
        All labels of the task, of all its splits.
    options
        Those of :func:`class_scores`.

    Raises
    ------
    ModelError
        The model is no classifier, or its labels are not those of the task.
    """
    require_classifier(loaded)
    known = match_labels(labels, loaded.model.config, str(loaded.path))
    scores = class_scores(loaded, sequences, **options)
    return known, scores[:, known.columns(model_labels(loaded.model.config, str(loaded.path)))]


def judge_labels(
    metric: str,
    known: LabelMap,
    truth: Sequence[str],
    scores: np.ndarray,
    *,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """The figures of a task: `score` of its own metric, and :data:`ALSO`, each with an interval.

    Parameters
    ----------
    metric
        The task's own metric.
    known
        Its labels.
    truth
        True label of each sequence.
    scores
        (N, K) scores in the order of `known`; the largest is the answer.
    resamples, seed
        As in :func:`~biosequence.evaluation.measure`.
    """
    ids, found = known.ids(truth), scores.argmax(1)
    figures: dict[str, Any] = {"metric": metric, "items": len(truth)}
    for name in dict.fromkeys(("score", *ALSO)):
        asked = metric if name == "score" else name
        answers = scores if asked == "auroc" else found
        # A thousand sorted scores cost more than they tell: the area gets no interval of its own.
        times = 0 if asked == "auroc" and name != "score" else resamples
        figures |= spread(
            name,
            measure(asked, ids, answers, num_labels=len(known), resamples=times, seed=seed),
        )
    return figures


def spread(name: str, estimate: Estimate) -> Mapping[str, float | None]:
    """An estimate as the three keys of a report's row.

    Examples
    --------
    >>> spread("mcc", Estimate(0.5, 0.4, 0.6))
    {'mcc': 0.5, 'mcc_low': 0.4, 'mcc_high': 0.6}
    """
    return {
        name: estimate.value,
        f"{name}_low": estimate.low,
        f"{name}_high": estimate.high,
    }
