"""Held-out types: spread over the lineages, with all below them, and named by no training text."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from bioseq_recipes.langcell.holdout import (
    SHARE,
    choose_held,
    held_names,
    held_types,
    is_held,
    measured_types,
    training_variants,
)
from bioseq_recipes.langcell.texts import tells, text_variants

from biosequence.errors import InputError, UsageError
from cellmodels.knowledge import marker_rows
from cellmodels.ontology import cell_ontology
from cellmodels.ontology.normalise import words


def held_measured() -> list[str]:
    return [term for term in measured_types() if is_held(term)]


def test_an_eighth_of_the_measured_types_is_held() -> None:
    share = len(held_measured()) / len(measured_types())
    assert share == pytest.approx(SHARE, abs=0.01)


def test_no_lineage_loses_its_only_type_or_more_than_a_fair_share() -> None:
    ontology = cell_ontology()
    sizes = Counter(map(ontology.lineage, measured_types()))
    lost = Counter(map(ontology.lineage, held_measured()))
    assert all(lost[name] <= max(1, round(SHARE * sizes[name])) < sizes[name] for name in lost)
    assert len(lost) > 20


def test_what_lies_below_a_held_type_is_held_and_what_lies_above_is_not() -> None:
    ontology = cell_ontology()
    for term in held_types():
        assert all(map(is_held, ontology.descendants(term) | {term}))
        assert not any(map(is_held, ontology.ancestors(term)))


def test_the_choice_follows_the_hash_and_not_the_order_of_the_types() -> None:
    measured = list(measured_types())
    assert choose_held(measured) == choose_held(reversed(measured))
    assert set(choose_held(measured)) != set(choose_held(measured[:120]))


def test_no_training_text_names_a_held_type() -> None:
    trained = {row.cl_id for row in marker_rows()} | set(measured_types())
    trained = sorted(term for term in trained if not is_held(term))
    assert len(trained) > 850
    told = [
        (cell_ontology().name(term), text)
        for number, term in enumerate(trained)
        for text in training_variants(term, np.random.default_rng(number), 10)
        if tells(words(text), held_names())
    ]
    assert told == []


def test_phrases_would_put_a_held_name_together_but_training_texts_do_not() -> None:
    endothelial, place = "CL:0000115", "lymphatic vessel"
    name = frozenset({words("endothelial cell of lymphatic vessel")})
    assert name <= held_names()
    texts = [
        draw(endothelial, np.random.default_rng(0), 300, tissue=place)
        for draw in (text_variants, training_variants)
    ]
    assert [any(tells(words(text), name) for text in some) for some in texts] == [True, False]


def test_a_held_type_has_no_training_texts() -> None:
    with pytest.raises(UsageError, match="held out"):
        training_variants(min(held_types()), np.random.default_rng(0), 1)


def test_a_held_type_would_be_named_by_its_own_texts() -> None:
    term = sorted(held_types())[0]
    name = words(cell_ontology().name(term))
    texts = text_variants(term, np.random.default_rng(0), 40)
    assert any(name == words(text)[: len(name)] for text in texts)


def test_an_unknown_id_is_refused() -> None:
    with pytest.raises(InputError):
        is_held("CL:9999999")
