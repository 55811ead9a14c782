"""The doctor sees what is broken, says the line that mends it, and ends with 5."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from bioseq_cli import checkup
from bioseq_cli.commands.doctor import page
from bioseq_cli.main import main


def doctor(*args: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(["doctor", *args])
    return ended.value.code


def test_the_page_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    code = doctor("--json")
    told = json.loads(capsys.readouterr().out)
    names = {finding["name"] for finding in told["findings"]}
    assert {"bioseq", "python", "torch", "cpu", "numba (CPU)", "llm", "temporary files"} <= names
    assert told["ok"] == (code == 0)
    assert all(finding["fix"] for finding in told["findings"] if not finding["ok"])


def test_bundled_data_is_unchanged() -> None:
    findings = list(checkup.bundled_data())
    assert findings
    assert [finding for finding in findings if not finding.ok] == []


def test_a_missing_package_ends_with_five(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(checkup, "requires", lambda name: ["no-such-package>=2"])
    assert doctor() == 5
    assert 'pip install "no-such-package>=2"' in capsys.readouterr().out


def test_an_old_package_is_told_with_its_floor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "requires", lambda name: ["click>=999"])
    (finding,) = checkup.packages()
    assert not finding.ok
    assert "needs >=999" in finding.found


def test_a_package_of_another_system_or_extra_is_not_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines = ['nothing; sys_platform == "elsewhere"', 'nothing; extra == "llm"']
    monkeypatch.setattr(checkup, "requires", lambda name: lines)
    assert list(checkup.packages()) == []


def test_an_optional_part_that_is_missing_is_no_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "EXTRAS", {"llm": ()})
    monkeypatch.setattr(checkup, "missing_modules", lambda extra: ("inspect_ai",))
    (finding,) = checkup.extras()
    assert not finding.ok
    assert not finding.required
    assert page([finding])[-1] == "Ready."
    assert 'pip install "bioseq-toolkit[llm]"' in "\n".join(page([finding]))


def test_checksums_are_found_at_any_depth(tmp_path: Path) -> None:
    source = tmp_path / "SOURCE.toml"
    source.write_text(
        'package_sha256 = "0"\n["a.gz"]\nsha256 = "1"\n[tables."b.gz"]\nsha256 = "2"\n'
        '[[sources.x]]\nsha256 = "3"\n',
        encoding="utf-8",
    )
    found = {path.name: wanted for path, wanted in checkup.checksums(source)}
    assert found == {"a.gz": "1", "b.gz": "2"}


def test_a_models_config_vouches_for_its_weights(tmp_path: Path) -> None:
    config = tmp_path / "config.json"
    config.write_text('{"sha256": "1"}', encoding="utf-8")
    assert list(checkup.checksums(config)) == [(tmp_path / "model.safetensors", "1")]


@pytest.mark.parametrize(
    ("content", "word", "ok"),
    [(None, "missing", False), (b"other", "changed", False), (b"made", "unchanged", True)],
)
def test_damaged_data_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, content: bytes | None, word: str, ok: bool
) -> None:
    digest = hashlib.sha256(b"made").hexdigest()
    (tmp_path / "SOURCE.toml").write_text(f'["t.gz"]\nsha256 = "{digest}"\n', encoding="utf-8")
    if content is not None:
        (tmp_path / "t.gz").write_bytes(content)
    monkeypatch.setattr(checkup, "library_folder", lambda: tmp_path)
    (finding,) = checkup.bundled_data()
    assert word in finding.found
    assert finding.ok == ok
    assert finding.required != ok


def test_an_installation_without_data_is_broken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(checkup, "library_folder", lambda: tmp_path)
    (finding,) = checkup.bundled_data()
    assert finding.required
    assert not finding.ok


def test_a_folder_that_cannot_be_written_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_HOME", str(tmp_path / "not" / "yet"))
    monkeypatch.setattr(checkup.os, "access", lambda path, mode: Path(path) != tmp_path)
    told = {finding.name: finding.ok for finding in checkup.folders()}
    assert told == {"temporary files": True, "checkpoints (--model ID)": False}
