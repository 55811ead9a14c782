"""The published dictionaries, and files that are none."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy as np
import pytest

from biosequence.errors import InputError
from cellmodels.tokenizers import GeneRankTokenizer
from cellmodels.tokenizers.published import read_dictionary, vocabulary_of

TOKENS = {"<pad>": 0, "<mask>": 1, "ENSG00000198851": 2}
MEDIANS = {"ENSG00000198851": 1.5, "ENSG00000156738": 9.0}


def test_the_published_dictionaries_open(shared: Path) -> None:
    folder = shared / "data" / "knowledge"
    tokenizer = GeneRankTokenizer.from_published(
        folder / "geneformer_token_dictionary.json.gz",
        folder / "geneformer_gene_median_dictionary.json.gz",
    )
    assert len(tokenizer) == 25_427
    vocabulary = tokenizer.vocabulary
    roles = [vocabulary.role_id(role) for role in ("pad", "mask", "cls")]
    assert roles == [0, 1, 25_426]
    assert np.count_nonzero(np.isfinite(tokenizer.medians_V)) == 25_424
    assert np.nanmedian(tokenizer.medians_V) == pytest.approx(2.73, abs=0.005)


def test_symbols_of_a_whole_genome_reach_most_published_tokens(shared: Path) -> None:
    from cellmodels.genes import gene_table

    folder = shared / "data" / "knowledge"
    tokenizer = GeneRankTokenizer.from_published(
        folder / "geneformer_token_dictionary.json.gz",
        folder / "geneformer_gene_median_dictionary.json.gz",
    )
    table = gene_table("human")
    coding = sorted(symbol for symbol in table.symbols if table.gene_class(symbol) == "coding")
    bound = tokenizer.bind(coding)
    # What was named or found to be coding since then has no token.
    assert bound.n_used > 0.97 * len(coding)
    assert bound.n_tokens == bound.n_used


@pytest.mark.parametrize("packed", [False, True])
def test_json_files_are_read_gzipped_or_not(tmp_path: Path, packed: bool) -> None:
    paths = []
    for name, found in (("tokens.json", TOKENS), ("medians.json", MEDIANS)):
        data = json.dumps(found).encode()
        (tmp_path / name).write_bytes(gzip.compress(data) if packed else data)
        paths.append(tmp_path / name)
    tokenizer = GeneRankTokenizer.from_published(*paths)
    assert tokenizer.vocabulary.tokens == ("<pad>", "<mask>", "ENSG00000198851", "<cls>")
    assert tokenizer.medians_V[2] == 1.5


def test_a_dictionary_that_has_cls_keeps_it_where_it_is() -> None:
    vocabulary = vocabulary_of({"<pad>": 0, "<mask>": 1, "<cls>": 2, "<eos>": 3, "ENSG1": 4})
    assert vocabulary.role_id("cls") == 2
    assert vocabulary.letter_ids.tolist() == [4]


@pytest.mark.parametrize(
    ("tokens", "said"),
    [
        ({"<pad>": 0, "ENSG1": 1}, "<mask>"),
        ({"<mask>": 1, "ENSG1": 0}, "<pad>"),
        ({"<pad>": 0, "<mask>": 1, "ENSG1": 3}, "0 to 2"),
        ({"<pad>": 0, "<mask>": 1, "ENSG1": 1}, "0 to 2"),
    ],
)
def test_a_token_dictionary_with_wrong_ids_is_refused(tokens: dict[str, int], said: str) -> None:
    with pytest.raises(InputError, match=said):
        vocabulary_of(tokens)


def test_a_gene_without_a_median_is_refused() -> None:
    with pytest.raises(InputError, match="1 of 1 genes have no median"):
        GeneRankTokenizer.from_published(TOKENS, {"ENSG00000156738": 9.0})


@pytest.mark.parametrize(
    ("name", "data", "said"),
    [
        ("absent.json", None, "does not exist"),
        ("broken.json", b'{"a": 1', "cannot be read"),
        ("cut.json.gz", gzip.compress(b'{"a": 1}')[:12], "cannot be read"),
        ("binary.json", b"\x80\x04\x95", "cannot be read"),
        ("list.json", b"[1, 2]", "something else"),
        ("words.json", b'{"a": "b"}', "something else"),
    ],
)
def test_what_is_no_dictionary_is_refused(
    tmp_path: Path, name: str, data: bytes | None, said: str
) -> None:
    path = tmp_path / name
    if data is not None:
        path.write_bytes(data)
    with pytest.raises(InputError, match=said) as raised:
        read_dictionary(path)
    assert raised.value.where == str(path)


def test_a_pickle_is_never_opened_and_the_way_out_works(tmp_path: Path) -> None:
    import pickle
    import subprocess
    import sys

    (tmp_path / "NAME.pkl").write_bytes(pickle.dumps({"ENSG1": np.float64(1.5), "<pad>": 0}))
    with pytest.raises(InputError, match="Pickled dictionaries are not read") as raised:
        read_dictionary(tmp_path / "NAME.pkl")
    code = raised.value.fix.split('python -c "', 1)[1].removesuffix('"')
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, check=True)
    assert read_dictionary(tmp_path / "NAME.json") == {"ENSG1": 1.5, "<pad>": 0}
