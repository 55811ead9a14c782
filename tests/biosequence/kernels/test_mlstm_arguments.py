"""Arguments that do not fit are refused by name."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from biosequence.errors import InputError, UsageError
from biosequence.kernels.mlstm import MLSTMState, mlstm, mlstm_bidirectional, mlstm_step


def sound(**changed: Any) -> dict[str, Any]:
    wide, narrow = (2, 3, 5, 4), (2, 3, 5)
    shapes = {"q": wide, "k": wide, "v": wide, "i": narrow, "f": narrow}
    return {name: torch.zeros(shape) for name, shape in shapes.items()} | changed


WRONG = [
    ("q", torch.zeros(2, 3, 5)),
    ("k", torch.zeros(2, 3, 5, 6)),
    ("v", torch.zeros(2, 3, 6, 4)),
    ("i", torch.zeros(2, 3, 5, 1)),
    ("f", torch.zeros(2, 5, 3)),
    ("seq_idx", torch.zeros(2, 6, dtype=torch.long)),
    ("seq_idx", torch.zeros(2, 5)),
    ("input_gate", "relu"),
    ("normalize", False),
    ("chunk_size", 0),
    ("initial_state", MLSTMState.zeros(2, 3, 4, 5)),
]


@pytest.mark.parametrize(("name", "value"), WRONG)
def test_what_does_not_fit_is_named(name: str, value: Any) -> None:
    with pytest.raises(InputError, match=f"`{name}") as caught:
        mlstm(**sound(**{name: value}))
    assert caught.value.where.startswith(f"argument `{name}")
    assert caught.value.fix


def test_a_step_and_both_directions_name_it_too() -> None:
    one = {name: tensor[:, :, 0] for name, tensor in sound().items()}
    with pytest.raises(InputError, match="`state.C`"):
        mlstm_step(**one, state=MLSTMState.zeros(2, 3, 4, 5))
    with pytest.raises(InputError, match="`k`"):
        mlstm_step(**one | {"k": torch.zeros(2, 3, 6)}, state=MLSTMState.zeros(2, 3, 4, 4))
    with pytest.raises(InputError, match="`f_reverse`"):
        mlstm_bidirectional(**sound(), f_reverse=torch.zeros(2, 3, 6))


def test_a_back_end_that_is_not_there_is_refused() -> None:
    with pytest.raises(UsageError, match="no back end 'cuda'"):
        mlstm(**sound(), backend="cuda")
