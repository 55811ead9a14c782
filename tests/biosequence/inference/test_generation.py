"""DNA, proteins and molecules: what was given stays, what is written belongs to the alphabet."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from biosequence.errors import InputError, ModelError, UsageError
from biosequence.inference import (
    GenerateOptions,
    LoadedModel,
    Sampling,
    generate_dna,
    generate_molecules,
    generate_proteins,
    infill_proteins,
    parse_spans,
    report_molecules,
)
from biosequence.io import Record
from biosequence.models import BioMambaConfig, BioMambaForCausalLM
from biosequence.tokenizers import (
    DNATokenizer,
    KmerTokenizer,
    ProteinTokenizer,
    SelfiesTokenizer,
    SmilesTokenizer,
    infill_positions,
    infill_prompt,
)

Tiny = Callable[[str], LoadedModel]
HOT = Sampling(temperature=3)
HOMOLOGS = [Record("h1", "MKTAYIAKQR"), Record("h2", "M-KsAYLAKHR")]


def options(**given: Any) -> GenerateOptions:
    return GenerateOptions(**{"num": 3, "max_new_tokens": 12, "sampling": HOT} | given)


@pytest.mark.parametrize("name", ["dna", "mamba"])
def test_dna_goes_on_from_its_prompts(tiny: Tiny, name: str) -> None:
    prompts = [Record("a", "TATAAA"), Record("b", "acgtn")]
    found = list(generate_dna(tiny(name), prompts, options=options()))
    assert [one.name for one in found] == ["a_1", "a_2", "a_3", "b_1", "b_2", "b_3"]
    for one, start in zip(found, ["TATAAA"] * 3 + ["ACGTN"] * 3, strict=True):
        assert one.sequence.startswith(start)
        assert set(one.sequence[len(start) :]) <= set("ACGT")
        assert len(one.sequence) - len(start) == one.num_new_tokens - one.finished
        assert one.log_likelihood < 0


def test_dna_from_nothing_starts_with_any_base(tiny: Tiny) -> None:
    found = list(generate_dna(tiny("dna"), options=options(num=24, max_new_tokens=2)))
    assert {one.sequence[0] for one in found} == set("ACGT")
    assert [one.name for one in found[:2]] == ["generated_1", "generated_2"]
    rest = list(generate_dna(tiny("dna"), options=options(num=24, max_new_tokens=2, first=20)))
    assert [(one.name, one.sequence) for one in rest] == [
        (one.name, one.sequence) for one in found[20:]
    ]


@pytest.mark.parametrize("name", ["protein", "mamba_protein"])
def test_a_context_of_relatives_changes_what_is_written(tiny: Tiny, name: str) -> None:
    alone = list(generate_proteins(tiny(name), options=options()))
    after = list(generate_proteins(tiny(name), context=HOMOLOGS, options=options()))
    assert [one.sequence for one in alone] != [one.sequence for one in after]
    assert all(set(one.sequence) <= set("ACDEFGHIKLMNPQRSTVWY") for one in [*alone, *after])


@pytest.mark.parametrize("name", ["protein", "mamba_protein"])
def test_infilling_keeps_the_rest_and_counts_positions_as_in_training(
    tiny: Tiny, name: str
) -> None:
    loaded = tiny(name)
    spans = [(2, 5), (8, 9)]
    given = {"context": HOMOLOGS, "options": options(max_new_tokens=4)}
    protein = Record("p", "MKTAYIAKQRW")
    found = list(infill_proteins(loaded, [protein], spans, **given))
    assert len({one.sequence for one in found}) > 1
    for one in found:
        first, second = one.fills
        assert one.sequence == "MK" + first + "IAK" + second + "RW"
        assert len(first) <= 4
        assert len(second) <= 4
        assert one.finished
        told = whole_likelihood(loaded, protein, spans, one)
        assert told == pytest.approx(one.log_likelihood, abs=2e-3)


def whole_likelihood(loaded: LoadedModel, protein: Record, spans: list, one: Any) -> float:
    """Log-likelihood of the fillings when all is read at once, but for the stop's share."""
    tokenizer = loaded.tokenizer
    context = [record.sequence for record in HOMOLOGS]
    prompt = infill_prompt(protein.sequence, spans, tokenizer, context=context)
    text = f"{one.fills[0]}<mask-2>{one.fills[1]}"
    new = tokenizer.encode(text, special_tokens=False)
    ids = np.concatenate([prompt.input_ids, new])
    places = np.concatenate([prompt.position_ids, infill_positions(new, spans)])
    numbers = np.concatenate([prompt.sequence_ids, np.full(len(new), len(context))])
    with torch.no_grad():
        scores = loaded.model(
            torch.tensor(ids)[None],
            position_ids=torch.tensor(places)[None],
            seq_position_ids=torch.tensor(numbers)[None],
        ).logits.log_softmax(-1)[0]
    start = len(prompt.input_ids) - 1
    written = scores[start : start + len(new)].gather(1, torch.tensor(new)[:, None]).sum().item()
    stops = scores[-1, [0, 1, 2]].tolist()
    return min((written + stop for stop in stops), key=lambda x: abs(x - one.log_likelihood))


