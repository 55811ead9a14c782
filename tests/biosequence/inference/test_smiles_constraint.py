"""Constrained molecules are whole: rdkit reads each of them, valences aside."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rdkit import Chem, rdBase

from biosequence.errors import InputError, UsageError
from biosequence.inference import (
    GenerateOptions,
    LoadedModel,
    Prompt,
    Sampling,
    SmilesConstraint,
    generate_molecules,
)
from biosequence.inference.smiles_grammar import SmilesState, advance, distance
from biosequence.io import Record, read_smiles
from biosequence.tokenizers import (
    DNATokenizer,
    LegacySmilesTokenizer,
    SelfiesTokenizer,
    SmilesTokenizer,
)
from biosequence.tokenizers.smiles_syntax import find_fault

TOKENIZER = SmilesTokenizer()
EOS = TOKENIZER.vocabulary.id("<eos>")
# Rare tokens come often here: they are where the faults would be.
COMMON = [*"CNOcn*()[]=#/\\-:.1234%+@H", "Cl", "@@", "Sc", "se", "$", "~", "0"]


def is_read(smiles: str) -> bool:
    with rdBase.BlockLogs():
        return Chem.MolFromSmiles(smiles, sanitize=False) is not None


def follow(text: str) -> SmilesState | None:
    state: SmilesState | None = SmilesState()
    for token in TOKENIZER.tokens(text):
        state = None if state is None else advance(state, token)
    return state


@pytest.mark.parametrize(
    "smiles",
    [
        "CC(=O)Oc1ccccc1C(=O)O",
        r"C/C=C\Cl",
        "[13C@@H](N)(C)O",
        "[Na+].[Cl-]",
        "C1CC1.C1CC1",
        "C%10CCCC%10",
        "C1=C\\CCCCCC/1",
        "[O--]",
        "[nH]1cccc1",
        "C=1CC=1",
        "[CH3:12]C",
        "[NH3]->[Cu+2]",
        "[Zn+2]12<-[NH2]CC[NH2]->1.C2",
        "C12C3C4C1C5C2C3C45",
    ],
)
def test_molecules_of_the_world_are_whole(smiles: str) -> None:
    state = follow(smiles)
    assert state is not None
    assert state.is_closed
    assert distance(state) == 0


@pytest.mark.parametrize(
    "smiles",
    ["C11", "C1C1", "C12CC12", ")", "C(1)C", "C()", "C(.C)", "1C", "=C", "C==C", "C=1CC#1"]
    + ["[]", "[C", "C]", "[C@H@]", "[HH]", "C(C)1CC1", "C..C", "[C:]", "C%01"],
)
def test_what_no_reader_takes_is_refused(smiles: str) -> None:
    state = follow(smiles)
    assert state is None or not state.is_closed


@settings(max_examples=150, deadline=None)
@given(st.lists(st.sampled_from(COMMON), max_size=40))
def test_everything_can_be_closed_in_the_distance_told(tokens: list[str]) -> None:
    state, text = SmilesState(), ""
    for token in tokens:
        after = advance(state, token)
        if after is not None:
            state, text = after, text + token
    while (left := distance(state)) > 0:
        nearer = ((token, advance(state, token)) for token in ("C", *COMMON))
        state, text = next(
            (after, text + token)
            for token, after in nearer
            if after is not None and distance(after) == left - 1
        )
    assert state.is_closed
    assert is_read(text)
    assert find_fault(text) is None


def molecules(loaded: LoadedModel, number: int, most: int, **given) -> list[str]:
    options = GenerateOptions(
        num=number, max_new_tokens=most, batch_size=32, sampling=Sampling(temperature=2), seed=1
    )
    return [one.sequence for one in generate_molecules(loaded, options=options, **given)]


@pytest.mark.parametrize("most", [1, 2, 7, 25])
def test_constrained_molecules_are_all_whole(tiny: Callable[[str], LoadedModel], most: int) -> None:
    found = molecules(tiny("smiles"), 60, most, constrain=True)
    assert all(find_fault(smiles) is None and is_read(smiles) for smiles in found), found
    assert len(set(found)) > 10


def test_without_the_constraint_a_random_model_writes_none(
    tiny: Callable[[str], LoadedModel],
) -> None:
    found = molecules(tiny("smiles"), 30, 25, constrain=False)
    assert sum(is_read(smiles) for smiles in found) <= 1


@pytest.mark.parametrize("prompt", ["C1CC(", "C%12CC%1", "[13", "C/C=", "N1(C2C[", "C[C@"])
def test_a_beginning_is_completed(tiny: Callable[[str], LoadedModel], prompt: str) -> None:
    found = molecules(tiny("smiles"), 8, 16, constrain=True, prompts=[Record("a", prompt)])
    for smiles in found:
        assert smiles.startswith(prompt)
        assert is_read(smiles)


def test_a_beginning_that_cannot_be_closed_is_refused(tiny: Callable[[str], LoadedModel]) -> None:
    with pytest.raises(UsageError, match="cannot close") as caught:
        molecules(tiny("smiles"), 1, 2, constrain=True, prompts=[Record("a", "C(C(C(")])
    assert "4 or more" in caught.value.fix
    with pytest.raises(InputError, match="position 3"):
        molecules(tiny("smiles"), 1, 9, constrain=True, prompts=[Record("a", "CC)")])


def test_nothing_is_written_after_the_stop_and_the_stop_only_when_whole() -> None:
    grammar = SmilesConstraint(TOKENIZER, [EOS])
    for text, whole in [("CC", True), ("C(", False), ("C1", False), ("C=", False), ("", False)]:
        state = grammar.start(Prompt(TOKENIZER.encode(text)[:-1]))
        assert bool(grammar.allowed(state, 30)[EOS]) == whole
        assert grammar.allowed(state, 30).any()


def test_learned_vocabularies_are_constrained_too() -> None:
    tokens = ["[PAD]", "[BEG]", "C", "c", "1", "(", ")", "=", "[END]", "%10", "Cl"]
    legacy = LegacySmilesTokenizer({token: number for number, token in enumerate(tokens)})
    grammar = SmilesConstraint(legacy, [8])
    state = grammar.start(Prompt(np.array([1, 2, 9, 2, 2, 9])))
    assert state.is_closed
    mask = grammar.allowed(state, 5)
    assert {tokens[number] for number in np.flatnonzero(mask)} == {
        "C", "c", "1", "(", "=", "[END]", "Cl"
    }  # fmt: skip


def test_other_languages_are_refused() -> None:
    for tokenizer in (DNATokenizer(), SelfiesTokenizer(["[C]"])):
        with pytest.raises(UsageError, match="does not write SMILES"):
            SmilesConstraint(tokenizer, [0])


def test_the_grammar_refuses_no_molecule_of_the_shared_set(shared: Path) -> None:
    records = islice(read_smiles(shared / "data/seq/smiles_canonical.csv.gz"), 3000)
    for record in records:
        state = follow(record.sequence)
        assert state is not None, record.sequence
        assert state.is_closed, record.sequence
