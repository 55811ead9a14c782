"""The golden case of LangCell as a bundle, and tiny random models of every cell tower."""

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

GOLDEN = Path(__file__).parents[3] / "golden"
CASE = "langcell_zero_shot.a"
GENES, WORDS = 30, 20
TEXT = {
    "vocab_size": WORDS,
    "hidden_size": 24,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 40,
    "max_position_embeddings": 32,
}
TOWERS: dict[str, dict[str, Any]] = {
    "bert": {
        "model_type": "bert",
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "intermediate_size": 48,
        "hidden_act": "relu",
        "max_position_embeddings": 40,
    },
    "bioxlstm": {
        "model_type": "bioxlstm",
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_heads": 2,
        "slstm_at": [1],
        "bidirectional": "sum",
    },
    "bioxlstm, native": {
        "model_type": "bioxlstm",
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "num_heads": 2,
        "bidirectional": "native",
    },
    "biomamba": {
        "model_type": "biomamba",
        "hidden_size": 32,
        "num_hidden_layers": 2,
        "bidirectional": "add",
    },
}
BIO_TOWERS = tuple(kind for kind in TOWERS if kind != "bert")


@dataclass
class Golden:
    """Weights under published names, inputs and outputs."""

    config: dict[str, Any]
    tensors: dict[str, Tensor]

    def __getitem__(self, name: str) -> Tensor:
        return self.tensors[name]

    @property
    def weights(self) -> dict[str, Tensor]:
        """Weights as ``part/key``."""
        start = "weights/"
        return {k[len(start) :]: v for k, v in self.tensors.items() if k.startswith(start)}

    @property
    def text_mask(self) -> Tensor:
        """1 at the tokens of each text."""
        lengths = self["inputs/text_lengths"]
        return (torch.arange(self["inputs/text_input_ids"].shape[1]) < lengths[:, None]).long()

    def write_bundle(self, folder: Path) -> Path:
        """The case as the files that were published: torch files and two configurations."""
        for part in ("cell_bert", "text_bert"):
            (folder / part).mkdir(parents=True)
            (folder / part / "config.json").write_text(json.dumps(self.config[part]))
            torch.save(self._part(part), folder / part / "pytorch_model.bin")
        for part in ("cell_proj", "text_proj", "ctm_head"):
            torch.save(self._part(part), folder / f"{part}.bin")
        return folder

    def _part(self, part: str) -> dict[str, Tensor]:
        start = f"{part}/"
        return {k[len(start) :]: v for k, v in self.weights.items() if k.startswith(start)}


@pytest.fixture(scope="session")
def golden() -> Golden:
    """The golden case."""
    about = json.loads((GOLDEN / f"{CASE}.json").read_text(encoding="utf-8"))
    return Golden(about["config"], load_file(GOLDEN / f"{CASE}.safetensors"))


@pytest.fixture
def bundle(golden: Golden, tmp_path: Path) -> Path:
    """A folder laid out as the published bundle."""
    return golden.write_bundle(tmp_path / "bundle")


@pytest.fixture(scope="session")
def tiny() -> Callable[..., nn.Module]:
    """Build a tiny model with random numbers everywhere: zeros of an initialisation hide errors."""

    def build(kind: str = "bert", head: str = "Model", **changes: Any) -> nn.Module:
        from cellmodels.models import langcell

        fields = {"cell_config": {"vocab_size": GENES, **TOWERS[kind]}, "text_config": TEXT}
        config = langcell.LangCellConfig(**{**fields, "projection_dim": 12, **changes})
        torch.manual_seed(0)
        model = getattr(langcell, f"LangCell{head}")(config)
        generator = torch.Generator().manual_seed(1)
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(0.1 * torch.randn(parameter.shape, generator=generator))
        return model.eval()

    return build


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test with an argument `kind` for every cell tower, `bio_kind` for our own."""
    for name, kinds in {"kind": TOWERS, "bio_kind": BIO_TOWERS}.items():
        if name in metafunc.fixturenames:
            metafunc.parametrize(name, kinds)
