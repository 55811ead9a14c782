"""The text tokenizer: the same from run to run, without unknown pieces, blind to case."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from bioseq_recipes.langcell.texts import text_variants
from bioseq_recipes.langcell.wordpieces import SPECIALS, coverage, main, train_tokenizer
from transformers import AutoTokenizer

from cellmodels.genes import gene_table
from cellmodels.knowledge import marker_rows
from cellmodels.models.langcell.texts import identity_text
from cellmodels.ontology import cell_ontology

TYPES = sorted({row.cl_id for row in marker_rows()})
SMALL = 1500


def sample_texts() -> list[str]:
    return [
        text
        for number, cl_id in enumerate(TYPES[::4])
        for text in text_variants(cl_id, np.random.default_rng(number), 10)
    ]


@pytest.fixture(scope="module")
def tokenizer():
    return train_tokenizer(sample_texts(), vocabulary=SMALL)


def test_specials_come_first_and_frame_a_text(tokenizer) -> None:
    assert tokenizer.convert_ids_to_tokens(range(5)) == list(SPECIALS)
    ids = tokenizer("T cell")["input_ids"]
    assert (ids[0], ids[-1]) == (tokenizer.cls_token_id, tokenizer.sep_token_id)
    assert len(tokenizer) == SMALL


def test_no_text_of_any_type_and_no_gene_has_an_unknown_piece(tokenizer) -> None:
    texts = [identity_text(cl_id) for cl_id in cell_ontology()]
    genes = [*list(gene_table("human").symbols)[::5], *list(gene_table("mouse").symbols)[::5]]
    assert coverage(tokenizer, texts).unknown == 0.0
    assert coverage(tokenizer, genes).unknown == 0.0


def test_pieces_put_together_are_the_text(tokenizer) -> None:
    for text in [*map(identity_text, TYPES), *sample_texts()[:500]]:
        if text.isascii():
            pieces = tokenizer.tokenize(text)
            joined = "".join(piece.removeprefix("##") for piece in pieces)
            assert joined == "".join(text.lower().split())


def test_any_ascii_letters_accents_and_greek_can_be_written(tokenizer) -> None:
    odd = "Zq0x_y~^ M\u00fcller \u03b3\u03b4 IFN\u03b3 CD8\u2212 unit \u2013 caf\u00e9 " + "".join(
        map(chr, range(33, 127))
    )
    assert tokenizer.unk_token_id not in tokenizer(odd)["input_ids"]
    assert tokenizer.tokenize("\u03b3\u03b4 T") == tokenizer.tokenize("gamma delta T")
    assert tokenizer.tokenize("M\u00fcller") == tokenizer.tokenize("muller")


def test_what_cannot_be_written_is_counted_as_unknown(tokenizer) -> None:
    assert coverage(tokenizer, ["\u7d30\u80de"]).unknown > 0


def test_case_makes_no_difference(tokenizer) -> None:
    for text in ("naive B cell", "Cd3e", "plasma cell of lung"):
        assert tokenizer.tokenize(text) == tokenizer.tokenize(text.upper())


def test_another_process_trains_the_same_tokenizer(tokenizer) -> None:
    code = (
        f"import sys; sys.path.insert(0, {str(Path(__file__).parent)!r});"
        "from test_wordpieces import SMALL, sample_texts, train_tokenizer;"
        "print(train_tokenizer(sample_texts(), vocabulary=SMALL).backend_tokenizer.to_str())"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == tokenizer.backend_tokenizer.to_str()


@pytest.mark.slow
def test_the_recipe_writes_files_that_transformers_reads(tmp_path, capsys) -> None:
    main(["--output", str(tmp_path / "tokenizer"), "--vocabulary", "4000"])
    read = AutoTokenizer.from_pretrained(tmp_path / "tokenizer")
    assert len(read) == 4000
    assert read.pad_token_id == 0
    batch = read(["T cell", "naive B cell of lung"], padding=True)
    assert sorted(batch) == ["attention_mask", "input_ids"]
    text = identity_text("CL:0000084")
    back = read.decode(read(text)["input_ids"], skip_special_tokens=True)
    assert "".join(back.split()) == "".join(text.lower().split())
    assert "marker genes: Coverage(unknown=0.0" in capsys.readouterr().out
