"""Training of the default model: a small encoder and a prototype a class, on drawn cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import nn

from cellmodels.ontology import cell_ontology

from .library import CellSet, MarkerWeights, class_ids, marker_weights, prototypes
from .pseudocells import Noise, Stock, draw, marker_lists
from .references import References


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """How long, how wide, how noisy."""

    hidden: int = 256
    width: int = 96
    pool: int = 24_576
    pools: int = 3
    epochs: int = 5
    batch: int = 512
    lr: float = 2e-3
    weight_decay: float = 0.02
    dropout: float = 0.3
    list_share: float = 0.15
    real_share: float = 0.08
    panel_share: float = 0.4
    prototype_weight: float = 0.3
    seed: int = 0
    noise: Noise = field(default_factory=Noise)


class CellEncoder(nn.Module):
    """Unit embedding of a cell's normalised expression, and its logit for every class.

    x_BF -> two-layer perceptron -> unit vector e_BD; logits = scale * e_BD . p_CD + bias_C.
    """

    def __init__(
        self, features: int, classes: int, hidden: int, width: int, dropout: float
    ) -> None:
        super().__init__()
        self.first = nn.Linear(features, hidden)
        self.second = nn.Linear(hidden, width)
        self.prototype = nn.Parameter(torch.randn(classes, width))
        self.bias = nn.Parameter(torch.zeros(classes))
        self.scale = nn.Parameter(torch.tensor(12.0))
        self.dropout = nn.Dropout(dropout)

    def embed(self, x_BF: torch.Tensor) -> torch.Tensor:
        """Unit embedding [B, D] of rows of length one."""
        hidden = self.dropout(torch.relu(self.first(x_BF)))
        return nn.functional.normalize(self.second(hidden), dim=-1)

    def forward(self, x_BF: torch.Tensor) -> torch.Tensor:
        """Logits [B, C] of rows of length one."""
        prototype = nn.functional.normalize(self.prototype, dim=-1)
        return self.scale * self.embed(x_BF) @ prototype.T + self.bias


@dataclass(frozen=True)
class Trained:
    """A trained encoder with the names of its rows and columns."""

    encoder: CellEncoder
    classes: tuple[str, ...]
    genes: np.ndarray


def unit(x_BF: np.ndarray) -> np.ndarray:
    """Rows of length one; rows of zeros stay zero."""
    norm = np.linalg.norm(x_BF, axis=1, keepdims=True)
    return x_BF / np.maximum(norm, 1e-9)


def build_stock(
    references: References, genes: np.ndarray, classes: Sequence[str], weights: MarkerWeights
) -> tuple[Stock, tuple[str, ...]]:
    """References and marker prototypes as one stock, and the targets that its labels index."""
    gene_at = {gene: index for index, gene in enumerate(references.genes)}
    columns = np.array([gene_at[gene] for gene in genes])
    linear = references.linear_RG[:, columns]
    made, made_class, _ = prototypes(classes, references, genes, weights)
    labels = list(references.obs["cl_id"]) + [classes[c] for c in made_class]
    ambient = np.empty_like(linear)
    for dataset in references.obs["dataset"].unique():
        rows = np.flatnonzero(references.obs["dataset"] == dataset)
        ambient[rows] = linear[rows].mean(axis=0)
    overall = np.repeat(linear.mean(axis=0, keepdims=True), len(made), axis=0)
    targets = tuple(classes) + tuple(sorted(set(labels) - set(classes)))
    target_at = {cl_id: index for index, cl_id in enumerate(targets)}
    index = np.array([target_at[label] for label in labels])
    # A broad label has no markers of its own to raise: it may be any of the subtypes.
    lift = np.zeros((len(targets), len(genes)), np.float32)
    silent = np.zeros(lift.shape, bool)
    lift[: len(classes)], silent[: len(classes)] = weights.lift_CF, weights.silent_CF
    measured = np.arange(len(labels)) < len(linear)
    stock = Stock(
        np.vstack([linear, made]),
        index,
        np.vstack([ambient, overall]),
        lift[index],
        silent[index],
        measured,
    )
    return stock, targets


def subtree_matrix(classes: Sequence[str], targets: Sequence[str]) -> np.ndarray:
    """Mask [targets, classes] of what a label allows: itself and everything below it."""
    ontology = cell_ontology()
    above = [ontology.ancestors(c) | {c} for c in classes]
    return np.array([[t in lineage for lineage in above] for t in targets], bool)


class Sampler:
    """Pools of training rows: pseudo-cells, marker lists and real cells, with the label of each."""

    def __init__(
        self,
        stock: Stock,
        targets: Sequence[str],
        cells: Sequence[CellSet],
        classes: Sequence[str],
        config: TrainConfig,
    ) -> None:
        self.stock, self.cells, self.config = stock, cells, config
        extra = sorted({label for cell_set in cells for label in cell_set.cl_id} - set(targets))
        ontology = cell_ontology()
        self.targets = tuple(targets) + tuple(t for t in extra if t in ontology)
        allowed = subtree_matrix(classes, self.targets)
        self.allowed_TC = torch.from_numpy(allowed)
        self.usable_T = allowed.any(axis=1)
        self.target_at = {target: index for index, target in enumerate(self.targets)}
        counts = np.bincount(stock.class_S, minlength=len(self.targets)).astype(float)
        weight = 1.0 / np.sqrt(counts[stock.class_S])
        weight[~stock.measured_S] *= config.prototype_weight
        # A label above no class (one property that unrelated cells share) teaches nothing.
        weight[~self.usable_T[stock.class_S]] = 0.0
        self.draw_weight = weight / weight.sum()
        self.background = np.log1p(stock.ambient_SF).astype(np.float32)

    def pool(self, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        """float16 [pool, F] and target index [pool], in random order."""
        config, n = self.config, self.config.pool
        parts, targets = [], []
        n_real = int(n * config.real_share) if self.cells else 0
        n_list = int(n * config.list_share)
        for size in _chunks(n - n_real - n_list, 2048):
            chosen = rng.choice(len(self.stock.class_S), size, p=self.draw_weight)
            parts.append(draw(self.stock, chosen, rng, config.noise).astype(np.float16))
            targets.append(self.stock.class_S[chosen])
        for size in _chunks(n_list, 2048):
            chosen = rng.choice(len(self.stock.class_S), size, p=self.draw_weight)
            deep = Noise(depth=(2e4, 2e5), platform_sigma=(0.1, 0.6), marker_share=0.5)
            log = draw(self.stock, chosen, rng, deep)
            parts.append(marker_lists(log, self.background[chosen], rng).astype(np.float16))
            targets.append(self.stock.class_S[chosen])
        for size in _chunks(n_real, 2048):
            rows, labels = self._real(size, rng)
            parts.append(rows.astype(np.float16))
            targets.append(labels)
        order = rng.permutation(sum(map(len, targets)))
        return np.concatenate(parts)[order], np.concatenate(targets)[order]

    def _real(self, size: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        rows, labels = [], []
        for which, count in zip(
            *np.unique(rng.integers(0, len(self.cells), size), return_counts=True), strict=True
        ):
            cell_set = self.cells[which]
            known = [t for t in np.unique(cell_set.cl_id) if self._usable(t)]
            label = rng.choice(known, count)
            at = np.array([rng.choice(np.flatnonzero(cell_set.cl_id == one)) for one in label])
            counts = cell_set.counts[at].toarray()
            kept = rng.binomial(counts.astype(np.int64), rng.uniform(0.3, 1.0, (count, 1)))
            total = np.maximum(kept.sum(axis=1, keepdims=True), 1)
            rows.append(np.log1p(kept / total * 1e4).astype(np.float32))
            labels.append(np.array([self.target_at[one] for one in label]))
        return np.concatenate(rows), np.concatenate(labels)

    def _usable(self, target: str) -> bool:
        return target in self.target_at and bool(self.usable_T[self.target_at[target]])


def _chunks(total: int, size: int) -> list[int]:
    return [min(size, total - start) for start in range(0, total, size)]


def panel_masks(
    references: References, genes: np.ndarray, cells: Sequence[CellSet], seed: int
) -> np.ndarray:
    """Gene selections as real files have them, bool [M, F]: variable genes, and real panels.

    Every class is shown in every selection, so that the selection itself tells nothing.
    """
    rng = np.random.default_rng(seed)
    gene_at = {gene: index for index, gene in enumerate(references.genes)}
    log_RF = np.log1p(references.linear_RG[:, [gene_at[gene] for gene in genes]])
    masks = [cell_set.present_F for cell_set in cells]
    for dataset in references.obs["dataset"].unique():
        spread_F = log_RF[(references.obs["dataset"] == dataset).to_numpy()].std(axis=0)
        mask = np.zeros(len(genes), bool)
        mask[np.argsort(-spread_F)[: int(np.exp(rng.uniform(np.log(250), np.log(3000))))]] = True
        masks.append(mask)
    return np.array(masks)


def show_panels(
    x_BF: torch.Tensor, masks_MF: torch.Tensor, share: float, generator: torch.Generator
) -> torch.Tensor:
    """Rows as a file with fewer genes would show them.

    Some rows keep a panel and are normalised within it, as a user of a panel would; the rest lose a
    few genes. Ranked lists (no value above 1) only lose genes.
    """
    f = x_BF.shape[1]
    # Half of the rows stay as they are: most files have all genes.
    kind_B = torch.rand(len(x_BF), generator=generator)
    panel_P = torch.nonzero(kind_B < share).squeeze(1)
    lossy_L = torch.nonzero((kind_B >= share) & (kind_B < (1 + share) / 2)).squeeze(1)
    keep_LF = torch.rand(len(lossy_L), f, generator=generator) < 0.85
    x_BF[lossy_L] *= keep_LF
    chosen_P = torch.randint(len(masks_MF), (len(panel_P),), generator=generator)
    keep_PF = masks_MF[chosen_P]
    random_P = torch.nonzero(torch.rand(len(panel_P), generator=generator) < 0.3).squeeze(1)
    kept_R1 = 0.05 + 0.4 * torch.rand(len(random_P), 1, generator=generator)
    keep_PF[random_P] = torch.rand(len(random_P), f, generator=generator) < kept_R1
    x_PF = x_BF[panel_P] * keep_PF
    is_list_P1 = x_PF.amax(dim=1, keepdim=True) <= 1.0
    linear_PF = torch.expm1(x_PF)
    total_P1 = linear_PF.sum(dim=1, keepdim=True).clamp_min(1.0)
    x_BF[panel_P] = torch.where(is_list_P1, x_PF, torch.log1p(linear_PF * (1e4 / total_P1)))
    return x_BF


def train(
    references: References,
    rows: Sequence,
    genes: np.ndarray,
    cells: Sequence[CellSet],
    config: TrainConfig,
    *,
    classes: Sequence[str] | None = None,
    report=lambda line: None,
) -> Trained:
    """A model trained from scratch; the same on one machine for the same inputs and seed."""
    torch.manual_seed(config.seed)
    rng = np.random.default_rng(config.seed)
    generator = torch.Generator().manual_seed(config.seed)
    classes = tuple(classes or class_ids(references, rows))
    weights = marker_weights(rows, classes, genes)
    stock, targets = build_stock(references, genes, classes, weights)
    sampler = Sampler(stock, targets, cells, classes, config)
    encoder = CellEncoder(len(genes), len(classes), config.hidden, config.width, config.dropout)
    optimizer = torch.optim.AdamW(
        encoder.parameters(), lr=config.lr, weight_decay=config.weight_decay
    )
    masks_MF = torch.from_numpy(panel_masks(references, genes, cells, config.seed))
    steps = config.pools * config.epochs * (config.pool // config.batch)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, config.lr, total_steps=steps)
    for number in range(config.pools):
        x_PF, target_P = sampler.pool(rng)
        for _ in range(config.epochs):
            losses = []
            for batch in np.array_split(rng.permutation(len(x_PF)), len(x_PF) // config.batch)[
                : config.pool // config.batch
            ]:
                x_BF = torch.from_numpy(x_PF[batch].astype(np.float32))
                x_BF = show_panels(x_BF, masks_MF, config.panel_share, generator)
                x_BF = nn.functional.normalize(x_BF, dim=-1)
                logp_BC = torch.log_softmax(encoder(x_BF), dim=-1)
                allowed_BC = sampler.allowed_TC[torch.from_numpy(target_P[batch])]
                loss = -torch.logsumexp(logp_BC.masked_fill(~allowed_BC, -1e4), dim=-1).mean()
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                losses.append(loss.item())
        report(f"pool {number + 1}/{config.pools}: loss {np.mean(losses):.3f}")
    encoder.eval()
    return Trained(encoder, classes, genes)
