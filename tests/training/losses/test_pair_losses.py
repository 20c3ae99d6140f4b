"""N-pair, supervised contrastive and the losses of pytorch-metric-learning, pair by pair."""

import math

import pytest
import torch

from training.label_similarity import LabelSimilarity
from training.losses.contrastive import ContrastiveLoss
from training.losses.lifted_structure import LiftedStructureLoss
from training.losses.multi_similarity import MultiSimilarityLoss
from training.losses.n_pair import NPairLoss
from training.losses.pairs import hard_triplets, semihard_triplets
from training.losses.supervised_contrastive import SupervisedContrastiveLoss
from training.losses.triplet import TripletLoss


def batch(seed, size=14):
    generator = torch.Generator().manual_seed(seed)
    targets = (torch.rand(size, 4, generator=generator) < 0.35).float()
    normal = targets.sum(dim=1) == 0
    return torch.randn(size, 5, generator=generator), targets, normal


def parts(embeddings, targets, normal):
    """Cosines, distances and similarities as lists, and who is whose positive and negative."""
    unit = torch.nn.functional.normalize(embeddings.double(), dim=1)
    cosine = (unit @ unit.T).tolist()
    n = len(unit)
    distance = [[(unit[i] - unit[j]).norm().item() for j in range(n)] for i in range(n)]
    similarity = LabelSimilarity()(targets, normal).similarity.tolist()
    positives = [[j for j in range(n) if j != i and similarity[i][j] > 0] for i in range(n)]
    negatives = [[j for j in range(n) if j != i and similarity[i][j] == 0] for i in range(n)]
    return cosine, distance, similarity, positives, negatives


def mean(values):
    return sum(values) / len(values)


