import math

import pytest
import torch

from training.label_similarity import LabelSimilarity
from training.losses.ml2 import ML2Loss


def slow_ml2(embeddings, targets, normal, margin, temperature, normals_similar):
    """ML2 as its formula reads, one exam and one pair at a time, in float64."""
    unit = embeddings.double() / embeddings.double().norm(dim=1, keepdim=True)
    n = len(unit)

    def tau(i, j):
        if bool(normal[i]) and bool(normal[j]):
            return 0.0 if normals_similar else None
        low = torch.minimum(targets[i], targets[j]).sum().item()
        high = torch.maximum(targets[i], targets[j]).sum().item()
        return None if high == 0 else 1.0 - low / high

    losses = []
    for i in range(n):
        others = {j: tau(i, j) for j in range(n) if j != i}
        positives = [j for j, t in others.items() if t is not None and t < 1]
        negatives = [j for j, t in others.items() if t == 1]
        if not positives or not negatives:
            continue
        distance = {j: (unit[i] - unit[j]).norm().item() for j in others}
        mined = temperature * math.log(
            sum(math.exp((margin - distance[j]) / temperature) for j in negatives)
        )
        terms = [max(0.0, distance[j] - margin * others[j] + mined) for j in positives]
        losses.append(sum(terms) / len(positives))
    return sum(losses) / len(losses) if losses else 0.0


def batch(seed, size=24, n_classes=5):
    generator = torch.Generator().manual_seed(seed)
    embeddings = torch.randn(size, 8, generator=generator)
    targets = torch.randint(0, 3, (size, n_classes), generator=generator) / 2
    targets[torch.rand(size, n_classes, generator=generator) < 0.6] = 0
    normal = (targets.sum(dim=1) == 0) & (torch.rand(size, generator=generator) < 0.7)
    return embeddings, targets, normal


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("normals_similar", [True, False])
@pytest.mark.parametrize(("margin", "temperature"), [(1.0, 0.1), (0.3, 1.0)])
def test_loss_is_the_formula_exam_by_exam(seed, normals_similar, margin, temperature):
    embeddings, targets, normal = batch(seed)
    labels = LabelSimilarity(normals_similar=normals_similar)
    found = ML2Loss(labels, margin, temperature)(embeddings, targets, normal)
    expected = slow_ml2(embeddings, targets, normal, margin, temperature, normals_similar)
    assert expected > 0
    assert found.item() == pytest.approx(expected, rel=1e-4)


def test_hand_computed_triangle():
    # Two exams with effusion at a right angle, one with edema opposite the first.
    embeddings = torch.tensor([[1.0, 0.0], [0.0, 1.0], [-1.0, 0.0]])
    targets = torch.tensor([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    # One positive and one negative each: [D_ip + α − D_in]₊ = √2 + 1 − 2 and √2 + 1 − √2.
    expected = ((math.sqrt(2) - 1) + 1) / 2
    found = ML2Loss(margin=1.0, temperature=0.1)(embeddings, targets)
    assert found.item() == pytest.approx(expected, rel=1e-5)


def test_low_temperature_is_the_hardest_negative():
    embeddings, targets, normal = batch(3)
    cold = ML2Loss(margin=0.5, temperature=1e-3)(embeddings, targets, normal)
    warm = ML2Loss(margin=0.5, temperature=1.0)(embeddings, targets, normal)
    assert cold.item() == pytest.approx(
        slow_ml2(embeddings, targets, normal, 0.5, 1e-3, True), rel=1e-3
    )
    assert warm > cold


def test_gradient_is_that_of_finite_differences():
    embeddings, targets, normal = batch(5, size=10)
    embeddings.requires_grad_()
    loss = ML2Loss(margin=0.5, temperature=0.5)
    loss(embeddings, targets, normal).backward()
    step = 1e-2
    direction = torch.randn(embeddings.shape, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        ahead = loss(embeddings + step * direction, targets, normal)
        behind = loss(embeddings - step * direction, targets, normal)
    expected = ((ahead - behind) / (2 * step)).item()
    assert (embeddings.grad * direction).sum().item() == pytest.approx(expected, rel=0.03)


def test_training_on_the_loss_separates_two_findings_and_normal():
    torch.manual_seed(0)
    targets = torch.zeros(30, 2)
    targets[:10, 0] = 1
    targets[10:20, 1] = 1
    normal = torch.arange(30) >= 20
    embeddings = torch.randn(30, 4, requires_grad=True)
    optimiser = torch.optim.Adam([embeddings], lr=0.05)
    for _ in range(150):
        optimiser.zero_grad()
        ML2Loss(margin=0.5, temperature=0.1)(embeddings, targets, normal).backward()
        optimiser.step()
    unit = torch.nn.functional.normalize(embeddings.detach(), dim=1)
    products = unit @ unit.T
    kind = torch.arange(30) // 10
    same = kind[:, None] == kind[None, :]
    assert products[same].min() > products[~same].max()


@pytest.mark.parametrize("wrong", [{"temperature": 0.0}, {"margin": -1.0}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ML2Loss(**wrong)
