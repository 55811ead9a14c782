"""Published checkpoints as folders that every command opens, and back to transformers."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .._version import __version__
from ..atomic import atomic_folder
from ..errors import ModelError, UsageError

if TYPE_CHECKING:
    from ..tokenizers import BioTokenizer

FORMATS = (
    "auto",
    "dna-xlstm",
    "prot-xlstm",
    "chem-xlstm",
    "xlstm-large",
    "hf",
    "mamba-ssm",
    "caduceus",
    "protmamba",
)
"""Published formats; "auto" tells them from the checkpoint's keys."""
TARGETS = ("bioseq", "hf")
SLSTM_LAYOUTS = ("cuda", "vanilla")

_DIALECTS = {"dna-xlstm": "dna", "prot-xlstm": "prot", "chem-xlstm": "v1", "xlstm-large": "large"}
_FAMILIES = {"mamba-ssm": "mamba_ssm", "protmamba": "mamba_ssm", "caduceus": "caduceus"}
_FORMAT_OF = {
    **{dialect: name for name, dialect in _DIALECTS.items()},
    "mamba_ssm": "mamba-ssm",
    "hf": "hf",
    "caduceus": "caduceus",
}
_BESIDE = {
    "dna": ("model_config.json", "config.json"),
    "v1": ("init_arguments.json", "config.json"),
}
_OURS = ("bioxlstm", "biomamba")
_WEIGHTS = (".safetensors", ".bin", ".pt", ".ckpt")
_HF_TOKENIZER = (
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "generation_config.json",
)


@dataclass(frozen=True)
class Converted:
    """What was written, and what became of every key.

    Parameters
    ----------
    folder
        The new folder.
    source_format
        Format of the checkpoint.
    model_class
        Class that opens the folder.
    parameters
        Numbers in its tensors.
    tokenizer
        Name of the tokenizer that was written; None: none of ours is known for the checkpoint.
    renamed, dropped
        (key there, key here) of each tensor; keys left out, and why.
    """

    folder: Path
    source_format: str
    model_class: str
    parameters: int
    tokenizer: str | None
    renamed: list[tuple[str, str]] = field(default_factory=list)
    dropped: dict[str, str] = field(default_factory=dict)

    def lines(self) -> list[str]:
        """The key report as text, one line a key."""
        kept = [f"{theirs} -> {ours}" for theirs, ours in self.renamed]
        return kept + [f"{key}: left out, {why}" for key, why in self.dropped.items()]

    def to_dict(self) -> dict[str, Any]:
        """The same as plain values."""
        return {
            "output": str(self.folder),
            "from": self.source_format,
            "model_class": self.model_class,
            "parameters": self.parameters,
            "tokenizer": self.tokenizer,
            "keys": [list(pair) for pair in self.renamed],
            "left_out": dict(self.dropped),
        }


