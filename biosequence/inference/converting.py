"""Published checkpoints as folders that every command opens, and back to transformers."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..atomic import atomic_folder
from ..errors import ModelError, UsageError
from .converted_card import model_card
from .formats import format_names, model_type_of, read_registered, writer_of

if TYPE_CHECKING:
    from ..models.key_map import KeyReport
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
"""Published sequence models; "auto" tells them from the checkpoint's keys."""
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


@dataclass
class _Opened:
    """A model that is to be written, and where it came from."""

    source_format: str
    model: Any
    tokenizer: Any
    report: KeyReport
    files: list[Path] | None = None


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
        One of :data:`FORMATS` or of those that were registered
        (:func:`~biosequence.inference.formats.register_format`); a name that contradicts the keys
        is refused.
    target
        "bioseq", or "hf": transformers' Mamba, Mamba-2, FalconMamba or xLSTM, or what a
        registered writer writes.
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
        ("source_format", source_format, (*FORMATS, *format_names())),
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
        writer = writer_of(source)
        if writer is not None or _is_ours(source):
            _check_way_back(source, source_format, target)
        if writer is not None:
            model, report = writer(source, partial)
            opened = _Opened("bioseq", model, None, report)
        else:
            opened = _opened(source, source_format, target, slstm_layout, legacy_rc_head_flip)
            if target == "hf":
                opened.model = _as_transformers(opened.model)
            with silent_transformers():
                opened.model.save_pretrained(partial)
        done = Converted(
            Path(folder),
            opened.source_format,
            type(opened.model).__name__,
            sum(value.numel() for value in opened.model.parameters()),
            _write_tokenizer(opened.tokenizer, source, partial),
            list(opened.report.renamed),
            dict(opened.report.dropped),
        )
        card = model_card(done, source, opened.model.config, opened.files)
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
    known = ", ".join((*FORMATS[1:], *format_names()))
    raise ModelError(
        "The checkpoint is of no format that is known.",
        where=f"{where}: first key {next(iter(tensors), 'none')}",
        fix=f"Known are {known}. Give the file with the model's weights.",
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
    return model_type_of(source) in _OURS


def _check_way_back(source: Path, source_format: str, target: str) -> None:
    if source_format != "auto" or target == "bioseq":
        raise UsageError(
            "The folder is in our own format already.",
            where=str(source),
            fix="Give a published checkpoint, or --to hf to go back to what was published.",
        )


def _opened(
    source: Path, source_format: str, target: str, layout: str | None, legacy: bool | None
) -> _Opened:
    from ..models.key_map import KeyReport
    from .loading import load_model

    if _is_ours(source):
        loaded = load_model(source, device="cpu")
        return _Opened("bioseq", loaded.model, loaded.tokenizer, KeyReport())
    registered = read_registered(source, source_format)
    if registered is None:
        found, conversion = _read(source, source_format, layout, legacy)
        model = conversion.model()
        tokenizer = known_tokenizer(found, model.config, source)
        return _Opened(found, model, tokenizer, conversion.report)
    found, published = registered
    if target == "hf" or layout is not None or legacy is not None:
        raise UsageError(
            f"Checkpoints of the format {found!r} become folders of ours, without other options.",
            where=str(source),
            fix="Leave --to and the options of xLSTM checkpoints out.",
        )
    conversion = published.conversion
    return _Opened(
        found, conversion.model(), published.tokenizer, conversion.report, published.files
    )


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
