"""Tables with labels: columns, splits, classes, units, losses."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import torch

from biosequence.errors import InputError, UsageError
from biosequence.models import BioMambaConfig
from biosequence.models.biomamba.modeling_biomamba import (
    BioMambaForSequenceClassification,
    BioMambaForTokenClassification,
)
from biosequence.tokenizers import DNATokenizer, ProteinTokenizer, SmilesTokenizer
from biosequence.training.data.tables import read_labelled
from biosequence.training.objectives import Objective, objective_from_settings
from biosequence.training.objectives.regression import in_units

from .corpora import random_texts, same

DNA, PROTEIN = DNATokenizer(), ProteinTokenizer()


def table(path: Path, header: str, rows: list[str]) -> Path:
    text = "\n".join([header, *rows]) + "\n"
    if path.suffix == ".gz":
        path.write_bytes(gzip.compress(text.encode()))
    else:
        path.write_text(text, encoding="utf-8")
    return path


def build(name: str, train: Path, tokenizer=DNA, validation=None, length=64, **settings):
    data = {"train": str(train)} | ({"validation": str(validation)} if validation else {})
    objective = objective_from_settings({"name": name, **settings}, data)
    return objective, objective.datasets(tokenizer, length, 0)


def model_of(objective, tokenizer, kind=BioMambaForSequenceClassification):
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "num_hidden_layers": 1, "state_size": 4}
    return kind(BioMambaConfig(**sizes, **objective.model_options(tokenizer))).eval()


@pytest.fixture
def reads(tmp_path: Path) -> Path:
    texts = random_texts("ACGT", 40, 30)
    labels = ["10", "9", "ten", "9"] * 10
    rows = [f"{label},{text}" for label, text in zip(labels, texts, strict=True)]
    return table(tmp_path / "reads.csv.gz", "class,Sequence", rows)


@pytest.mark.parametrize(
    ("header", "row", "given"),
    [
        ("sequence,label", "AC,1", {}),
        ("label\tseq", "1\tAC", {}),
        ("smiles_canonical,Class,pIC50", "AC,1,7.5", {}),
        ("id,x,y,dna", "r1,0,1,AC", {}),
        ("id,x,text", "r1,1,AC", {"sequence": "text", "labels": ["x"]}),
        ("id,sequence,what", "1,AC,train", {"split": "what"}),
    ],
)
def test_columns_are_found_or_named(tmp_path: Path, header: str, row: str, given: dict) -> None:
    found = read_labelled(table(tmp_path / "t.txt", header, [row]), **given)
    assert (found.sequences, found.labels) == (["AC"], [("1",)])


@pytest.mark.parametrize(
    ("header", "rows", "given", "words"),
    [
        ("a,b", ["AC,1"], {}, "hold sequences"),
        ("sequence,a,b", ["AC,1,2"], {}, "hold labels"),
        ("sequence,label,class", ["AC,1,2"], {}, "Several columns"),
        ("sequence,label", ["AC,1"], {"labels": ["lable"]}, "no column 'lable'"),
        ("sequence,label", ["AC"], {}, "Line 2 has 1 columns"),
        ("sequence,label", ["AC,1", "AC,"], {}, "Line 3 has no label"),
        ("sequence,label", [",1"], {}, "no sequence"),
        ("sequence,label", [], {}, "no rows"),
        ("sequence,label,split", ["AC,1,later"], {"split": "split"}, "split 'later'"),
    ],
)
def test_what_is_wrong_with_a_table_is_said(tmp_path: Path, header, rows, given, words) -> None:
    with pytest.raises(InputError, match=words):
        read_labelled(table(tmp_path / "t.csv", header, rows), **given)


def test_labels_of_fasta_headers(tmp_path: Path) -> None:
    path = tmp_path / "x.fa"
    path.write_text(">a|P20P|1.5 \nMK\n>b|x fitness=2;other=3\nMA\n", encoding="utf-8")
    with pytest.raises(InputError, match="no label"):
        read_labelled(path, labels=["fitness"])
    path.write_text(">a fitness=-1e3\nMK\n>b|x fitness=2;other=3\nMA\n", encoding="utf-8")
    assert read_labelled(path, labels=["fitness"]).labels == [("-1e3",), ("2",)]
    with pytest.raises(InputError, match="no column of splits"):
        read_labelled(path, labels=["fitness"], split="split")


def test_classes_come_from_the_training_rows_in_a_fixed_order(reads: Path) -> None:
    objective, data = build("classification", reads)
    assert isinstance(objective, Objective)
    options = objective.model_options(DNA)
    assert options["id2label"] == {0: "10", 1: "9", 2: "ten"}
    assert options["problem_type"] == "single_label_classification"
    assert len(data.train) + len(data.validation) == 40
    truth = dict(zip(*(lambda r: (r.sequences, r.labels))(read_labelled(reads)), strict=True))
    for index in range(len(data.train)):
        example = data.train[index]
        text = DNA.decode(example["input_ids"], skip_special_tokens=True)
        assert options["id2label"][int(example["labels"])] == truth[text][0]
        assert example["input_ids"][-1] == DNA.vocabulary.role_id("eos")
    manifest = json.loads(json.dumps(objective.manifest()))
    assert manifest["train"]["rows"] == len(data.train)
    assert manifest["labels"]["label2id"]["ten"] == 2


def test_the_loss_is_the_mean_over_rows_however_batched(reads: Path) -> None:
    objective, data = build("classification", reads)
    model = model_of(objective, DNA)
    examples = [data.train[index] for index in range(9)]
    with torch.no_grad():
        whole = objective.loss(model, objective.collate(examples))
        own = model(**objective.collate(examples)).loss
        parts = [objective.loss(model, objective.collate(examples[k : k + 4])) for k in (0, 4, 8)]
    torch.testing.assert_close(whole.total, own)
    assert [int(part.weight) for part in parts] == [4, 4, 1]
    averaged = sum(part.total * part.weight for part in parts) / 9
    torch.testing.assert_close(averaged, whole.total)
    assert 0 <= float(whole.parts["accuracy"]) <= 1


def test_equal_sequences_are_on_one_side_and_the_seed_of_the_run_changes_nothing(tmp_path) -> None:
    rows = [f"{'ACGT' * (1 + n % 10)},{n % 2}" for n in range(100)]
    path = table(tmp_path / "t.csv", "sequence,label", rows)
    settings = {"validation_fraction": 0.3, "split_seed": 1}
    objective, _ = build("classification", path, **settings)
    train, validation = objective.rows()
    assert not set(train.sequences) & set(validation.sequences)
    assert (len(train), len(validation)) == (70, 30)
    objective.datasets(DNA, 64, 99)
    assert objective.rows()[1].sequences == validation.sequences
    other, _ = build("classification", path, validation_fraction=0.3, split_seed=2)
    assert other.rows()[1].sequences != validation.sequences
    none, data = build("classification", path, validation_fraction=0)
    assert data.validation is None and len(data.train) == 100


def test_splits_of_a_column_and_of_files(tmp_path: Path) -> None:
    rows = ["AC,1,train", "AG,0,train", "AT,1,valid", "AA,0,test"]
    path = table(tmp_path / "t.csv", "sequence,label,split", rows)
    _, data = build("classification", path, split="split")
    assert (len(data.train), len(data.validation)) == (2, 1)
    one = table(tmp_path / "one.csv", "sequence,label", ["AC,b", "AG,a"])
    two = table(tmp_path / "two.csv", "sequence,label", ["AT,a"])
    objective, data = build("classification", one, validation=two)
    assert (len(data.train), len(data.validation)) == (2, 1)
    assert int(data.validation[0]["labels"]) == 0
    bad = table(tmp_path / "bad.csv", "sequence,label", ["AT,c"])
    with pytest.raises(InputError, match="'c' does not occur"):
        build("classification", one, validation=bad)


def test_several_labels_a_row_and_unknown_ones(tmp_path: Path) -> None:
    rows = ["AC,1,0", "AG,,1", "AT,0,"]
    path = table(tmp_path / "t.csv", "sequence,toxic,soluble", rows)
    settings = {"label": ["toxic", "soluble"], "validation_fraction": 0}
    objective, data = build("classification", path, **settings)
    options = objective.model_options(DNA)
    assert options["problem_type"] == "multi_label_classification"
    assert options["label2id"] == {"toxic": 0, "soluble": 1}
    model = model_of(objective, DNA)
    batch = objective.collate([data.train[index] for index in range(3)])
    found = objective.loss(model, batch)
    logits = model(batch["input_ids"], batch["attention_mask"]).logits
    known = ~batch["labels"].isnan()
    own = torch.nn.functional.binary_cross_entropy_with_logits(
        logits[known], batch["labels"][known]
    )
    torch.testing.assert_close(found.total, own)
    assert int(found.weight) == objective.weight(batch) == 4
    wrong = table(tmp_path / "w.csv", "sequence,toxic,soluble", ["AC,yes,0"])
    with pytest.raises(InputError, match="'yes'"):
        build("classification", wrong, **settings)


def test_regression_is_standardised_and_comes_back_in_units(tmp_path: Path) -> None:
    values = [3.0, 5.0, 10.0, 2.0]
    rows = [f"{'A' * (n + 1)},{value}" for n, value in enumerate(values)]
    path = table(tmp_path / "t.csv", "sequence,solubility", rows)
    objective, data = build("regression", path, validation_fraction=0)
    options = objective.model_options(DNA)
    assert options["label_mean"] == [np.mean(values)]
    assert options["label_std"] == pytest.approx([np.std(values)])
    model = model_of(objective, DNA)
    batch = objective.collate([data.train[index] for index in range(4)])
    found = objective.loss(model, batch)
    torch.testing.assert_close(found.total, model(**batch).loss)
    assert int(found.weight) == objective.weight(batch) == 4
    back = in_units(batch["labels"], model.config)
    lengths = batch["attention_mask"].sum(1) - 1
    np.testing.assert_allclose(back[:, 0], [values[n - 1] for n in lengths.tolist()], rtol=1e-5)
    assert type(model.config).from_dict(model.config.to_dict()).label_mean == options["label_mean"]
    bad = table(tmp_path / "b.csv", "sequence,solubility", ["A,high"])
    with pytest.raises(InputError, match="no number"):
        build("regression", bad)


def test_each_token_has_its_label(tmp_path: Path) -> None:
    rows = ["MKTA,HHEC", "MK,EE", "MKTAYI,CCCHHH"]
    path = table(tmp_path / "t.csv", "Sequence,Secondary_structure", rows)
    settings = {"tokenizer": PROTEIN, "validation_fraction": 0}
    objective, data = build("token-classification", path, **settings)
    truth = dict(row.split(",") for row in rows)
    names = objective.model_options(PROTEIN)["id2label"]
    for index in range(3):
        example = data.train[index]
        text = PROTEIN.decode(example["input_ids"][1:])
        assert example["labels"][0] == -100
        assert "".join(names[label] for label in example["labels"][1:].tolist()) == truth[text]
    batch = objective.collate([data.train[index] for index in range(3)])
    model = model_of(objective, PROTEIN, BioMambaForTokenClassification)
    found = objective.loss(model, batch)
    torch.testing.assert_close(found.total, model(**batch).loss)
    assert int(found.weight) == objective.weight(batch) == 12
    wrong = table(tmp_path / "w.csv", "Sequence,Secondary_structure", ["MKTA,HHE"])
    with pytest.raises(InputError, match="3 labels for 4 tokens"):
        build("token-classification", wrong, **settings)


@pytest.mark.parametrize("side", ["left", "right"])
def test_long_sequences_are_refused_or_cut_where_told(tmp_path: Path, side: str) -> None:
    path = table(tmp_path / "t.csv", "sequence,label", ["AACCGGTT,1", "A,0"])
    with pytest.raises(InputError, match="9 tokens and only 5"):
        build("classification", path, length=5, validation_fraction=0)
    settings = {"truncation": side, "validation_fraction": 0}
    _, data = build("classification", path, length=5, **settings)
    found = {DNA.decode(data.train[index]["input_ids"]) for index in range(2)}
    assert found == {"GGTT[SEP]" if side == "left" else "AACC[SEP]", "A[SEP]"}


def test_the_other_strand_is_read_in_training_only(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", "sequence,label", ["AAC,1", "AAG,0"])
    _, data = build(
        "classification", path, validation=path, reverse_complement=1.0, validation_fraction=0
    )
    texts = [
        {DNA.decode(d[n]["input_ids"]) for n in range(2)} for d in (data.train, data.validation)
    ]
    assert texts == [{"GTT[SEP]", "CTT[SEP]"}, {"AAC[SEP]", "AAG[SEP]"}]
    with pytest.raises(UsageError, match="complements"):
        build("classification", path, tokenizer=PROTEIN, reverse_complement=0.5)


def test_rows_are_pure(reads: Path) -> None:
    _, data = build("classification", reads, reverse_complement=0.5)
    _, again = build("classification", reads, reverse_complement=0.5)
    again.train.set_epoch(1)
    again.train[0]
    again.train.set_epoch(0)
    for index in (5, 0, 3):
        same(data.train[index], again.train[index])


def test_bad_letters_are_found_before_training(tmp_path: Path) -> None:
    path = table(tmp_path / "t.csv", "sequence,label", ["ACGT,1", "AC!T,0"])
    with pytest.raises(InputError, match="'!'") as caught:
        build("classification", path, validation_fraction=0)
    assert "line 3" in caught.value.where


def test_real_tables(shared: Path) -> None:
    folder = shared / "data/seq"
    objective, data = build("classification", folder / "dna_promoter_251bp.csv.gz", length=252)
    assert objective.model_options(DNA)["id2label"] == {0: "0", 1: "1"}
    assert len(data.train) + len(data.validation) == 47_944
    batch = objective.collate([data.train[index] for index in range(8)])
    assert batch["input_ids"].shape == (8, 252)
    smiles = SmilesTokenizer()
    objective, _ = build("regression", folder / "prop_delaney.csv.gz", smiles, length=256)
    assert objective.model_options(smiles)["label_mean"][0] == pytest.approx(-3.05, abs=0.1)
    dms = folder / "protein_dms_blat_P62593.fasta.gz"
    objective, data = build("regression", dms, PROTEIN, length=300)
    assert len(data.train) + len(data.validation) > 5000
    structure = folder / "protein_secondary_structure.csv.gz"
    objective, data = build(
        "token-classification", structure, PROTEIN, length=512, truncation="right"
    )
    assert 3 <= objective.model_options(PROTEIN)["num_labels"] <= 8


def test_names_of_columns_with_a_byte_order_mark_and_quotes(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes('\ufeffsequence,label\r\n"AC","a, b"\r\n\r\nGG,c\r\n'.encode())
    found = read_labelled(path)
    assert found.labels == [("a, b",), ("c",)]
    assert found.names == ["line 2", "line 4"]
