"""Labels are matched by name, and a mismatch is an error."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from biosequence.errors import ModelError
from biosequence.evaluation import LabelMap, match_labels
from biosequence.evaluation.labels import model_labels


def config(*names: str) -> SimpleNamespace:
    return SimpleNamespace(id2label=dict(enumerate(names)))


def test_the_order_of_a_map_is_that_of_names_not_of_a_file() -> None:
    assert LabelMap.of(["b", "a", "b"]) == LabelMap.of(["a", "b"])
    assert LabelMap.of(["10", "9", "0"]).names == ("0", "9", "10")
    assert LabelMap.of(["b", "a"]).ids(["b", "a", "b"]).tolist() == [1, 0, 1]


def test_columns_of_a_model_in_the_order_of_the_map() -> None:
    known = LabelMap.of(["no", "yes"])
    assert known.columns({0: "yes", 1: "no"}).tolist() == [1, 0]


def test_labels_that_nobody_named_are_numbers() -> None:
    assert model_labels(config("LABEL_0", "LABEL_1"), "m") == {0: "0", 1: "1"}
    assert match_labels(["1", "0"], config("LABEL_0", "LABEL_1"), "m").names == ("0", "1")


@pytest.mark.parametrize(
    ("table", "names"),
    [
        (["0", "1"], ("negative", "positive")),
        (["yes", "no"], ("LABEL_0", "LABEL_1")),
        (["0", "1", "2"], ("0", "1")),
        (["0"], ("0", "1")),
    ],
)
def test_other_labels_are_refused(table: list[str], names: tuple[str, ...]) -> None:
    with pytest.raises(ModelError, match=r"labels are .*, the model's are"):
        match_labels(table, config(*names), "folder")


@pytest.mark.parametrize("names", [(), ("a",), ("a", "a")])
def test_unclear_labels_are_refused(names: tuple[str, ...]) -> None:
    with pytest.raises(ModelError, match="not clear"):
        model_labels(config(*names), "folder")
