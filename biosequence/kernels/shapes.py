"""Checks of shapes that name the argument which is wrong, and the boundaries of documents."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
    import torch
    from torch import Tensor


class Shapes:
    """Sizes of an op's axes, learned from its first argument and held against the others.

    Parameters
    ----------
    op
        Name of the op, for the message.

    Examples
    --------
    >>> import torch
    >>> shapes = Shapes("selective_scan")
    >>> shapes.check("u", torch.zeros(1, 4, 9), "BDL")
    >>> shapes.check("A", torch.zeros(3, 2), "DN")
    Traceback (most recent call last):
    ...
    biosequence.errors.InputError: `A` has the shape (3, 2); selective_scan needs (D, N) with D=4.
    argument `A` of selective_scan
    Pass a tensor of that shape.
    """

    def __init__(self, op: str) -> None:
        self.op = op
        self.sizes: dict[str, int] = {}

    def check(self, name: str, tensor: Tensor | None, *axes: str) -> None:
        """Hold a tensor against its axes, one letter each; several forms are alternatives.

        Raises
        ------
        InputError
            It has another number of axes, or one of another length than the arguments before it.
        """
        if tensor is None:
            return
        shape = tuple(tensor.shape)
        for form in axes:
            if self._fits(shape, form):
                self.sizes.update(zip(form, shape, strict=True))
                return
        wanted = " or ".join(f"({', '.join(form)})" for form in axes)
        known = {a: self.sizes[a] for form in axes for a in form if a in self.sizes}
        sizes = " with " + ", ".join(f"{a}={n}" for a, n in known.items()) if known else ""
        raise InputError(
            f"`{name}` has the shape {shape}; {self.op} needs {wanted}{sizes}.",
            where=f"argument `{name}` of {self.op}",
            fix="Pass a tensor of that shape.",
        )

    def check_groups(self, name: str, groups: str, members: str) -> None:
        """Hold the number of groups against the number of what they are groups of.

        Raises
        ------
        InputError
            The groups would not be of equal size.
        """
        if self.sizes[members] % self.sizes[groups]:
            raise InputError(
                f"`{name}` has {self.sizes[groups]} groups, which do not divide "
                f"{members}={self.sizes[members]}.",
                where=f"argument `{name}` of {self.op}",
                fix=f"Take a number of groups that divides {members}.",
            )

    def check_documents(self, seq_idx: Tensor | None) -> None:
        """Hold the document numbers against batch and length.

        Raises
        ------
        InputError
            They are not whole numbers, or not one for each position.
        """
        if seq_idx is None:
            return
        self.check("seq_idx", seq_idx, "BL")
        if seq_idx.is_floating_point() or seq_idx.is_complex():
            raise InputError(
                f"`seq_idx` holds {seq_idx.dtype}; {self.op} needs whole numbers.",
                where=f"argument `seq_idx` of {self.op}",
                fix="Pass the document number of each position, as int32 or int64.",
            )

    def _fits(self, shape: tuple[int, ...], form: str) -> bool:
        return len(shape) == len(form) and all(
            size == self.sizes.get(axis, size) and size > 0
            for axis, size in zip(form, shape, strict=True)
        )


def document_starts(seq_idx: Tensor) -> Tensor:
    """Where a new document begins, position 0 left out: what came before is not carried there.

    Parameters
    ----------
    seq_idx
        Document number of each position (B, L).

    Returns
    -------
    Boolean (B, L).
    """
    starts_BL = seq_idx.new_zeros(seq_idx.shape, dtype=_bool())
    starts_BL[:, 1:] = seq_idx[:, 1:] != seq_idx[:, :-1]
    return starts_BL


def state_dtype(*tensors: Tensor | None) -> torch.dtype:
    """The type that states are kept in: float64 where the inputs are, float32 for all others."""
    import torch

    found = {tensor.dtype for tensor in tensors if tensor is not None}
    return torch.float64 if torch.float64 in found else torch.float32


def _bool() -> torch.dtype:
    import torch

    return torch.bool
