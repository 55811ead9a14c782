"""The protein experiment: clean data, honest baselines, and a run that is not done twice."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from bioseq_recipes.corpora.splits import homology_clusters
from bioseq_recipes.trained.protein.__main__ import main
from bioseq_recipes.trained.protein.assay import ASSAY, aligned_columns
from bioseq_recipes.trained.protein.baselines import (
    NgramScorer,
    SiteFrequencies,
    residue_frequencies,
)
from bioseq_recipes.trained.protein.copies import Mutator
from bioseq_recipes.trained.protein.families import open_families

from biosequence.errors import InputError
from biosequence.io import Mutation

RESIDUES = np.array(list("ACDEFGHIKLMNPQRSTVWY"))
PARTS = ("train", "validation", "members", "families")


def protein(chance: np.random.Generator, length: int) -> str:
    return "".join(chance.choice(RESIDUES, length))


def relatives(chance: np.random.Generator, ancestor: str, number: int) -> list[str]:
    """Descendants that kept nine residues in ten."""
    found = []
    for _ in range(number):
        letters = np.array(list(ancestor))
        changed = chance.random(len(letters)) < 0.1
        letters[changed] = chance.choice(RESIDUES, changed.sum())
        found.append("".join(letters))
    return found


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("proteins")
    chance = np.random.default_rng(0)
    wild = protein(chance, 60)
    families = [relatives(chance, protein(chance, 70), 8) for _ in range(30)]
    families += [[protein(chance, 60)] for _ in range(10)]
    shared = families[0]
    records = [one for family in families for one in family] + relatives(chance, wild, 2)
    with gzip.open(folder / "protein_mixed.fa.gz", "wt") as handle:
        handle.writelines(f">set|p{n} a protein\n{one}\n" for n, one in enumerate(records))
    with tarfile.open(folder / "protein_msas_a3m.tar.gz", "w:gz") as archive:
        for number in range(7):
            # One alignment holds relatives of a family of the other corpus.
            ancestor = shared[0] if number == 0 else protein(chance, 50)
            rows = [ancestor, *relatives(chance, ancestor, 14)]
            text = "".join(f">r{n}\n{one}\n" for n, one in enumerate(rows)).encode()
            entry = tarfile.TarInfo(f"family{number}.a3m")
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text))
    with gzip.open(folder / f"{ASSAY}.fasta.gz", "wt") as handle:
        for number in range(60):
            at = int(chance.integers(0, 60))
            new = str(chance.choice(RESIDUES))
            mutant = wild[:at] + new + wild[at + 1 :]
            name = f"{wild[at]}{at + 1}{new}"
            handle.write(f">{number}|enzyme_{name}|{chance.random():.3f}\n{mutant}\n")
    return folder


@pytest.fixture(scope="module")
def output(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("run") / "out"
    main(["--source", str(source), "--output", str(folder), "--quick"])
    return folder


def test_trained_protein_writes_every_result_with_its_baseline(output: Path) -> None:
    results = json.loads((output / "results.json").read_text())
    assert {row["model"] for row in results["models"]} == {"xlstm", "mamba"}
    for stage in ("copies", "families"):
        runs = [row for row in results["models"] if row["stage"] == stage]
        assert len(runs) == 2 and len({row["tokens"] for row in runs}) == 1
    for table in ("in_context", "assay", "infill"):
        models = {row["model"] for row in results[table]}
        assert {"xlstm", "mamba"} < models, table
    for row in results["in_context"]:
        assert np.isfinite(row["perplexity"]) and row["perplexity"] > 1
        assert row["before"] or row["gain"] == 0
    asked = {(row["set"], row["before"]): set() for row in results["in_context"]}
    for row in results["in_context"]:
        asked[row["set"], row["before"]].add(row["tokens"])
    assert all(len(numbers) == 1 for numbers in asked.values()), "models were asked other residues"
    assert (output / "curves.png").read_bytes().startswith(b"\x89PNG")
    assert "## Perplexity after homologs" in (output / "results.md").read_text()


def test_trained_protein_holds_out_what_has_no_relative_in_training(
    output: Path, tmp_path: Path
) -> None:
    folder = output / "data" / "families"
    parts = {
        part: [one for family in open_families(folder, part) for one in family.sequences]
        for part in PARTS
    }
    sequences = [one for part in parts.values() for one in part]
    clusters = homology_clusters(sequences, tmp_path)
    owners = np.repeat(list(PARTS), [len(part) for part in parts.values()])
    train = set(clusters[owners == "train"].tolist())
    assert train.isdisjoint(clusters[owners == "families"].tolist())
    assert train.isdisjoint(clusters[owners == "validation"].tolist())
    assert not set(parts["train"]) & set(parts["members"])
    # Members are held out of families that are trained on: they do have relatives there.
    assert train & set(clusters[owners == "members"].tolist())


def test_trained_protein_simulates_families_from_pieces_of_training_proteins(
    output: Path,
) -> None:
    folder = output / "data" / "families"
    words = {
        one[at : at + 6]
        for family in open_families(folder, "train")
        for one in family.sequences
        for at in range(len(one) - 5)
    }
    simulated = list(open_families(folder, "copies"))
    assert len(simulated) == 12
    shares = []
    for family in simulated:
        assert len(set(family.sequences)) > 2, "copies differ"
        own = [one[at : at + 6] for one in family.sequences for at in range(len(one) - 5)]
        shares.append(np.mean([word in words for word in own]))
    assert min(shares) > 0, "a simulated family has nothing of a training protein"


def test_mutator_changes_as_many_residues_as_it_is_told_to_and_prefers_alike_ones() -> None:
    mutator = Mutator(dict.fromkeys(RESIDUES.tolist(), 0.05))
    chance = np.random.default_rng(0)
    old = "I" * 4000
    new = np.array(list(mutator(old, chance, changed=0.3, gaps=0.0)))
    assert np.mean(new != "I") == pytest.approx(0.3, abs=0.03)
    # BLOSUM62 aligns I with V far more often than with W.
    assert np.sum(new == "V") > 5 * np.sum(new == "W")
    lengths = [len(mutator("MKTAYIAK" * 8, chance, changed=0.0, gaps=0.1)) for _ in range(20)]
    assert min(lengths) < 64 < max(lengths)


def test_trained_protein_finds_the_homologs_of_the_scan(output: Path) -> None:
    facts = json.loads((output / "data" / "assay" / "facts.json").read_text())
    assert len(facts["homologs"]) == 2
    assert facts["mutants"] + facts["copies_of_the_wild_type_left_out"] == 60
    columns = list(aligned_columns(output / "data" / "assay" / f"{ASSAY}.a3m"))
    assert len(columns) == facts["residues"] == 60
    same = [column.count(column[0]) / len(column) for column in columns]
    assert np.mean(same) > 0.7


def test_trained_protein_does_nothing_twice(source: Path, output: Path) -> None:
    made = [*(output / "models").glob("*/model/model.safetensors"), *output.glob("results/*.json")]
    before = {path: path.stat().st_mtime_ns for path in made}
    results = (output / "results.json").read_text()
    assert len(made) > 6
    main(["--source", str(source), "--output", str(output), "--quick"])
    assert {path: path.stat().st_mtime_ns for path in made} == before
    assert (output / "results.json").read_text() == results


def test_trained_protein_refuses_a_scan_of_two_proteins(source: Path, tmp_path: Path) -> None:
    from bioseq_recipes.trained.protein.assay import prepare_assay

    with gzip.open(tmp_path / f"{ASSAY}.fasta.gz", "wt") as handle:
        handle.write(">0|e_M1A|0.1\nAKT\n>1|e_K2R|0.1\nMRV\n")
    with pytest.raises(InputError, match="K2R is not a mutant"):
        prepare_assay(tmp_path, tmp_path / "assay")


def test_ngram_scorer_gives_probabilities() -> None:
    scorer = NgramScorer(residue_frequencies(["".join(RESIDUES)]), order=2)
    before = ["MKTA", "MKVA"]
    shares = [np.exp(scorer("MK" + one, before)[0] - scorer("MK", before)[0]) for one in RESIDUES]
    assert sum(shares) == pytest.approx(1)
    assert max(shares) == pytest.approx(shares[RESIDUES.tolist().index("T")])


def test_site_frequencies_prefer_what_stands_in_the_column() -> None:
    score = SiteFrequencies(["KKR", "AAA"], residue_frequencies(["".join(RESIDUES)]))
    seen, unseen = score("KA", [(Mutation(1, "K", "R"),), (Mutation(1, "K", "W"),)], [])
    assert unseen < seen < 0
