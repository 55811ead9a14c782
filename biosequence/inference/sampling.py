"""From scores of the next token to a token: temperature, filters, and chance."""

# Shapes: B batch, V vocabulary.

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from ..errors import UsageError


@dataclass(frozen=True, kw_only=True, slots=True)
class Sampling:
    """How the next token is drawn. Filters apply in the order of the fields, each to what is left.

    Parameters
    ----------
    temperature
        Scores are divided by it; 0 takes the best token every time.
    top_k
        Draw from the best `top_k` tokens; 0: from all.
    top_p
        Draw from the fewest best tokens that hold this share of probability together.
    min_p
        Draw from tokens with at least this share of the best token's probability.

    Raises
    ------
    UsageError
        A value is out of range.

    Examples
    --------
    >>> Sampling(temperature=0).greedy
    True
    """

    temperature: float = 1.0
    top_k: int = 0
    top_p: float = 1.0
    min_p: float = 0.0

    def __post_init__(self) -> None:
        allowed = {
            "temperature": (math.isfinite(self.temperature) and self.temperature >= 0, "0 or more"),
            "top_k": (self.top_k >= 0, "0 (off) or more"),
            "top_p": (0 < self.top_p <= 1, "above 0 and at most 1"),
            "min_p": (0 <= self.min_p <= 1, "from 0 to 1"),
        }
        for name, (fits, told) in allowed.items():
            if not fits:
                raise UsageError(
                    f"{name}={getattr(self, name)} is not possible.",
                    where=f"option {name}",
                    fix=f"Give {told}.",
                )

    @property
    def greedy(self) -> bool:
        """Whether there is no chance in it."""
        return self.temperature == 0 or self.top_k == 1


def keep_top_k(logits_BV: Tensor, count: int) -> Tensor:
    """Scores with all but the best `count` of each row at minus infinity; ties with the last stay.

    Examples
    --------
    >>> keep_top_k(torch.tensor([[1.0, 3.0, 2.0]]), 2).tolist()
    [[-inf, 3.0, 2.0]]
    """
    if not 0 < count < logits_BV.shape[-1]:
        return logits_BV
    last = logits_BV.topk(count).values[..., -1:]
    return logits_BV.masked_fill(logits_BV < last, -torch.inf)


def keep_top_p(logits_BV: Tensor, share: float) -> Tensor:
    """Scores with all but the smallest set of best tokens that reaches `share` at minus infinity.

    The token that crosses `share` belongs to the set (Holtzman et al. 2020, nucleus sampling).

    Examples
    --------
    >>> probability = torch.tensor([[0.5, 0.2, 0.3]])
    >>> keep_top_p(probability.log(), 0.7).exp()
    tensor([[0.5000, 0.0000, 0.3000]])
    """
    if share >= 1:
        return logits_BV
    sorted_BV, order = logits_BV.sort(descending=True, stable=True)
    share_BV = sorted_BV.double().softmax(-1)
    before = share_BV.cumsum(-1) - share_BV
    outside = (before >= share).scatter(-1, order, before >= share)
    return logits_BV.masked_fill(outside, -torch.inf)


def keep_min_p(logits_BV: Tensor, share: float) -> Tensor:
    """Scores with tokens below `share` of the best one's probability at minus infinity.

    Examples
    --------
    >>> probability = torch.tensor([[0.6, 0.1, 0.3]])
    >>> keep_min_p(probability.log(), 0.4).exp()
    tensor([[0.6000, 0.0000, 0.3000]])
    """
    if share <= 0:
        return logits_BV
    best = logits_BV.amax(-1, keepdim=True)
    return logits_BV.masked_fill(logits_BV < best + math.log(share), -torch.inf)


def filter_logits(logits_BV: Tensor, sampling: Sampling) -> Tensor:
    """Scores after temperature and all filters; at least one token of each row is left.

    Parameters
    ----------
    logits_BV
        Scores; minus infinity for tokens that may not be drawn.
    sampling
        What to do; a temperature of 0 leaves the scale as it is. Another one moves the scores so
        that each row's best is 0.
    """
    if sampling.temperature not in (0, 1):
        # In double precision and from the best one down, since a small temperature makes large
        # scores, and the best must not leave the range.
        logits_BV = logits_BV.double()
        best = logits_BV.amax(-1, keepdim=True).clamp(min=torch.finfo(logits_BV.dtype).min)
        logits_BV = (logits_BV - best) / sampling.temperature
    logits_BV = keep_top_k(logits_BV, sampling.top_k)
    logits_BV = keep_top_p(logits_BV, sampling.top_p)
    return keep_min_p(logits_BV, sampling.min_p)


def draw_tokens(logits_BV: Tensor, chance_B: Tensor) -> Tensor:
    """One token a row, int64 (B,): where `chance_B`, uniform in [0, 1), falls among the tokens.

    A row's token depends on its own scores and its own number alone.

    Examples
    --------
    >>> scores = torch.tensor([[0.5, 0.25, 0.25]]).log().expand(3, -1)
    >>> draw_tokens(scores, torch.tensor([0.1, 0.6, 0.9])).tolist()
    [0, 1, 2]
    """
    edge_BV = logits_BV.double().softmax(-1).cumsum(-1)
    goal_B1 = chance_B.double()[:, None] * edge_BV[:, -1:]
    token_B = torch.searchsorted(edge_BV, goal_B1, right=True)[:, 0]
    # Rounding may put the goal on the very end; the last token that can be drawn is meant.
    last_B = logits_BV.shape[-1] - 1 - (logits_BV > -torch.inf).flip(-1).int().argmax(-1)
    return torch.minimum(token_B, last_B)


def sequence_generator(seed: int, *number: int) -> torch.Generator:
    """A source of chance of one sequence's own: the same for the same seed and number, anywhere.

    Parameters
    ----------
    seed
        Seed of the run.
    number
        Which sequence: any count of integers from 0.

    Examples
    --------
    >>> draws = [torch.rand(1, generator=sequence_generator(7, 0, i)).item() for i in (0, 1, 0)]
    >>> draws[0] == draws[2], draws[0] == draws[1]
    (True, False)
    """
    words = np.random.SeedSequence([seed % 2**64, *number]).generate_state(2, np.uint32)
    generator = torch.Generator()
    generator.manual_seed(int(words[0]) << 31 ^ int(words[1]))
    return generator
