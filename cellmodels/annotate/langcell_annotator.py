"""Cells named by LangCell: every class is a text, so candidates may be anything."""

from __future__ import annotations

import threading
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

import numpy as np
from scipy import sparse

from biosequence.errors import ModelError
from cellmodels.default import load_default
from cellmodels.default.features import Fold
from cellmodels.genes import GeneMap, gene_table, shared_names
from cellmodels.genes.patterns import ensembl_species
from cellmodels.models.langcell.folder import LangCellFolder
from cellmodels.models.langcell.texts import candidate_text, identity_text
from cellmodels.tokenizers.binding import column_tokens
from cellmodels.tokenizers.ranking import rank

from .annotator import Annotator, Background, BoundAnnotator, Groups, Scores
from .calibration import Calibration, tissue_prior
from .candidates import candidate_nodes
from .nodes import is_free, node_name

if TYPE_CHECKING:
    from cellmodels.models.langcell.zero_shot import ZeroShot
    from cellmodels.tokenizers import GeneRankTokenizer

    from .options import AnnotateOptions

# Shapes: B cells, G groups of cells, S sampled cells, V columns of the file, F genes of the
# vocabulary, C classes, D embedding width.

# Genes of the default model that a file must have for clusters to be made of its components.
ENOUGH = 100
# torch uses all cores by itself; the threads of the pipeline read and rank meanwhile.
_ONE_AT_A_TIME = threading.Lock()


class LangCellAnnotator(Annotator):
    """A LangCell model and the candidates of one call.

    Without candidates the classes are the model's own label set (classes.tsv), or those of the
    default model: the tissue then is a prior. Candidates are taken as they are, and the tissue
    goes into their texts. Weights are read when a file is bound.

    Parameters
    ----------
    folder
        The model.
    options
        Candidates, tissue and device.
    """

    method: ClassVar[str] = "langcell"

    def __init__(self, folder: LangCellFolder, options: AnnotateOptions) -> None:
        self.folder = folder
        self.options = options
        self.name = f"LangCell {folder.path.resolve().name}"
        self.sha256 = folder.sha256()
        self.reads_texts = options.candidates is not None
        self.answers: tuple[str, ...] = ()
        if options.candidates is not None:
            self.classes = candidate_nodes(options.candidates, options.tissue)
            self.tissues = (("any",),) * len(self.classes)
        elif folder.classes is not None:
            self.classes = tuple(folder.classes)
            self.tissues = tuple(folder.classes.values())
        else:
            default = load_default()
            self.classes, self.tissues = default.classes, default.tissues
            self.answers = default.answers

    @classmethod
    def open(cls, options: AnnotateOptions) -> LangCellAnnotator:
        """The annotator that the options describe.

        Raises
        ------
        ModelError
            If no model is given, or its folder holds none.
        """
        if options.model is None:
            raise ModelError(
                "This version comes without a LangCell model.",
                where="--method langcell",
                fix="Give --model FOLDER: one that `bioseq train` or `bioseq convert` wrote.",
            )
        return cls(LangCellFolder.open(options.model), options)

    def calibration(self) -> Calibration:
        """The folder's; without one, scores are taken for log probabilities as they are."""
        # Cosines of texts and cells have no zero that means something before they are calibrated.
        stored = {"similarity_floor": -1.0} | self.folder.calibration
        try:
            return Calibration.from_config({"calibration": stored})
        except TypeError as error:
            raise ModelError(
                f"The calibration does not fit this version: {error}.",
                where=str(self.folder.path),
                fix="Calibrate the model again with this version.",
            ) from error

    @cached_property
    def processor(self):
        """The tokenizers of the model."""
        return self.folder.processor()

    @cached_property
    def genes(self) -> np.ndarray:
        """What the genes of the vocabulary are called; ids where no name is known."""
        return vocabulary_names(self.processor.genes)

    def texts(self) -> list[str]:
        """What the model reads for each class."""
        tissue = self.options.tissue if self.reads_texts else None
        return [
            candidate_text(node_name(node), tissue=tissue)
            if is_free(node)
            else identity_text(node, tissue=tissue)
            for node in self.classes
        ]

    def bind(self, genes: GeneMap) -> BoundLangCell:
        """The annotator for these columns; reads the weights.

        Raises
        ------
        InputError
            If no gene of the file is in the vocabulary.
        ModelError
            If weights or tokenizers cannot be read.
        """
        from cellmodels.models.langcell.zero_shot import ZeroShot

        tokenizer = self.processor.genes
        token_V = column_tokens(genes, tokenizer.vocabulary, tokenizer.id_kind)
        zero_shot = ZeroShot(
            self.folder.model(),
            self.processor,
            self.texts(),
            settings=self.folder.settings,
            device=self.options.device,
        )
        elsewhere = self.calibration().elsewhere
        log_prior_C, _ = tissue_prior(self.tissues, self.options.tissue, elsewhere)
        return BoundLangCell(zero_shot, tokenizer, token_V, self.genes, log_prior_C)


