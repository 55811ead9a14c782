"""A baseline: the small convolutional network that Genomic Benchmarks compares with."""

# Shapes: B batch, T letters, C channels, N sequences, K labels.

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTHS = ((16, 8), (8, 8), (4, 8))
"""Channels and kernel of each convolution (Gresova et al. 2023)."""
EMBEDDING = 100
HIDDEN = 512
PADDING = 0


class SequenceCNN(nn.Module):
    """Embedding, three convolutions with pooling, and two dense layers.

    Parameters
    ----------
    num_letters
        Different letters; id 0 is padding.
    length
        Letters of every sequence: what is shorter is padded, what is longer is cut.
    num_labels
        K.
    """

    def __init__(self, num_letters: int, length: int, num_labels: int) -> None:
        super().__init__()
        self.length = length
        self.embedding = nn.Embedding(num_letters + 1, EMBEDDING, padding_idx=PADDING)
        blocks: list[nn.Module] = []
        before, left = EMBEDDING, length
        for width, kernel in WIDTHS:
            blocks += [
                nn.Conv1d(before, width, kernel, padding=kernel // 2),
                nn.BatchNorm1d(width),
                nn.ReLU(),
                nn.MaxPool1d(2, ceil_mode=True),
            ]
            # Even kernels with that padding give one position more.
            before, left = width, -(-(left + 1) // 2)
        self.convolutions = nn.Sequential(*blocks)
        self.dense = nn.Sequential(
            nn.Flatten(), nn.Linear(before * left, HIDDEN), nn.ReLU(), nn.Linear(HIDDEN, num_labels)
        )

    def forward(self, ids_BT: Tensor) -> Tensor:
        """Scores (B, K) of ids (B, T)."""
        return self.dense(self.convolutions(self.embedding(ids_BT).transpose(1, 2)))


def cnn_classifier(
    train: Sequence[str],
    labels: np.ndarray,
    test: Sequence[str],
    *,
    num_labels: int,
    epochs: int = 10,
    batch_size: int = 64,
    learning_rate: float = 1e-3,
    seed: int = 0,
    device: str = "cpu",
) -> np.ndarray:
    """Scores (N, K) of the labels of test sequences, from a network trained here.

    This is the yardstick, not the trainer: Adam, a tenth of the training set to choose the epoch,
    and nothing else. The same seed gives the same scores on one machine's CPU.

    Parameters
    ----------
    train, labels
        Sequences, and the id of the label of each.
    test
        Sequences to judge.
    num_labels
        K.
    epochs, batch_size, learning_rate
        Of the fit.
    seed
        Of weights, order and held-out part.
    device
        Where it runs.
    """
    letters = {letter: n for n, letter in enumerate(sorted(set("".join(train))), 1)}
    length = min(max(map(len, train)), 8192)
    ids_NT = _ids(train, letters, length)
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(train))
    held, fit = order[: len(order) // 10], order[len(order) // 10 :]
    held = held if len(held) else fit
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = SequenceCNN(len(letters), length, num_labels).to(device)
    model = _fit(
        model, ids_NT, np.asarray(labels), fit, held, epochs, batch_size, learning_rate, rng
    )
    return _scores(model, _ids(test, letters, length))


def _fit(
    model: SequenceCNN,
    ids_NT: Tensor,
    labels: np.ndarray,
    fit: np.ndarray,
    held: np.ndarray,
    epochs: int,
    batch_size: int,
    learning_rate: float,
    rng: np.random.Generator,
) -> SequenceCNN:
    """The model of the epoch that was best on the held-out part."""
    optimizer = torch.optim.Adam(model.parameters(), lr=learning_rate)
    device = next(model.parameters()).device
    targets = torch.from_numpy(labels.astype(np.int64))
    best, kept = float("inf"), {}
    for _ in range(epochs):
        model.train()
        for batch in _batches(rng.permutation(fit), batch_size):
            loss = F.cross_entropy(model(ids_NT[batch].to(device)), targets[batch].to(device))
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        scores = torch.from_numpy(_scores(model, ids_NT[held]))
        error = float(F.cross_entropy(scores, targets[held]))
        if error < best:
            best = error
            kept = {name: value.detach().clone() for name, value in model.state_dict().items()}
    if kept:
        model.load_state_dict(kept)
    return model


def _scores(model: SequenceCNN, ids_NT: Tensor) -> np.ndarray:
    device = next(model.parameters()).device
    model.eval()
    with torch.inference_mode():
        found = [model(piece.to(device)).double().cpu() for piece in ids_NT.split(256)]
    return torch.cat(found).numpy()


def _batches(order: np.ndarray, size: int) -> Iterator[np.ndarray]:
    # Batch normalisation needs two rows: a last row alone goes with those before it.
    cuts = np.arange(size, len(order), size)
    cuts = cuts[cuts < len(order) - 1]
    yield from np.split(order, cuts)


def _ids(sequences: Sequence[str], letters: dict[str, int], length: int) -> Tensor:
    ids_NT = np.full((len(sequences), length), PADDING, dtype=np.int64)
    for number, text in enumerate(sequences):
        found = [letters.get(letter, PADDING) for letter in text[:length]]
        ids_NT[number, : len(found)] = found
    return torch.from_numpy(ids_NT)
