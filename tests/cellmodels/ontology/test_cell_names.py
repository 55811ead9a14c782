"""Free text finds the right cell type, or none."""

from __future__ import annotations

import pytest

from cellmodels.ontology import cell_ontology

# label | official name | tissue
LABELS = """
T cells | T cell
T-cells | T cell
Tcells | T cell
T_cell | T cell
T lymphocytes | T cell
B | B cell
B cell_2 | B cell
B cells 3 | B cell
3: B cells | B cell
B.cell.1 | B cell
c07_B cells | B cell
NK | natural killer cell
NK cells | natural killer cell
Natural Killer Cell | natural killer cell
NKT | mature NK T cell
CD4 T | CD4-positive, alpha-beta T cell
CD4+ T cells | CD4-positive, alpha-beta T cell
CD8+ T-cell | CD8-positive, alpha-beta T cell
T-cells, CD8+ | CD8-positive, alpha-beta T cell
CD8-positive T cell | CD8-positive, alpha-beta T cell
naive CD4 T | naive thymus-derived CD4-positive, alpha-beta T cell
CD4+/CD45RA+/CD25- Naive T | naive thymus-derived CD4-positive, alpha-beta T cell
CD4+/CD25 T Reg | CD4-positive, CD25-positive, alpha-beta regulatory T cell
CD4+/CD45RO+ Memory | CD4-positive, alpha-beta memory T cell
CD8+ Cytotoxic T | CD8-positive, alpha-beta cytotoxic T cell
CD8 Tem | effector memory CD8-positive, alpha-beta T cell
CD4 Tcm | central memory CD4-positive, alpha-beta T cell
Temra | effector memory CD45RA-positive, alpha-beta T cell, terminally differentiated
Trm | memory T cell
Treg | regulatory T cell
Tregs | regulatory T cell
Th1 | T-helper 1 cell
Th17 cells | T-helper 17 cell
Tfh | T follicular helper cell
MAIT | mucosal-associated invariant T cell
gdT | gamma-delta T cell
γδ T cells | gamma-delta T cell
gamma delta T cell | gamma-delta T cell
ILC2 | group 2 innate lymphoid cell
ILC3s | group 3 innate lymphoid cell
B_naive | naive B cell
memory B | memory B cell
GC B | germinal center B cell
Germinal centre B cells | germinal center B cell
Plasmablast | plasmablast
Plasma cells | plasma cell
B cell (Plasmocyte) | plasma cell
CD14+ Mono | CD14-positive monocyte
CD14+ Monocytes | CD14-positive monocyte
FCGR3A+ Mono | CD14-low, CD16-positive monocyte
FCGR3A+ Monocytes | CD14-low, CD16-positive monocyte
nonclassical monocytes | non-classical monocyte
Classical Mono | classical monocyte
Mono/Mac | mononuclear phagocyte
DC | dendritic cell
Dendritic | dendritic cell
pDC | plasmacytoid dendritic cell
cDC1 | CD141-positive myeloid dendritic cell
cDC2 | CD1c-positive myeloid dendritic cell
mDC | myeloid dendritic cell
moDC | monocyte-derived dendritic cell
Langerhans cells | Langerhans cell
Macrophage_S100a8 high | macrophage
B cell_Cd74 high(Bone_Marrow) | B cell
Fibroblast (COL1A1 high) | fibroblast
LYVE1+ macrophages | macrophage
SPP1 macrophage | macrophage
Alveolar.macrophage.Ear2.high | alveolar macrophage
Neuthrophil_DEFA3 high | neutrophil
Neutrophils | neutrophil
Mast | mast cell
Platelets | platelet
Megakaryocytes | megakaryocyte
MEP | megakaryocyte-erythroid progenitor cell
GMP | granulocyte monocyte progenitor cell
CMP | common myeloid progenitor
CLP | common lymphoid progenitor
HSPC | hematopoietic precursor cell
CD34+ | hematopoietic precursor cell
HSC | hematopoietic stem cell
HSC | hepatic stellate cell | liver
HSC | hematopoietic stem cell | bone marrow
Haematopoietic stem cells | hematopoietic stem cell
RBC | erythrocyte
erythroid cells | erythroid lineage cell
EC | endothelial cell
LEC | endothelial cell of lymphatic vessel
Lymphatic endothelial | endothelial cell of lymphatic vessel
LSEC | endothelial cell of hepatic sinusoid
Arterial EC | endothelial cell of artery
activated endothelial cells | endothelial cell
SMC | smooth muscle cell
VSMC | vascular associated smooth muscle cell
Pericytes | pericyte
Fibroblasts | fibroblast
activated fibroblast | fibroblast
Tumor-associated fibroblast | fibroblast
Adipocytes | adipocyte
Cardiomyocytes | cardiac muscle cell
MuSC | skeletal muscle satellite cell
Mesothelial | mesothelial cell
AT1 | pulmonary alveolar type 1 cell
AT2 cells | pulmonary alveolar type 2 cell
Type II pneumocytes | pulmonary alveolar type 2 cell
alveolar epithelial cell type II | pulmonary alveolar type 2 cell
Ciliated | lung multiciliated epithelial cell | lung
Club | club cell
Clara cells | club cell
Basal | respiratory basal cell | trachea
Basal | basal cell of prostate epithelium | prostate
Goblet | intestine goblet cell | colon
Ionocytes | pulmonary ionocyte | lung
Deuterosomal | deuterosomal cell
PNEC | pulmonary neuroendocrine cell
Tuft | tuft cell
TA | transit amplifying cell
TAC | transit amplifying cell
ISC | intestinal crypt stem cell
EEC | enteroendocrine cell
Paneth cells | paneth cell
Enterocyte | enterocyte
Parietal cells | parietal cell
Chief cells | peptic cell | stomach
alpha | pancreatic A cell
β cells | type B pancreatic cell
beta | type B pancreatic cell
delta cell | pancreatic D cell
gamma | pancreatic PP cell
epsilon | pancreatic epsilon cell
Ductal | pancreatic ductal cell | pancreas
Acinar | pancreatic acinar cell | pancreas
Acinar | acinar cell of salivary gland | parotid gland
activated_stellate | pancreatic stellate cell | pancreas
Hepatocytes | hepatocyte
Kupffer | Kupffer cell
Kuppfer cell | Kupffer cell
Cholangiocytes | cholangiocyte
Podocyte | podocyte
PT | epithelial cell of proximal tubule | kidney
Proximal tubule cell | epithelial cell of proximal tubule
LOH | kidney loop of Henle epithelial cell
TAL | kidney loop of Henle thick ascending limb epithelial cell
DCT | kidney distal convoluted tubule epithelial cell
CD-PC | kidney collecting duct principal cell
Intercalated | kidney collecting duct intercalated cell | kidney
Keratinocytes | keratinocyte
Kerationcyte | keratinocyte
Melanocytes | melanocyte
Excitatory neurons | glutamatergic neuron
Inhibitory | GABAergic neuron
L2/3 IT | L2/3 intratelencephalic projecting glutamatergic neuron
L5 ET | L5 extratelencephalic projecting glutamatergic cortical neuron
Pvalb | pvalb GABAergic interneuron
Vip | VIP GABAergic interneuron
Sst | sst GABAergic interneuron
Lamp5 | lamp5 GABAergic interneuron
MSN | medium spiny neuron
Astro | astrocyte
Oligo | oligodendrocyte
OPC | oligodendrocyte precursor cell
OPCs | oligodendrocyte precursor cell
Microglia | microglial cell
NSC | neural stem cell
RGC | retinal ganglion cell | retina
Müller glia | Mueller cell
Rods | retinal rod cell
Schwann | Schwann cell
Sertoli | Sertoli cell
Leydig cells | Leydig cell
Spermatogonia | spermatogonium
Granulosa | granulosa cell
EVT | extravillous trophoblast
SCT | syncytiotrophoblast cell
Gastric epithelial cells | epithelial cell of stomach
epithelial cells of the stomach | epithelial cell of stomach
leucocytes | leukocyte
CL:0000084 | T cell
CL_0000084 | T cell
Megakaryocytes/platelets | megakaryocyte
""".strip().splitlines()