def convert_checkpoint(
    source: str | Path,
    folder: str | Path,
    *,
    source_format: str = "auto",
    target: str = "bioseq",
    slstm_layout: str | None = None,
    legacy_rc_head_flip: bool | None = None,
) -> Converted:
    """Write a published checkpoint as a folder of ours, or of transformers; whole or not at all.

    The folder has config.json, model.safetensors, the tokenizer's files where the tokenizer is
    known, and a README.md. Nothing that a checkpoint contains is run.

    Parameters
    ----------
    source
        A checkpoint file, a folder with one, or (for `target="hf"`) a folder of ours.
    folder
        The folder to make.
    source_format
        One of :data:`FORMATS`; a name that contradicts the keys is refused.
    target
        "bioseq", or "hf": transformers' Mamba, Mamba-2, FalconMamba or xLSTM.
    slstm_layout
        "cuda" or "vanilla": what wrote the sLSTM weights (published checkpoints: cuda).
    legacy_rc_head_flip
        For DNA-xLSTM with shared strands: compute what was published. None: yes.

    Raises
    ------
    InputError
        There is no such file, or the output folder is in use.
    ModelError
        Another format, a damaged file, missing or unknown tensors, an untold sLSTM layout; or
        transformers has no class for the model.
    UsageError
        There is no such format, target or layout.

    Examples
    --------
    >>> from transformers import MambaConfig, MambaForCausalLM
    >>> twin = MambaForCausalLM(MambaConfig(vocab_size=12, hidden_size=16, num_hidden_layers=1))
    >>> twin.save_pretrained("theirs")
    >>> done = convert_checkpoint("theirs", "ours")
    >>> done.source_format, done.model_class, done.lines()[0]
    ('hf', 'BioMambaForCausalLM', 'backbone.embeddings.weight -> backbone.embed.tokens.weight')
    """
    for option, given, allowed in (
        ("source_format", source_format, FORMATS),
        ("target", target, TARGETS),
        ("slstm_layout", slstm_layout, (None, *SLSTM_LAYOUTS)),
    ):
        if given not in allowed:
            raise UsageError(
                f"{option}={given!r} is not possible.",
                where=option,
                fix=f"Choose one of: {', '.join(filter(None, allowed))}.",
            )
    source = Path(source).expanduser()
    from .loading import silent_transformers

    with atomic_folder(folder) as partial:
        if _is_ours(source):
            found, model, renamed, dropped = _ours(source, source_format, target)
            tokenizer = model.tokenizer
            model = model.model
        else:
            found, conversion = _read(source, source_format, slstm_layout, legacy_rc_head_flip)
            model = conversion.model()
            renamed, dropped = conversion.report.renamed, conversion.report.dropped
            tokenizer = known_tokenizer(found, model.config, source)
        if target == "hf":
            model = _as_transformers(model)
        with silent_transformers():
            model.save_pretrained(partial)
        name = _write_tokenizer(tokenizer, source, partial)
        done = Converted(
            Path(folder),
            found,
            type(model).__name__,
            sum(value.numel() for value in model.parameters()),
            name,
            list(renamed),
            dict(dropped),
        )
        card = model_card(done, source, model.config)
        (partial / "README.md").write_text(card, encoding="utf-8")
    return done


def detect_format(tensors: Mapping[str, Any], *, where: str = "checkpoint") -> str:
    """The published format that a checkpoint's keys belong to.

    Raises
    ------
    ModelError
        It is none that is known.

    Examples
    --------
    >>> detect_format({"backbone.xlstm_block_stack.post_blocks_norm.weight": None})
    'prot-xlstm'
    """
    from ..models.biomamba.convert_biomamba import detect_family
    from ..models.bioxlstm.convert_bioxlstm import detect_dialect

    for detect in (detect_dialect, detect_family):
        try:
            found = detect(tensors, where=where)
        except ModelError:
            continue
        if found == "large" and "backbone.embeddings.weight" in tensors:
            return "hf"
        return _FORMAT_OF[found]
    raise ModelError(
        "The checkpoint is of no format that is known.",
        where=f"{where}: first key {next(iter(tensors), 'none')}",
        fix=f"Known are {', '.join(FORMATS[1:])}. Give the file with the model's weights.",
    )


def known_tokenizer(source_format: str, config: Any, source: Path) -> BioTokenizer | None:
    """The tokenizer that goes with a published format; None where it cannot be known."""
    from ..tokenizers import DNATokenizer, LegacySmilesTokenizer, ProteinTokenizer

    if source_format in ("dna-xlstm", "caduceus"):
        return DNATokenizer()
    if source_format in ("prot-xlstm", "protmamba"):
        return ProteinTokenizer()
    if source_format == "mamba-ssm" and getattr(config, "vocab_size", 0) in (33, 38):
        # ProtMamba keeps mamba_ssm's layout; its vocabularies give it away.
        return ProteinTokenizer()
    if source_format == "chem-xlstm":
        folder = source if source.is_dir() else source.parent
        learned = folder / "init_arguments.json"
        if learned.is_file() and "token2label" in learned.read_text(encoding="utf-8"):
            return LegacySmilesTokenizer.from_json(learned)
    return None


