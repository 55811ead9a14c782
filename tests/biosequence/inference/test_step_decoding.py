"""Writing: as transformers does it, the same in any batch, each prompt read once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch

from biosequence.errors import InputError, UsageError
from biosequence.inference import LoadedModel
from biosequence.inference.decoding import Prompt, Sample, generate_ids
from biosequence.inference.sampling import Sampling

Tiny = Callable[[str], LoadedModel]
NAMES = ["dna", "protein", "smiles", "mamba", "mamba_protein"]
GREEDY = Sampling(temperature=0)


def prompts_of(loaded: LoadedModel, sizes: tuple[int, ...] = (3, 9, 1, 5)) -> list[Prompt]:
    letters = loaded.tokenizer.vocabulary.letter_ids
    rng = np.random.default_rng(5)
    return [Prompt(rng.choice(letters, size)) for size in sizes]


def facts(samples: Any) -> list[tuple[Any, ...]]:
    return [(one.prompt, one.number, one.ids.tolist(), one.finished) for one in samples]


class Counting(torch.nn.Module):
    """Passes calls on and notes how many positions each row of a call had."""

    def __init__(self, model: Any) -> None:
        super().__init__()
        self.inner, self.read = model, []

    def forward(self, input_ids: torch.Tensor, **given: Any) -> Any:
        mask = given.get("attention_mask")
        self.read.append(input_ids.numel() if mask is None else int(mask.sum()))
        return self.inner(input_ids, **given)


@pytest.mark.parametrize("name", NAMES)
def test_greedy_is_what_transformers_generates(tiny: Tiny, name: str) -> None:
    loaded = tiny(name)
    prompts = prompts_of(loaded)
    stop = 10
    rows = [prompt.ids for prompt in prompts]
    padded = loaded.tokenizer.pad(rows, side="left", tensors="torch")
    whole = loaded.model.generate(
        **padded,
        max_new_tokens=12,
        do_sample=False,
        eos_token_id=stop,
        pad_token_id=loaded.tokenizer.pad_id,
    )
    width = padded["input_ids"].shape[1]
    ours = list(
        generate_ids(loaded.model, prompts, max_new_tokens=12, sampling=GREEDY, stop_ids=[stop])
    )
    for sample, theirs in zip(ours, whole[:, width:].tolist(), strict=True):
        end = theirs.index(stop) if stop in theirs else 12
        assert sample.ids.tolist() == theirs[:end]
        assert sample.finished == (stop in theirs)


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_does_not_depend_on_its_batch(tiny: Tiny, name: str) -> None:
    loaded = tiny(name)
    found = [
        facts(
            generate_ids(
                loaded.model,
                prompts_of(loaded),
                num=3,
                max_new_tokens=20,
                stop_ids=[10],
                seed=3,
                batch_size=size,
            )
        )
        for size in (1, 2, 5, 64)
    ]
    assert all(one == found[0] for one in found)
    assert [one[:2] for one in found[0]] == [(p, n) for p in range(4) for n in range(3)]
    assert len({tuple(one[2]) for one in found[0]}) > 6


def test_more_sequences_keep_the_first_ones_and_a_run_can_go_on(tiny: Tiny) -> None:
    loaded = tiny("dna")

    def run(**given: int) -> list[tuple[Any, ...]]:
        return facts(generate_ids(loaded.model, prompts_of(loaded), max_new_tokens=8, **given))

    many = run(num=4)
    assert [one for one in many if one[1] < 2] == run(num=2)
    for first in (1, 5, 15, 16):
        assert run(num=4, first=first, batch_size=3) == many[first:]
    assert run(num=4, seed=1) != many


@pytest.mark.parametrize("name", NAMES)
def test_a_context_before_every_prompt_is_the_same_text_read_at_once(tiny: Tiny, name: str) -> None:
    loaded = tiny(name)
    context, *prompts = prompts_of(loaded, (40, 2, 7, 1))
    whole = [Prompt(np.concatenate([context.ids, prompt.ids])) for prompt in prompts]
    given = {"num": 2, "max_new_tokens": 10, "batch_size": 4}
    apart = list(generate_ids(loaded.model, prompts, context=context, **given))
    at_once = list(generate_ids(loaded.model, whole, **given))
    assert facts(apart) == facts(at_once)
    for one, other in zip(apart, at_once, strict=True):
        assert one.log_likelihood == pytest.approx(other.log_likelihood, abs=1e-3)


def test_every_prompt_is_read_once(tiny: Tiny) -> None:
    loaded = tiny("dna")
    counting = Counting(loaded.model)
    context, *prompts = prompts_of(loaded, (100, 30, 50))
    counting.get_output_embeddings = loaded.model.get_output_embeddings
    list(
        generate_ids(
            counting, prompts, context=context, num=7, max_new_tokens=3, batch_size=4, stop_ids=[]
        )
    )
    assert sum(size for size in counting.read if size > 4) == 100 + 30 + 50


def test_what_is_kept_does_not_grow(tiny: Tiny) -> None:
    loaded = tiny("protein")
    sizes = []

    class Watching(Counting):
        def forward(self, input_ids: torch.Tensor, **given: Any) -> Any:
            output = self.inner(input_ids, **given)
            sizes.append(output.cache_params.num_bytes())
            return output

    list(generate_ids(Watching(loaded.model), prompts_of(loaded, (5,)), max_new_tokens=40))
    assert len(sizes) == 40
    assert len(set(sizes)) == 1


def test_the_likelihood_is_the_models_own(tiny: Tiny) -> None:
    loaded = tiny("dna")
    prompt = prompts_of(loaded, (4,))[0]
    sampling = Sampling(temperature=0.7, top_k=5)
    for sample in generate_ids(
        loaded.model, [prompt], num=4, max_new_tokens=9, sampling=sampling, stop_ids=[1, 7]
    ):
        ids = torch.tensor(np.concatenate([prompt.ids, sample.ids]))[None]
        with torch.no_grad():
            scores = loaded.model(ids).logits.log_softmax(-1)[0]
        told = sum(scores[3 + n, token].item() for n, token in enumerate(sample.ids))
        if sample.finished:
            stops = scores[-1, [1, 7]].tolist()
            assert min(abs(told + stop - sample.log_likelihood) for stop in stops) < 1e-3
        else:
            assert told == pytest.approx(sample.log_likelihood, abs=1e-3)


def test_only_allowed_tokens_are_written(tiny: Tiny) -> None:
    loaded = tiny("dna")
    found: list[Sample] = list(
        generate_ids(
            loaded.model,
            prompts_of(loaded),
            num=4,
            max_new_tokens=15,
            allowed_ids=[7, 8],
            stop_ids=[1],
            sampling=Sampling(temperature=5),
        )
    )
    assert {token for one in found for token in one.ids.tolist()} == {7, 8}
    assert any(one.finished for one in found)


def test_a_limit_of_its_own_ends_a_sequence(tiny: Tiny) -> None:
    loaded = tiny("dna")
    prompts = [Prompt(np.array([7, 8]), limit=2), Prompt(np.array([7, 8]))]
    sizes = [len(one.ids) for one in generate_ids(loaded.model, prompts, max_new_tokens=6)]
    assert sizes == [2, 6]


def test_prompts_are_taken_as_needed(tiny: Tiny) -> None:
    loaded = tiny("dna")
    taken = 0

    def endless():
        nonlocal taken
        while True:
            taken += 1
            yield Prompt(np.array([7]))

    stream = generate_ids(loaded.model, endless(), max_new_tokens=2, batch_size=3)
    next(stream)
    assert taken == 3


def test_positions_that_are_given_are_used(tiny: Tiny) -> None:
    # Positions start anew at 100: the same as without, since rotary positions are relative,
    # but for a jump, which changes what follows.
    loaded = tiny("mamba_protein")
    ids = np.array([0, 4, 5, 6])
    counted = np.arange(4)

    def run(**given: Any) -> list[int]:
        prompt = Prompt(ids, position_ids=counted, **given)
        return next(
            generate_ids(loaded.model, [prompt], max_new_tokens=12, sampling=GREEDY)
        ).ids.tolist()

    plain = next(generate_ids(loaded.model, [Prompt(ids)], max_new_tokens=12, sampling=GREEDY))
    assert run() == plain.ids.tolist()
    expected = greedy_with_positions(loaded, ids, counted, jump=plain.ids[2], to=50)
    assert run(jumps={int(plain.ids[2]): 50}) == expected


def greedy_with_positions(
    loaded: LoadedModel, ids: np.ndarray, positions: np.ndarray, jump: int, to: int
) -> list[int]:
    """Greedy decoding that reads everything again for every token."""
    tokens, places = ids.tolist(), positions.tolist()
    place = places[-1] + 1
    while len(tokens) < len(ids) + 12:
        with torch.no_grad():
            logits = loaded.model(
                torch.tensor([tokens]), position_ids=torch.tensor([places]), use_cache=False
            ).logits
        token = int(logits[0, -1].argmax())
        tokens.append(token)
        if token == jump:
            places.append(to)
            place = to
        else:
            places.append(place)
            place += 1
    return tokens[len(ids) :]


def test_wrong_numbers_and_empty_prompts_are_refused(tiny: Tiny) -> None:
    model = tiny("dna").model
    prompt = Prompt(np.array([7]))
    for wrong in ({"num": 0}, {"max_new_tokens": 0}, {"batch_size": 0}, {"first": -1}):
        with pytest.raises(UsageError, match=next(iter(wrong))):
            generate_ids(model, [prompt], **wrong)
    with pytest.raises(InputError, match="no token"):
        list(generate_ids(model, [prompt, Prompt(np.array([], dtype=np.int64))]))
