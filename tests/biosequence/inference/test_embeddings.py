"""Embeddings: the hidden states themselves, without padding, the same in any batch and any file."""

from __future__ import annotations

import importlib.util
import json
from pathlib import Path

import anndata as ad
import numpy as np
import pytest
import torch

from biosequence.errors import InputError, MissingExtraError, UsageError
from biosequence.inference.embed import embed_file, embed_records
from biosequence.inference.loading import LoadedModel
from biosequence.io import Record, write_fasta

LETTERS = {"dna": "ACGT", "dna_masked": "ACGT", "protein": "MKTAYIVL", "smiles": "CNO"}


def some_records(name: str, count: int = 9) -> list[Record]:
    rng = np.random.default_rng(1)
    return [
        Record(f"r{number}", "".join(rng.choice(list(LETTERS[name]), rng.integers(2, 40))))
        for number in range(count)
    ]


def states(loaded: LoadedModel, text: str, layer: int) -> torch.Tensor:
    """Hidden states of the sequence's own tokens, read alone; and of the last token."""
    ids = torch.from_numpy(loaded.tokenizer.encode(text))
    with torch.no_grad():
        output = loaded.model.backbone(ids[None], output_hidden_states=True)
    return output.hidden_states[layer][0]


@pytest.mark.parametrize("name", sorted(LETTERS))
@pytest.mark.parametrize("layer", [-1, 0, 1])
def test_vectors_are_the_hidden_states(tiny, name: str, layer: int) -> None:
    loaded = tiny(name)
    records = some_records(name)
    before = len(loaded.tokenizer.prefix)
    found = {
        pool: list(embed_records(loaded, records, layer=layer, pool=pool, batch_size=4))
        for pool in ("mean", "last", "tokens")
    }
    for number, record in enumerate(records):
        x = states(loaded, record.sequence, layer)
        own = x[before : before + len(record)]
        assert [found[pool][number].name for pool in found] == [record.name] * 3
        for pool, expected in (("mean", own.mean(0)), ("last", x[-1]), ("tokens", own)):
            torch.testing.assert_close(
                torch.from_numpy(found[pool][number].vectors), expected, atol=1e-5, rtol=1e-5
            )


@pytest.mark.parametrize("pool", ["mean", "last", "tokens"])
@pytest.mark.parametrize("name", ["dna", "protein"])
def test_long_sequences_in_pieces_give_the_same(tiny, name: str, pool: str) -> None:
    records = [Record("long", "ACGT" * 40), Record("short", "AC")]
    whole = list(embed_records(tiny(name), records, pool=pool))
    pieces = list(embed_records(tiny(name), records, pool=pool, chunk=23))
    for one, other in zip(whole, pieces, strict=True):
        np.testing.assert_allclose(one.vectors, other.vectors, atol=1e-5)


def test_shared_strands_are_averaged_as_heads_do(tiny) -> None:
    from biosequence.complement import reverse_complement
    from biosequence.models import BioMambaConfig, BioMambaForMaskedLM
    from biosequence.tokenizers import DNATokenizer

    torch.manual_seed(0)
    table = DNATokenizer().vocabulary.complement_ids.tolist()
    config = BioMambaConfig(
        vocab_size=12,
        hidden_size=16,
        num_hidden_layers=2,
        state_size=4,
        bidirectional="add",
        rcps=True,
        complement_map=table,
    )
    loaded = LoadedModel(BioMambaForMaskedLM(config).eval(), DNATokenizer(), tiny("dna").path)
    (one,) = embed_records(loaded, [Record("a", "ACGGTTAAC")])
    assert one.vectors.shape == (16,)
    x = states(loaded, "ACGGTTAAC", -1)[:9]
    expected = (x[:, :16] + x[:, 16:].flip(-1)).mean(0) / 2
    np.testing.assert_allclose(one.vectors, expected.numpy(), atol=1e-6)
    turned = Record("b", reverse_complement("ACGGTTAAC"))
    both = list(embed_records(loaded, [Record("a", "ACGGTTAAC"), turned], strands="both"))
    np.testing.assert_allclose(both[0].vectors, both[1].vectors, atol=1e-6)


def test_files_hold_what_was_computed(tiny, tmp_path: Path) -> None:
    loaded, records = tiny("dna"), some_records("dna")
    write_fasta(tmp_path / "in.fa", records)
    expected = list(embed_records(loaded, records))
    for batch_size in (1, 5):
        facts = embed_file(loaded, tmp_path / "in.fa", tmp_path / "out.npz", batch_size=batch_size)
        found = np.load(tmp_path / "out.npz")
        assert found["names"].tolist() == [one.name for one in expected]
        np.testing.assert_allclose(
            found["embeddings"], np.stack([one.vectors for one in expected]), atol=1e-5
        )
    assert (facts["records"], facts["rows"], facts["width"]) == (9, 9, 32)
    assert json.loads(str(found["facts"]))["pool"] == "mean"
    embed_file(loaded, tmp_path / "in.fa", tmp_path / "out.h5ad")
    cells = ad.read_h5ad(tmp_path / "out.h5ad")
    assert cells.obs_names.tolist() == [one.name for one in expected]
    np.testing.assert_allclose(cells.X, found["embeddings"], atol=1e-5)


