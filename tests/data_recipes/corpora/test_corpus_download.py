"""Downloads go on where they broke off, and only the right file ever gets its name."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from bioseq_recipes.corpora import SourceFile, fetch

from biosequence.errors import InputError, RemoteError

CONTENT = bytes(range(256)) * 4096
SHA = hashlib.sha256(CONTENT).hexdigest()


class Site(ThreadingHTTPServer):
    """A server of one file that can break off, lack ranges, or answer with errors."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.content = CONTENT
        self.etag = '"one"'
        self.ranges = True
        self.breaks: list[int] = []
        self.errors: list[int] = []
        self.asked: list[str | None] = []
        self.sent = 0

    def file(self, **known: object) -> SourceFile:
        return SourceFile(f"http://127.0.0.1:{self.server_port}/data.bin", "data.bin", **known)


class Handler(BaseHTTPRequestHandler):
    server: Site

    def do_GET(self) -> None:
        site = self.server
        asked = self.headers.get("Range")
        site.asked.append(asked)
        if site.errors:
            self.send_error(site.errors.pop(0))
            return
        start = 0
        same = self.headers.get("If-Range") in (None, site.etag)
        if asked and site.ranges and same:
            start = int(asked.removeprefix("bytes=").partition("-")[0])
        total = len(site.content)
        if start >= total:
            self.send_response(416)
            self.send_header("Content-Range", f"bytes */{total}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", f"bytes {start}-{total - 1}/{total}")
        self.send_header("Content-Length", str(total - start))
        if site.etag:
            self.send_header("ETag", site.etag)
        self.end_headers()
        body = site.content[start:]
        if site.breaks:
            body = body[: site.breaks.pop(0)]
            self.close_connection = True
        # Counted first: the client may look before this thread goes on.
        site.sent += len(body)
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    server = Site()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def get(file: SourceFile, folder: Path):
    return fetch(file, folder, wait=0.0)


def test_a_file_comes_whole_and_is_not_fetched_twice(site: Site, tmp_path: Path) -> None:
    found = get(site.file(sha256=SHA, size=len(CONTENT)), tmp_path)
    assert (found.path.read_bytes(), found.sha256) == (CONTENT, SHA)
    get(site.file(sha256=SHA), tmp_path)
    assert len(site.asked) == 1
    assert not list(tmp_path.glob("*.part*"))


def test_a_connection_that_breaks_goes_on_from_its_last_byte(site: Site, tmp_path: Path) -> None:
    site.breaks = [100_000, 300_000]
    assert get(site.file(sha256=SHA), tmp_path).path.read_bytes() == CONTENT
    assert site.asked == [None, "bytes=100000-", "bytes=400000-"]
    assert site.sent == len(CONTENT)


def test_the_next_call_goes_on_after_one_that_gave_up(site: Site, tmp_path: Path) -> None:
    site.breaks = [200_000, 0, 0, 0, 0]
    with pytest.raises(RemoteError, match="ended before the file"):
        get(site.file(), tmp_path)
    assert [path.name for path in tmp_path.iterdir() if path.suffix == ".bin"] == []
    assert get(site.file(), tmp_path).sha256 == SHA
    assert site.asked[-1] == "bytes=200000-"


def test_a_server_without_ranges_starts_over(site: Site, tmp_path: Path) -> None:
    site.ranges, site.breaks = False, [100_000]
    assert get(site.file(sha256=SHA), tmp_path).path.read_bytes() == CONTENT
    assert site.sent == len(CONTENT) + 100_000


@pytest.mark.parametrize("ranges", [True, False])
def test_a_file_replaced_meanwhile_is_not_glued_to_its_beginning(
    site: Site, tmp_path: Path, ranges: bool
) -> None:
    site.ranges, site.breaks = ranges, [100_000, 0, 0, 0, 0]
    with pytest.raises(RemoteError):
        get(site.file(), tmp_path)
    site.content, site.etag = CONTENT[::-1], '"two"'
    assert get(site.file(), tmp_path).path.read_bytes() == CONTENT[::-1]


def test_a_part_without_a_mark_of_its_version_is_not_trusted(site: Site, tmp_path: Path) -> None:
    (tmp_path / "data.bin.part").write_bytes(b"something else")
    assert get(site.file(), tmp_path).sha256 == SHA
    assert site.asked == [None]


def test_a_whole_part_is_taken_when_its_checksum_is_known(site: Site, tmp_path: Path) -> None:
    (tmp_path / "data.bin.part").write_bytes(CONTENT)
    assert get(site.file(sha256=SHA), tmp_path).sha256 == SHA
    assert site.sent == 0


def test_a_wrong_checksum_leaves_no_file_and_no_part(site: Site, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        get(site.file(sha256="0" * 64), tmp_path)
    assert caught.value.where == site.file().url
    assert "--source" in caught.value.fix
    assert list(tmp_path.glob("data.bin*")) == []


def test_a_wrong_size_is_refused(site: Site, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="knows it with 7"):
        get(site.file(size=7), tmp_path)


def test_the_first_checksum_is_recorded_and_holds(site: Site, tmp_path: Path) -> None:
    found = get(site.file(), tmp_path)
    assert SHA in (tmp_path / "data.bin.source.json").read_text()
    found.path.write_bytes(CONTENT[:-1] + b"x")
    with pytest.raises(InputError, match="checksum"):
        get(site.file(), tmp_path)


def test_a_busy_server_is_asked_again(site: Site, tmp_path: Path) -> None:
    site.errors = [503, 503]
    assert get(site.file(), tmp_path).sha256 == SHA


def test_a_refusal_names_address_and_way_out(site: Site, tmp_path: Path) -> None:
    site.errors = [404]
    with pytest.raises(RemoteError) as caught:
        get(site.file(), tmp_path)
    assert "404" in caught.value.what
    assert caught.value.where == site.file().url
    assert "--source DIR" in caught.value.fix
    assert len(site.asked) == 1


def test_a_server_that_is_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("http_proxy", raising=False)
    with pytest.raises(RemoteError):
        get(SourceFile("http://127.0.0.1:9/data.bin", "data.bin"), tmp_path)


def test_proxies_of_the_environment_are_used(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", f"http://127.0.0.1:{site.server_port}")
    monkeypatch.delenv("no_proxy", raising=False)
    monkeypatch.delenv("NO_PROXY", raising=False)
    assert get(SourceFile("http://no.such.host.invalid/data.bin", "x.bin"), tmp_path).sha256 == SHA
