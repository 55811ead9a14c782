"""Shards hold what was written, are read in place, and say when they are not what they were."""

from __future__ import annotations

import json
import pickle
from pathlib import Path

import numpy as np
import pytest

from biosequence.errors import InputError, UsageError
from biosequence.tokenizers import (
    DNATokenizer,
    KmerTokenizer,
    ProteinTokenizer,
    SmilesTokenizer,
    get_tokenizer,
)
from biosequence.training.data import ShardWriter, TokenShards
from biosequence.training.data.shard_writer import stored_type


def write(folder: Path, documents: list[np.ndarray], tokenizer=None, groups=None, **options):
    with ShardWriter(folder, tokenizer or DNATokenizer(), **options) as writer:
        for number, ids in enumerate(documents):
            writer.add(ids, None if groups is None else groups[number])
    return TokenShards.open(folder)


def random_documents(count: int = 50, high: int = 12) -> list[np.ndarray]:
    chance = np.random.default_rng(0)
    return [chance.integers(0, high, chance.integers(1, 40)) for _ in range(count)]


@pytest.mark.parametrize("shard_tokens", [1, 100, 10**9])
def test_what_was_written_is_read(tmp_path: Path, shard_tokens: int) -> None:
    documents = random_documents()
    groups = [number // 7 for number in range(50)]
    source = {"name": "chance"}
    shards = write(
        tmp_path / "s", documents, groups=groups, source=source, shard_tokens=shard_tokens
    )
    assert len(shards) == 50
    for found, wanted in zip(shards, documents, strict=True):
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, wanted)
    np.testing.assert_array_equal(shards.lengths, [len(x) for x in documents])
    np.testing.assert_array_equal(shards.groups, groups)
    np.testing.assert_array_equal(shards[-1], documents[-1])
    whole = np.concatenate(documents)
    assert shards.num_tokens == len(whole)
    np.testing.assert_array_equal(shards.span(0, len(whole)), whole)
    np.testing.assert_array_equal(shards.span(90, 310), whole[90:310])
    assert shards.manifest["source"] == source
    assert shards.tokenizer().vocabulary == DNATokenizer().vocabulary
    shards.verify()
    with pytest.raises(IndexError):
        shards[50]


def test_a_large_vocabulary_takes_two_bytes(tmp_path: Path) -> None:
    kmers = KmerTokenizer(6)
    shards = write(tmp_path / "s", [np.array([4000, 300, 7])], kmers)
    assert shards[0].dtype == np.uint16
    assert shards[0].tolist() == [4000, 300, 7]


def test_nothing_is_read_before_it_is_asked_for(tmp_path: Path) -> None:
    shards = write(tmp_path / "s", random_documents())
    assert isinstance(shards[3].base, np.memmap)
    assert len(pickle.dumps(shards)) < 400
    np.testing.assert_array_equal(pickle.loads(pickle.dumps(shards))[7], shards[7])


def test_a_failed_writer_leaves_nothing(tmp_path: Path) -> None:
    with (
        pytest.raises(RuntimeError, match="mine"),
        ShardWriter(tmp_path / "s", DNATokenizer()) as w,
    ):
        w.add([7, 8])
        raise RuntimeError("mine")
    with (
        pytest.raises(InputError, match="no document"),
        ShardWriter(tmp_path / "s", DNATokenizer()),
    ):
        pass
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ids", [[12], [-1], [], [[7, 8]], [1.5]])
def test_ids_outside_the_vocabulary_are_refused(tmp_path: Path, ids: list) -> None:
    with pytest.raises(InputError) as caught:
        write(tmp_path / "s", [np.array([7]), np.array(ids)])
    assert caught.value.where == "document 2"


def test_groups_are_for_all_or_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="group"):
        write(tmp_path / "s", random_documents(2), groups=[0, None])


def test_an_output_from_before_is_kept(tmp_path: Path) -> None:
    write(tmp_path / "s", random_documents())
    with pytest.raises(InputError, match="not empty"):
        write(tmp_path / "s", random_documents())
    TokenShards.open(tmp_path / "s").verify()


