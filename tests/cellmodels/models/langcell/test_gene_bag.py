"""A gene bag is a weighted sum by rank, whatever stands beside a cell in its batch."""

from __future__ import annotations

import pytest
import torch
from transformers import AutoModel

from biosequence.errors import ModelError
from cellmodels.models.langcell import LangCellConfig, LangCellModel
from cellmodels.models.langcell.gene_bag import GeneBagConfig, GeneBagModel

TEXT = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "vocab_size": 20}
CELLS = torch.tensor([[29, 3, 4, 5, 6, 7], [29, 8, 9, 0, 0, 0], [29, 0, 0, 0, 0, 0]])


def bag(**fields) -> GeneBagModel:
    torch.manual_seed(0)
    return GeneBagModel(GeneBagConfig(vocab_size=30, hidden_size=8, num_states=3, **fields)).eval()


def langcell() -> LangCellModel:
    torch.manual_seed(0)
    cell = {"model_type": "gene-bag", "vocab_size": 30, "hidden_size": 8, "num_states": 3}
    return LangCellModel(LangCellConfig(cell_config=cell, text_config=TEXT)).eval()


@torch.no_grad()
def test_the_first_state_is_the_sum_of_gene_vectors_by_rank():
    tower = bag()
    tower.bias.fill_(0.3)
    found = tower(CELLS).last_hidden_state
    for row, genes in enumerate(([3, 4, 5, 6, 7], [8, 9], [])):
        weight = tower.rank_weight[: len(genes)]
        weight = weight / weight.norm() if genes else weight
        total = sum(w * tower.genes.weight[g] for w, g in zip(weight, genes, strict=True))
        assert torch.allclose(found[row, 0], torch.relu(total + tower.bias), atol=1e-6)


@torch.no_grad()
def test_the_other_states_are_the_highest_genes():
    tower = bag()
    assert torch.equal(tower(CELLS).last_hidden_state[0, 1:], tower.genes.weight[[3, 4, 5]])


@torch.no_grad()
def test_ranks_beyond_the_table_share_its_last_weight():
    tower = bag(num_ranks=2)
    weight = tower.rank_weight[[0, 1, 1, 1, 1]]
    total = (weight / weight.norm()) @ tower.genes.weight[[3, 4, 5, 6, 7]]
    found = tower(CELLS[:1]).last_hidden_state[0, 0]
    assert torch.allclose(found, torch.relu(total + tower.bias), atol=1e-6)


@torch.no_grad()
def test_padding_changes_neither_cells_nor_pairs():
    model, mask = langcell(), (CELLS != 0).long()
    texts = torch.tensor([[2, 5], [3, 6], [4, 7]])
    cells = model.encode_cells(CELLS, mask)
    pairs = model.match(texts, None, cells.hidden, mask)
    for row, length in enumerate((6, 3, 1)):
        alone = model.encode_cells(CELLS[row : row + 1, :length])
        assert torch.allclose(cells.embedding[row], alone.embedding[0], atol=1e-6)
        alone_mask = mask[row : row + 1, :length]
        pair = model.match(texts[row : row + 1], None, alone.hidden, alone_mask)
        assert torch.allclose(pairs[row], pair[0], atol=1e-6)


def test_gradients_reach_genes_and_weights_of_ranks():
    model = langcell().train()
    model.encode_cells(CELLS).embedding[:, 0].sum().backward()
    tower = model.cell_tower
    assert (tower.genes.weight.grad[[3, 4, 5, 6, 7]].abs().sum(1) > 0).all()
    assert tower.genes.weight.grad[[10, 11, 0]].abs().sum() == 0
    assert (tower.rank_weight.grad[:5].abs() > 0).all()


@torch.no_grad()
def test_a_saved_folder_opens_again(tmp_path):
    model = langcell()
    model.save_pretrained(tmp_path)
    again = AutoModel.from_pretrained(tmp_path)
    assert isinstance(again.cell_tower, GeneBagModel)
    assert torch.equal(again.encode_cells(CELLS).embedding, model.encode_cells(CELLS).embedding)


def test_a_mean_over_states_and_sizes_of_nothing_are_refused():
    with pytest.raises(ModelError, match="gene bag"):
        LangCellConfig(cell_config={"model_type": "gene-bag"}, cell_pooling="mean")
    with pytest.raises(ModelError, match="num_states"):
        GeneBagConfig(num_states=0)
