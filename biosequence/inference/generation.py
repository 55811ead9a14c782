"""What every kind of generation shares: its numbers, and the sequences that come out."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from .sampling import Sampling


@dataclass(frozen=True, kw_only=True, slots=True)
class GenerateOptions:
    """How much to write, and how.

    Parameters
    ----------
    num
        Sequences for each prompt.
    max_new_tokens
        Most new tokens of each; None: 256 for DNA, 512 for proteins, 128 for molecules, and for a
        span twice its length and 8 more.
    sampling
        How tokens are drawn.
    seed
        Seed of the run.
    batch_size
        Sequences written at once; it changes memory and speed, never a sequence.
    first
        Begin with this sequence, counted over all prompts from 0.
    """

    num: int = 1
    max_new_tokens: int | None = None
    sampling: Sampling = field(default_factory=Sampling)
    seed: int = 0
    batch_size: int = 16
    first: int = 0

    def decoding(self, default: int) -> dict[str, Any]:
        """The keywords of `generate_ids` that these options decide."""
        most = default if self.max_new_tokens is None else self.max_new_tokens
        return {
            "num": self.num,
            "max_new_tokens": most,
            "sampling": self.sampling,
            "seed": self.seed,
            "batch_size": self.batch_size,
            "first": self.first,
        }


@dataclass(frozen=True)
class Generated:
    """A sequence that a model wrote, or completed.

    Parameters
    ----------
    name
        Name of the prompt and number of the sequence, from 1.
    sequence
        The whole of it, the prompt included.
    finished
        Whether the model ended it; False where the most new tokens did.
    num_new_tokens
        Tokens that the model wrote.
    log_likelihood
        Natural logarithm of the model's own probability of what it wrote.
    fills
        What stands in each span that was filled in.
    """

    name: str
    sequence: str
    finished: bool
    num_new_tokens: int
    log_likelihood: float
    fills: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON; `fills` only where there are some."""
        found = asdict(self)
        found["log_likelihood"] = round(self.log_likelihood, 6)
        if self.fills:
            found["fills"] = list(self.fills)
        else:
            del found["fills"]
        return found