def damage_size(folder: Path) -> None:
    path = folder / "shard-00000.bin"
    path.write_bytes(path.read_bytes()[:-3])


def damage_missing(folder: Path) -> None:
    (folder / "shard-00000.bin").unlink()


def damage_ends(folder: Path) -> None:
    ends = np.load(folder / "shard-00000.ends.npy")
    ends[[3, 4]] = ends[[4, 3]]
    np.save(folder / "shard-00000.ends.npy", ends)


def damage_ends_file(folder: Path) -> None:
    (folder / "shard-00000.ends.npy").write_bytes(b"no array")


def damage_manifest(folder: Path) -> None:
    (folder / "manifest.json").write_text("{", encoding="utf-8")


def damage_count(folder: Path) -> None:
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    manifest["documents"] += 1
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")


def damage_groups(folder: Path) -> None:
    np.save(folder / "groups.npy", np.zeros(3, dtype=np.int32))


@pytest.mark.parametrize(
    ("damage", "name", "message"),
    [
        (damage_size, "shard-00000.bin", "bytes and is to have"),
        (damage_missing, "shard-00000.bin", "missing"),
        (damage_ends, "shard-00000.ends.npy", "does not divide"),
        (damage_ends_file, "shard-00000.ends.npy", "cannot be read"),
        (damage_manifest, "manifest.json", "cannot be read"),
        (damage_count, "manifest.json", "documents"),
        (damage_groups, "groups.npy", "entries"),
    ],
)
def test_damage_is_named_when_opened(tmp_path: Path, damage, name: str, message: str) -> None:
    write(tmp_path / "s", random_documents(), groups=[0] * 50)
    damage(tmp_path / "s")
    with pytest.raises(InputError, match=message) as caught:
        TokenShards.open(tmp_path / "s")
    assert caught.value.where.endswith(name)


@pytest.mark.parametrize("name", ["shard-00000.bin", "shard-00000.ends.npy", "groups.npy"])
def test_verify_finds_one_altered_number(tmp_path: Path, name: str) -> None:
    write(tmp_path / "s", [np.full(9, 7), np.full(9, 8)], groups=[0, 0])
    path = tmp_path / "s" / name
    if name.endswith("npy"):
        array = np.load(path)
        array[0] += 1
        np.save(path, array)
    else:
        path.write_bytes(b"\x08" + path.read_bytes()[1:])
    with pytest.raises(InputError, match="altered") as caught:
        TokenShards.open(tmp_path / "s").verify()
    assert caught.value.where.endswith(name)


def test_another_tokenizer_is_refused(tmp_path: Path) -> None:
    write(tmp_path / "s", random_documents())
    TokenShards.open(tmp_path / "s", DNATokenizer(soft_masked="N"))
    with pytest.raises(InputError, match=r"'dna' \(.*'protein' \("):
        TokenShards.open(tmp_path / "s", ProteinTokenizer())


def test_a_folder_without_shards_is_said_to_be_none(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no manifest"):
        TokenShards.open(tmp_path)


def test_too_large_a_vocabulary_is_refused() -> None:
    with pytest.raises(UsageError, match="65,536"):
        stored_type(70_000)


def test_real_molecules_round_trip(shared: Path, tmp_path: Path) -> None:
    from biosequence.io import read_smiles

    smiles = SmilesTokenizer()
    records = []
    for record in read_smiles(shared / "data/seq/smiles_canonical.csv.gz"):
        records.append(record.sequence)
        if len(records) == 2000:
            break
    shards = write(
        tmp_path / "s", [smiles.encode(text) for text in records], smiles, shard_tokens=30_000
    )
    assert len(shards.manifest["shards"]) > 1
    assert smiles.decode_batch(shards) == records
    assert shards.tokenizer().vocabulary == get_tokenizer("smiles").vocabulary
