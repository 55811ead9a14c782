"""Effects of variants: signs, strands, windows at the edge, and what a VCF may say wrongly."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from biosequence.errors import InputError, ModelError, UsageError
from biosequence.inference.score import score_records
from biosequence.inference.variants import score_variants, score_vcf, window_around
from biosequence.io import Record, Reference, Variant

HEAD = "##fileformat=VCFv4.2\n#CHROM\tPOS\tID\tREF\tALT\n"


@pytest.fixture
def genome(tmp_path: Path) -> Reference:
    rng = np.random.default_rng(5)
    text = "".join(rng.choice(list("ACGT"), 300))
    lines = "\n".join(text[start : start + 60] for start in range(0, 300, 60))
    (tmp_path / "ref.fa").write_text(f">chr1\n{lines}\n>chr2\nACGTACGT\n")
    with Reference(tmp_path / "ref.fa") as reference:
        yield reference


def bases(genome: Reference) -> str:
    from biosequence.io import Interval

    return genome.fetch(Interval("chr1", 0, 300))


def likelihood(loaded, text: str) -> float:
    (score,) = score_records(loaded, [Record("x", text)])
    return score.log_likelihood


@pytest.mark.parametrize("position", [1, 5, 150, 299, 300])
def test_a_causal_effect_is_alternative_minus_reference(tiny, genome, position: int) -> None:
    loaded, text = tiny("dna"), bases(genome)
    ref = text[position - 1]
    alt = "G" if ref != "G" else "T"
    start, end = max(0, position - 1 - 20), min(300, position - 1 + 21)
    window = text[start:end]
    changed = window[: position - 1 - start] + alt + window[position - start :]
    expected = likelihood(loaded, changed) - likelihood(loaded, window)
    (found,) = score_variants(loaded, [Variant("chr1", position, ref, alt)], genome, window=41)
    assert found == pytest.approx(expected, abs=1e-4)


def test_the_effect_turns_its_sign_with_the_alleles(tiny, tmp_path: Path) -> None:
    found = []
    for one, other in ("AC", "CA"):
        (tmp_path / f"{one}.fa").write_text(f">chr1\nGGATT{one}GATCA\n")
        with Reference(tmp_path / f"{one}.fa") as genome:
            found += score_variants(tiny("dna"), [Variant("chr1", 6, one, other)], genome)
    assert found[0] == pytest.approx(-found[1], abs=1e-5)
    assert abs(found[0]) > 1e-3


@pytest.mark.parametrize("name", ["dna", "dna_masked"])
def test_both_strands_agree_with_the_other_strand(tiny, tmp_path: Path, name: str) -> None:
    from biosequence.complement import reverse_complement

    text = "GGATTACAGATCA"
    (tmp_path / "a.fa").write_text(f">c\n{text}\n")
    (tmp_path / "b.fa").write_text(f">c\n{reverse_complement(text)}\n")
    with Reference(tmp_path / "a.fa") as genome:
        (ahead,) = score_variants(
            tiny(name), [Variant("c", 6, "A", "G")], genome, window=13, strands="both"
        )
    with Reference(tmp_path / "b.fa") as genome:
        (back,) = score_variants(
            tiny(name), [Variant("c", 8, "T", "C")], genome, window=99, strands="both"
        )
    with Reference(tmp_path / "a.fa") as genome:
        (whole,) = score_variants(
            tiny(name), [Variant("c", 6, "A", "G")], genome, window=99, strands="both"
        )
    assert whole == pytest.approx(back, abs=1e-5)
    assert np.isfinite(ahead)


def test_a_masked_effect_is_asked_at_the_masked_place(tiny, genome) -> None:
    loaded, text = tiny("dna_masked"), bases(genome)
    ref = text[99]
    alt = "A" if ref != "A" else "C"
    ids = torch.from_numpy(loaded.tokenizer.encode(text[90:110]))
    ids[9] = loaded.tokenizer.mask_id
    with torch.no_grad():
        log_probs = loaded.model(ids[None]).logits[0, 9].double().log_softmax(-1)
    vocabulary = loaded.tokenizer.vocabulary
    expected = float(log_probs[vocabulary.id(alt)] - log_probs[vocabulary.id(ref)])
    found = list(
        score_variants(
            loaded,
            [Variant("chr1", 100, ref, alt), Variant("chr1", 100, ref, ref + "GG")],
            genome,
            window=20,
        )
    )
    assert found[0] == pytest.approx(expected, abs=1e-5)
    assert found[1] is None


@pytest.mark.parametrize("name", ["dna", "dna_masked"])
def test_batches_change_no_effect(tiny, genome, name: str) -> None:
    text = bases(genome)
    variants = [
        Variant("chr1", p, text[p - 1], alt)
        for p in (1, 3, 90, 150, 298)
        for alt in "ACGT"
        if alt != text[p - 1]
    ]
    one = list(score_variants(tiny(name), variants, genome, window=50, batch_size=1))
    many = list(score_variants(tiny(name), variants, genome, window=50, batch_size=7))
    np.testing.assert_allclose(one, many, atol=2e-5)


def test_windows_end_where_the_chromosome_does(genome) -> None:
    alleles = window_around(Variant("chr2", 2, "CG", "C"), genome, 6)
    assert (alleles.left, alleles.ref, alleles.right) == ("A", "CG", "TA")
    with pytest.raises(UsageError, match="at least 2"):
        window_around(Variant("chr2", 2, "CG", "C"), genome, 1)


def test_a_vcf_becomes_a_table(tiny, genome, tmp_path: Path) -> None:
    text = bases(genome)
    ref = text[9]
    other = "A" if ref != "A" else "T"
    lines = HEAD + f"chr1\t10\trs1\t{ref}\t{other},*\nchr2\t1\t.\tA\tACC\n"
    (tmp_path / "v.vcf").write_bytes(lines.replace("\n", "\r\n").encode())
    summary = score_vcf(tiny("dna"), tmp_path / "v.vcf", tmp_path / "ref.fa", tmp_path / "o.tsv")
    rows = [line.split("\t") for line in (tmp_path / "o.tsv").read_text().splitlines()]
    assert rows[0] == ["chromosome", "position", "id", "ref", "alt", "score"]
    assert rows[1][:5] == ["chr1", "10", "rs1", ref, other]
    assert rows[2][:5] == ["chr2", "1", ".", "A", "ACC"]
    assert summary["variants"] == summary["scored"] == 2
    assert summary["without_bases"] == {"overlapping deletion": 1}


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("chr2\t1\t.\tG\tT\n", "expects G"),
        ("chr9\t1\t.\tA\tT\n", "no such sequence"),
        ("chr2\t99\t.\tA\tT\n", "only 8 bases"),
    ],
)
def test_a_vcf_of_another_genome_is_refused_with_its_line(
    tiny, genome, tmp_path: Path, line: str, said: str
) -> None:
    (tmp_path / "v.vcf").write_text(HEAD + "chr2\t1\t.\tA\tT\n" + line)
    with pytest.raises(InputError, match=said) as refused:
        score_vcf(tiny("dna"), tmp_path / "v.vcf", tmp_path / "ref.fa", tmp_path / "o.tsv")
    assert "line 4" in refused.value.where
    assert not (tmp_path / "o.tsv").exists()


def test_a_model_of_proteins_is_refused(tiny, genome) -> None:
    with pytest.raises(ModelError, match="proteins"):
        list(score_variants(tiny("protein"), [], genome))


def test_packed_genomes_and_variants_give_the_same(tiny, genome, tmp_path: Path) -> None:
    import gzip

    from Bio import bgzf

    line = f"chr1\t10\t.\t{bases(genome)[9]}\tACG\n"
    (tmp_path / "v.vcf").write_text(HEAD + line)
    (tmp_path / "v.vcf.gz").write_bytes(gzip.compress((HEAD + line).encode()))
    with bgzf.BgzfWriter(str(tmp_path / "ref.fa.gz")) as packed:
        packed.write((tmp_path / "ref.fa").read_bytes())
    for end in ("", ".gz"):
        files = (tmp_path / f"v.vcf{end}", tmp_path / f"ref.fa{end}", tmp_path / f"o{end}.tsv")
        score_vcf(tiny("dna"), *files)
    assert (tmp_path / "o.tsv").read_text() == (tmp_path / "o.gz.tsv").read_text()
