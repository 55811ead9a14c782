"""Models that come with the package: whole, small, found by name without a network, and fluent."""

from __future__ import annotations

import hashlib
import re
import socket
from pathlib import Path

import pytest
from bioseq_cli.main import main

from biosequence.demo import DEMO_FILES, DEMOS, demo_folder
from biosequence.errors import ModelError
from biosequence.inference import (
    GenerateOptions,
    Sampling,
    generate_molecules,
    load_model,
    report_molecules,
)

MOST_BYTES = 5_000_000


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty working folder, and no way out of the machine."""

    def refuse(*_: object, **__: object) -> None:
        msg = "the network was asked for"
        raise AssertionError(msg)

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("name", DEMOS)
def test_demo_holds_its_files_and_is_small(name: str) -> None:
    folder = demo_folder(name)
    assert folder is not None
    assert sorted(path.name for path in folder.iterdir()) == sorted([*DEMO_FILES, "README.md"])
    assert sum(path.stat().st_size for path in folder.iterdir()) < MOST_BYTES


@pytest.mark.parametrize("name", DEMOS)
def test_demo_weights_have_the_checksum_of_the_card(name: str) -> None:
    folder = demo_folder(name)
    assert folder is not None
    card = (folder / "README.md").read_text(encoding="utf-8")
    told = re.findall(r"sha256 `([0-9a-f]{64})` \|", card)
    assert told == [hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()]
    assert "licence" in card.lower()


@pytest.mark.parametrize("name", DEMOS)
def test_demo_loads_by_name_without_a_network(offline: Path, name: str) -> None:
    loaded = load_model(name, device="cpu").require_causal()
    assert loaded.path == demo_folder(name)
    told = (loaded.path / "README.md").read_text(encoding="utf-8")
    assert f"{sum(p.numel() for p in loaded.model.parameters()):,} (float32)" in told


def test_most_of_what_the_demo_writes_is_valid_and_different(offline: Path) -> None:
    cool = Sampling(temperature=0.7)
    options = GenerateOptions(num=100, batch_size=100, seed=3, sampling=cool)
    written = generate_molecules(load_model("demo-chem", device="cpu"), options=options)
    report = report_molecules(one.sequence for one in written)
    assert report.validity >= 0.6
    assert report.uniqueness > 0.95


def test_a_constrained_demo_ends_every_molecule(offline: Path) -> None:
    options = GenerateOptions(num=8, batch_size=8, seed=1, max_new_tokens=40)
    loaded = load_model("demo-chem", device="cpu")
    for one in generate_molecules(loaded, constrain=True, options=options):
        assert one.sequence.count("(") == one.sequence.count(")")


def test_a_folder_of_the_demos_name_comes_first(offline: Path) -> None:
    Path("demo-chem").mkdir()
    with pytest.raises(ModelError, match=r"no config\.json"):
        load_model("demo-chem")


def test_an_unknown_model_is_told_of_the_demos(offline: Path) -> None:
    with pytest.raises(ModelError, match="demo-chem"):
        load_model("demo-chemistry")


def test_generate_writes_with_the_demo(offline: Path, capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["generate", "demo-chem", "--num", "5", "--device", "cpu", "-o", "new.smi"])
    assert ended.value.code == 0, capsys.readouterr().err
    assert len(Path("new.smi").read_text(encoding="utf-8").splitlines()) == 5
    assert "validity" in capsys.readouterr().out.lower()


def test_generate_help_names_the_demo(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        main(["generate", "--help"])
    assert "bioseq generate demo-chem --num 10 --temperature 0.7" in capsys.readouterr().out
