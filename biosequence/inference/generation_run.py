"""A whole run of generation: files in, one finished file out, and what it came to."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from ..errors import InputError, UsageError
from ..io import Record, read_a3m, read_sequences, read_smiles
from ..progress import progress
from .generation import Generated, GenerateOptions
from .loading import LoadedModel, load_model
from .resumable import ResumableRows, fingerprint

FORMATS = {
    ".fa": "fasta",
    ".fasta": "fasta",
    ".fna": "fasta",
    ".faa": "fasta",
    ".smi": "smiles",
    ".smiles": "smiles",
    ".jsonl": "jsonl",
}


@dataclass(frozen=True, kw_only=True)
class GenerateRequest:
    """What to generate, and where it goes.

    Parameters
    ----------
    model
        Folder or id of a causal model.
    output
        File to make: FASTA, SMILES or JSONL by its suffix; None: to `emit`.
    prompt
        Beginnings.
    prompts
        A file of them, in place of `prompt`.
    context
        A file of related proteins (FASTA, a3m) or of example molecules.
    infill
        Spans to fill in, as :func:`parse_spans` reads them.
    constrain
        Write syntactically whole SMILES only.
    novelty_against
        A file of known molecules.
    resume
        Go on with a run that was stopped.
    device
        As in :func:`load_model`.
    options
        How much to write, and how.
    """

    model: str
    output: Path | None = None
    prompt: tuple[str, ...] = ()
    prompts: Path | None = None
    context: Path | None = None
    infill: str | None = None
    constrain: bool = False
    novelty_against: Path | None = None
    resume: bool = False
    device: str = "auto"
    options: GenerateOptions = field(default_factory=GenerateOptions)


@dataclass(frozen=True)
class GenerateSummary:
    """What a run came to.

    Parameters
    ----------
    kind
        What the sequences are.
    output
        The file; None where they were emitted.
    num_sequences, num_finished
        How many there are, and how many the model ended itself.
    molecules
        Validity, uniqueness and novelty, for molecules.
    """

    kind: str
    output: Path | None
    num_sequences: int
    num_finished: int
    molecules: dict[str, Any] | None = None

    def lines(self) -> list[str]:
        """For people."""
        noun = {"dna": "DNA sequences", "protein": "proteins"}.get(self.kind, "molecules")
        place = f" in {self.output}" if self.output else ""
        lines = [f"{self.num_sequences:,} {noun}{place}, {self.num_finished:,} ended by the model."]
        if self.molecules:
            shares = ("validity", "uniqueness", "novelty")
            told = [
                f"{name} {self.molecules[name]:.1%}" for name in shares if name in self.molecules
            ]
            lines.append(", ".join(told).capitalize() + ".")
        return lines

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        found: dict[str, Any] = {
            "kind": self.kind,
            "output": None if self.output is None else str(self.output),
            "sequences": self.num_sequences,
            "finished": self.num_finished,
        }
        return found | ({"molecules": self.molecules} if self.molecules else {})


def run_generation(
    request: GenerateRequest, emit: Callable[[str], None] = lambda text: None
) -> GenerateSummary:
    """Generate what is asked for; the output file appears when it is whole.

    Parameters
    ----------
    request
        What to do.
    emit
        Takes each sequence as text as soon as it is there, where there is no output file.

    Raises
    ------
    UsageError
        Options that do not go together, or with this model.
    InputError
        Prompts, context or spans that cannot be used; the record and position are named.
    ModelError
        The model is missing, damaged, or not causal.

    Examples
    --------
    >>> from biosequence.models import BioMambaConfig, BioMambaForCausalLM
    >>> from biosequence.tokenizers import DNATokenizer
    >>> config = BioMambaConfig(vocab_size=12, hidden_size=16, num_hidden_layers=1)
    >>> BioMambaForCausalLM(config).save_pretrained("tiny")
    >>> DNATokenizer().save("tiny")
    >>> request = GenerateRequest(model="tiny", output=Path("new.fa"), prompt=("TATA",))
    >>> summary = run_generation(request)
    >>> summary.num_sequences, Path("new.fa").read_text()[:9]
    (1, '>prompt1_')
    """
    _check(request)
    loaded = load_model(request.model, device=request.device).require_causal()
    form = _format(request, loaded.kind)
    if request.novelty_against is not None:
        # It is read at the end; that it cannot be read should not wait until then.
        next(iter(read_smiles(request.novelty_against)))
    if request.output is None:
        rows = []
        for one in _shown(_sequences(loaded, request, request.options), request):
            rows.append(one.to_dict())
            emit(_text(form, rows[-1]))
        return _summary(loaded, request, rows)
    files = [path for path in (request.prompts, request.context) if path is not None]
    key = fingerprint(_deciding(request), [*files, *_model_files(loaded.path)])
    with ResumableRows(request.output, key, resume=request.resume) as kept:
        options = replace(request.options, first=kept.count)
        for one in _shown(_sequences(loaded, request, options), request):
            kept.append(one.to_dict())
        summary = _summary(loaded, request, kept.rows())
        kept.finish(lambda rows: (_text(form, row) for row in rows))
    return summary


def _check(request: GenerateRequest) -> None:
    wrong = [
        (request.prompt and request.prompts, "--prompt and --prompts", "Give only one of them."),
        (request.resume and request.output is None, "--resume without --output", "Add --output."),
        (
            request.infill and not (request.prompt or request.prompts),
            "--infill without a protein",
            "Give the protein with --prompt or --prompts.",
        ),
    ]
    for found, what, fix in wrong:
        if found:
            raise UsageError(f"{what}: that does not go together.", fix=fix)
    if request.output is not None and request.output.suffix.lower() not in FORMATS:
        raise UsageError(
            "The output's suffix names no format of sequences.",
            where=str(request.output),
            fix=f"Use one of {', '.join(FORMATS)}.",
        )


def _format(request: GenerateRequest, kind: str) -> str:
    own = "smiles" if kind == "molecule" else "fasta"
    wrong = [
        (request.infill and kind != "protein", "--infill is for proteins"),
        (request.constrain and kind != "molecule", "--constrain is for molecules"),
        (request.novelty_against and kind != "molecule", "--novelty-against is for molecules"),
        (request.context and kind == "dna", "--context is for proteins and molecules"),
    ]
    for found, what in wrong:
        if found:
            raise UsageError(
                f"{what}, and this is a model of {kind}.",
                where=request.model,
                fix="Leave the option out, or give another model.",
            )
    form = own if request.output is None else FORMATS[request.output.suffix.lower()]
    if form not in (own, "jsonl"):
        raise UsageError(
            f"A model of {kind} does not write {form}.",
            where=str(request.output),
            fix=f"Use {', '.join(end for end, name in FORMATS.items() if name in (own, 'jsonl'))}.",
        )
    return form


def _sequences(
    loaded: LoadedModel, request: GenerateRequest, options: GenerateOptions
) -> Iterator[Generated]:
    prompts = _prompts(request, loaded.kind)
    if loaded.kind == "dna":
        from .dna import generate_dna

        return generate_dna(loaded, prompts, options=options)
    context = _context(request, loaded.kind)
    if loaded.kind == "protein":
        from .proteins import generate_proteins, infill_proteins, parse_spans

        if request.infill:
            spans = parse_spans(request.infill)
            return infill_proteins(loaded, prompts or (), spans, context=context, options=options)
        return generate_proteins(loaded, prompts, context=context, options=options)
    loaded.require_kind("dna", "protein", "molecule")
    from .molecules import generate_molecules

    return generate_molecules(
        loaded, prompts, examples=context, constrain=request.constrain, options=options
    )


def _prompts(request: GenerateRequest, kind: str) -> Iterable[Record] | None:
    if request.prompt:
        names = [f"prompt{n}" for n in range(1, len(request.prompt) + 1)]
        return [Record(*pair) for pair in zip(names, request.prompt, strict=True)]
    if request.prompts is None:
        return None
    return read_smiles(request.prompts) if kind == "molecule" else read_sequences(request.prompts)


def _context(request: GenerateRequest, kind: str) -> list[Record]:
    path = request.context
    if path is None:
        return []
    if kind == "molecule":
        return list(read_smiles(path))
    if ".a3m" in path.suffixes:
        return list(read_a3m(path).records)
    return list(read_sequences(path))


def _shown(sequences: Iterator[Generated], request: GenerateRequest) -> Iterable[Generated]:
    total = None
    if request.prompts is None:
        total = max(1, len(request.prompt)) * request.options.num
    return progress(sequences, total=total, what="generating", unit="sequence")


def _text(form: str, row: dict[str, Any]) -> str:
    if form == "jsonl":
        return json.dumps(row, ensure_ascii=False) + "\n"
    if form == "smiles":
        return f"{row['sequence']}\t{row['name']}\n"
    sequence = row["sequence"]
    lines = [sequence[at : at + 60] for at in range(0, len(sequence), 60)]
    facts = f"log_likelihood={row['log_likelihood']:.4f} finished={str(row['finished']).lower()}"
    fills = f" fills={','.join(row['fills'])}" if "fills" in row else ""
    return "\n".join([f">{row['name']} {facts}{fills}", *lines]) + "\n"


def _summary(
    loaded: LoadedModel, request: GenerateRequest, rows: Iterable[dict[str, Any]]
) -> GenerateSummary:
    number = finished = 0

    def molecules() -> Iterator[str]:
        nonlocal number, finished
        for row in rows:
            number += 1
            finished += row["finished"]
            yield row["sequence"]

    report = None
    if loaded.kind == "molecule":
        from .molecule_report import report_molecules

        known = request.novelty_against
        reference = None if known is None else (one.sequence for one in read_smiles(known))
        report = report_molecules(molecules(), reference).to_dict()
    else:
        for _ in molecules():
            pass
    return GenerateSummary(loaded.kind, request.output, number, finished, report)


def _deciding(request: GenerateRequest) -> dict[str, Any]:
    """The options that a sequence depends on."""
    options = request.options
    sampling = options.sampling
    return {
        "prompt": request.prompt,
        "prompts": request.prompts,
        "context": request.context,
        "infill": request.infill,
        "constrain": request.constrain,
        "num": options.num,
        "max_new_tokens": options.max_new_tokens,
        "sampling": [sampling.temperature, sampling.top_k, sampling.top_p, sampling.min_p],
        "seed": options.seed,
    }


def _model_files(folder: Path) -> list[Path]:
    names = sorted(folder.glob("*.json")) + sorted(folder.glob("*.safetensors"))
    if not names:
        raise InputError("The model folder is gone.", where=str(folder), fix="Put it back.")
    return names
