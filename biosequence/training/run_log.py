"""Lines of metrics: JSON for programs, TensorBoard for people."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from ..disk import disk_full, is_full
from ..errors import InputError

METRICS = "metrics.jsonl"


class RunLog:
    """Appends to `metrics.jsonl` and to TensorBoard's files; does nothing on other ranks.

    Parameters
    ----------
    folder
        The run's folder.
    main
        Whether this process writes.
    keep
        Bytes of an earlier log to keep; what a killed run wrote after its checkpoint goes.
    step
        Step from which on TensorBoard is to forget, too.
    """

    def __init__(self, folder: Path, *, main: bool, keep: int | None = 0, step: int = 0) -> None:
        self._file = self._board = None
        if not main:
            return
        from torch.utils.tensorboard import SummaryWriter

        path = folder / METRICS
        if keep is not None and path.is_file():
            os.truncate(path, min(keep, path.stat().st_size))
        self._file = path.open("a", encoding="utf-8")
        purge = step + 1 if keep else None
        self._board = SummaryWriter(str(folder / "tensorboard"), purge_step=purge)

    def write(self, entry: dict[str, Any]) -> None:
        """Append a line; numbers go to TensorBoard under their names."""
        if self._file is None or self._board is None:
            return
        try:
            self._file.write(json.dumps(entry) + "\n")
            self._file.flush()
            self._to_board(entry)
        except OSError as error:
            if is_full(error):
                raise disk_full(Path(self._file.name), 0) from error
            raise

    def _to_board(self, entry: dict[str, Any]) -> None:
        for name, value in entry.items():
            if name == "step":
                continue
            values = value.items() if isinstance(value, dict) else [("", value)]
            for part, number in values:
                if isinstance(number, int | float):
                    tag = f"{name}/{part}" if part else name
                    self._board.add_scalar(tag, number, entry["step"])
        self._board.flush()

    def size(self) -> int:
        """Bytes written so far; 0 on other ranks."""
        return 0 if self._file is None else self._file.tell()

    def close(self) -> None:
        """Close the files."""
        # On a full disk closing fails, too; what led here has been said already.
        with suppress(OSError):
            if self._file is not None:
                self._file.close()
            if self._board is not None:
                self._board.close()


def read_metrics(folder: Path) -> Iterator[dict[str, Any]]:
    """The lines of a run's metrics, without those that a rollback took back.

    Raises
    ------
    InputError
        A line is no JSON.
    """
    path = folder / METRICS
    kept: list[dict[str, Any]] = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        try:
            entry = json.loads(line)
        except ValueError as error:
            raise InputError(
                f"Line {number} of the metrics is no JSON.",
                where=str(path),
                fix="Remove that line.",
            ) from error
        if entry.get("event") == "rollback":
            kept = [one for one in kept if one["step"] <= entry["to"]]
        kept.append(entry)
    yield from kept
