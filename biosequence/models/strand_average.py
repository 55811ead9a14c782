"""Post-hoc conjoining: one answer for both strands of DNA, from any model."""

# Shapes: B batch, T time, V vocabulary, K labels.

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from ..layers.reverse_complement import reverse_complement_ids


def conjoin(
    model: nn.Module,
    input_ids: Tensor,
    complement_map: Sequence[int],
    attention_mask: Tensor | None = None,
    *,
    tokens: bool | None = None,
) -> Tensor:
    """Mean logits of a sequence and of its reverse complement.

    Parameters
    ----------
    model
        A model whose output has ``logits``: (B, K) for sequences, (B, T, V) for tokens.
    input_ids
        (B, T) ids.
    complement_map
        The complement's id for each id.
    attention_mask
        (B, T), 0 at padding; it is turned round with the sequence.
    tokens
        Whether scores are of tokens, whose complements then swap too. None: they are when the
        model has a token head.

    Returns
    -------
    Logits of the model's shape. Scores of positions come back in the order of `input_ids`.

    Notes
    -----
    The average is equivariant whatever the model: the reverse complement of an input gives the
    reverse complement of the answer (the same answer, for whole sequences). A causal model sees
    the other side of each position on the other strand.

    Examples
    --------
    >>> import torch
    >>> from biosequence.models import BioMambaConfig, BioMambaForMaskedLM
    >>> model = BioMambaForMaskedLM(BioMambaConfig(vocab_size=4, hidden_size=16)).eval()
    >>> ids, other = torch.tensor([[0, 1, 1]]), torch.tensor([[2, 2, 3]])
    >>> with torch.no_grad():
    ...     a, b = (conjoin(model, x, [3, 2, 1, 0]) for x in (ids, other))
    >>> bool(torch.allclose(a, b.flip(1)[..., [3, 2, 1, 0]], atol=1e-6))
    True
    """
    table = torch.tensor(list(complement_map), device=input_ids.device)
    tokens = hasattr(model, "lm_head") if tokens is None else tokens
    mask = None if attention_mask is None else attention_mask.flip(1)
    ahead = model(input_ids, attention_mask=attention_mask).logits
    back = model(reverse_complement_ids(input_ids, table), attention_mask=mask).logits
    if ahead.ndim == 3:
        back = back.flip(1)
        if tokens:
            # Rows that pad the vocabulary have no complement of their own.
            rest = torch.arange(len(table), back.shape[-1], device=table.device)
            back = back[..., torch.cat((table, rest))]
    return (ahead + back) / 2