def test_files_of_tokens_say_which_rows_are_whose(tiny, tmp_path: Path) -> None:
    loaded, records = tiny("dna"), some_records("dna", 3)
    write_fasta(tmp_path / "in.fa", records)
    expected = list(embed_records(loaded, records, pool="tokens"))
    embed_file(loaded, tmp_path / "in.fa", tmp_path / "out.npz", pool="tokens")
    found = np.load(tmp_path / "out.npz")
    for number, one in enumerate(expected):
        start, end = found["offsets"][number : number + 2]
        np.testing.assert_allclose(found["embeddings"][start:end], one.vectors, atol=1e-5)
    embed_file(loaded, tmp_path / "in.fa", tmp_path / "out.h5ad", pool="tokens")
    cells = ad.read_h5ad(tmp_path / "out.h5ad")
    assert cells.obs_names[0] == "r0:1"
    assert (cells.obs["record"] == "r1").sum() == len(records[1])
    np.testing.assert_allclose(cells.X, found["embeddings"], atol=1e-6)


def test_molecules_are_read_from_smiles(tiny, tmp_path: Path) -> None:
    (tmp_path / "in.smi").write_text("CCO ethanol\nCN methylamine\n")
    embed_file(tiny("smiles"), tmp_path / "in.smi", tmp_path / "out.npz")
    assert np.load(tmp_path / "out.npz")["names"].tolist() == ["ethanol", "methylamine"]


def test_parquet_needs_its_library(tiny, tmp_path: Path) -> None:
    write_fasta(tmp_path / "in.fa", some_records("dna", 2))
    output = tmp_path / "out.parquet"
    if importlib.util.find_spec("pyarrow") is None:
        with pytest.raises(MissingExtraError, match="pyarrow"):
            embed_file(tiny("dna"), tmp_path / "in.fa", output)
        assert not output.exists()
        return
    from pyarrow import parquet

    embed_file(tiny("dna"), tmp_path / "in.fa", output)
    assert parquet.read_table(output)["name"].to_pylist() == ["r0", "r1"]


def test_what_cannot_be_done_is_said_and_nothing_written(tiny, tmp_path: Path) -> None:
    write_fasta(tmp_path / "in.fa", [Record("a", "ACGT"), Record("b", "AC!T")])
    loaded = tiny("dna")
    before = sorted(path.name for path in tmp_path.iterdir())
    for output, error, said, options in (
        ("out.txt", InputError, "ending", {}),
        ("out.npz", InputError, "position 3", {}),
        ("out.npz", UsageError, "layer 7", {"layer": 7}),
        ("out.npz", UsageError, "pool", {"pool": "max"}),
        ("out.npz", UsageError, "one place", {"pool": "tokens", "strands": "both"}),
    ):
        with pytest.raises(error, match=said):
            embed_file(loaded, tmp_path / "in.fa", tmp_path / output, **options)
    assert sorted(path.name for path in tmp_path.iterdir()) == before


@pytest.mark.parametrize("pool", ["mean", "tokens"])
def test_a_file_is_the_same_after_a_stop(tiny, tmp_path: Path, monkeypatch, pool: str) -> None:
    loaded = tiny("dna")
    write_fasta(tmp_path / "in.fa", some_records("dna"))
    how = {"pool": pool, "batch_size": 1}
    embed_file(loaded, tmp_path / "in.fa", tmp_path / "whole.npz", **how)

    def stopped(*args, **kwargs):
        for number, one in enumerate(inner(*args, **kwargs)):
            if number == 4:
                raise KeyboardInterrupt
            yield one

    inner = embed_records
    with monkeypatch.context() as patch:
        patch.setattr("biosequence.inference.embed.embed_records", stopped)
        with pytest.raises(KeyboardInterrupt):
            embed_file(loaded, tmp_path / "in.fa", tmp_path / "out.npz", **how)
    assert not (tmp_path / "out.npz").exists()
    with pytest.raises(InputError, match="other options"):
        other = {**how, "layer": 0}
        embed_file(loaded, tmp_path / "in.fa", tmp_path / "out.npz", **other, resume=True)
    found = embed_file(loaded, tmp_path / "in.fa", tmp_path / "out.npz", **how, resume=True)
    assert found["records"] == 9
    one, other = (np.load(tmp_path / name) for name in ("whole.npz", "out.npz"))
    assert set(one.files) == set(other.files)
    for name in ("names", "embeddings"):
        np.testing.assert_array_equal(one[name], other[name])
    assert not (tmp_path / "out.npz.partial").exists()