NOTHING = """
Unknown | doublet | Doublets | unassigned | other | Other | low quality | Low-quality cells | NA
nan
B/T doublet | NK/T | Endothelial cell/Pericyte | T cells and macrophages | Contamination | cells
Proliferating cells | Hepatocyte-like cell | Enterocyte progenitor | 17 | cluster 5 | CL:9999999
Macrophages DC | qwertyuiop | not a T cell
Lung | 8-cell embryo | debris |  | crypt | CD8 T/NK
""".replace("\n", " | ").split(" | ")


@pytest.fixture(scope="module")
def ontology():
    return cell_ontology()


@pytest.mark.parametrize("line", LABELS, ids=lambda line: line.replace(" | ", "-"))
def test_label_finds_its_term(ontology, line):
    label, name, *tissue = line.split(" | ")
    match = ontology.resolve(label, tissue=tissue[0] if tissue else None)
    assert match is not None
    assert match.name == name
    assert match.query == label
    assert 0 < match.score <= 1


@pytest.mark.parametrize("label", sorted(set(NOTHING)))
def test_label_that_names_no_one_cell_finds_nothing(ontology, label):
    assert ontology.resolve(label) is None


def test_every_id_and_name_resolves_to_itself(ontology):
    for term in ontology:
        assert ontology.resolve(term).id == term
        match = ontology.resolve(ontology.name(term))
        assert (match.id, match.how) == (term, "name")


