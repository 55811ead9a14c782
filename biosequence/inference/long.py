"""Sequences of any length through a causal model, in pieces, at the memory of one piece."""

# Shapes: B batch, T time, V vocabulary.

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from ..errors import InputError, UsageError

if TYPE_CHECKING:
    from ..models.cache import SequenceCache

CHUNK = 4096
"""Tokens that are read at once, unless told otherwise."""


class LogLikelihood(NamedTuple):
    """Log-probability of a sequence, and how many of its tokens that counts."""

    total: float
    """Sum over tokens, natural logarithm."""
    tokens: int
    """Tokens that have a probability."""

    @property
    def perplexity(self) -> float:
        """``exp(-total / tokens)``; NaN without tokens.

        Examples
        --------
        >>> LogLikelihood(0.0, 5).perplexity
        1.0
        """
        return float(np.exp(-self.total / self.tokens)) if self.tokens else float("nan")


@dataclass(frozen=True)
class Context:
    """What a model has read: its states, and what it expects next."""

    cache: SequenceCache
    """States after the last token, of one sequence."""
    logits_V: Tensor
    """Scores of the token that comes next."""


def read_context(
    model: nn.Module,
    ids: Any,
    *,
    position_ids: Any = None,
    sequence_ids: Any = None,
    chunk: int = CHUNK,
    context: Context | None = None,
) -> Context:
    """Read tokens once, to go on from them as often as is wanted.

    Parameters
    ----------
    model
        A causal language model of ours.
    ids
        (T,) token ids, of any integer type; at least one.
    position_ids, sequence_ids
        (T,) positions and numbers of sequences, for models that have them; None: counted on.
    chunk
        Tokens that are read at once. It changes memory and speed, never the answer.
    context
        What was read before.

    Raises
    ------
    InputError
        There is no token.
    UsageError
        The model reads both ways.

    Examples
    --------
    >>> from biosequence.models import BioMambaConfig, BioMambaForCausalLM
    >>> model = BioMambaForCausalLM(BioMambaConfig(vocab_size=6, hidden_size=16)).eval()
    >>> context = read_context(model, [1, 2, 3])
    >>> context.cache.length, tuple(context.logits_V.shape)
    (3, (6,))
    """
    logits = cache = None
    for _, logits, cache in read_pieces(  # noqa: B007  # the last ones are wanted
        model,
        as_ids(ids),
        position_ids=position_ids,
        sequence_ids=sequence_ids,
        chunk=chunk,
        context=context,
        only_last=True,
    ):
        pass
    if logits is None:
        raise InputError("There is no token to read.", where="ids", fix="Give at least one token.")
    return Context(cache, logits[0, -1])


def stream_logits(
    model: nn.Module,
    ids: Any,
    *,
    chunk: int = CHUNK,
    position_ids: Any = None,
    sequence_ids: Any = None,
    context: Context | None = None,
) -> Iterator[Tensor]:
    """Scores of the next token at each position, piece by piece: tensors (up to `chunk`, V).

    All pieces together are what the model gives for the whole. Memory does not grow with the
    length; arguments and errors as :func:`read_context`.

    Examples
    --------
    >>> import torch
    >>> from biosequence.models import BioMambaConfig, BioMambaForCausalLM
    >>> model = BioMambaForCausalLM(BioMambaConfig(vocab_size=6, hidden_size=16)).eval()
    >>> ids = torch.arange(50) % 6
    >>> pieces = torch.cat(list(stream_logits(model, ids, chunk=7)))
    >>> with torch.no_grad():
    ...     bool(torch.allclose(pieces, model(ids[None]).logits[0], atol=1e-5))
    True
    """
    for _, logits_BTV, _ in read_pieces(
        model,
        as_ids(ids),
        position_ids=position_ids,
        sequence_ids=sequence_ids,
        chunk=chunk,
        context=context,
    ):
        yield logits_BTV[0]


def stream_token_log_probs(
    model: nn.Module,
    ids: Any,
    *,
    chunk: int = CHUNK,
    position_ids: Any = None,
    sequence_ids: Any = None,
    context: Context | None = None,
) -> Iterator[np.ndarray]:
    """Log-probability of each token after all before it, piece by piece: float64 (up to `chunk`,).

    The first token has none (NaN), unless a context comes before it. Rows of one length may be
    given too, (B, T), and come back as (B, up to `chunk`). Arguments and errors as
    :func:`read_context`.
    """
    many, rows = np.ndim(ids) == 2, as_ids(ids)
    before = None
    if context is not None:
        before = context.logits_V.expand(len(rows), -1)
    for ids_BT, logits_BTV, _ in read_pieces(
        model,
        rows,
        position_ids=position_ids,
        sequence_ids=sequence_ids,
        chunk=chunk,
        context=context,
    ):
        found = token_log_probs(logits_BTV[:, :-1], ids_BT[:, 1:])
        first = torch.full((len(rows), 1), torch.nan, dtype=torch.float64)
        if before is not None:
            first = token_log_probs(before[:, None], ids_BT[:, :1])
        # A piece of its own memory: the last row must not keep all others alive.
        before = logits_BTV[:, -1].clone()
        both = torch.cat((first, found), 1).numpy()
        yield both if many else both[0]


