"""From options to what the pipeline runs on: the annotator, the answers allowed, the priors."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from biosequence.errors import InputError, ModelError, UsageError
from cellmodels.ontology import cell_ontology

from .annotator import Annotator, BoundAnnotator
from .answers import AnswerTree
from .calibration import Calibration, tissue_prior
from .candidates import candidate_ids
from .default_annotator import DefaultAnnotator
from .options import AnnotateOptions

if TYPE_CHECKING:
    from cellmodels.inputs import InputCheck

READY = ("auto", "markers", "langcell")


def load_annotator(options: AnnotateOptions) -> tuple[Annotator, Calibration]:
    """The annotator that `--method` and `--model` name, and its calibration.

    A folder says itself which kind of model it holds: with "auto", LangCell reads its own.

    Raises
    ------
    UsageError
        For a method that this version does not have.
    ModelError
        If `--model` cannot be read.
    """
    from biosequence.device import resolve_device
    from cellmodels.default import DefaultModel, load_default
    from cellmodels.models.langcell.folder import is_langcell

    # Most methods are numpy on the CPU; a device that is not there is refused all the same.
    if options.device != "auto":
        resolve_device(options.device)

    if options.method not in READY:
        msg = f"This version has no method {options.method!r}."
        raise UsageError(msg, where="--method", fix=f"Use one of: {', '.join(READY)}.")
    auto_langcell = options.method == "auto" and options.model and is_langcell(options.model)
    if options.method == "langcell" or auto_langcell:
        from .langcell_annotator import LangCellAnnotator

        langcell = LangCellAnnotator.open(options)
        return langcell, langcell.calibration()
    if options.model:
        if not Path(options.model).is_dir():
            msg = f"There is no model folder {options.model!r}."
            raise ModelError(
                msg, where="--model", fix="Give a folder that a default-model recipe wrote."
            )
        model = DefaultModel.load(Path(options.model))
    else:
        model = load_default()
    if options.method == "markers":
        from .marker_annotator import MarkerAnnotator

        return MarkerAnnotator(model), MarkerAnnotator.calibration(model)
    return DefaultAnnotator(model), Calibration.from_config(model.config)


def bind_genes(
    annotator: Annotator, calibration: Calibration, check: InputCheck, where: str
) -> BoundAnnotator:
    """The annotator for the columns of a checked file.

    Raises
    ------
    InputError
        If too few of the annotator's genes are in the file.
    """
    bound = annotator.bind(check.gene_map)
    if bound.n_used < calibration.least_genes:
        msg = f"Only {bound.n_used} of the model's genes are in the file."
        raise InputError(msg, where=where, fix="Check the gene names (--gene-key COLUMN).")
    return bound


def answers_for(
    annotator: Annotator, options: AnnotateOptions, calibration: Calibration
) -> tuple[AnswerTree, np.ndarray, str]:
    """The allowed answers, the log-prior of each class, and the resolved tissue name."""
    if annotator.reads_texts:
        only = annotator.classes
    else:
        only = candidate_ids(options.candidates, options.tissue)
    tree = AnswerTree(annotator.classes, extra=annotator.answers, only=only)
    if options.candidates is not None and tree.without_class:
        names = ", ".join(cell_ontology().name(n) for n in tree.without_class)
        msg = f"The model knows no type at or below: {names}."
        raise UsageError(msg, where="--candidates", fix="Leave them out, or name a broader type.")
    prior, tissue = tissue_prior(annotator.tissues, options.tissue, calibration.elsewhere)
    return tree, np.where(tree.allowed_C, prior, -np.inf), tissue
