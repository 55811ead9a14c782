"""Build the bundled gene tables from GENCODE, HGNC and ortholog facts.

``python -m bioseq_recipes.gene_table.build --source DIR --output cellmodels/genes/tables``

``DIR`` holds the files that ``recipe.toml`` names. The output bytes depend on the input bytes only.

Known limits. No source here lists mouse synonyms: mouse earlier names are those of older GENCODE
releases, and the human gene's previous symbols in mouse spelling where both genes now share their
name (FAM46A -> TENT5A gives Fam46a -> Tent5a).
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

from biosequence.errors import InputError

from .naming import Names, Row, gene_class, is_clone
from .sources import Gene, find_one, gencode_genes, table_rows, wheels

MAX_PARTNERS = 10  # beyond it a "gene" is a family of copies (Sycp3-like: 105) and names nothing


def build(source: Path, output: Path, *, extra: list[list[str]] | None = None) -> dict[str, int]:
    """Write human.tsv.gz, mouse.tsv.gz, orthologs.tsv.gz and SOURCE.toml.

    Parameters
    ----------
    source
        The folder with the files of ``recipe.toml``.
    output
        The folder to write to; made when it is not there.
    extra
        Ortholog pairs beside those of the sources; by default those of ``recipe.toml``.

    Returns
    -------
    Rows written, by table.
    """
    source, output = Path(source), Path(output)
    output.mkdir(parents=True, exist_ok=True)
    extra = _recipe()["orthologs"]["extra"] if extra is None else extra
    found = wheels(source)
    pairs = table_rows(find_one(source, "human2mouse_ensembl105.tsv.gz"))

    human_rows, human_names = _human(found, source)
    human = _Table(human_rows, human_names)
    mouse_rows, mouse_names = _mouse(found)
    _spell_as_mouse(human, {row.symbol for row in mouse_rows}, mouse_names)
    mouse = _Table(mouse_rows, mouse_names)

    tables = {
        "human": human.lines(),
        "mouse": mouse.lines(),
        "orthologs": _ortholog_lines(pairs, extra, human, mouse),
    }
    for name, lines in tables.items():
        _write(output / f"{name}.tsv.gz", lines)
    counts = {name: len(lines) - 1 for name, lines in tables.items()}
    _write_source(source, output, counts)
    return counts


class _Table:
    def __init__(self, rows: list[Row], names: Names) -> None:
        self.rows = sorted(rows, key=lambda row: (row.ensembl_id, row.symbol))
        self.symbols = {row.symbol for row in rows if row.symbol}
        self.previous, self.aliases = names.settled(self.symbols)
        self._official = {old: new for new, olds in self.previous.items() for old in olds}

    def official(self, name: str) -> str | None:
        return name if name in self.symbols else self._official.get(name)

    def lines(self) -> list[str]:
        lines = ["ensembl_id\tsymbol\tclass\tprevious\taliases"]
        told: set[str] = set()
        for row in self.rows:
            previous = aliases = ""
            if row.symbol not in told:  # several ids may bear one symbol: its names are told once
                told.add(row.symbol)
                previous = ",".join(self.previous.get(row.symbol, ()))
                aliases = ",".join(self.aliases.get(row.symbol, ()))
            lines.append("\t".join((row.ensembl_id, row.symbol, row.kind, previous, aliases)))
        return lines


def _current(genes: list[Gene]) -> dict[str, Row]:
    return {
        gene.ensembl_id: Row(
            gene.ensembl_id,
            "" if gene.name == gene.ensembl_id else gene.name,
            gene_class(gene.biotype),
        )
        for gene in genes
    }


def _add_older(rows: dict[str, Row], names: Names, older: list[tuple[str, str]]) -> None:
    """Earlier names of ids that live on, and retired ids whose name lives on."""
    kinds = {row.symbol: row.kind for row in rows.values() if row.symbol}
    for ensembl_id, name in older:
        if name == ensembl_id or is_clone(name):
            continue
        row = rows.get(ensembl_id)
        if row is None:
            if name in kinds:
                rows[ensembl_id] = Row(ensembl_id, name, kinds[name])
        elif row.symbol and row.symbol != name:
            names.previous[row.symbol].add(name)


def _human(found: list[Path], source: Path) -> tuple[list[Row], Names]:
    names = Names()
    rows = _current(gencode_genes(found[-1], "human"))
    extra = _add_hgnc(rows, names, table_rows(find_one(source, "hgnc.tsv.gz")))
    for wheel in found[:-1]:
        older = [(gene.ensembl_id, gene.name) for gene in gencode_genes(wheel, "human")]
        _add_older(rows, names, older)
    v44 = source / "gencode_v44_id2name.tsv.gz"
    if v44.is_file():
        older = [(row["ensembl_gene_id"], row["symbol"]) for row in table_rows(v44)]
        _add_older(rows, names, older)
    return [*rows.values(), *extra], names


def _add_hgnc(rows: dict[str, Row], names: Names, hgnc: list[dict[str, str]]) -> list[Row]:
    """Attach HGNC's names to GENCODE's genes; genes that GENCODE lacks come back as rows."""
    current = {row.symbol for row in rows.values() if row.symbol}
    extra = []
    for entry in hgnc:
        symbol, row = entry["symbol"], rows.get(entry["ensembl_gene_id"])
        if row is not None and not row.symbol and symbol not in current:
            row.symbol = symbol
        if row is not None and row.symbol:
            target = row.symbol
            names.previous[target].add(symbol)
        elif symbol in current:
            target = symbol
        elif entry["locus_group"] == "phenotype":
            continue
        else:
            target = symbol
            extra.append(Row(entry["ensembl_gene_id"], symbol, gene_class(entry["locus_group"])))
        names.previous[target].update(filter(None, entry["prev_symbol"].split("|")))
        names.aliases[target].update(filter(None, entry["alias_symbol"].split("|")))
    taken = set(rows)
    return [
        Row("" if row.ensembl_id in taken else row.ensembl_id, row.symbol, row.kind)
        for row in extra
    ]


def _mouse(found: list[Path]) -> tuple[list[Row], Names]:
    names = Names()
    rows = _current(gencode_genes(found[-1], "mouse"))
    for wheel in found[:-1]:
        older = [(gene.ensembl_id, gene.name) for gene in gencode_genes(wheel, "mouse")]
        _add_older(rows, names, older)
    return list(rows.values()), names


def _spell_as_mouse(human: _Table, mouse_symbols: set[str], names: Names) -> None:
    told = {name for others in names.previous.values() for name in others}
    for symbol, others in human.previous.items():
        spelled = symbol.capitalize()
        if spelled not in mouse_symbols:
            continue
        for other in others:
            # Open reading frames and hyphenated families are named in other ways in the mouse.
            if other.isalnum() and other.isupper() and other.capitalize() not in told:
                names.previous[spelled].add(other.capitalize())


def _ortholog_lines(
    pairs: list[dict[str, str]], extra: list[list[str]], human: _Table, mouse: _Table
) -> list[str]:
    wanted = [(pair["human_symbol"], pair["mouse_symbol"]) for pair in pairs]
    found = {(human.official(ours), mouse.official(theirs)) for ours, theirs in wanted}
    found = {pair for pair in found if None not in pair}
    sizes = [Counter(pair[side] for pair in found) for side in (0, 1)]
    kept = {
        pair for pair in found if max(sizes[side][pair[side]] for side in (0, 1)) <= MAX_PARTNERS
    }
    kept |= _namesakes(human, mouse)
    rank = {pair: place for place, pair in enumerate(_checked(extra, human, mouse))}
    kept |= rank.keys()
    # The partner of the same name first, then the curated one: who wants one takes the first.
    ordered = sorted(
        kept, key=lambda p: (p[0], p[0].upper() != p[1].upper(), rank.get(p, len(rank)), p[1])
    )
    return ["human\tmouse", *("\t".join(pair) for pair in ordered)]


def _namesakes(human: _Table, mouse: _Table) -> set[tuple[str, str]]:
    """Genes of one class that both naming committees call the same, as they do for orthologs."""
    kinds = {row.symbol: row.kind for row in mouse.rows if row.symbol}
    spelled = {symbol.upper(): symbol for symbol in kinds}
    return {
        (row.symbol, spelled[row.symbol.upper()])
        for row in human.rows
        if row.symbol.upper() in spelled
        and row.kind == kinds[spelled[row.symbol.upper()]]
        and row.kind not in ("pseudogene", "other")
    }


def _checked(extra: list[list[str]], human: _Table, mouse: _Table) -> list[tuple[str, str]]:
    for ours, theirs in extra:
        if ours not in human.symbols or theirs not in mouse.symbols:
            msg = f"recipe.toml pairs {ours} with {theirs}: one of them is no current symbol."
            raise InputError(msg, fix="Correct the pair under [orthologs].")
    return [(ours, theirs) for ours, theirs in extra]


def _write(path: Path, lines: list[str]) -> None:
    packed = gzip.compress("\n".join(lines).encode() + b"\n", compresslevel=9, mtime=0)
    path.write_bytes(packed)


def _recipe() -> dict[str, Any]:
    return tomllib.loads(Path(__file__).with_name("recipe.toml").read_text("utf-8"))


def _write_source(source: Path, output: Path, counts: dict[str, int]) -> None:
    lines = ["# Written by the recipe gene_table. Tables of facts; see each source's licence.", ""]
    for name, rows in counts.items():
        digest = hashlib.sha256((output / f"{name}.tsv.gz").read_bytes()).hexdigest()
        lines += [f'[tables."{name}.tsv.gz"]', f"rows = {rows}", f'sha256 = "{digest}"', ""]
    for name, facts in _recipe()["sources"].items():
        for path in sorted(source.glob(facts["files"])):
            digest = hashlib.sha256(path.read_bytes()).hexdigest()
            lines += [f"[[sources.{name}]]", f'file = "{path.name}"']
            lines += [f'{key} = "{facts[key]}"' for key in ("what", "release", "licence")]
            lines += [f'sha256 = "{digest}"', ""]
    (output / "SOURCE.toml").write_text("\n".join(lines), encoding="utf-8")


def main(arguments: list[str] | None = None) -> int:
    """Build from the command line."""
    parser = argparse.ArgumentParser(description="Build the bundled gene tables.")
    parser.add_argument("--source", type=Path, required=True, help="folder with the source files")
    parser.add_argument("--output", type=Path, required=True, help="folder for the tables")
    options = parser.parse_args(arguments)
    build(options.source, options.output)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
