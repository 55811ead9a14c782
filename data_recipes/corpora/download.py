"""Files from the network: resumed where they broke off, checked, and there only when whole."""

from __future__ import annotations

import http.client
import json
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from biosequence import __version__
from biosequence.atomic import not_writable
from biosequence.disk import disk_full, is_full
from biosequence.errors import InputError, RemoteError
from biosequence.progress import progress

from .checksums import sha256_file
from .recipe import SourceFile

_PIECE = 1 << 18
# Seconds without a byte after which a connection counts as broken.
PATIENCE = 60.0
# Attempts in a row that brought nothing before we give up; one that brought bytes starts anew.
ATTEMPTS = 4
_BROKEN = (OSError, http.client.HTTPException)
# What the server may say differently in a minute.
_PASSING = (408, 425, 429, 500, 502, 503, 504)
_RANGE_REFUSED = 416


@dataclass(frozen=True)
class Fetched:
    """A file on this machine, with its checksum."""

    path: Path
    sha256: str
    size: int


def fetch(file: SourceFile, folder: str | Path, *, wait: float = 2.0) -> Fetched:
    """A source file in a folder, downloaded unless it is there.

    What has come is kept as `NAME.part`, and the next call goes on from there where the server
    allows it. The proxies of the environment (`https_proxy`) are used. Where the recipe knows no
    checksum, the one computed now is kept in `NAME.source.json` and holds from then on.

    Parameters
    ----------
    file
        What to fetch.
    folder
        Where it goes; made when it is missing.
    wait
        Seconds before a second attempt; twice as many before each further one.

    Raises
    ------
    RemoteError
        If the server cannot be reached, refuses, or breaks off again and again; the message has
        the address and the way to do without.
    InputError
        If what came is not the file that the recipe knows, or it cannot be written.
    """
    target = Path(folder) / file.filename
    partial = target.with_name(f"{target.name}.part")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        if not target.exists():
            _download(file, partial, wait)
            digest = _checked(file, partial)
            _note(target).write_text(_facts(file, digest, partial.stat().st_size), "utf-8")
            partial.replace(target)
            _facts_path(partial).unlink(missing_ok=True)
            return Fetched(target, digest, target.stat().st_size)
    except OSError as error:
        if is_full(error):
            raise disk_full(target, file.size or 0) from error
        raise not_writable(target, error) from error
    return Fetched(target, _checked(file, target), target.stat().st_size)


def _download(file: SourceFile, partial: Path, wait: float) -> None:
    failures = 0
    while True:
        before = partial.stat().st_size if partial.exists() else 0
        try:
            if _attempt(file, partial):
                return
            problem: Exception = OSError("the connection ended before the file did")
        except urllib.error.HTTPError as error:
            if error.code not in _PASSING:
                raise _refused(file, f"the server answers {error.code} {error.reason}") from error
            problem = error
        except _BROKEN as error:
            if is_full(error) or isinstance(error, PermissionError | IsADirectoryError):
                raise
            problem = error
        now = partial.stat().st_size if partial.exists() else 0
        failures = 0 if now > before else failures + 1
        if failures >= ATTEMPTS:
            raise _refused(file, str(getattr(problem, "reason", problem))) from problem
        time.sleep(wait * 2**failures)


