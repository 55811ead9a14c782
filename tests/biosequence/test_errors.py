"""Errors keep their three parts and their exit code, also across processes."""

from __future__ import annotations

import pickle

import pytest

from biosequence import errors

CODES = {
    errors.UsageError: 2,
    errors.InputError: 3,
    errors.ModelError: 4,
    errors.MissingExtraError: 5,
    errors.RemoteError: 6,
}


@pytest.mark.parametrize(("kind", "code"), CODES.items())
def test_each_error_has_its_exit_code(kind: type[errors.BioseqError], code: int) -> None:
    assert kind("x").exit_code == code


def test_lines_leave_out_what_is_empty() -> None:
    assert errors.InputError("what", fix="fix").lines() == ("what", "fix")
    assert errors.InputError("what", where="where", fix="fix").lines() == ("what", "where", "fix")


def test_an_error_survives_the_trip_between_processes() -> None:
    error = errors.InputError("what", where="where", fix="fix")
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is errors.InputError
    assert again.lines() == error.lines()
