import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

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
    found = ML2Loss(margin, temperature, normals_similar)(embeddings, targets, normal)
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
    cold = ML2Loss(0.5, 1e-3)(embeddings, targets, normal)
    warm = ML2Loss(0.5, 1.0)(embeddings, targets, normal)
    assert cold.item() == pytest.approx(
        slow_ml2(embeddings, targets, normal, 0.5, 1e-3, True), rel=1e-3
    )
    assert warm > cold


def test_gradient_is_that_of_finite_differences():
    embeddings, targets, normal = batch(5, size=10)
    embeddings.requires_grad_()
    loss = ML2Loss(0.5, 0.5)
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
        ML2Loss(0.5)(embeddings, targets, normal).backward()
        optimiser.step()
    unit = torch.nn.functional.normalize(embeddings.detach(), dim=1)
    products = unit @ unit.T
    kind = torch.arange(30) // 10
    same = kind[:, None] == kind[None, :]
    assert products[same].min() > products[~same].max()


DEGENERATE = {
    "identical embeddings": (torch.ones(6, 4), torch.eye(3).repeat(2, 1), torch.zeros(6) > 0),
    "embeddings of length zero": (torch.zeros(6, 4), torch.eye(3).repeat(2, 1), torch.zeros(6) > 0),
    "no positive pair": (torch.randn(3, 4), torch.eye(3), torch.zeros(3) > 0),
    "no negative pair": (torch.randn(4, 4), torch.ones(4, 3), torch.zeros(4) > 0),
    "one class": (torch.randn(4, 4), torch.ones(4, 1), torch.zeros(4) > 0),
    "empty rows": (torch.randn(4, 4), torch.zeros(4, 3), torch.zeros(4) > 0),
    "normals only": (torch.randn(4, 4), torch.zeros(4, 3), torch.ones(4) > 0),
    "one exam": (torch.randn(1, 4), torch.ones(1, 3), torch.zeros(1) > 0),
    "no exam": (torch.randn(0, 4), torch.ones(0, 3), torch.zeros(0) > 0),
    "no class": (torch.randn(4, 4), torch.ones(4, 0), torch.ones(4) > 0),
}


@pytest.mark.parametrize("name", DEGENERATE)
def test_degenerate_batches_have_finite_loss_and_gradient(name):
    embeddings, targets, normal = DEGENERATE[name]
    embeddings = embeddings.clone().requires_grad_()
    loss = ML2Loss()(embeddings, targets, normal)
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(embeddings.grad).all()


@settings(deadline=None, max_examples=50, derandomize=True)
@given(data=st.data(), dtype=st.sampled_from([torch.float32, torch.bfloat16]))
def test_any_batch_has_finite_loss_and_gradient(data, dtype):
    size = data.draw(st.integers(1, 8))
    states = st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=3, max_size=3)
    targets = torch.tensor([data.draw(states) for _ in range(size)])
    places = st.lists(st.sampled_from([-1.0, 0.0, 1.0, 1e-8, 1e4]), min_size=2, max_size=2)
    embeddings = torch.tensor([data.draw(places) for _ in range(size)]).to(dtype).requires_grad_()
    normal = torch.tensor([data.draw(st.booleans()) for _ in range(size)])
    loss = ML2Loss()(embeddings, targets, normal)
    loss.backward()
    assert torch.isfinite(loss)
    assert loss >= 0
    assert torch.isfinite(embeddings.grad).all()


def test_order_of_the_batch_does_not_matter():
    embeddings, targets, normal = batch(7)
    turned = torch.randperm(len(embeddings), generator=torch.Generator().manual_seed(1))
    one = ML2Loss()(embeddings, targets, normal)
    other = ML2Loss()(embeddings[turned], targets[turned], normal[turned])
    assert one.item() == pytest.approx(other.item(), rel=1e-5)


@pytest.mark.parametrize("wrong", [{"temperature": 0.0}, {"margin": -1.0}])
def test_impossible_settings_are_refused(wrong):
    with pytest.raises(ValueError, match=next(iter(wrong))):
        ML2Loss(**wrong)