@pytest.mark.parametrize("seed", range(3))
def test_supervised_contrastive_is_its_formula(seed):
    embeddings, targets, normal = batch(seed)
    cosine, _, similarity, positives, _ = parts(embeddings, targets, normal)
    losses = []
    for i, mine in enumerate(positives):
        if not mine:
            continue
        others = [j for j in range(len(cosine)) if j != i]
        total = sum(math.exp(cosine[i][k] / 0.2) for k in others)
        terms = [similarity[i][j] * math.log(math.exp(cosine[i][j] / 0.2) / total) for j in mine]
        losses.append(-sum(terms) / sum(similarity[i][j] for j in mine))
    found = SupervisedContrastiveLoss(temperature=0.2)(embeddings, targets, normal)
    assert found.item() == pytest.approx(mean(losses), rel=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_n_pair_is_its_formula(seed):
    embeddings, targets, normal = batch(seed)
    cosine, _, similarity, positives, negatives = parts(embeddings, targets, normal)
    multi, single = [], []
    for i, mine in enumerate(positives):
        if not mine or not negatives[i]:
            continue
        total = sum(similarity[i][p] for p in mine)
        share = {p: similarity[i][p] / total for p in mine}
        lost = [cosine[i][n] / 0.5 for n in negatives[i]]
        multi.append(
            sum(
                s * math.log(1 + sum(math.exp(x - cosine[i][p] / 0.5) for x in lost))
                for p, s in share.items()
            )
        )
        score = sum(s * cosine[i][p] / 0.5 for p, s in share.items())
        single.append(sum(math.log(1 + math.exp(x - score)) for x in lost))
    found = NPairLoss(temperature=0.5)(embeddings, targets, normal)
    assert found.item() == pytest.approx(mean(multi), rel=1e-4)
    found = NPairLoss(one_vs_one=True, temperature=0.5)(embeddings, targets, normal)
    assert found.item() == pytest.approx(mean(single), rel=1e-4)


def test_n_pair_of_one_positive_is_softmax_cross_entropy():
    # Exam 0 and 1 share a finding, all others have one of their own.
    embeddings = torch.randn(6, 5, generator=torch.Generator().manual_seed(0))
    targets = torch.eye(5)[[0, 0, 1, 2, 3, 4]]
    unit = torch.nn.functional.normalize(embeddings, dim=1)
    logits = (unit @ unit.T / 0.3)[:2].masked_fill(torch.eye(6)[:2] > 0, -torch.inf)
    expected = torch.nn.functional.cross_entropy(logits, torch.tensor([1, 0]))
    found = NPairLoss(temperature=0.3)(embeddings, targets)
    assert found.item() == pytest.approx(expected.item(), rel=1e-5)


def test_one_vs_one_is_multi_class_with_one_negative_and_never_below_it():
    generator = torch.Generator().manual_seed(1)
    embeddings = torch.randn(6, 5, generator=generator)
    three = embeddings[:3], torch.eye(2)[[0, 0, 1]]
    one_vs_one, multi_class = NPairLoss(one_vs_one=True), NPairLoss()
    assert one_vs_one(*three).item() == pytest.approx(multi_class(*three).item(), rel=1e-5)
    six = embeddings, torch.eye(5)[[0, 0, 1, 2, 3, 4]]
    assert one_vs_one(*six) > multi_class(*six)


def test_n_pair_penalty_is_the_mean_squared_length():
    embeddings, targets, normal = batch(0)
    with_penalty = NPairLoss(penalty=0.1)(embeddings, targets, normal)
    without = NPairLoss()(embeddings, targets, normal)
    length = embeddings.square().sum(dim=1).mean().item()
    assert (with_penalty - without).item() == pytest.approx(0.1 * length, rel=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_contrastive_is_the_mean_over_pairs_that_cost_something(seed):
    embeddings, targets, normal = batch(seed)
    _, distance, _, positives, negatives = parts(embeddings, targets, normal)
    near = [distance[i][j] for i, mine in enumerate(positives) for j in mine]
    far = [max(0, 1.2 - distance[i][j]) for i, mine in enumerate(negatives) for j in mine]
    expected = mean(near) + mean([value for value in far if value > 0])
    found = ContrastiveLoss(negative_margin=1.2)(embeddings, targets, normal)
    assert found.item() == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("mining", ["hard", "semihard"])
def test_triplets_are_mined_as_said(seed, mining):
    embeddings, targets, normal = batch(seed)
    _, distance, _, positives, negatives = parts(embeddings, targets, normal)
    expected = set()
    for i, mine in enumerate(positives):
        for p in mine:
            allowed = negatives[i]
            if mining == "semihard":
                near = distance[i][p]
                allowed = [n for n in allowed if near < distance[i][n] < near + 0.4]
            if allowed:
                expected.add((i, p, min(allowed, key=lambda n: distance[i][n])))
    pairs = LabelSimilarity()(targets, normal)
    far = torch.tensor(distance)
    found = hard_triplets(pairs, far) if mining == "hard" else semihard_triplets(pairs, far, 0.4)
    assert set(zip(*(part.tolist() for part in found), strict=True)) == expected
    costs = [max(0, distance[a][p] - distance[a][n] + 0.4) for a, p, n in expected]
    loss = TripletLoss(mining=mining, margin=0.4)(embeddings, targets, normal)
    assert loss.item() == pytest.approx(mean([cost for cost in costs if cost > 0]), rel=1e-3)


@pytest.mark.parametrize("seed", range(3))
def test_lifted_structure_is_its_formula(seed):
    embeddings, targets, normal = batch(seed)
    _, distance, _, positives, negatives = parts(embeddings, targets, normal)
    losses = []
    for i, (mine, others) in enumerate(zip(positives, negatives, strict=True)):
        drawn = math.log(sum(math.exp(distance[i][p]) for p in mine)) if mine else 0
        pushed = math.log(sum(math.exp(1 - distance[i][n]) for n in others)) if others else 0
        losses.append(max(0, drawn + pushed))
    found = LiftedStructureLoss()(embeddings, targets, normal)
    assert found.item() == pytest.approx(mean(losses), rel=1e-4)


@pytest.mark.parametrize("seed", range(3))
def test_multi_similarity_is_its_formula(seed):
    embeddings, targets, normal = batch(seed)
    cosine, _, _, positives, negatives = parts(embeddings, targets, normal)
    losses = [
        math.log(1 + sum(math.exp(-2 * (cosine[i][p] - 0.5)) for p in mine)) / 2
        + math.log(1 + sum(math.exp(50 * (cosine[i][n] - 0.5)) for n in others)) / 50
        for i, (mine, others) in enumerate(zip(positives, negatives, strict=True))
    ]
    found = MultiSimilarityLoss()(embeddings, targets, normal)
    assert found.item() == pytest.approx(mean(losses), rel=1e-4)


@pytest.mark.parametrize("make", [SupervisedContrastiveLoss, NPairLoss])
def test_a_pair_that_rests_on_uncertain_labels_pulls_less(make):
    embeddings = torch.randn(3, 5, generator=torch.Generator().manual_seed(0))
    targets = torch.tensor([[1.0, 0.0], [0.5, 0.0], [0.0, 1.0]])

    def pull(weight):
        moved = embeddings.clone().requires_grad_()
        make(LabelSimilarity(uncertain_weight=weight), temperature=1.0)(moved, targets).backward()
        return moved.grad[1].norm().item()

    assert pull(0.0) == 0
    assert pull(1.0) > 0


@pytest.mark.parametrize("make", [SupervisedContrastiveLoss, NPairLoss])
def test_a_temperature_of_zero_is_refused(make):
    with pytest.raises(ValueError, match="temperature"):
        make(temperature=0.0)


def test_unknown_mining_is_refused():
    with pytest.raises(ValueError, match="semihard"):
        TripletLoss(mining="easy")
