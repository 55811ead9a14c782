"""The four losses of LangCell as functions of scores; nothing here knows of models or ranks."""

# Shapes: M masked genes, V genes of the vocabulary, G cells of a batch, R rows, C columns,
# Q pairs of a cell and a text.

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F


def masked_gene_loss(logits_MV: Tensor, labels_M: Tensor) -> Tensor:
    """Sum of the cross-entropies of masked genes (Devlin et al. 2019); 0 where there are none.

    Examples
    --------
    >>> round(float(masked_gene_loss(torch.zeros(3, 4), torch.tensor([0, 1, 3]))), 4)
    4.1589
    """
    return F.cross_entropy(logits_MV.float(), labels_M, reduction="sum")


def contrastive_loss(
    similarity_GG: Tensor, positive_GG: Tensor, left_out_GG: Tensor | None = None
) -> Tensor:
    """Symmetric InfoNCE in which a row may have several positives.

    A row's target is spread evenly over its positives, as in the retrieval of BLIP (Li et al.
    2022); rows and columns are averaged. With one positive a row it is the loss of CLIP (Radford
    et al. 2021) and of SimCSE (Gao et al. 2021).

    Parameters
    ----------
    similarity_GG
        Cosines over the temperature.
    positive_GG
        True where row and column belong together; the diagonal among them.
    left_out_GG
        True where they are neither positives nor negatives.

    Examples
    --------
    >>> one = contrastive_loss(torch.zeros(4, 4), torch.eye(4, dtype=torch.bool))
    >>> round(float(one), 4)
    1.3863
    """
    if left_out_GG is not None:
        similarity_GG = similarity_GG.masked_fill(left_out_GG, -torch.inf)
    there = _spread_targets(similarity_GG, positive_GG)
    back = _spread_targets(similarity_GG.T, positive_GG.T)
    return (there + back) / 2


def _spread_targets(similarity_RC: Tensor, positive_RC: Tensor) -> Tensor:
    log_share_RC = similarity_RC.log_softmax(1).where(positive_RC, 0.0)
    return -(log_share_RC.sum(1) / positive_RC.sum(1)).mean()


def same_identity(rows_R: Tensor, columns_C: Tensor) -> Tensor:
    """True (R, C) where two identities are known and equal; -1 is an unknown one.

    Examples
    --------
    >>> found = torch.tensor([4, -1])
    >>> same_identity(found, found).tolist()
    [[True, False], [False, False]]
    """
    return (rows_R[:, None] == columns_C) & (rows_R >= 0)[:, None]


def draw_negatives(
    similarity_RC: Tensor, same_RC: Tensor, draws_R: Tensor
) -> tuple[Tensor, Tensor]:
    """For every row a column of another identity, likelier the more similar the two are.

    Columns are drawn by the softmax of their similarity, as in ALBEF (Li et al. 2021) and BLIP.

    Parameters
    ----------
    similarity_RC
        Logits of the draw; all alike: every other column is as likely.
    same_RC
        True where row and column are no negatives of each other.
    draws_R
        Random numbers in [0, 1), one a row: the same numbers give the same negatives.

    Returns
    -------
    Columns (R,), and whether the row has one at all; where not, the column means nothing.

    Examples
    --------
    >>> same = torch.eye(3, dtype=torch.bool)
    >>> draw_negatives(torch.zeros(3, 3), same, torch.tensor([0.1, 0.6, 0.4]))[0].tolist()
    [1, 2, 0]
    """
    alone_R1 = same_RC.all(1, keepdim=True)
    logits_RC = similarity_RC.detach().float().masked_fill(same_RC & ~alone_R1, -torch.inf)
    sums_RC = logits_RC.softmax(1).cumsum(1)
    below_R = (sums_RC <= draws_R[:, None] * sums_RC[:, -1:]).sum(1)
    index_R = below_R.clamp(max=similarity_RC.shape[1] - 1)
    # Rounding at the upper end could reach a column that was left out.
    return index_R, ~same_RC.gather(1, index_R[:, None])[:, 0]


def matching_loss(logits_Q2: Tensor, match_Q: Tensor, counted_Q: Tensor) -> Tensor:
    """Sum of the cross-entropies of pairs that match or do not; uncounted pairs are left out.

    Examples
    --------
    >>> match, counted = torch.tensor([1, 0]), torch.tensor([True, False])
    >>> round(float(matching_loss(torch.zeros(2, 2), match, counted)), 4)
    0.6931
    """
    each_Q = F.cross_entropy(logits_Q2.float(), match_Q, reduction="none")
    return (each_Q * counted_Q).sum()


def first_of_each(numbers_G: Tensor) -> Tensor:
    """True (G,) at the first occurrence of every number.

    Examples
    --------
    >>> first_of_each(torch.tensor([7, 8, 7])).tolist()
    [True, True, False]
    """
    equal_GG = numbers_G[:, None] == numbers_G
    return ~equal_GG.tril(-1).any(1)
