"""`bioseq cite` names this version and a DOI for each work."""

from __future__ import annotations

import json

import pytest
from bioseq_cli.main import main

from biosequence import __version__


def test_cite_names_the_version_and_the_works(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["cite", "--json"])
    told = json.loads(capsys.readouterr().out)
    assert __version__ in told["sentence"]
    assert all(reference["doi"].startswith("10.") for reference in told["references"])