def test_molecules_after_examples_are_one_more_each(tiny: Tiny) -> None:
    examples = [Record("x", "CCO"), Record("y", "c1ccccc1")]
    given = {"examples": examples, "constrain": True, "options": options(num=20)}
    found = list(generate_molecules(tiny("smiles"), **given))
    assert all("." not in one.sequence for one in found)
    alone = generate_molecules(tiny("smiles"), constrain=True, options=options(num=20))
    assert [one.sequence for one in found] != [one.sequence for one in alone]


@pytest.mark.parametrize("name", ["dna", "protein", "smiles"])
def test_the_batch_size_changes_nothing(tiny: Tiny, name: str) -> None:
    run = {
        "dna": generate_dna,
        "protein": lambda loaded, **given: generate_proteins(loaded, context=HOMOLOGS, **given),
        "smiles": lambda loaded, **given: generate_molecules(loaded, constrain=True, **given),
    }[name]
    one, four = (
        [
            (x.name, x.sequence, x.finished)
            for x in run(tiny(name), options=options(num=7, batch_size=size))
        ]
        for size in (1, 4)
    )
    assert one == four


def test_spans_are_read_as_people_write_them() -> None:
    assert parse_spans("10-20, 35,40 - 41") == [(9, 20), (34, 35), (39, 41)]
    for wrong in ("", "0-3", "5-3", "3-5,4-6", "a-b", "1,2,3,4,5,6", "-3"):
        with pytest.raises(UsageError, match="not a span"):
            parse_spans(wrong)


def test_what_cannot_be_used_is_named(tiny: Tiny) -> None:
    dna, protein, smiles = tiny("dna"), tiny("protein"), tiny("smiles")
    with pytest.raises(InputError, match="'X' at position 3") as caught:
        list(generate_dna(dna, [Record("a", "AC"), Record("bad", "ACXT")]))
    assert "bad" in caught.value.where
    for run, loaded in [
        (generate_dna, dna),
        (generate_proteins, protein),
        (generate_molecules, smiles),
    ]:
        with pytest.raises(InputError, match="empty"):
            list(run(loaded, [Record("a", "")]))
    with pytest.raises(InputError, match="6-12 is outside") as caught:
        list(infill_proteins(protein, [Record("a", "MKTAYIA")], [(5, 12)]))
    assert "between 1 and 7" in caught.value.fix
    with pytest.raises(InputError, match="context is DNA"):
        generate_proteins(protein, context=[Record("g", "ACGT" * 9)])
    with pytest.raises(InputError, match="no letter for a residue"):
        generate_proteins(protein, context=[Record("g", "MK1")])
    with pytest.raises(InputError, match="empty"):
        generate_molecules(smiles, examples=[Record("g", "")])


def test_models_that_cannot_are_refused(tiny: Tiny) -> None:
    with pytest.raises(ModelError, match="next token"):
        generate_dna(tiny("dna_masked"))
    with pytest.raises(ModelError, match="not of proteins"):
        generate_proteins(tiny("dna"))
    with pytest.raises(ModelError, match="not of molecules"):
        generate_molecules(tiny("protein"))


def test_the_report_counts_structures_not_texts() -> None:
    found = report_molecules(["CCO", "OCC", "c1ccccc1", "C1CC", "", "CC(C)(C)(C)C"], ["C(C)O"])
    assert found.to_dict() == {
        "molecules": 6,
        "valid": 3,
        "unique": 2,
        "validity": 0.5,
        "uniqueness": round(2 / 3, 6),
        "novel": 1,
        "novelty": 0.5,
    }
    assert report_molecules([]).validity == 0


@pytest.mark.parametrize(
    ("tokenizer", "run"),
    [
        (DNATokenizer(), generate_dna),
        (KmerTokenizer(3), generate_dna),
        (ProteinTokenizer(), generate_proteins),
        (SmilesTokenizer(), partial(generate_molecules, constrain=True)),
        (SelfiesTokenizer(["[C]", "[O]", "[=O]"]), generate_molecules),
    ],
)
def test_rows_behind_the_vocabulary_are_never_written(tokenizer: Any, run: Any) -> None:
    if tokenizer.name == "selfies":
        pytest.importorskip("selfies")
    torch.manual_seed(0)
    config = BioMambaConfig(
        vocab_size=len(tokenizer), pad_vocab_size_multiple=64, hidden_size=16, num_hidden_layers=1
    )
    loaded = LoadedModel(BioMambaForCausalLM(config).eval(), tokenizer, Path("tiny"))
    found = list(run(loaded, options=options(num=10)))
    assert sum(one.num_new_tokens for one in found) > 20
