"""Training texts: seeded, by their shares, true in what they say, silent on what they hide."""

from __future__ import annotations

from collections import Counter, defaultdict

import numpy as np
import pytest
from bioseq_recipes.langcell.phrases import wording
from bioseq_recipes.langcell.spelling import cased, plural
from bioseq_recipes.langcell.texts import (
    FACTS,
    NAMES,
    draw_variants,
    fact_texts,
    tells,
    text_variants,
)

from biosequence.errors import UsageError
from cellmodels.genes import is_symbol
from cellmodels.knowledge import marker_rows
from cellmodels.models.langcell.facts import cell_facts
from cellmodels.models.langcell.texts import identity_text
from cellmodels.ontology import cell_ontology
from cellmodels.ontology.normalise import words

# A type with facts of every sort: synonyms, abbreviations, parents, tissues, markers.
STELLATE = "CL:0000632"
TYPES = sorted({row.cl_id for row in marker_rows()})


def draw(cl_id: str, n: int, seed: int = 0, **options):
    return draw_variants(cl_id, np.random.default_rng(seed), n, **options)


def test_the_same_seed_gives_the_same_texts_and_another_seed_others() -> None:
    texts = [text_variants(STELLATE, np.random.default_rng(seed), 50) for seed in (1, 1, 2)]
    assert texts[0] == texts[1] != texts[2]


def test_every_type_of_the_ontology_has_texts_and_none_is_empty() -> None:
    for number, cl_id in enumerate(cell_ontology()):
        for text in text_variants(cl_id, np.random.default_rng(number), 3):
            assert text.strip() == text != ""
            assert "{" not in text


def test_a_text_has_the_words_that_it_says_it_mentions() -> None:
    said = Counter()
    for number, cl_id in enumerate(TYPES):
        for variant in draw(cl_id, 8, number):
            assert variant.said
            for fact, mentioned in variant.said.items():
                said[fact] += 1
                assert [one for one in mentioned if one not in variant.text] == []
    assert said.keys() == set(FACTS)


def test_what_is_mentioned_is_true_of_the_type() -> None:
    for number, cl_id in enumerate(TYPES[::7]):
        for organism in ("human", "mouse"):
            facts = cell_facts(cl_id, organism)
            known = {words(a) for a in (*facts.parents, *facts.ancestors)}
            names = {words(name) for name in (facts.name, *facts.synonyms)}
            for variant in draw(cl_id, 12, number, organism=organism):
                said = defaultdict(tuple, variant.said)
                assert set(said["markers"]) <= set(facts.markers)
                assert all(words(parent) in known for parent in said["parents"])
                assert all(words(n) in names for n in said["name"] + said["synonyms"])


def test_kinds_come_by_their_documented_shares() -> None:
    kinds = {kind.name: kind.share for kind in wording().kinds}
    found = Counter(variant.kind for variant in draw(STELLATE, 8000))
    assert found.keys() == kinds.keys()
    for name, share in kinds.items():
        assert abs(found[name] / 8000 - share) < 4 * np.sqrt(share / 8000)


def test_the_identity_kind_is_the_text_that_zero_shot_uses() -> None:
    options = {"organism": "mouse", "tissue": "liver"}
    texts = {v.text for v in draw(STELLATE, 200, **options) if v.kind == "identity"}
    assert texts == {identity_text(STELLATE, **options)}


@pytest.mark.parametrize("fact", FACTS)
def test_a_hidden_fact_is_not_mentioned(fact: str) -> None:
    for number, cl_id in enumerate(TYPES[::11]):
        for variant in draw(cl_id, 20, number, hide=[fact]):
            assert fact not in variant.said


def test_texts_without_markers_hold_no_marker() -> None:
    for number, cl_id in enumerate(TYPES[::5]):
        names = " ".join(
            text for fact in FACTS[:-1] for text in fact_texts(cell_facts(cl_id), fact)
        )
        genes = {words(gene) for gene in cell_facts(cl_id).markers} - {(w,) for w in words(names)}
        for text in text_variants(cl_id, np.random.default_rng(number), 20, hide=["markers"]):
            assert not tells(words(text), genes), text


def test_texts_without_names_hold_no_run_of_words_that_is_a_name() -> None:
    for number, cl_id in enumerate(TYPES):
        facts = cell_facts(cl_id)
        secret = {words(name) for fact in NAMES for name in fact_texts(facts, fact)}
        for text in text_variants(cl_id, np.random.default_rng(number), 8, hide=NAMES):
            assert not tells(words(text), secret), (cl_id, text)


def test_what_may_never_be_told_is_not_put_together_either() -> None:
    pancreas = "CL:0000083"
    plain = text_variants(pancreas, np.random.default_rng(0), 400)
    never = frozenset({words("epithelial cell of pancreas")})
    careful = text_variants(pancreas, np.random.default_rng(0), 400, never=never)
    assert any(text.lower() == "epithelial cell of pancreas" for text in plain)
    assert not any(tells(words(text), never) for text in careful)


def test_genes_are_written_as_the_organism_writes_them() -> None:
    for organism in ("human", "mouse"):
        drawn = draw(STELLATE, 100, organism=organism)
        genes = {gene for variant in drawn for gene in variant.said.get("markers", ())}
        assert len(genes) > 8
        assert all(is_symbol(gene, organism) for gene in genes)


def test_without_an_organism_both_spellings_come() -> None:
    genes = {gene for v in draw(STELLATE, 100) for gene in v.said.get("markers", ())}
    assert {"LRAT", "Lrat"} <= genes


def test_the_tissue_of_the_sample_takes_the_place_of_the_types_own() -> None:
    places = {
        p.lower() for v in draw(STELLATE, 200, tissue="PBMC") for p in v.said.get("tissues", ())
    }
    assert places == {"blood"}


def test_unknown_facts_and_nothing_left_to_tell_are_refused() -> None:
    with pytest.raises(UsageError, match="no fact"):
        draw(STELLATE, 1, hide=["colour"])
    with pytest.raises(UsageError, match="Nothing is left"):
        draw(STELLATE, 1, hide=FACTS)


@pytest.mark.parametrize(
    ("name", "many"),
    [
        ("T cell", "T cells"),
        ("effector memory CD8-positive, alpha-beta T cell, terminally differentiated", None),
        ("smooth muscle cell of bladder", "smooth muscle cells of bladder"),
        ("fibroblast of lung", "fibroblasts of lung"),
        ("kidney loop of Henle thick ascending limb epithelial cell", None),
        ("CD8-positive, alpha-beta thymocyte", "CD8-positive, alpha-beta thymocytes"),
        ("polar body", "polar body"),
    ],
)
def test_a_plural_is_of_the_noun(name: str, many: str | None) -> None:
    assert plural(name) == (many or name.replace("cell", "cells"))


def test_a_plural_has_the_words_of_the_name() -> None:
    ontology = cell_ontology()
    changed = [t for t in ontology if plural(ontology.name(t)) != ontology.name(t)]
    assert len(changed) > 0.98 * len(ontology)
    assert all(words(plural(ontology.name(t))) == words(ontology.name(t)) for t in changed)


def test_letters_are_written_in_every_way() -> None:
    rng = np.random.default_rng(0)
    ways = {cased("naive B cell", rng, wording().case) for _ in range(200)}
    assert ways == {"naive B cell", "naive b cell", "Naive B cell", "NAIVE B CELL"}
