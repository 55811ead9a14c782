"""How well promoters are told from other DNA: fine-tuned models and baselines."""

# Shapes: N sequences, K labels.

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from biosequence.complement import reverse_complement
from biosequence.evaluation import LabelMap, class_scores, cnn_classifier, kmer_logistic
from biosequence.evaluation.classification import judge_labels
from biosequence.evaluation.tables import LabelledTable, read_split
from biosequence.inference import LoadedModel

from .language import strand_error

FIGURES = ("accuracy", "mcc", "f1_binary", "auroc")
"""What is reported of every classifier."""
COMPARED = 256
"""Test rows whose strands are compared where a model shares its weights between them."""
_BATCH = 32


def judge_model(loaded: LoadedModel, rows: Path) -> dict[str, Any]:
    """Figures on the test rows, from one strand and from both, and how far the strands differ.

    The mean over both strands is post-hoc conjoining. A model that shares its weights between the
    strands is asked for both only where the strands are compared.
    """
    test = read_split(rows, "test")
    known = LabelMap.of(test.labels)
    shared = loaded.model.config.rcps
    ahead = class_scores(loaded, test.sequences, batch_size=_BATCH)
    others = test.sequences[: COMPARED if shared else None]
    back = class_scores(loaded, [reverse_complement(one) for one in others], batch_size=_BATCH)
    first = ahead[: len(back)]
    found = {
        "one strand": _figures(known, test.labels, ahead),
        "strand error": strand_error(first, back),
        "strand error without [SEP]": _error_of_bases(loaded, test.sequences[:COMPARED]),
        "strands disagree": float((first.argmax(1) != back.argmax(1)).mean()),
    }
    if not shared:
        found["both strands"] = _figures(known, test.labels, (ahead + back) / 2)
    return found


def _error_of_bases(loaded: LoadedModel, sequences: Sequence[str]) -> dict[str, float]:
    """The error of equivariance of the model itself.

    A text ends in [SEP] on either strand, so that the tokens of both are not each other's
    complement; here that token is left out. All sequences have one length.
    """
    pair = []
    for texts in (sequences, [reverse_complement(one) for one in sequences]):
        ids_BT = np.stack(
            [loaded.tokenizer.encode(one, special_tokens=False, dtype=np.int64) for one in texts]
        )
        with torch.inference_mode():
            pair.append(loaded.model(torch.from_numpy(ids_BT)).logits.numpy())
    return strand_error(*pair)


def judge_baselines(
    train: LabelledTable,
    test: LabelledTable,
    *,
    epochs: int,
    seeds: Sequence[int],
    strands: Sequence[bool] = (False, True),
    methods: Sequence[str] = ("kmer", "cnn"),
) -> list[dict[str, Any]]:
    """Figures of word counts and of the network of Genomic Benchmarks, with and without strands.

    With both strands, the other strand of each training row is a training row too, and the answer
    is the mean over both strands of the test row.

    Parameters
    ----------
    train, test
        Their rows.
    epochs
        Of the network.
    seeds
        Of the network; the regression has the first.
    strands
        Whether both strands are read, each in turn.
    methods
        "kmer", "cnn".
    """
    known = LabelMap.of(test.labels)
    labels = known.ids(train.labels)
    found = []
    for both in strands:
        sequences, answers, asked = list(train.sequences), labels, list(test.sequences)
        if both:
            sequences += [reverse_complement(one) for one in train.sequences]
            answers = np.concatenate([labels, labels])
            asked += [reverse_complement(one) for one in test.sequences]
        for name in methods:
            # The regression's seed only chooses the rows that choose its strength.
            for seed in seeds if name == "cnn" else seeds[:1]:
                if name == "kmer":
                    scores = kmer_logistic(sequences, answers, asked, num_labels=2, seed=seed)
                else:
                    scores = cnn_classifier(
                        sequences, answers, asked, num_labels=2, epochs=epochs, seed=seed
                    )
                if both:
                    scores = (scores[: len(test)] + scores[len(test) :]) / 2
                found.append(
                    {"method": name, "both": both, "seed": seed, "rows": len(train)}
                    | _figures(known, test.labels, scores)
                )
    return found


def _figures(known: LabelMap, truth: Sequence[str], scores: np.ndarray) -> dict[str, Any]:
    found = judge_labels("f1_binary", known, truth, scores)
    return {name: found["score" if name == "f1_binary" else name] for name in FIGURES} | {
        "accuracy_low": found["accuracy_low"],
        "accuracy_high": found["accuracy_high"],
    }
