"""`cm.pp`: what is read, and the layer that holds it."""

from __future__ import annotations

import numpy as np
import pytest
import scanpy as sc
from anndata import AnnData
from scipy import sparse

import cellmodels as cm
from biosequence.errors import InputError


def test_check_says_what_is_read_and_changes_nothing(blood: AnnData) -> None:
    before = blood.copy()
    found = cm.pp.check(blood)
    assert found.matrix == "raw"
    assert {state.matrix: state.state for state in found.states}["X"] == "scaled"
    assert blood.obs.equals(before.obs)
    assert set(blood.uns) == set(before.uns)
    assert np.array_equal(blood.X, before.X)
    assert cm.pp.check(blood[:300]).n_obs == 300


def test_check_speaks_of_arguments(blood: AnnData) -> None:
    with pytest.raises(InputError) as raised:
        cm.pp.check(blood, layer="X")
    assert "--" not in str(raised.value)
    assert raised.value.fix == '-> rerun with layer="raw"'


def test_log1p_cp10k_is_scanpys(liver_sample) -> None:
    cells = liver_sample(num_cells=80)
    cm.pp.log1p_cp10k(cells)
    sc.pp.normalize_total(cells, target_sum=1e4)
    sc.pp.log1p(cells)
    layer = cells.layers["log1p_cp10k"]
    assert sparse.issparse(layer)
    assert layer.dtype == np.float32
    np.testing.assert_allclose(layer.toarray(), cells.X.toarray(), rtol=1e-5, atol=1e-6)


def test_log1p_cp10k_of_raw_has_the_genes_of_x_and_the_totals_of_raw(liver_sample) -> None:
    cells = liver_sample(num_cells=80)
    cm.pp.log1p_cp10k(cells, key_added="all")
    whole = cells.copy()
    cells.raw = cells
    cells = cells[:, ::-3].copy()
    sc.pp.scale(cells)
    cm.pp.log1p_cp10k(cells)
    expected = whole[:, cells.var_names].layers["all"].toarray()
    np.testing.assert_allclose(cells.layers["log1p_cp10k"].toarray(), expected, rtol=1e-5)


def test_log1p_cp10k_without_a_place_in_raw_is_refused(blood: AnnData) -> None:
    blood.var_names = [f"{name}_x" for name in blood.var_names]
    with pytest.raises(InputError, match=r"to_adata\(\)"):
        cm.pp.log1p_cp10k(blood)
    assert not blood.layers


def test_log1p_cp10k_copy_leaves_the_input_alone(blood: AnnData) -> None:
    found = cm.pp.log1p_cp10k(blood, copy=True)
    assert found is not None
    # From 0.13 on, anndata counts X among the layers, without a name.
    assert [name for name in found.layers if name] == ["log1p_cp10k"]
    assert not blood.layers
    with pytest.raises(InputError, match="view"):
        cm.pp.log1p_cp10k(blood[:10])