def test_every_unambiguous_synonym_resolves_to_its_term_or_a_curated_one(ontology):
    owners: dict[str, set[str]] = {}
    for term in ontology:
        for text in (ontology.name(term), *ontology.synonyms(term)):
            owners.setdefault(text.casefold(), set()).add(term)
    missed = []
    for term in ontology:
        for synonym in ontology.synonyms(term):
            match = ontology.resolve(synonym)
            if owners[synonym.casefold()] == {term} and (match is None or match.id != term):
                if match is None or match.how != "abbreviation":
                    missed.append((synonym, ontology.name(term), match))
    assert not missed


@pytest.mark.parametrize(
    "text", ["cD8-PoSiTiVe T CELL", "  CD8-positive   T cell ", "CD8-positive_T_cell"]
)
def test_case_and_blanks_do_not_matter(ontology, text):
    assert ontology.resolve(text).name == "CD8-positive, alpha-beta T cell"


def test_rules_score_below_exact_answers(ontology):
    assert ontology.resolve("activated T cell").score < ontology.resolve("T cells").score


def test_tissue_may_be_given_as_id_or_name_or_part(ontology):
    for tissue in ("UBERON:0002107", "liver", "fetal liver", "left lobe of liver"):
        assert ontology.resolve("HSC", tissue=tissue).name == "hepatic stellate cell"
    assert ontology.resolve("HSC", tissue="no such place").name == "hematopoietic stem cell"


def test_suggestions_hold_the_name_that_was_meant(ontology):
    assert "macrophage" in ontology.suggest("makrofage")
    assert len(ontology.suggest("monocyt", n=5)) <= 5


def test_what_the_field_writes_for_a_type_resolves_to_it() -> None:
    ontology = cell_ontology()
    wrong, count = [], 0
    for term in ontology:
        for label, tissue in ontology.abbreviations(term):
            count += 1
            match = ontology.resolve(label, tissue=tissue or None)
            if match is None or match.id != term:
                wrong.append((label, tissue))
    assert count > 1000
    assert len(wrong) <= 0.01 * count, wrong


def test_a_type_without_abbreviations_has_none_and_a_retired_id_those_of_its_heir() -> None:
    ontology = cell_ontology()
    assert ontology.abbreviations("CL:0000000") == ()
    for retired, term in ontology.replaced.items():
        assert ontology.abbreviations(retired) == ontology.abbreviations(term)