def stream_log_likelihood(
    model: nn.Module,
    ids: Any,
    *,
    chunk: int = CHUNK,
    position_ids: Any = None,
    sequence_ids: Any = None,
    context: Context | None = None,
    ignored_ids: Any = (),
) -> LogLikelihood:
    """Log-likelihood of a sequence of any length.

    Parameters
    ----------
    model, ids, chunk, position_ids, sequence_ids, context
        As in :func:`read_context`.
    ignored_ids
        Tokens that are read but not counted, such as N.

    Raises
    ------
    UsageError
        The model reads both ways.

    Examples
    --------
    >>> from biosequence.models import BioMambaConfig, BioMambaForCausalLM
    >>> model = BioMambaForCausalLM(BioMambaConfig(vocab_size=6, hidden_size=16)).eval()
    >>> stream_log_likelihood(model, [1, 2, 3, 4]).tokens
    3
    """
    given, ignored = as_ids(ids)[0], torch.as_tensor(list(ignored_ids), dtype=torch.int64)
    total, tokens, start = 0.0, 0, 0
    for log_probs in stream_token_log_probs(
        model,
        given,
        chunk=chunk,
        position_ids=position_ids,
        sequence_ids=sequence_ids,
        context=context,
    ):
        here = given[start : start + len(log_probs)].long()
        start += len(log_probs)
        counted = ~np.isnan(log_probs) & ~torch.isin(here, ignored).numpy()
        total += float(log_probs[counted].sum())
        tokens += int(counted.sum())
    return LogLikelihood(total, tokens)


def token_log_probs(logits_BTV: Tensor, ids_BT: Tensor) -> Tensor:
    """Log-probability of given tokens under scores of the same positions: (B, T) float64, CPU.

    Examples
    --------
    >>> token_log_probs(torch.zeros(1, 1, 4), torch.tensor([[2]])).exp()
    tensor([[0.2500]], dtype=torch.float64)
    """
    logits_BTV = logits_BTV.to(torch.promote_types(logits_BTV.dtype, torch.float32))
    own_BT = logits_BTV.gather(-1, ids_BT.to(logits_BTV.device)[..., None])[..., 0]
    return (own_BT - logits_BTV.logsumexp(-1)).cpu().double()


def check_reads_ahead(model: nn.Module) -> None:
    """Refuse a model that cannot be read in pieces.

    Raises
    ------
    UsageError
        The model reads both ways, or has no head of next tokens.
    """
    if not getattr(model.config, "is_causal", False) or not hasattr(model, "lm_head"):
        raise UsageError(
            "This model cannot go on from what it has read: it reads both ways, or predicts no "
            "next token.",
            where=type(model).__name__,
            fix="Take a causal language model, or give shorter sequences in one piece.",
        )


def read_pieces(
    model: nn.Module,
    ids_BT: Any,
    *,
    position_ids: Any = None,
    sequence_ids: Any = None,
    chunk: int = CHUNK,
    context: Context | None = None,
    only_last: bool = False,
) -> Iterator[tuple[Tensor, Tensor, SequenceCache]]:
    """Rows of one length, piece by piece: tokens (B, t), scores (B, t, V) and states after it.

    One context goes before every row; with `only_last`, scores are of the last position alone.
    Arguments and errors as :func:`read_context`, with a first dimension B.
    """
    check_reads_ahead(model)
    if chunk < 1:
        raise UsageError("A piece needs at least one token.", where="chunk", fix="Give chunk=4096.")
    device = model.lm_head.weight.device
    given = as_ids(ids_BT)
    cache = None if context is None else context.cache
    if cache is not None and len(given) > 1:
        cache = cache.repeat(len(given))
    extra = {"position_ids": position_ids, "seq_position_ids": sequence_ids}
    extra = {name: as_ids(x).expand(len(given), -1) for name, x in extra.items() if x is not None}
    for start in range(0, given.shape[1], chunk):
        here = slice(start, start + chunk)
        piece_BT = given[:, here].long().to(device)
        more = {name: x[:, here].long().to(device) for name, x in extra.items()}
        with torch.inference_mode():
            output = model(
                piece_BT,
                cache_params=cache,
                use_cache=True,
                logits_to_keep=int(only_last),
                **more,
            )
        cache = output.cache_params
        yield piece_BT, output.logits, cache


def as_ids(ids: Any) -> Tensor:
    """Ids (B, T), or one row (T,), as a tensor (B, T) of their own integer type.

    A chromosome in uint8 stays as small as it is.

    Raises
    ------
    InputError
        They are no integers, or of another number of dimensions.
    """
    if not isinstance(ids, Tensor):
        array = np.asarray(ids)
        if array.size == 0:
            array = array.astype(np.int64)
        ids = torch.from_numpy(array if array.flags.writeable else array.copy())
    if ids.ndim not in (1, 2) or ids.dtype.is_floating_point:
        raise InputError(
            f"Token ids are wanted, not {tuple(ids.shape)} of {ids.dtype}.",
            where="ids",
            fix="Give integers: one row, or rows of one length.",
        )
    return ids[None] if ids.ndim == 1 else ids