def model_card(done: Converted, source: Path, config: Any) -> str:
    """README.md of a converted folder: where it came from, and what it is."""
    facts = {
        "made from": f"`{source.name}` ({done.source_format})",
        **{f"sha256 of {name}": f"`{value}`" for name, value in _checksums(source).items()},
        "class": f"`{done.model_class}`",
        "parameters": f"{done.parameters:,}",
        "vocabulary": f"{config.vocab_size} tokens",
        "tokenizer": done.tokenizer or "not known to bioseq; see the source",
        "converted by": f"bioseq-toolkit {__version__}, `bioseq convert`",
    }
    rows = "\n".join(f"| {name} | {value} |" for name, value in facts.items())
    left_out = "\n".join(f"- `{key}`: {why}" for key, why in done.dropped.items())
    return (
        f"# {done.folder.name}\n\n| | |\n|---|---|\n{rows}\n\n"
        f"{len(done.renamed)} tensors were taken over, {len(done.dropped)} left out.\n"
        + (f"\n{left_out}\n" if left_out else "")
        + "\nLicence and intended use are those of the checkpoint that it was made from.\n"
    )


def _read(
    source: Path, source_format: str, layout: str | None, legacy: bool | None
) -> tuple[str, Any]:
    from ..models.biomamba.convert_biomamba import convert_mamba_tensors
    from ..models.bioxlstm.convert_bioxlstm import convert_xlstm_tensors
    from ..models.checkpoint import read_json_beside, read_tensors

    tensors, path = read_tensors(source)
    found = detect_format(tensors, where=str(path))
    wanted = "mamba-ssm" if source_format == "protmamba" else source_format
    large = any(".mlstm_layer." in key for key in tensors)
    if wanted not in ("auto", found) and not (wanted == "xlstm-large" and large):
        raise ModelError(
            f"This is a checkpoint of the format {found!r}, not {source_format!r}.",
            where=str(path),
            fix=f"Convert it with --from {found}.",
        )
    dialect = "large" if large else _DIALECTS.get(found)
    config = read_json_beside(path, _BESIDE.get(dialect, ("config.json",)))
    found = source_format if source_format == "protmamba" else found
    if dialect is None:
        if layout is not None or legacy is not None:
            raise UsageError(
                "sLSTM layout and head flip are matters of xLSTM checkpoints.",
                where=f"the format {found!r}",
                fix="Leave these options out.",
            )
        family = "hf" if found == "hf" else _FAMILIES[found]
        return found, convert_mamba_tensors(tensors, family, config, where=str(path))
    return found, convert_xlstm_tensors(
        tensors,
        dialect,
        config,
        slstm_layout=layout,
        legacy_rc_head_flip=legacy,
        where=str(path),
    )


def _is_ours(source: Path) -> bool:
    path = source / "config.json"
    try:
        return json.loads(path.read_text(encoding="utf-8")).get("model_type") in _OURS
    except (OSError, ValueError, AttributeError):
        return False


def _ours(source: Path, source_format: str, target: str) -> tuple[str, Any, list, dict]:
    from .loading import load_model

    if source_format != "auto" or target == "bioseq":
        raise UsageError(
            "The folder is in our own format already.",
            where=str(source),
            fix="Give a published checkpoint, or --to hf to go back to transformers.",
        )
    loaded = load_model(source, device="cpu")
    return "bioseq", loaded, [], {}


def _as_transformers(model: Any) -> Any:
    from ..models import to_hf_mamba, to_hf_xlstm

    if model.config.model_type == "biomamba":
        return to_hf_mamba(model)
    return to_hf_xlstm(model)


def _write_tokenizer(tokenizer: BioTokenizer | None, source: Path, partial: Path) -> str | None:
    if tokenizer is not None:
        tokenizer.save(partial)
        return tokenizer.name
    folder = source if source.is_dir() else source.parent
    for name in _HF_TOKENIZER:
        if (folder / name).is_file():
            shutil.copyfile(folder / name, partial / name)
    return None


def _checksums(source: Path) -> dict[str, str]:
    """sha256 of the files with weights, by name."""
    files = [source]
    if source.is_dir():
        files = sorted(path for path in source.iterdir() if path.suffix in _WEIGHTS)
    found = {}
    for path in files:
        with path.open("rb") as file:
            found[path.name] = hashlib.file_digest(file, "sha256").hexdigest()
    return found
