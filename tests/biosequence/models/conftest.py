"""Golden cases and tiny random models for the tests of this room."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import Tensor, nn

LOCAL = Path(__file__).parents[2] / "golden"


@dataclass
class Golden:
    """Weights, inputs and outputs of one published model."""

    config: dict[str, Any]
    about: dict[str, Any]
    tensors: dict[str, Tensor]

    def weights(self, layout: str = "vanilla") -> dict[str, Tensor]:
        """Weights under published names, sLSTM tensors in the layout asked for."""
        found = self._part("weights/")
        return found | self._part("weights_cuda/") if layout == "cuda" else found

    def _part(self, start: str) -> dict[str, Tensor]:
        return {k[len(start) :]: v for k, v in self.tensors.items() if k.startswith(start)}

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]

    def __contains__(self, name: str) -> bool:
        return name in self.tensors


@pytest.fixture(scope="session")
def golden(request: pytest.FixtureRequest) -> Callable[[str], Golden]:
    """Load a golden case: from the repository where it has a copy, else from the shared data."""

    def load(case: str) -> Golden:
        folder = LOCAL
        if not (folder / f"{case}.a.safetensors").is_file():
            folder = request.getfixturevalue("shared") / "golden"
        about = json.loads((folder / f"{case}.a.json").read_text(encoding="utf-8"))
        tensors = load_file(folder / f"{case}.a.safetensors")
        return Golden(about["config"], about, tensors)

    return load


@pytest.fixture(scope="session")
def shaken() -> Callable[..., nn.Module]:
    """Give every parameter of a model random numbers: defaults hide errors behind zeros."""

    def shake(model: nn.Module, seed: int = 0, scale: float = 0.15) -> nn.Module:
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(scale * torch.randn(parameter.shape, generator=generator))
        return model.eval()

    return shake


XLSTM = {"vocab_size": 12, "hidden_size": 32, "num_hidden_layers": 2, "num_heads": 2}
MAMBA = {"vocab_size": 12, "hidden_size": 16, "num_hidden_layers": 2, "state_size": 8}
COMPLEMENT = [0, 1, 2, 3, 4, 5, 6, 10, 9, 8, 7, 11]
CAUSAL: dict[str, tuple[str, dict[str, Any]]] = {
    "v1": ("BioXLSTM", {}),
    "v1 with sLSTM": ("BioXLSTM", {"slstm_at": [1]}),
    "dna": ("BioXLSTM", {"dialect": "dna", "rope": "per_head", "use_bias": True}),
    "dna sinusoids": (
        "BioXLSTM",
        {"dialect": "dna", "slstm_at": [0, 1], "position_embeddings": "sinusoidal"},
    ),
    "prot": ("BioXLSTM", {"dialect": "prot"}),
    "prot 2d": ("BioXLSTM", {"dialect": "prot", "rope": "inner_2d"}),
    "large": ("BioXLSTM", {"dialect": "large"}),
    "large sigmoid": ("BioXLSTM", {"dialect": "large", "igate": "sigmoid"}),
    "mamba": ("BioMamba", {}),
    "mamba2": ("BioMamba", {"mixer": "mamba2", "head_dim": 8, "num_groups": 2}),
    "falcon": ("BioMamba", {"bcdt_rms_eps": 1e-6}),
    "protmamba": ("BioMamba", {"position_embeddings": "abs_2d"}),
}
BOTH_WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    "sum": ("BioXLSTM", {"bidirectional": "sum", "slstm_at": [1]}),
    "sum legacy": ("BioXLSTM", {"bidirectional": "sum_legacy", "rope": "per_head"}),
    "alternating": ("BioXLSTM", {"bidirectional": "alternating", "rope": "per_head"}),
    "native": ("BioXLSTM", {"bidirectional": "native"}),
    "strands": ("BioXLSTM", {"rcps": True, "slstm_at": [1]}),
    "strands, sum": ("BioXLSTM", {"rcps": True, "bidirectional": "sum_legacy", "slstm_at": [1]}),
    "bimamba": ("BioMamba", {"bidirectional": "add"}),
    "bimamba2": ("BioMamba", {"bidirectional": "ew_multiply", "mixer": "mamba2", "head_dim": 8}),
    "caduceus": ("BioMamba", {"bidirectional": "add", "rcps": True}),
    "caduceus, fused": ("BioMamba", {"bidirectional": "add", "rcps": True, "rcps_swap": True}),
}


@pytest.fixture(scope="session")
def tiny(shaken: Callable[..., nn.Module]) -> Callable[..., nn.Module]:
    """Build a tiny model of a kind named above, with random numbers everywhere."""

    def build(kind: str, head: str | None = None, **changes: Any) -> nn.Module:
        from biosequence import models

        family, fields = (CAUSAL | BOTH_WAYS)[kind]
        sizes = XLSTM if family == "BioXLSTM" else MAMBA
        if fields.get("rcps"):
            fields = {**fields, "complement_map": COMPLEMENT}
        config = getattr(models, f"{family}Config")(**{**sizes, **fields, **changes})
        head = head or ("ForCausalLM" if config.is_causal else "ForMaskedLM")
        torch.manual_seed(0)
        return shaken(getattr(models, family + head)(config))

    return build


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test with an argument `causal_kind`, `two_way_kind` or `kind` for each such model."""
    kinds = {"causal_kind": CAUSAL, "two_way_kind": BOTH_WAYS, "kind": CAUSAL | BOTH_WAYS}
    for name, known in kinds.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, known)