class BoundLangCell(BoundAnnotator):
    """LangCell for the columns of one file.

    A group of cells is judged by the mean of its cells' scores: the model was trained on single
    cells, and a mean profile, in which hardly a gene is missing, ranks genes as no cell does. Its
    clusters are made of the default model's components, so that cells that LangCell takes for
    another do not choose their neighbours; a file that has few of its genes is clustered by the
    embedding.
    """

    keeps_scores: ClassVar[bool] = True

    def __init__(
        self,
        zero_shot: ZeroShot,
        tokenizer: GeneRankTokenizer,
        token_V: np.ndarray,
        names_F: np.ndarray,
        log_prior_C: np.ndarray,
    ) -> None:
        letters_F = tokenizer.vocabulary.letter_ids
        tokens = np.array(tokenizer.vocabulary.tokens, dtype=object)
        column_names = np.where(token_V >= 0, tokens[token_V], "")
        self.zero_shot = zero_shot
        self.log_prior_C = log_prior_C
        self.fold = Fold(column_names, tokens[letters_F])
        self.n_used = int(self.fold.present_F.sum())
        self._token_F = letters_F.astype(np.int32)
        self._medians_T = tokenizer.medians_V
        self._cls_id = tokenizer.vocabulary.role_id("cls")
        self._most = tokenizer.max_length
        present = names_F[self.fold.present_F]
        shared = np.isin(present.astype(str), load_default().genes.astype(str))
        self._components = Fold(names_F, load_default().genes) if shared.sum() >= ENOUGH else None

    def features(self, block: sparse.csr_matrix) -> sparse.csr_matrix:
        """log1p(CP10k) over the model's vocabulary."""
        features_BF = self.fold(block)
        np.log1p(features_BF.data, out=features_BF.data)
        return features_BF

    def background(self, features_SF: sparse.csr_matrix) -> Background:
        """The file's own cells."""
        mean_F = np.asarray(features_SF.mean(axis=0), dtype=np.float64).ravel()
        square_F = np.asarray(features_SF.multiply(features_SF).mean(axis=0)).ravel()
        spread_F = np.sqrt(np.maximum(square_F - mean_F**2, 0.0))
        return Background(mean_F.astype(np.float32), spread_F.astype(np.float32))

    def score(self, features_BF: sparse.csr_matrix) -> Scores:
        """Scores of single cells; zeros for those without genes."""
        cells = self._ranked(features_BF)
        with _ONE_AT_A_TIME:
            log_p_BC, embedding_BD = self.zero_shot.scores(cells, self.log_prior_C)
        components_BK = embedding_BD
        if self._components is not None:
            components_BK = load_default().components(self._components(features_BF))
        return Scores(log_p_BC, embedding_BD, components_BK)

    def embed(self, features_BF: sparse.csr_matrix) -> np.ndarray:
        """Points of the space that cells share with texts."""
        cells = self._ranked(features_BF)
        with _ONE_AT_A_TIME:
            return self.zero_shot.embed(cells)

    def pooled(self, groups: Groups) -> np.ndarray:
        """Mean scores of the cells."""
        return groups.log_p_GC

    def similarity(self, groups: Groups) -> np.ndarray:
        """Cosine between the mean embedding and the nearest text."""
        text_CD = self.zero_shot.text_embedding_NP.cpu().numpy()
        length_G = np.maximum(np.linalg.norm(groups.embedding_GD, axis=1), 1e-9)
        return (groups.embedding_GD @ text_CD.T).max(axis=1) / length_G

    def _ranked(self, features_BF: sparse.csr_matrix) -> list[np.ndarray]:
        linear_BF = features_BF.copy()
        np.expm1(linear_BF.data, out=linear_BF.data)
        found = rank(linear_BF, self._token_F, self._medians_T, first=self._cls_id, most=self._most)
        # <cls> alone says nothing.
        return [ids if len(ids) > 1 else ids[:0] for ids in found]


def vocabulary_names(tokenizer: GeneRankTokenizer) -> np.ndarray:
    """Names of the genes in the shared gene space, object [F]; ids where none is known."""
    tokens = [tokenizer.vocabulary.tokens[i] for i in tokenizer.vocabulary.letter_ids.tolist()]
    names = np.array(tokens, dtype=object)
    if tokenizer.id_kind == "shared":
        return names
    taken: set[str] = set()
    species = [ensembl_species(token) for token in tokens]
    for organism in ("human", "mouse"):
        rows = [row for row, found in enumerate(species) if found == organism]
        find = gene_table(organism).find
        known = shared_names([find(tokens[row])[0] for row in rows], organism)
        for row, name in zip(rows, known, strict=True):
            # Two ids of one name stay apart: the first has it.
            if name and name not in taken:
                names[row] = name
                taken.add(name)
    return names
