"""These kernels in a transformers model that is already in memory.

A mixer's own forward keeps running, with its handling of masks and caches; only the functions that
it calls for the recurrence, the convolution and its matrix products are exchanged, in that one
object. While it trains, a plain Mamba mixer calls one for all between them. transformers is
not imported: whoever has such a model has done that, and its functions are found in the module
that the mixer's class comes from. Other models in the process are left alone.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from math import inf
from types import FunctionType, MethodType
from typing import Any, TypeVar

import torch
from torch import Tensor, nn

from ..errors import InputError, ModelError
from . import causal_conv1d, mamba_inner, selective_scan, ssd
from .onednn import linear
from .plain import is_plain

Model = TypeVar("Model", bound=nn.Module)
_MARK = "_biosequence_kernels"


def accelerate(model: Model) -> Model:
    """The same model, whose Mamba, Mamba-2, FalconMamba and xLSTM mixers now use these kernels.

    Logits, gradients, caches and saved files stay what they are, up to rounding. The mixers are
    changed in place; :func:`restore` undoes it. Doing it twice does no harm.

    Parameters
    ----------
    model
        A transformers model, for instance a ``MambaForCausalLM`` or a ``Mamba2ForCausalLM``.

    Raises
    ------
    ModelError
        It has no mixer that these kernels know, or one that is offloaded piece by piece.

    Examples
    --------
    >>> from transformers import MambaConfig, MambaForCausalLM
    >>> config = MambaConfig(vocab_size=8, hidden_size=16, num_hidden_layers=2)
    >>> model = accelerate(MambaForCausalLM(config))
    >>> model(torch.tensor([[1, 2, 3]])).logits.shape
    torch.Size([1, 3, 8])
    >>> model = restore(model)
    """
    found = [(mixer, forward) for mixer in model.modules() if (forward := _faster(mixer))]
    if not found:
        raise ModelError(
            f"{type(model).__name__} has no mixer that these kernels can run.",
            where="accelerate",
            fix="Pass a Mamba, Mamba-2, FalconMamba or xLSTM model of transformers 5.",
        )
    for mixer, _ in found:
        if "forward" in vars(mixer) and not _is_ours(mixer):
            raise ModelError(
                f"A {type(mixer).__name__} already has a forward of its own.",
                where="accelerate",
                fix="Load the model without device_map, which moves its parts about by that.",
            )
    for mixer, forward in found:
        setattr(forward, _MARK, True)
        mixer.forward = MethodType(forward, mixer)
        for layer in mixer.children():
            if type(layer) is nn.Linear and is_plain(layer):
                layer.forward = MethodType(_product, layer)
    return model


def restore(model: Model) -> Model:
    """The same model with its mixers as they were before :func:`accelerate`.

    Parameters
    ----------
    model
        A model, accelerated or not.
    """
    for mixer in _accelerated(model):
        del mixer.forward
    return model


def _accelerated(model: nn.Module) -> Iterator[nn.Module]:
    return (mixer for mixer in model.modules() if _is_ours(mixer))


def _is_ours(mixer: nn.Module) -> bool:
    forward = vars(mixer).get("forward")
    return getattr(getattr(forward, "__func__", None), _MARK, False)


def _faster(mixer: nn.Module) -> Callable[..., Any] | None:
    """A forward for this object's class with these kernels inside, or None for other classes."""
    if type(mixer).__name__ == "xLSTMBackend":
        return _mlstm_forward
    forward = type(mixer).forward
    names = set(inspect.unwrap(forward).__code__.co_names)
    module = vars(sys.modules[type(mixer).__module__])
    exchanged = {
        name: function
        for name, function in _EXCHANGED.items()
        if name in names and _takes_the_same(module.get(name), function)
    }
    if not exchanged.keys() & _SCANS:
        return None
    if getattr(mixer, "activation", "silu") not in ("silu", "swish"):
        exchanged.pop("causal_conv1d_fn", None)
        return _with_globals(forward, exchanged)
    if "mamba_selective_scan" in exchanged and "causal_conv1d_fn" in exchanged:
        exchanged["causal_conv1d_fn"] = _convolution_of_one_document
    in_pieces = _with_globals(forward, exchanged)
    if "mamba_inner_fn" in names and _takes_the_same(module.get("mamba_inner_fn"), _inner):
        return _whole_where_plain(
            _with_globals(forward, exchanged | {"mamba_inner_fn": _inner}), in_pieces
        )
    return in_pieces


def _whole_where_plain(whole: FunctionType, in_pieces: FunctionType) -> Callable[..., Any]:
    """A forward that may use the fused block where that sees all there is.

    The block reads the weights of layers that it does not call, and knows no mask.
    """

    def forward(
        self: Any,
        hidden_states: Tensor,
        cache_params: Any = None,
        attention_mask: Tensor | None = None,
        **options: Any,
    ) -> Tensor:
        is_whole = (
            not options
            and (attention_mask is None or _hides_nothing(attention_mask))
            and is_plain(self.conv1d)
            and all(is_plain(x, _product) for x in (self.x_proj, self.dt_proj, self.out_proj))
        )
        run = whole if is_whole else in_pieces
        return run(self, hidden_states, cache_params, attention_mask, **options)

    return forward


def _hides_nothing(mask: Tensor) -> bool:
    # Elsewhere the question would wait for the device.
    return mask.device.type == "cpu" and bool(mask.all())


