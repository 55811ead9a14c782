"""Effects of mutations: a context read once gives what reading it each time gives."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from biosequence.errors import InputError, ModelError, UsageError
from biosequence.inference.loading import LoadedModel
from biosequence.inference.mutations import score_mutants
from biosequence.tokenizers import concatenate_homologs, infill_prompt

WILD = "MKTAYIAKQRLV"
HOMOLOGS = ["MRTAYI-AKQ", "MKSayIGKQRLV"]
MUTANTS = ["K2R", "M1V", "V12A", "T3S:Y5F", "Y5F", "T3S", "WT", "A4G:L11I"]


@pytest.fixture
def masked(tiny) -> LoadedModel:
    """A masked model of proteins."""
    from biosequence.models import BioXLSTMConfig, BioXLSTMForMaskedLM
    from biosequence.tokenizers import ProteinTokenizer

    torch.manual_seed(3)
    config = BioXLSTMConfig(
        hidden_size=32, num_hidden_layers=2, num_heads=2, bidirectional="sum", vocab_size=38
    )
    model = BioXLSTMForMaskedLM(config).eval()
    with torch.no_grad():
        model.lm_head.weight.normal_(std=0.6)
    return LoadedModel(model, ProteinTokenizer(), tiny("protein").path)


def whole_log_likelihood(loaded, sequence: str, context: list[str]) -> float:
    """Of the last sequence alone, everything read anew."""
    config = loaded.model.config
    tokens = concatenate_homologs([*context, sequence], loaded.tokenizer)
    ids, places, numbers = (torch.from_numpy(field)[None] for field in tokens)
    assert config.max_position_embeddings == 2048
    with torch.no_grad():
        logits = loaded.model(ids, position_ids=places, seq_position_ids=numbers).logits[0]
    log_probs = logits[:-1].double().log_softmax(-1).gather(1, ids[0, 1:, None])[:, 0]
    return float(log_probs[-len(sequence) :].sum())


def mutated(mutant: str) -> str:
    from biosequence.io import apply_mutations

    return apply_mutations(WILD, mutant)


@pytest.mark.parametrize("name", ["protein", "mamba_protein"])
@pytest.mark.parametrize("context", [[], HOMOLOGS])
def test_a_likelihood_effect_is_mutant_minus_wild_type(tiny, name: str, context: list[str]) -> None:
    loaded = tiny(name)
    base = whole_log_likelihood(loaded, WILD, context)
    expected = [whole_log_likelihood(loaded, mutated(one), context) - base for one in MUTANTS]
    for options in ({}, {"batch_size": 1}, {"chunk": 3}):
        found = score_mutants(loaded, WILD, MUTANTS, context=context, **options)
        np.testing.assert_allclose(found, expected, atol=1e-4)
    assert found[MUTANTS.index("WT")] == 0.0


@pytest.mark.parametrize("name", ["protein", "mamba_protein"])
@pytest.mark.parametrize("context", [[], HOMOLOGS])
def test_a_fill_effect_is_asked_behind_the_context(tiny, name: str, context: list[str]) -> None:
    loaded = tiny(name)
    vocabulary = loaded.tokenizer.vocabulary
    expected = {}
    for position in (2, 3, 5):
        prompt = infill_prompt(WILD, [(position - 1, position)], loaded.tokenizer, context=context)
        ids, places, numbers = (torch.from_numpy(field)[None] for field in prompt)
        with torch.no_grad():
            logits = loaded.model(ids, position_ids=places, seq_position_ids=numbers).logits
        expected[position] = logits[0, -1].double().log_softmax(-1)
    effects = [
        float(expected[p][vocabulary.id(mutant)] - expected[p][vocabulary.id(wild)])
        for wild, p, mutant in [("K", 2, "R"), ("T", 3, "S"), ("Y", 5, "F")]
    ]
    for options in ({}, {"batch_size": 1}, {"chunk": 4}):
        found = score_mutants(
            loaded,
            WILD,
            ["K2R", "T3S", "Y5F", "T3S:Y5F"],
            method="fill",
            context=context,
            **options,
        )
        np.testing.assert_allclose(found[:3], effects, atol=1e-4)
        assert found[3] == pytest.approx(found[1] + found[2], abs=1e-12)


def test_masked_marginals_sum_over_mutations(masked) -> None:
    ids = torch.from_numpy(masked.tokenizer.encode(WILD))
    ids[3] = masked.tokenizer.mask_id
    with torch.no_grad():
        log_probs = masked.model(ids[None]).logits[0, 3].double().log_softmax(-1)
    vocabulary = masked.tokenizer.vocabulary
    found = score_mutants(masked, WILD, MUTANTS, batch_size=3)
    expected = float(log_probs[vocabulary.id("S")] - log_probs[vocabulary.id("T")])
    assert found[MUTANTS.index("T3S")] == pytest.approx(expected, abs=1e-5)
    both = found[MUTANTS.index("T3S")] + found[MUTANTS.index("Y5F")]
    assert found[MUTANTS.index("T3S:Y5F")] == pytest.approx(both, abs=1e-9)
    assert found[MUTANTS.index("WT")] == 0.0


def test_a_context_changes_effects(tiny) -> None:
    plain = score_mutants(tiny("protein"), WILD, MUTANTS)
    told = score_mutants(tiny("protein"), WILD, MUTANTS, context=HOMOLOGS)
    assert np.abs(np.subtract(plain, told)).max() > 1e-4


@pytest.mark.parametrize(
    ("mutant", "said"),
    [("K3R", "wild type has T"), ("V13A", "outside"), ("K2", "no mutation"), ("K2J", "no residue")],
)
def test_a_mutation_that_does_not_fit_is_named(tiny, mutant: str, said: str) -> None:
    with pytest.raises(InputError, match=said):
        score_mutants(tiny("protein"), WILD, ["K2R", mutant])


def test_methods_go_with_their_models(tiny, masked) -> None:
    with pytest.raises(UsageError, match="causal"):
        score_mutants(tiny("protein"), WILD, ["K2R"], method="masked")
    with pytest.raises(UsageError, match="masked"):
        score_mutants(masked, WILD, ["K2R"], method="fill")
    with pytest.raises(UsageError, match="other sequences"):
        score_mutants(masked, WILD, ["K2R"], context=HOMOLOGS)
    with pytest.raises(ModelError, match="DNA"):
        score_mutants(tiny("dna"), WILD, ["K2R"])
    with pytest.raises(InputError, match="gaps"):
        score_mutants(tiny("protein"), "MK-T", ["K2R"])
