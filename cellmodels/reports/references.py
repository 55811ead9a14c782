"""The works that an annotation rests on."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Reference:
    """One work to cite, and what it gave."""

    used_for: str
    authors: str
    title: str
    source: str
    doi: str


_ONTOLOGY = Reference(
    "names and ids of cell types",
    "Diehl AD, Meehan TF, Bradford YM, et al.",
    "The Cell Ontology 2016: enhanced content, modularization, and ontology interoperability",
    "Journal of Biomedical Semantics 7:44 (2016)",
    "10.1186/s13326-016-0088-7",
)
_PROFILES = Reference(
    "reference profiles (Cell Profile Library, CC BY 4.0; its studies are in the model card)",
    "Danaher P, Kim Y, Nelson B, et al.",
    "Advances in mixed cell deconvolution enable quantification of cell types in spatial "
    "transcriptomic data",
    "Nature Communications 13:385 (2022)",
    "10.1038/s41467-022-28020-5",
)
_LANGCELL = Reference(
    "the model of cells and language, and how it is trained",
    "Zhao S, Zhang J, Wu Y, et al.",
    "LangCell: Language-Cell Pre-training for Cell Identity Understanding",
    "Proceedings of Machine Learning Research (ICML) 235 (2024)",
    "10.48550/arXiv.2405.06708",
)
_SCANPY = Reference(
    "data handling",
    "Wolf FA, Angerer P, Theis FJ.",
    "SCANPY: large-scale single-cell gene expression data analysis",
    "Genome Biology 19:15 (2018)",
    "10.1186/s13059-017-1382-0",
)
_LEIDEN = Reference(
    "clustering",
    "Traag VA, Waltman L, van Eck NJ.",
    "From Louvain to Leiden: guaranteeing well-connected communities",
    "Scientific Reports 9:5233 (2019)",
    "10.1038/s41598-019-41695-z",
)
_UMAP = Reference(
    "the maps of this report",
    "McInnes L, Healy J, Melville J.",
    "UMAP: Uniform Manifold Approximation and Projection for dimension reduction",
    "arXiv:1802.03426 (2018)",
    "10.48550/arXiv.1802.03426",
)


def references(
    *, profiles: bool, described: bool, clustered: bool, mapped: bool
) -> tuple[Reference, ...]:
    """The works behind a result: which of them depends on what was done for it."""
    return (
        _ONTOLOGY,
        *((_LANGCELL,) if described else ()),
        *((_PROFILES,) if profiles else ()),
        _SCANPY,
        *((_LEIDEN,) if clustered else ()),
        *((_UMAP,) if mapped else ()),
    )