def _attempt(file: SourceFile, partial: Path) -> bool:
    """One connection; whether the file is whole after it."""
    have = partial.stat().st_size if partial.exists() else 0
    mark = _read_mark(partial)
    headers = {"User-Agent": f"bioseq-toolkit/{__version__}", "Accept-Encoding": "identity"}
    if have and mark:
        # Go on only if the server still has the same file.
        headers |= {"Range": f"bytes={have}-", "If-Range": mark}
    elif have and file.sha256:
        headers |= {"Range": f"bytes={have}-"}
    request = urllib.request.Request(file.url, headers=headers)
    try:
        # A new opener reads the proxies of the environment as they are now.
        answer = urllib.request.build_opener().open(request, timeout=PATIENCE)
    except urllib.error.HTTPError as error:
        if error.code != _RANGE_REFUSED or "Range" not in headers:
            raise
        # What is there is not a beginning of the file, or all of it: its checksum will tell.
        if _total(error.headers) == have:
            return True
        partial.unlink()
        return False
    with answer:
        goes_on = answer.status == 206 and _start(answer.headers) == have
        if answer.status == 206 and not goes_on:
            partial.unlink()
            return False
        start = have if goes_on else 0
        length = answer.headers.get("Content-Length")
        whole = start + int(length) if length is not None else None
        found = answer.headers.get("ETag") or answer.headers.get("Last-Modified") or ""
        # A weak mark does not promise the same bytes.
        _facts_path(partial).write_text(json.dumps("" if found.startswith("W/") else found))
        with partial.open("ab" if goes_on else "wb") as handle:
            pieces = None if length is None else -(-int(length) // _PIECE)
            for piece in progress(_pieces(answer), total=pieces, what=file.filename):
                handle.write(piece)
    size = partial.stat().st_size
    return size == whole if whole is not None else True


def _pieces(answer: Any) -> Iterator[bytes]:
    while piece := answer.read(_PIECE):
        yield piece


def _start(headers: Any) -> int:
    """First byte of a `Content-Range: bytes 10-99/100`; -1 where it says none."""
    first = (headers.get("Content-Range") or "").removeprefix("bytes ").partition("-")[0]
    return int(first) if first.isdigit() else -1


def _total(headers: Any) -> int:
    last = (headers.get("Content-Range") or "").rpartition("/")[2]
    return int(last) if last.isdigit() else -1


def _checked(file: SourceFile, path: Path) -> str:
    """The checksum of a file, which must be the one known of it."""
    size = path.stat().st_size
    downloaded = path.suffix == ".part"
    if file.size is not None and size != file.size:
        what = f"{file.filename} has {size:,} bytes; the recipe knows it with {file.size:,}."
        raise _wrong(file, path, what, downloaded)
    digest = sha256_file(path)
    known = file.sha256 or _recorded(path, file)
    if known is not None and digest != known:
        what = f"{file.filename} has the checksum {digest[:16]}..., and not {known[:16]}..."
        raise _wrong(file, path, what, downloaded)
    return digest


def _wrong(file: SourceFile, path: Path, what: str, downloaded: bool) -> InputError:
    if downloaded:
        # The next attempt must not go on from it.
        path.unlink(missing_ok=True)
        _facts_path(path).unlink(missing_ok=True)
    fix = "Try again; if it stays so, the file was replaced: give yours with --source DIR."
    if not downloaded:
        fix = f"Delete {path} and run again, or give another folder with --source DIR."
    return InputError(what, where=file.url, fix=fix)


def _note(target: Path) -> Path:
    return target.with_name(f"{target.name}.source.json")


def _facts(file: SourceFile, digest: str, size: int) -> str:
    return json.dumps({"url": file.url, "sha256": digest, "size": size}, indent=2) + "\n"


def _recorded(path: Path, file: SourceFile) -> str | None:
    """The checksum that the first download from the same address left."""
    try:
        found = json.loads(_note(path).read_text(encoding="utf-8"))
        return found["sha256"] if found["url"] == file.url else None
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _facts_path(partial: Path) -> Path:
    return partial.with_name(f"{partial.name}.mark")


def _read_mark(partial: Path) -> str:
    try:
        found = json.loads(_facts_path(partial).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return ""
    return found if isinstance(found, str) else ""


def _refused(file: SourceFile, why: str) -> RemoteError:
    return RemoteError(
        f"{file.filename} could not be downloaded: {why}.",
        where=file.url,
        fix=f"Try again: it goes on where it stopped. Or give a folder with {file.filename}: "
        "--source DIR.",
    )
