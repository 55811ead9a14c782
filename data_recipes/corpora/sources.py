"""The files that a recipe reads: the user's own, else downloaded ones; all are recorded."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

from biosequence.errors import InputError, UsageError

from .checksums import sha256_file, sha256_tree
from .download import fetch
from .recipe import CorpusRecipe, SourceFile


def download_folder(recipe: CorpusRecipe) -> Path:
    """Where downloads of a recipe are kept: `BIOSEQ_CACHE`, else the user's cache folder."""
    own = os.environ.get("BIOSEQ_CACHE")
    if own:
        return Path(own) / "corpora" / recipe.name
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(base) / "bioseq" / "corpora" / recipe.name


class Sources:
    """What a job may read.

    Parameters
    ----------
    recipe
        Whose files they are.
    given
        Files or folders of the user's; none: the recipe's files are downloaded.

    Raises
    ------
    InputError
        If one that is given is not there.
    UsageError
        If none is given and the recipe has no address to download from.
    """

    def __init__(self, recipe: CorpusRecipe, given: Sequence[str | Path] = ()) -> None:
        self.recipe = recipe
        self.given = tuple(Path(path) for path in given)
        self.record: list[dict[str, Any]] = []
        self._seen: set[Path] = set()
        for path in self.given:
            if not path.exists():
                fix = "Check the path given with --source."
                raise InputError("There is no such file or folder.", where=str(path), fix=fix)
        if not self.given and not recipe.files and not recipe.network:
            raise UsageError(
                f"The recipe {recipe.name!r} reads files of yours, and none is given.",
                where="option --source",
                fix=f"Give a file or a folder with {' or '.join(recipe.inputs)}: --source PATH.",
            )

    def file(self, name: str, *, always: bool = False) -> Path:
        """A declared file: among those given, by name (also packed as .gz), else downloaded.

        Parameters
        ----------
        name
            Of the file.
        always
            Download it even where files are given and it is not among them.

        Raises
        ------
        InputError
            If files are given and this one is not among them, or its checksum is wrong.
        RemoteError
            If it cannot be downloaded.
        """
        path = self.find(name)
        if path is None and self.given and not always:
            known = self._declared(name)
            origin = f"; it is from {known.url}" if known else ""
            raise InputError(
                f"{name} is not among the files given.",
                where=", ".join(map(str, self.given)),
                fix=f"Put it there under this name{origin}.",
            )
        if path is None:
            declared = self._declared(name)
            assert declared is not None, f"{self.recipe.name} declares no {name}"
            fetched = fetch(declared, download_folder(self.recipe))
            self._add(fetched.path, declared.url, fetched.sha256)
            return fetched.path
        return path

    def find(self, name: str) -> Path | None:
        """A file by name among those given, checked and recorded; None if it is not there."""
        names = (name, f"{name}.gz", name.removesuffix(".gz"))
        for root in self.given:
            found = [root] if root.name in names else [root / one for one in names]
            for path in found:
                if path.is_file():
                    self._check(path, name)
                    return path
        return None

    def matching(self, *patterns: str, loose: bool = True) -> list[Path]:
        """Files given whose name fits a pattern, sorted within each folder; recorded.

        Parameters
        ----------
        patterns
            Names with `*`.
        loose
            A file that was given by its own path counts whatever its name is.

        Raises
        ------
        InputError
            If there is none.
        """
        found: list[Path] = []
        for root in self.given:
            if root.is_file() and loose:
                found.append(root)
                continue
            names = [root] if root.is_file() else sorted(p for p in root.iterdir() if p.is_file())
            found += [p for p in names if any(fnmatch(p.name, pattern) for pattern in patterns)]
        if not found:
            raise InputError(
                f"There is no file for the recipe {self.recipe.name!r}.",
                where=", ".join(map(str, self.given)) or "option --source",
                fix=f"Give a file or folder with --source. It reads {', '.join(patterns)}; a file "
                "may also be given itself.",
            )
        for path in found:
            self.add(path)
        return found

    def folders(self) -> list[Path]:
        """The folders given.

        Raises
        ------
        InputError
            If there is none.
        """
        found = [path for path in self.given if path.is_dir()]
        if not found:
            raise InputError(
                f"The recipe {self.recipe.name!r} reads a folder.",
                where=", ".join(map(str, self.given)) or "option --source",
                fix=f"Give it with --source DIR: {', '.join(self.recipe.inputs)}.",
            )
        return found

    def add(self, path: Path) -> None:
        """Record a file that is read."""
        self._add(path, None, None)

    def add_tree(self, root: Path, paths: Sequence[Path]) -> None:
        """Record many small files of a folder under one checksum."""
        digest, count, size = sha256_tree(root, paths)
        entry = {"file": f"{root.name}/", "files": count, "sha256": digest, "size": size}
        self.record.append(entry)

    def _add(self, path: Path, url: str | None, digest: str | None) -> None:
        if path in self._seen:
            return
        self._seen.add(path)
        try:
            entry = {"file": path.name, "sha256": digest or sha256_file(path)}
        except PermissionError as error:
            what, fix = "The file may not be read.", "Check its permissions."
            raise InputError(what, where=str(path), fix=fix) from error
        entry["size"] = path.stat().st_size
        self.record.append(entry | ({"url": url} if url else {}))

    def _check(self, path: Path, name: str) -> None:
        declared = self._declared(name)
        # A file packed otherwise has another checksum than the published one.
        if declared is None or declared.sha256 is None or path.name != declared.filename:
            self._add(path, declared.url if declared else None, None)
            return
        digest = sha256_file(path)
        if digest != declared.sha256:
            raise InputError(
                f"{path.name} is not the file that the recipe knows: its checksum is "
                f"{digest[:16]}..., not {declared.sha256[:16]}...",
                where=str(path),
                fix=f"Download it again from {declared.url}.",
            )
        self._add(path, declared.url, digest)

    def _declared(self, name: str) -> SourceFile | None:
        return next((f for f in self.recipe.files if f.filename == name), None)
