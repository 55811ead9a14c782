"""The configuration of Mamba, Mamba-2, BiMamba, Caduceus and ProtMamba models."""

from __future__ import annotations

import math
from typing import Any, ClassVar

from transformers import PreTrainedConfig

from ..config_checks import check_strands, refuse

CHOICES: dict[str, tuple[str, ...]] = {
    "mixer": ("mamba", "mamba2"),
    "norm": ("rms", "layer"),
    "bidirectional": ("none", "add", "ew_multiply"),
    "position_embeddings": ("none", "abs_1d", "abs_2d"),
    "pooling": ("mean", "last", "first"),
}
"""Fields with a fixed set of values."""


class BioMambaConfig(PreTrainedConfig):
    """Sizes and flags of a state-space model for biological sequences.

    Parameters
    ----------
    mixer
        ``"mamba"`` or ``"mamba2"``.
    vocab_size, pad_vocab_size_multiple
        Tokens, and what the table is rounded up to (published DNA and protein models: 8).
    hidden_size, num_hidden_layers
        Sizes.
    state_size, expand, conv_kernel
        States per channel, inner width over width, width of the causal convolution.
    time_step_rank
        Rank of Mamba-1's step size; default ``ceil(hidden_size / 16)``.
    head_dim, num_groups, chunk_size, time_step_limit
        Mamba-2: width of a head, groups that share B and C, the kernel's chunk, clamp of steps.
    time_step_min, time_step_max
        Range of the initial step sizes.
    use_bias, use_conv_bias
        Biases of the projections, of the convolution.
    bcdt_rms_eps
        Normalise step, B and C by their root mean square (FalconMamba); None: no.
    norm, norm_eps
        ``"rms"`` or ``"layer"`` (with bias).
    residual_in_fp32
        Keep the residual stream in fp32 under lower precision.
    bidirectional, tie_bidirectional_projections
        BiMamba: ``"none"``, ``"add"`` or ``"ew_multiply"``; whether both directions share their
        projections.
    rcps, complement_map
        Caduceus-PS: share parameters between both strands; the complement's id for each id.
    rcps_swap
        Strands swap places in every block, as the published fused norm does. A checkpoint gives
        sensible numbers only with the value that it was trained with.
    position_embeddings, max_position_embeddings, max_seq_position_embeddings
        ProtMamba: ``"none"``, ``"abs_1d"`` or ``"abs_2d"``, and the sizes of the tables.
    classifier_dropout, pooling
        Classification heads.
    logit_soft_cap
        Cap ``c * tanh(x / c)`` on token scores; None: no cap.
    prefill_chunk
        Without gradients, causal models read longer input in pieces of this length.
    kernel_backend
        Name of the kernels' back end; None picks the fastest.

    Raises
    ------
    ModelError
        A value is unknown or two contradict each other.

    Examples
    --------
    >>> BioMambaConfig(vocab_size=33, pad_vocab_size_multiple=8).padded_vocab_size
    40
    """

    model_type = "biomamba"
    keys_to_ignore_at_inference: ClassVar[list[str]] = ["cache_params"]

    mixer: str = "mamba"
    vocab_size: int = 38
    pad_vocab_size_multiple: int = 1
    hidden_size: int = 256
    num_hidden_layers: int = 4
    state_size: int | None = None
    expand: int | float = 2
    conv_kernel: int = 4
    time_step_rank: int | None = None
    head_dim: int = 64
    num_groups: int = 1
    chunk_size: int | None = None
    time_step_limit: list[float | None] | tuple[float | None, ...] = (0.0, None)
    time_step_min: float = 1e-3
    time_step_max: float = 1e-1
    use_bias: bool = False
    use_conv_bias: bool = True
    bcdt_rms_eps: float | None = None
    norm: str = "rms"
    norm_eps: float = 1e-5
    residual_in_fp32: bool = True
    bidirectional: str = "none"
    tie_bidirectional_projections: bool = True
    rcps: bool = False
    complement_map: list[int] | None = None
    rcps_swap: bool = False
    position_embeddings: str = "none"
    max_position_embeddings: int = 2048
    max_seq_position_embeddings: int = 512
    classifier_dropout: float | int = 0.0
    pooling: str = "mean"
    logit_soft_cap: float | int | None = None
    prefill_chunk: int | None = 16384
    kernel_backend: str | None = None
    initializer_range: float = 0.02
    tie_word_embeddings: bool = True
    use_cache: bool = True
    pad_token_id: int | None = None
    bos_token_id: int | None = None
    eos_token_id: int | list[int] | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        """Fill in what follows from other fields and check that all fit together."""
        if self.state_size is None:
            self.state_size = 16 if self.mixer == "mamba" else 128
        if self.time_step_rank is None:
            self.time_step_rank = math.ceil(self.hidden_size / 16)
        self.time_step_limit = list(self.time_step_limit)
        super().__post_init__(**kwargs)
        for name, known in CHOICES.items():
            value = getattr(self, name)
            if value not in known:
                refuse(
                    f"{value!r} is not a value of {name}.",
                    name,
                    f"Choose one of: {', '.join(known)}.",
                )
        if self.mixer == "mamba2":
            _check_heads(self)
        if self.rcps_swap and not self.rcps:
            refuse("rcps_swap says how two strands are stored.", "rcps=False", "Set rcps=True.")
        if self.rcps and self.position_embeddings != "none":
            refuse(
                "Absolute positions differ between the two strands.",
                f"rcps=True, position_embeddings={self.position_embeddings!r}",
                "Use position_embeddings='none'.",
            )
        check_strands(self)

    @property
    def padded_vocab_size(self) -> int:
        """Rows of the token table."""
        multiple = self.pad_vocab_size_multiple
        return -(-self.vocab_size // multiple) * multiple

    @property
    def inner_size(self) -> int:
        """Inner width of the mixer."""
        return round(self.expand * self.hidden_size)

    @property
    def dt_limit(self) -> tuple[float, float]:
        """The clamp of step sizes; JSON holds None for infinity."""
        low, high = self.time_step_limit
        return (low or 0.0, math.inf if high is None else high)

    @property
    def is_causal(self) -> bool:
        """Whether each position sees the past of its own strand only."""
        return self.bidirectional == "none" and not self.rcps

    @property
    def strand_table(self) -> list[int] | None:
        """Complement of each row of the token table, None where strands are not shared."""
        if not self.rcps:
            return None
        # Rows past the known tokens are padding, each its own complement.
        known = list(self.complement_map)
        return known + list(range(len(known), self.padded_vocab_size))

    @property
    def has_positions(self) -> bool:
        """Whether position ids change anything."""
        return self.position_embeddings != "none"

    @property
    def has_seq_positions(self) -> bool:
        """Whether numbers of sequences change anything."""
        return self.position_embeddings == "abs_2d"

    @property
    def head_reads_tokens(self) -> bool:
        """Whether the token head reads only the channels that the token embedding fills."""
        return self.has_positions

    def reads_reversed(self, block: int) -> bool:
        """Whether a block reads from the last position to the first: here mixers do that."""
        return False


def _check_heads(config: BioMambaConfig) -> None:
    heads, rest = divmod(config.inner_size, config.head_dim)
    if rest or not heads or heads % config.num_groups:
        refuse(
            f"An inner width of {config.inner_size} does not divide into heads of "
            f"{config.head_dim} in {config.num_groups} groups.",
            f"hidden_size={config.hidden_size}, expand={config.expand}",
            "Choose head_dim to divide expand * hidden_size.",
        )
    if config.bcdt_rms_eps is not None:
        refuse("bcdt_rms_eps belongs to Mamba-1.", "mixer='mamba2'", "Leave it None.")
