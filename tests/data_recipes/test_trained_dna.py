"""The DNA experiment on small files: it learns what can be learnt, goes on, and compares alike."""

from __future__ import annotations

import csv
import gzip
import json
from pathlib import Path

import numpy as np
import pytest
from bioseq_recipes.trained.dna.__main__ import main
from bioseq_recipes.trained.dna.language import frequency_perplexity
from bioseq_recipes.trained.dna.plan import finetuning_recipe, finetunings, models, read_plan
from bioseq_recipes.trained.dna.promoters import judge_baselines, judge_model
from bioseq_recipes.trained.dna.report import promoter_rows
from bioseq_recipes.trained.dna.running import Experiment

from biosequence.complement import reverse_complement
from biosequence.errors import InputError
from biosequence.evaluation.tables import LabelledTable
from biosequence.inference import LoadedModel
from biosequence.models import BioMambaConfig, BioMambaForSequenceClassification
from biosequence.tokenizers import DNATokenizer


def bases(rng: np.random.Generator, length: int, letters: str = "ACGT") -> str:
    return "".join(rng.choice(list(letters), length))


def labelled(rng: np.random.Generator, count: int) -> list[tuple[str, str]]:
    """Half of them with an island of G and C in the middle."""
    plain = [(bases(rng, 251), "0") for _ in range(count // 2)]
    islands = [
        (bases(rng, 60) + bases(rng, 131, "CCGGCGA") + bases(rng, 60), "1")
        for _ in range(count // 2)
    ]
    return plain + islands


def write_source(folder: Path) -> Path:
    rng = np.random.default_rng(0)
    folder.mkdir()
    records = "".join(f">r{n}\n{bases(rng, 400, 'AAAT' + 'CG')}\n" for n in range(20))
    (folder / "dna_genomes.fa.gz").write_bytes(gzip.compress(records.encode()))
    with gzip.open(folder / "dna_promoter_251bp.csv.gz", "wt", newline="") as handle:
        csv.writer(handle).writerows([("sequence", "label"), *labelled(rng, 200)])
    return folder


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    base = tmp_path_factory.mktemp("trained_dna")
    source = write_source(base / "source")
    main(["--source", str(source), "--output", str(base / "out"), "--quick"])
    return source, base / "out"


def test_one_command_gives_every_table_and_the_curves(done) -> None:
    results = json.loads((done[1] / "results.json").read_text())
    assert [row["model"] for row in results["pretraining"]] == [
        "BiMamba", "Caduceus (RC BiMamba)", "DNA-xLSTM", "DNA-xLSTM, RC",
    ]  # fmt: skip
    asked = {(row["method"], row["start"], row["training strands"]) for row in results["promoters"]}
    assert ("BiMamba", "pre-trained", "either, by chance") in asked
    assert ("Caduceus (RC BiMamba)", "new", "shared") in asked
    assert (done[1] / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert (done[1] / "results.md").read_text().count("| logistic regression") == 2


def test_only_shared_strands_agree_after_training(done) -> None:
    answers = json.loads((done[1] / "results.json").read_text())["answers"]
    for name, found in answers.items():
        for kind in ("strand error", "strand error without [SEP]"):
            # A fine-tuned model reads [SEP] behind either strand, which is no mirror image.
            if kind not in found or (kind == "strand error" and "seed" in name):
                continue
            assert (found[kind]["largest"] < 1e-4) == ("-rc" in name), (name, kind)


def test_what_is_finished_is_not_done_again(done, monkeypatch: pytest.MonkeyPatch) -> None:
    source, output = done
    lost = output / "answers" / "baselines.json"
    before = {path: path.stat().st_mtime_ns for path in (output / "answers").iterdir()}
    lost.unlink()
    monkeypatch.setattr("bioseq_recipes.trained.dna.running.train", None)
    main(["--source", str(source), "--output", str(output), "--quick"])
    after = {path: path.stat().st_mtime_ns for path in (output / "answers").iterdir()}
    assert {path for path in before if before[path] != after[path]} == {lost}


def test_another_plan_is_refused_in_the_same_folder(done) -> None:
    with pytest.raises(InputError, match="another plan"):
        Experiment(read_plan(quick=False), done[1])


def test_pairs_are_of_equal_size_and_equal_budget() -> None:
    from biosequence.models import BioMambaForMaskedLM, BioXLSTMConfig, BioXLSTMForMaskedLM

    plan = read_plan(quick=False)
    kinds = {"bioxlstm": (BioXLSTMConfig, BioXLSTMForMaskedLM)}
    kinds["biomamba"] = (BioMambaConfig, BioMambaForMaskedLM)
    table = DNATokenizer().vocabulary.complement_ids.tolist()
    sizes = []
    for model in models(plan):
        fields = dict(plan["models"][model.family]["config"])
        config, head = kinds[fields.pop("type")]
        made = head(config(**fields, vocab_size=12, complement_map=table, rcps=model.both_strands))
        sizes.append(sum(weight.numel() for weight in made.parameters()))
    assert max(sizes) < 1.1 * min(sizes)
    recipes = [
        finetuning_recipe(plan, run, Path("rows"), Path("out"), Path("start"))
        for run in finetunings(plan)
    ]
    assert len({(r.optimizer, r.schedule, r.run, r.data.train) for r in recipes}) == 1


def test_a_seed_repeats_every_way_of_fine_tuning() -> None:
    plan = read_plan(quick=False) | {"seeds": {"finetune": [0, 1]}}
    groups = [run.group for run in finetunings(plan)]
    once = groups[: len(groups) // 2]
    assert groups == once * 2
    assert len(set(once)) == len(once) == 10


def test_frequencies_of_equal_bases_give_four(tmp_path: Path) -> None:
    from biosequence.training.data import ShardWriter

    tokenizer = DNATokenizer()
    for split in ("train", "test"):
        with ShardWriter(tmp_path / split, tokenizer, source={}) as writer:
            writer.add(tokenizer.encode("ACGT" * 64, special_tokens=False, dtype=np.uint8))
    assert frequency_perplexity(tmp_path, 64) == pytest.approx(4.0)


def test_both_strands_help_words_that_stand_on_one(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)

    def table(count: int, *, turned: bool) -> LabelledTable:
        rows = [(bases(rng, 40), "0") for _ in range(count)]
        rows += [(bases(rng, 17) + "ACCCTA" + bases(rng, 17), "1") for _ in range(count)]
        texts = [reverse_complement(text) if turned else text for text, _ in rows]
        return LabelledTable(tuple(texts), tuple(label for _, label in rows), (), tmp_path)

    train, test = table(60, turned=False), table(60, turned=True)
    found = judge_baselines(train, test, epochs=1, seeds=[0])
    words = {row["both"]: row["accuracy"] for row in found if row["method"] == "kmer"}
    assert words[True] > words[False] + 0.2


def test_the_mean_of_strands_is_the_same_for_either(tmp_path: Path) -> None:
    tokenizer = DNATokenizer()
    config = BioMambaConfig(
        vocab_size=12, hidden_size=16, num_hidden_layers=1, bidirectional="add", num_labels=2,
        id2label={0: "0", 1: "1"}, initializer_range=0.5,
    )  # fmt: skip
    loaded = LoadedModel(BioMambaForSequenceClassification(config).eval(), tokenizer, tmp_path)
    rows = labelled(np.random.default_rng(2), 40)
    found = []
    for turned in (False, True):
        folder = tmp_path / str(turned)
        folder.mkdir()
        with (folder / "test.csv").open("w", newline="") as handle:
            texts = [(reverse_complement(s) if turned else s, label) for s, label in rows]
            csv.writer(handle).writerows([("sequence", "label"), *texts])
        found.append(judge_model(loaded, folder))
    assert found[0]["both strands"] == pytest.approx(found[1]["both strands"])
    assert found[0]["strand error"]["largest"] > 1e-3


def test_a_row_is_the_mean_of_its_seeds() -> None:
    plan = read_plan(quick=False) | {"seeds": {"finetune": [0, 1]}}
    runs = [run for run in finetunings(plan) if run.group == "caduceus-rc-scratch"]
    answers = {
        run.name: {
            "one strand": dict.fromkeys(("accuracy", "mcc", "f1_binary", "auroc"), value),
            "strands disagree": 0.0,
            "strand error": {"largest": value},
            "strand error without [SEP]": {"largest": 0.0},
        }
        for run, value in zip(runs, (0.5, 0.7), strict=True)
    }
    (row,) = promoter_rows(plan, answers)
    assert (row["accuracy"], row["seeds"], row["strand_error"]) == (pytest.approx(0.6), 2, 0.7)
