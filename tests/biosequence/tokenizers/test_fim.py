"""Spans moved to the end: the published layout, and back again."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from safetensors.numpy import load_file

from biosequence.errors import InputError
from biosequence.tokenizers import (
    ProteinTokenizer,
    concatenate_homologs,
    fill_in,
    infill_positions,
    infill_prompt,
    read_fills,
    restore_spans,
    sample_spans,
    span_tokens,
)

GOLDEN = json.loads((Path(__file__).parents[2] / "golden" / "prot_fim.a.json").read_text())
PROTEIN = ProteinTokenizer()
SEQUENCES = [case["sequence"] for case in GOLDEN["given_spans"]]


class LegacyGenerator:
    """numpy's old generator behind the face of the new one, as the reference drew with it."""

    def __init__(self, seed: int) -> None:
        state = np.random.RandomState(seed)
        self.poisson, self.choice, self.integers = state.poisson, state.choice, state.randint


@st.composite
def sequences_with_spans(draw: st.DrawFn) -> tuple[str, list[tuple[int, int]]]:
    sequence = draw(st.text(alphabet="LAGVSERTID", min_size=1, max_size=30))
    edges = draw(st.lists(st.integers(0, len(sequence)), max_size=10, unique=True))
    edges = sorted(edges)[: len(edges) // 2 * 2]
    return sequence, list(zip(edges[::2], edges[1::2], strict=True))


def shifted(spans: list[list[int]]) -> list[tuple[int, int]]:
    """The golden file counts residues from 1."""
    return [(start - 1, end - 1) for start, end in spans]


@pytest.mark.parametrize("case", GOLDEN["given_spans"], ids=lambda case: case["sequence"])
def test_golden_layout_of_given_spans(case: dict) -> None:
    found = span_tokens(case["sequence"], shifted(case["spans"]))
    assert PROTEIN.decode(found.input_ids) == case["tokens"]
    assert found.input_ids.tolist() == case["ids"]
    assert found.position_ids.tolist() == case["position_ids"]


@pytest.mark.parametrize("case", GOLDEN["random"], ids=lambda case: str(case["numpy_legacy_seed"]))
def test_golden_spans_and_stream_with_the_generator_of_the_reference(case: dict) -> None:
    generator = LegacyGenerator(case["numpy_legacy_seed"])
    drawn = [sample_spans(len(sequence), generator) for sequence in SEQUENCES]
    assert drawn == [shifted(spans) for spans in case["spans_drawn"]]
    found = concatenate_homologs(SEQUENCES, spans=drawn)
    assert found.input_ids.tolist() == case["ids"]
    assert found.position_ids.tolist() == case["position_ids"]


def test_golden_strings_of_two_homologs() -> None:
    found = concatenate_homologs(["MKTAYIAK", "GAVLI"], spans=[[(4, 5), (7, 8)], [(2, 3)]])
    assert PROTEIN.decode(found.input_ids) == (
        "<cls>MKTA<mask-1>IA<mask-2><eos><mask-1>Y<mask-2>K<cls>GA<mask-1>LI<eos><mask-1>V"
    )
    first, second = [0, 1, 2, 3, 4, 5, 6, 7, 8, 0, 5, 5, 8, 8], [0, 1, 2, 3, 4, 5, 0, 3, 3]
    assert found.position_ids.tolist() == first + second
    assert found.sequence_ids.tolist() == [0] * 14 + [1] * 9


def test_golden_streams_with_and_without_spans(shared: Path) -> None:
    wanted = load_file(shared / "golden" / "prot_fim.a.safetensors")
    spans = [shifted(case["spans"]) for case in GOLDEN["given_spans"]]
    for suffix, given_spans in (("", spans), ("_no_fim", None)):
        found = concatenate_homologs(SEQUENCES, spans=given_spans)
        assert found.input_ids.tolist() == wanted[f"outputs/ids{suffix}"].tolist()
        assert found.position_ids.tolist() == wanted[f"outputs/position_ids{suffix}"].tolist()


@given(sequences_with_spans())
def test_restoring_is_the_inverse(case: tuple[str, list[tuple[int, int]]]) -> None:
    sequence, spans = case
    found = span_tokens(sequence, spans)
    assert PROTEIN.decode(restore_spans(found.input_ids)) == f"<cls>{sequence}"


@given(sequences_with_spans())
def test_every_residue_keeps_its_position(case: tuple[str, list[tuple[int, int]]]) -> None:
    sequence, spans = case
    found = span_tokens(sequence, spans)
    residues = PROTEIN.encode(sequence)
    kept = ~np.isin(found.input_ids, PROTEIN.vocabulary.special_ids)
    places = found.position_ids[kept]
    assert sorted(places) == list(range(1, len(sequence) + 1))
    assert residues[places].tolist() == found.input_ids[kept].tolist()


@given(sequences_with_spans())
def test_a_prompt_and_what_follows_are_the_whole(case: tuple[str, list[tuple[int, int]]]) -> None:
    sequence, spans = case
    if not spans:
        return
    whole, prompt = span_tokens(sequence, spans), infill_prompt(sequence, spans)
    rest = whole.input_ids[len(prompt.input_ids) :]
    assert whole.input_ids[: len(prompt.input_ids)].tolist() == prompt.input_ids.tolist()
    assert infill_positions(rest, spans).tolist() == (
        whole.position_ids[len(prompt.input_ids) :].tolist()
    )
    fills = read_fills(rest)
    assert fills == [sequence[start:end] for start, end in spans]
    assert fill_in(sequence, spans, fills) == sequence


def test_a_prompt_carries_its_context() -> None:
    found = infill_prompt("MKTA", [(1, 2)], context=["GA-V", "LL"])
    assert PROTEIN.decode(found.input_ids) == "<cls>GAV<cls>LL<cls>M<mask-1>TA<eos><mask-1>"
    assert found.sequence_ids.tolist() == [0] * 4 + [1] * 3 + [2] * 7


def test_fillings_may_have_any_length() -> None:
    ids = PROTEIN.encode("M<mask-1>T<mask-2><eos><mask-1>KKK<mask-2>")
    assert PROTEIN.decode(restore_spans(ids)) == "<cls>MKKKT"
    assert fill_in("MAT", [(1, 2)], ["KKK"]) == "MKKKT"


@given(st.integers(0, 2**31), st.integers(1, 200))
def test_sampled_spans_fit(seed: int, length: int) -> None:
    spans = sample_spans(length, np.random.default_rng(seed))
    ends = [0, *(end for _, end in spans)]
    assert len(spans) <= 5
    for (start, end), before in zip(spans, ends, strict=False):
        assert before <= start < end <= length


def test_sampled_spans_are_one_on_average_and_repeat_with_the_seed() -> None:
    draws = [sample_spans(300, np.random.default_rng(seed)) for seed in range(2000)]
    counts = np.array([len(spans) for spans in draws])
    assert abs(counts.mean() - 1) < 0.1
    assert abs((counts == 0).mean() - np.exp(-1)) < 0.04
    assert draws[7] == sample_spans(300, np.random.default_rng(7))


def test_positions_and_sequences_are_clamped() -> None:
    found = concatenate_homologs(["MKTAYIAK"] * 4, last_position=5, last_sequence=2)
    assert found.position_ids[:9].tolist() == [0, 1, 2, 3, 4, 5, 5, 5, 5]
    assert found.sequence_ids[::9].tolist() == [0, 1, 2, 2]
    assert span_tokens("M" * 3000, ()).position_ids.max() == 2047


def test_shuffling_keeps_the_sequences_and_repeats_with_the_seed() -> None:
    first = concatenate_homologs(SEQUENCES, shuffle=True, generator=np.random.default_rng(1))
    again = concatenate_homologs(SEQUENCES, shuffle=True, generator=np.random.default_rng(1))
    texts = PROTEIN.decode(first.input_ids).split("<cls>")[1:]
    assert sorted(texts) == sorted(SEQUENCES)
    assert texts != SEQUENCES
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))


