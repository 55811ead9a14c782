# Shapes: B batch, H heads, L length, N chunks, T positions of a chunk.

from __future__ import annotations

import math
from typing import NamedTuple

import torch
from torch.nn.functional import logsigmoid

from ..shapes import document_starts

Tensor = torch.Tensor

SHUT = -1e4


class Frame(NamedTuple):
    """Gates of a whole sequence, in fp64: their differences are all that a weight is made of.

    Position j weighs ``exp(c_j - M_t)`` at position t, and ``m = M + b``.

    Parameters
    ----------
    b
        Sum of the log forget gates up to each position (B, H, L).
    c
        Log input gate less `b` (B, H, L).
    M
        Running maximum of `c`, each document by itself (B, H, L).
    before
        What `M` is before the first position (B, H).
    document
        Number of the document of each position (B, L), or None for one document.
    """

    b: Tensor
    c: Tensor
    M: Tensor
    before: Tensor
    document: Tensor | None


def frame_of(
    i: Tensor, f: Tensor, m0: Tensor | None, seq_idx: Tensor | None, exponential: bool
) -> Frame:
    """The frame of a sequence; with the sigmoid input gate M is -b, so that m is 0."""
    # A gate of -inf shuts off what came before; so does this, and differences of sums stay numbers.
    log_f = logsigmoid(f.double()).clamp(min=SHUT)
    b = log_f.cumsum(-1)
    c = (i.double() if exponential else logsigmoid(i.double())) - b
    before = torch.zeros_like(b[..., 0]) if m0 is None else m0.double()
    document = None if seq_idx is None else document_starts(seq_idx).cumsum(-1)
    if not exponential:
        return Frame(b, c, -b, before, document)
    first = torch.maximum(c[..., :1], before[..., None])
    highest = torch.cat([first, c[..., 1:]], -1)
    if document is None:
        return Frame(b, c, highest.cummax(-1).values, before, None)
    # A new document begins with m = 0, as an empty memory does.
    starts = document_starts(seq_idx)[:, None]
    highest = torch.where(starts, torch.maximum(highest, log_f - b), highest)
    return Frame(b, c, _maximum_by_document(highest, document), before, document)


def _maximum_by_document(x_BHL: Tensor, document_BL: Tensor) -> Tensor:
    """Running maximum that begins anew with each document, by doubling the reach."""
    reach, L = 1, x_BHL.shape[-1]
    while reach < L:
        same = (document_BL[:, reach:] == document_BL[:, :-reach])[:, None]
        longer = torch.maximum(x_BHL[..., reach:], x_BHL[..., :-reach])
        longer = torch.where(same, longer, x_BHL[..., reach:])
        x_BHL = torch.cat([x_BHL[..., :reach], longer], -1)
        reach *= 2
    return x_BHL


def last_m(
    i: Tensor, f: Tensor, m0: Tensor | None, seq_idx: Tensor | None, exponential: bool
) -> Tensor:
    """The last m with its gradient: a unit, but the user may look at C in that unit."""
    b, _, M, _, _ = frame_of(i, f, m0, seq_idx, exponential)
    return b[..., -1] + M[..., -1]


class Weights(NamedTuple):
    """Factors of chunks in a row, (N, B, H, T) or (N, B, H), in the working dtype.

    Inside a chunk ``weight[t, j] = read[t] * write[j] * (matrix[t, j] or 1)`` where t may see j.
    Between chunks: ``out[t] = enter[t] * q[t] @ (arrive * C)`` and
    ``C' = keep * C + depart * sum_j leave[j] * k[j] v[j]``. The scale of the queries is in `read`
    and `enter`. `hidden` marks the pairs that do not see each other where documents are packed.
    """

    read: Tensor
    write: Tensor
    enter: Tensor
    leave: Tensor
    arrive: Tensor
    depart: Tensor
    keep: Tensor
    matrix: Tensor | None
    hidden: Tensor | None

    @property
    def simple(self) -> bool:
        """Whether the factors inside a chunk serve between chunks as well."""
        return self.matrix is None and self.hidden is None


