"""The folder of a trained or converted LangCell model: what is in it, and what is not."""

from __future__ import annotations

import csv
import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from biosequence.errors import ModelError

from .zero_shot_settings import ZeroShotSettings

if TYPE_CHECKING:
    from .modeling_langcell import LangCellModel
    from .processing_langcell import LangCellProcessor

CALIBRATION = "calibration.json"
CLASSES = "classes.tsv"
_BUNDLE = ("cell_bert", "text_bert", "cell_proj.bin", "text_proj.bin", "ctm_head.bin")


@dataclass(frozen=True)
class LangCellFolder:
    """A folder that was found to hold a LangCell model; its weights are not yet read.

    Attributes
    ----------
    path
        Where it is.
    settings
        How the model is asked without training.
    calibration
        What turns its scores into probabilities: fields of
        :class:`cellmodels.annotate.calibration.Calibration`.
    classes
        Cell Ontology ids of its own label set with the tissues of each; None: it has none.
    """

    path: Path
    settings: ZeroShotSettings
    calibration: dict[str, Any]
    classes: dict[str, tuple[str, ...]] | None

    @classmethod
    def open(cls, path: str | Path) -> LangCellFolder:
        """Look at a folder.

        Raises
        ------
        ModelError
            It holds no LangCell model, or one that has yet to be converted.
        """
        path = Path(path)
        if not is_langcell(path):
            raise _no_model(path)
        stored = _calibration(path / CALIBRATION)
        return cls(path, stored[0], stored[1], _classes(path / CLASSES))

    def sha256(self) -> str:
        """Hash of the weights.

        Raises
        ------
        ModelError
            There are none.
        """
        files = sorted(self.path.glob("*.safetensors"))
        if not files:
            raise ModelError(
                "The folder has no weights.",
                where=str(self.path / "model.safetensors"),
                fix="Copy the whole folder again.",
            )
        digest = hashlib.sha256()
        for file in files:
            with file.open("rb") as stream:
                while part := stream.read(1 << 20):
                    digest.update(part)
        return digest.hexdigest()

    def processor(self) -> LangCellProcessor:
        """Its tokenizers.

        Raises
        ------
        ModelError
            They are missing or damaged.
        """
        from .processing_langcell import LangCellProcessor

        return LangCellProcessor.load(self.path)

    def model(self) -> LangCellModel:
        """The model in evaluation mode, on the CPU.

        Raises
        ------
        ModelError
            Weights are missing, damaged, or do not fit the configuration.
        """
        import torch

        from biosequence.inference.loading import silent_transformers

        from .modeling_langcell import LangCellModel

        try:
            with silent_transformers():
                model, about = LangCellModel.from_pretrained(
                    str(self.path),
                    dtype=torch.float32,
                    use_safetensors=True,
                    local_files_only=True,
                    output_loading_info=True,
                )
        except Exception as error:  # transformers and safetensors raise errors of many kinds
            said = " ".join(str(error).split())[:200]
            raise ModelError(
                f"The LangCell model cannot be read ({type(error).__name__}: {said}).",
                where=str(self.path),
                fix="Copy the whole folder again, or train or convert the model again.",
            ) from error
        missing = sorted(about["missing_keys"])
        if missing:
            raise ModelError(
                f"The weights lack {len(missing)} tensors, such as {missing[0]}.",
                where=str(self.path),
                fix="Annotation needs all of LangCell: train with cell_text and matching.",
            )
        return model.eval()


def is_langcell(path: str | Path) -> bool:
    """Whether a folder's config.json is that of a LangCell model."""
    try:
        config = json.loads((Path(path) / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    return isinstance(config, dict) and config.get("model_type") == "langcell"


def _no_model(path: Path) -> ModelError:
    if not path.is_dir():
        return ModelError(
            f"There is no model folder {str(path)!r}.",
            where="--model",
            fix="Give a folder that `bioseq train` or `bioseq convert` wrote.",
        )
    parts = [part for part in _BUNDLE if (path / part).exists()]
    if parts:
        missing = [part for part in _BUNDLE if part not in parts]
        return ModelError(
            "This is a LangCell bundle as it was published"
            + (f", and it lacks {', '.join(missing)}." if missing else ", not yet converted."),
            where=str(path),
            fix=("Fetch the rest, then convert" if missing else "Convert")
            + f" it once: bioseq convert {path} -o langcell; then give --model langcell",
        )
    return ModelError(
        "The folder holds no LangCell model: its config.json says another kind, or is missing.",
        where=str(path),
        fix="Give a folder that `bioseq train` with the objective langcell wrote.",
    )


def _calibration(path: Path) -> tuple[ZeroShotSettings, dict[str, Any]]:
    """Settings and calibration; a model without the file has the defaults.

    They are no part of config.json: weights that change there must not keep old temperatures.
    """
    if not path.exists():
        return ZeroShotSettings(), {}
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        return ZeroShotSettings(**stored.get("zero_shot", {})), dict(stored.get("calibration", {}))
    except (OSError, ValueError, TypeError, AttributeError) as error:
        raise ModelError(
            f"The calibration cannot be read: {error}.",
            where=str(path),
            fix="Delete the file to go without, or copy the folder again.",
        ) from error


def _classes(path: Path) -> dict[str, tuple[str, ...]] | None:
    if not path.exists():
        return None
    try:
        with path.open(encoding="utf-8", newline="") as file:
            rows = csv.DictReader(file, delimiter="\t")
            return {row["cl_id"]: tuple(row["tissues"].split(",")) for row in rows}
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise ModelError(
            f"The label set cannot be read ({type(error).__name__}).",
            where=str(path),
            fix="It is a table with the columns cl_id and tissues, divided by tabs.",
        ) from error