@pytest.mark.parametrize(
    "spans",
    [[(1, 1)], [(3, 2)], [(-1, 2)], [(0, 5)], [(0, 2), (1, 3)], [(2, 3), (0, 1)], [(0, 1)] * 6],
)
def test_spans_that_do_not_fit_are_refused(spans: list[tuple[int, int]]) -> None:
    with pytest.raises(InputError, match="half-open"):
        span_tokens("MKTA", spans)


@pytest.mark.parametrize(
    "text", ["M<mask-1>A", "MA<eos><mask-1>K", "M<mask-1>A<eos><mask-2>K", "M<mask-1><eos>"]
)
def test_masks_without_fillings_are_refused(text: str) -> None:
    with pytest.raises(InputError, match="belong together"):
        restore_spans(PROTEIN.encode(text))


def test_chance_needs_a_source_and_spans_need_sequences() -> None:
    with pytest.raises(InputError, match="default_rng"):
        concatenate_homologs(["MK"], spans="sample")
    with pytest.raises(InputError, match="spans for 2"):
        concatenate_homologs(["MK"], spans=[[], []])
    with pytest.raises(InputError, match="no sequence"):
        concatenate_homologs([])
    with pytest.raises(InputError, match="no span"):
        infill_prompt("MK", [])
    with pytest.raises(InputError, match="1 spans and 2 fillings"):
        fill_in("MK", [(0, 1)], ["A", "A"])
    with pytest.raises(InputError, match="'number 2'"):
        concatenate_homologs(["MK", "M1"])