class Plan:
    """Weights of all chunks of one size, of which each run takes its part.

    The weight exp(c_j - M_t) is a product of one factor a row and one a column, around a level
    between the least and the greatest M of the chunk. That saves an exponential for each pair, and
    is as exact as long as neither factor leaves the range of the dtype. Runs with a chunk whose M
    spans more than that get a weight for each pair.
    """

    def __init__(
        self, frame: Frame, start: int, N: int, T: int, scale: float, dtype: torch.dtype
    ) -> None:
        self.start, self.T, self.scale, self.dtype, self.frame = start, T, scale, dtype, frame
        M, c = _chunks(frame.M, start, N, T), _chunks(frame.c, start, N, T)
        before, last = _before(frame, start, N, T), M[..., -1]
        high, low = M.amax(-1), M.amin(-1)
        level = (high + low) / 2
        widest = 2 * (math.log(torch.finfo(dtype).max) - 33)
        self.wide: list[bool] = (high - low).flatten(1).amax(1).gt(widest).tolist()
        read = torch.exp(level[..., None] - M) * scale
        write = torch.exp(c - level[..., None])
        between = (torch.exp(before - level), torch.exp(level - last), torch.exp(before - last))
        self.whole = self._masked(read, write, read, write, *between, start, N)

    def weights(self, start: int, N: int, T: int) -> Weights:
        """Weights of the chunks of a run."""
        first = (start - self.start) // T
        part = slice(first, first + N)
        if not any(self.wide[part]):
            return Weights(*(None if x is None else x[part] for x in self.whole))
        M, c = _chunks(self.frame.M, start, N, T), _chunks(self.frame.c, start, N, T)
        before, last = _before(self.frame, start, N, T), M[..., -1]
        one = torch.ones_like(last)
        enter, leave = torch.exp(before[..., None] - M), torch.exp(c - last[..., None])
        between = (one, one, torch.exp(before - last))
        pairs = torch.full_like(M, self.scale), torch.ones_like(c)
        weights = self._masked(*pairs, enter * self.scale, leave, *between, start, N)
        matrix = torch.exp((c[..., None, :] - M[..., :, None]).clamp_(max=0)).to(self.dtype)
        hidden = weights.hidden
        matrix = matrix.tril_() if hidden is None else matrix.masked_fill_(hidden, 0.0)
        return weights._replace(matrix=matrix)

    def _masked(
        self,
        read: Tensor,
        write: Tensor,
        enter: Tensor,
        leave: Tensor,
        arrive: Tensor,
        depart: Tensor,
        keep: Tensor,
        start: int,
        N: int,
    ) -> Weights:
        hidden = None
        if self.frame.document is not None:
            hidden, entered, left = _documents(self.frame.document, start, N, self.T)
            # Where nothing enters, the unit of the state before may be far from this chunk's.
            enter, leave = torch.where(entered, enter, 0.0), torch.where(left, leave, 0.0)
            arrive = torch.where(entered[..., 0], arrive, 0.0)
            keep = torch.where(entered[..., -1], keep, 0.0)
        factors = (read, write, enter, leave, arrive, depart, keep)
        return Weights(*(factor.to(self.dtype) for factor in factors), None, hidden)


def _chunks(x_BHL: Tensor, start: int, N: int, T: int) -> Tensor:
    """(B, H, L) -> (N, B, H, T)."""
    return x_BHL[..., start : start + N * T].unflatten(-1, (N, T)).movedim(-2, 0)


def _before(frame: Frame, start: int, N: int, T: int) -> Tensor:
    """M just before each chunk (N, B, H)."""
    if start:
        return frame.M[..., start - 1 : start + (N - 1) * T : T].movedim(-1, 0)
    later = frame.M[..., T - 1 : (N - 1) * T : T]
    return torch.cat([frame.before[..., None], later], -1).movedim(-1, 0)


def _documents(document: Tensor, start: int, N: int, T: int) -> tuple[Tensor, Tensor, Tensor]:
    """Pairs hidden from each other (N, B, 1, T, T), and who meets the states (N, B, 1, T).

    A position sees the state before the chunk if its document reaches back there; it is in the
    state after it if its document is that of the last position.
    """
    here = _chunks(document[:, None], start, N, T)
    same = here[..., :, None] == here[..., None, :]
    previous = torch.cat([torch.zeros_like(document[:, :1]), document[:, :-1]], -1)
    entered = here == _chunks(previous[:, None], start, N, T)[..., :1]
    return ~same.tril_(), entered, here == here[..., -1:]
