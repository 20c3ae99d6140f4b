"""What every loss must do, whatever its formula."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from training.label_similarity import LabelSimilarity
from training.losses.by_name import LOSSES, loss_by_name

NAN = float("nan")
DEGENERATE = {
    "identical embeddings": (torch.ones(6, 4), torch.eye(3).repeat(2, 1), torch.zeros(6) > 0),
    # From 26 rows on torch takes distances by matrix products, whose rounding leaves none at 0.
    "many identical embeddings": (
        torch.tensor([[0.3, -1.7, 0.9, 0.2]]).repeat(30, 1),
        torch.eye(3).repeat(10, 1),
        torch.zeros(30) > 0,
    ),
    "embeddings of length zero": (torch.zeros(6, 4), torch.eye(3).repeat(2, 1), torch.zeros(6) > 0),
    "no positive pair": (torch.randn(3, 4), torch.eye(3), torch.zeros(3) > 0),
    "no negative pair": (torch.randn(4, 4), torch.ones(4, 3), torch.zeros(4) > 0),
    "one class": (torch.randn(4, 4), torch.ones(4, 1), torch.zeros(4) > 0),
    "empty rows": (torch.randn(4, 4), torch.zeros(4, 3), torch.zeros(4) > 0),
    "nothing known": (torch.randn(4, 4), torch.full((4, 3), NAN), torch.zeros(4) > 0),
    "normals only": (torch.randn(4, 4), torch.zeros(4, 3), torch.ones(4) > 0),
    "two exams": (torch.randn(2, 4), torch.eye(2), torch.zeros(2) > 0),
    "one exam": (torch.randn(1, 4), torch.ones(1, 3), torch.zeros(1) > 0),
}


def made(name, n_classes, dim, **similarity):
    torch.manual_seed(0)
    return loss_by_name(name, n_classes, dim, LabelSimilarity(**similarity))


def batch(seed, size=20, n_classes=4, dim=6):
    generator = torch.Generator().manual_seed(seed)
    targets = torch.randint(0, 3, (size, n_classes), generator=generator) / 2
    targets[torch.rand(size, n_classes, generator=generator) < 0.6] = 0
    normal = (targets.sum(dim=1) == 0) & (torch.rand(size, generator=generator) < 0.7)
    targets[torch.rand(size, n_classes, generator=generator) < 0.1] = NAN
    return torch.randn(size, dim, generator=generator), targets, normal


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("case", DEGENERATE)
def test_degenerate_batches_have_finite_loss_and_gradient(name, case):
    embeddings, targets, normal = DEGENERATE[case]
    embeddings = embeddings.clone().requires_grad_()
    loss = made(name, targets.shape[1], 4)(embeddings, targets, normal)
    loss.backward()
    assert loss.shape == ()
    assert loss.dtype == torch.float32
    assert torch.isfinite(loss)
    assert torch.isfinite(embeddings.grad).all()


@pytest.mark.parametrize("name", LOSSES)
@settings(deadline=None, max_examples=15, derandomize=True)
@given(data=st.data())
def test_any_batch_has_finite_loss_and_gradient(name, data):
    size = data.draw(st.integers(1, 8))
    states = st.lists(st.sampled_from([0.0, 0.5, 1.0, NAN]), min_size=3, max_size=3)
    targets = torch.tensor([data.draw(states) for _ in range(size)])
    places = st.lists(st.sampled_from([-1.0, 0.0, 1.0, 1e-8, 1e4]), min_size=2, max_size=2)
    dtype = data.draw(st.sampled_from([torch.float32, torch.bfloat16]))
    embeddings = torch.tensor([data.draw(places) for _ in range(size)]).to(dtype).requires_grad_()
    normal = torch.tensor([data.draw(st.booleans()) for _ in range(size)])
    weight = data.draw(st.sampled_from([1.0, 0.5, 0.0]))
    loss = made(name, 3, 2, uncertain_weight=weight)(embeddings, targets, normal)
    loss.backward()
    assert torch.isfinite(loss)
    assert loss >= -1e-5
    assert torch.isfinite(embeddings.grad).all()


@pytest.mark.parametrize("name", LOSSES)
def test_loss_under_bf16_autocast_is_that_in_float32(name):
    embeddings, targets, normal = batch(1)
    loss = made(name, 4, 6)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        under = loss(embeddings, targets, normal)
    assert under.item() == pytest.approx(loss(embeddings, targets, normal).item(), rel=1e-5)


@pytest.mark.parametrize("name", LOSSES)
def test_order_of_the_batch_does_not_matter(name):
    embeddings, targets, normal = batch(7)
    turned = torch.randperm(len(embeddings), generator=torch.Generator().manual_seed(1))
    loss = made(name, 4, 6)
    one = loss(embeddings, targets, normal)
    other = loss(embeddings[turned], targets[turned], normal[turned])
    assert one.item() == pytest.approx(other.item(), rel=1e-4)


@pytest.mark.parametrize("name", LOSSES)
def test_an_exam_of_which_nothing_is_known_changes_nothing_but_its_share(name):
    embeddings, targets, normal = batch(3, size=12)
    more = torch.cat([embeddings, torch.randn(1, 6)]).requires_grad_()
    unknown = torch.cat([targets, torch.full((1, 4), NAN)])
    loss = made(name, 4, 6)(more, unknown, torch.cat([normal, torch.tensor([False])]))
    loss.backward()
    assert torch.all(more.grad[-1] == 0)


@pytest.mark.parametrize("name", LOSSES)
def test_training_brings_similar_exams_nearer_than_others(name):
    torch.manual_seed(0)
    kind = torch.arange(30) // 10
    targets = torch.eye(3)[kind][:, :2]
    embeddings = torch.randn(30, 4, requires_grad=True)
    loss = made(name, 2, 4)
    optimiser = torch.optim.Adam([embeddings, *loss.parameters()], lr=0.05)
    for _ in range(200):
        optimiser.zero_grad()
        loss(embeddings, targets, kind == 2).backward()
        optimiser.step()
    unit = torch.nn.functional.normalize(embeddings.detach(), dim=1)
    products = unit @ unit.T
    same = kind[:, None] == kind[None, :]
    assert products[same].mean() > products[~same].mean() + 0.5


@pytest.mark.parametrize("name", LOSSES)
def test_rows_that_do_not_belong_together_are_refused(name):
    with pytest.raises(ValueError, match="must be"):
        made(name, 4, 6)(torch.zeros(3, 6), torch.zeros(2, 4))


def test_unknown_names_and_options_are_refused_with_what_is_known():
    with pytest.raises(ValueError, match="ml2plus"):
        loss_by_name("ml3", 4, 6)
    with pytest.raises(ValueError, match="colour"):
        loss_by_name("ml2", 4, 6, colour=1)
