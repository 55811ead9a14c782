"""The report is one safe, complete file whatever the result looks like."""

from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser

import numpy as np
import pytest

from cellmodels.reports import NameInfo, write_report

ATTACKS = ("<script>alert(1)</script>", '"><img src=x onerror=1>', "</style></svg>&{{ 7*7 }}")
VOID = {"meta", "br"}
LOADERS = {"script", "img", "link", "iframe", "object", "embed", "image", "use", "base", "form"}


class Page(HTMLParser):
    """Tags, links and text of a page; whether every tag was closed in its turn."""

    def __init__(self, source: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.open: list[str] = []
        self.balanced = True
        self.feed(source)
        self.close()
        self.balanced &= not self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_endtag(self, tag):
        self.balanced &= bool(self.open) and self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


@pytest.fixture
def page_of(tmp_path):
    def write(result, title="Report", **names):
        path = tmp_path / "report.html"
        write_report(result, path, title=title, names=NameInfo(**names))
        source = path.read_text(encoding="utf-8")
        page = Page(source)
        assert page.balanced, page.open
        assert len(source) < 3_000_000
        return page

    return write


def test_report_says_what_was_found(make_result, page_of):
    page = page_of(make_result(), file="cells.h5ad", tissue="blood", n_genes_used=7)
    for words in (
        "3 cell types were found in 40 cells (blood)",
        "B cell (25%)",
        "25% stay Unknown",
        "1 of 4 clusters deserves a second look",
        "22 November 2026",
        "MS4A1, CD79A",
        "7 read by the model",
    ):
        assert words in re.sub(r"\s+", " ", page.text)


def test_report_loads_nothing_and_links_to_the_terms(make_result, page_of):
    page = page_of(make_result())
    assert not LOADERS & set(page.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on") or name == "src"]
    links = [value for name, value in page.attributes if name == "href"]
    assert links
    assert all(
        link.startswith(("https://www.ebi.ac.uk/ols4/", "https://doi.org/")) for link in links
    )
    assert any(link.endswith("CL_0000236") for link in links)


@pytest.mark.parametrize("attack", ATTACKS)
def test_names_from_the_file_stay_text(make_result, page_of, attack):
    types = ((attack, "CL:0000236", (attack,)), (f"{attack}2", attack, (attack,)))
    result = make_result(types=types, genes=(attack, "LYZ"), prefix=attack, path=f"/d/{attack}")
    first = result.clusters[0]
    call = dataclasses.replace(first.call, reason=attack, runner_up=attack)
    result.clusters[0] = dataclasses.replace(
        first, call=call, status="mixed", missing=(attack,), votes=((attack, 0.4),)
    )
    result.params["key_added"] = attack
    plain = page_of(make_result())
    page = page_of(result, title=attack, file=attack, tissue=attack)
    assert not LOADERS & set(page.tags)
    assert set(page.tags) <= set(plain.tags)
    assert not [name for name, _ in page.attributes if name.startswith("on")]
    assert not [value for name, value in page.attributes if name == "href" and attack in value]
    assert page.text.count(attack) > 10


def test_undecodable_file_names_are_written(make_result, page_of):
    page = page_of(make_result(), file=b"bl\xfcte.h5ad".decode("utf-8", "surrogateescape"))
    assert "te.h5ad" in page.text


@pytest.mark.parametrize(
    ("n_cells", "n_clusters"), [(1, 1), (1, None), (2, 2), (5, 1), (40, None), (800, 400)]
)
def test_report_takes_any_number_of_cells_and_clusters(make_result, page_of, n_cells, n_clusters):
    page = page_of(make_result(n_cells, n_clusters))
    assert page.tags.count("section") == 10


def test_many_clusters_fold_their_tail_and_lose_none(make_result, page_of):
    page = page_of(make_result(800, 400, prefix="c"))
    assert "360 smaller clusters" in page.text
    assert all(re.search(rf"\bc{number}\b", page.text) for number in range(400))


def test_sixty_types_are_numbered_on_the_map(make_result, page_of):
    types = tuple((f"type {i} " + "long " * 30, f"CL:{i:07d}", ("LYZ",)) for i in range(60))
    page = page_of(make_result(600, 60, types=types))
    assert "Further numbers are in the table below" in page.text
    assert "35 rarer types" in page.text


def test_all_unknown_says_so(make_result, page_of):
    page = page_of(make_result(types=(("Unknown", "", ()),)))
    assert "No cell type could be named in 40 cells" in page.text
    assert "100% stay Unknown" in page.text


def test_nothing_doubtful_says_so(make_result, page_of):
    page = page_of(make_result(n_clusters=1))
    assert "None: every answer is sure enough" in page.text


def test_without_a_sketch_there_is_no_figure_but_a_reason(make_result, page_of):
    page = page_of(make_result(sketch=None))
    assert "No map: no sample of cells was kept" in page.text
    assert "path" not in page.tags


def test_no_provenance_and_nan_confidence_are_bearable(make_result, page_of):
    result = make_result(provenance="")
    result.confidence[:3] = np.nan
    page = page_of(result)
    assert "nan" not in page.text.lower()
    assert "Record of the run" not in page.text


def test_missing_map_is_computed_from_the_embedding(make_result, page_of):
    result = make_result(6)
    result.sketch = dataclasses.replace(result.sketch, umap=None)
    page = page_of(result)
    assert "UMAP computed for this report, 6 cells" in page.text


def test_mouse_genes_bear_the_names_of_the_file(make_result, page_of):
    mouse = ("Cd79a", "Ms4a1", "Nkg7", "Cd14", "Lyz2", "Cd3e", "Il7r")
    page = page_of(make_result(organism="mouse", file_genes=mouse))
    assert "Ms4a1, Cd79a" in page.text
    assert "MS4A1" not in page.text
    assert "Lyz2" in page.text


def test_same_result_gives_the_same_bytes(make_result, tmp_path):
    for name in ("a", "b"):
        write_report(make_result(), tmp_path / name, title="T")
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()