def _takes_the_same(theirs: Any, ours: Callable[..., Any]) -> bool:
    """Whether a function of this release is called as ours can be."""
    if not callable(theirs):
        return False
    own = inspect.signature(ours).parameters
    needed = {n for n, p in own.items() if p.kind is not p.VAR_KEYWORD and p.default is p.empty}
    return needed <= inspect.signature(theirs).parameters.keys()


def _with_globals(function: Callable[..., Any], exchanged: Mapping[str, Any]) -> FunctionType:
    """A copy of a function, and of what its decorators hold, that sees other globals."""
    cells = tuple(
        type(cell)(_with_globals(cell.cell_contents, exchanged))
        if cell.cell_contents is inspect.unwrap(function)
        else cell
        for cell in function.__closure__ or ()
    )
    is_inner = not hasattr(function, "__wrapped__")
    copied = FunctionType(
        function.__code__,
        function.__globals__ | exchanged if is_inner else function.__globals__,
        function.__name__,
        function.__defaults__,
        cells or None,
    )
    copied.__kwdefaults__ = function.__kwdefaults__
    return copied


def _nothing_fused(*args: Any, **options: Any) -> None:
    """Without a fused block a mixer goes on piece by piece."""


def _product(self: Any, x: Tensor) -> Tensor:
    return linear(x, self.weight, self.bias)


setattr(_product, _MARK, True)


def _inner(
    xz: Tensor,
    conv1d_weight: Tensor,
    conv1d_bias: Tensor | None,
    x_proj_weight: Tensor,
    delta_proj_weight: Tensor,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    A: Tensor,
    B: Tensor | None = None,
    C: Tensor | None = None,
    D: Tensor | None = None,
    delta_bias: Tensor | None = None,
    delta_softplus: bool = True,
    **options: Any,
) -> Tensor | None:
    # FalconMamba's options are norms between the projections.
    if options or B is not None or C is not None or not delta_softplus:
        return None
    return mamba_inner(
        xz.transpose(1, 2), conv1d_weight.squeeze(1), conv1d_bias, x_proj_weight,
        delta_proj_weight, delta_bias, A, D, out_proj_weight, out_proj_bias,
    )  # fmt: skip


def _convolution(
    hidden_states: Tensor,
    weight: Tensor,
    bias: Tensor | None = None,
    activation: str | None = None,
    seq_idx: Tensor | None = None,
    **options: Any,
) -> Tensor:
    y = causal_conv1d(hidden_states.to(weight.dtype), weight, bias, seq_idx, activation=activation)
    return y.to(hidden_states.dtype)


def _convolution_of_one_document(hidden_states: Tensor, *args: Any, **options: Any) -> Tensor:
    if options.get("seq_idx") is not None:
        raise InputError(
            "This mixer gives its scan no document numbers, so packed documents would mix.",
            where="seq_idx",
            fix="Pass one document a row, padded; or use a Mamba-2 model.",
        )
    return _convolution(hidden_states, *args, **options)


def _scan(
    hidden_states: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    D: Tensor | None = None,
    z: Tensor | None = None,
    delta_bias: Tensor | None = None,
    delta_softplus: bool = False,
    return_last_state: bool = False,
    **options: Any,
) -> Tensor | tuple[Tensor, Tensor]:
    return selective_scan(
        hidden_states, dt, A, B, C, D, z, delta_bias, delta_softplus, None, return_last_state
    )


def _chunk_scan(
    hidden_states: Tensor,
    dt: Tensor,
    A: Tensor,
    B: Tensor,
    C: Tensor,
    chunk_size: int,
    D: Tensor | None = None,
    z: Tensor | None = None,
    dt_bias: Tensor | None = None,
    initial_states: Tensor | None = None,
    seq_idx: Tensor | None = None,
    dt_softplus: bool = False,
    dt_limit: tuple[float, float] = (0.0, inf),
    return_final_states: bool = False,
    **options: Any,
) -> Tensor | tuple[Tensor, Tensor]:
    # A model's chunk size is one for GPUs; what follows here expects at least float32.
    x = hidden_states if hidden_states.dtype == torch.float64 else hidden_states.float()
    return ssd(
        x, dt, A, B, C, None, D, z, dt_bias, initial_states, seq_idx, dt_softplus, dt_limit,
        return_final_states,
    )  # fmt: skip


_EXCHANGED: dict[str, Callable[..., Any]] = {
    "causal_conv1d_fn": _convolution,
    "mamba_inner_fn": _nothing_fused,
    "mamba2_split_conv1d_scan_combined": _nothing_fused,
    "mamba_selective_scan": _scan,
    "mamba2_chunk_scan": _chunk_scan,
}
_SCANS = {"mamba_selective_scan", "mamba2_chunk_scan"}


def _mlstm_forward(
    self: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    igate: Tensor,
    fgate: Tensor,
    c_initial: Tensor | None = None,
    n_initial: Tensor | None = None,
    m_initial: Tensor | None = None,
    return_last_states: bool | None = None,
    mode: str | None = None,
) -> Any:
    from . import MLSTMState, mlstm

    state = None
    if c_initial is not None:
        state = MLSTMState(c_initial, n_initial, m_initial.flatten(2)[..., 0])
    h, (c, n, m) = mlstm(
        query, key, value, igate, fgate, initial_state=state, return_last_state=True,
        eps=self.config.eps,
    )  # fmt: skip
    if return_last_states is None:
        return_last_states = self.config.return_last_states
    if "train" in (mode or self.config.mode) and not return_last_states:
        return h
    return h, (c, n, m[..., None])
