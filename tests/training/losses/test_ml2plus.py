import numpy as np
import pytest
import torch

from training.label_similarity import LabelSimilarity
from training.losses.label_set_points import LabelSetPoints
from training.losses.ml2 import ML2Loss
from training.losses.ml2plus import ML2PlusLoss

TARGETS = torch.tensor(
    [[1.0, 0.0, 0.0], [1.0, 1.0, 0.0], [0.0, 0.0, 1.0], [0.0, 0.0, 0.0], [0.0, 1.0, 0.0]]
)
NORMAL = torch.tensor([False, False, False, True, False])


def test_inner_products_of_points_are_label_similarities():
    labels = LabelSimilarity()
    points, told = LabelSetPoints(3, 7, labels)(TARGETS, NORMAL)
    assert told.all()
    expected = labels(TARGETS, NORMAL).similarity
    assert torch.allclose(points @ points.T, expected, atol=1e-4)


def test_points_of_larger_sets_keep_their_similarity_nearly():
    generator = torch.Generator().manual_seed(0)
    targets = (torch.rand(60, 14, generator=generator) < 0.15).float()
    normal = targets.sum(dim=1) == 0
    points, _ = LabelSetPoints(14, 128, LabelSimilarity())(targets, normal)
    expected = LabelSimilarity()(targets, normal).similarity
    apart = ~torch.eye(60, dtype=torch.bool)
    assert (points @ points.T - expected)[apart].abs().mean() < 0.01


def test_fewer_coordinates_are_the_nearest_that_few_can_be():
    expected = LabelSimilarity()(TARGETS, NORMAL).similarity
    errors = []
    for dim in (2, 4, 7):
        points, _ = LabelSetPoints(3, dim, LabelSimilarity())(TARGETS, NORMAL)
        assert points.shape == (5, dim)
        errors.append((points @ points.T - expected).square().sum().item())
    assert errors[0] > errors[1] > errors[2]


def test_nothing_known_has_no_point():
    targets = torch.tensor([[0.0, 0.0, 0.0], [torch.nan] * 3, [1.0, torch.nan, 0.0]])
    _, told = LabelSetPoints(3, 7, LabelSimilarity())(targets, torch.zeros(3) > 0)
    assert told.tolist() == [False, False, True]


@pytest.mark.parametrize("centring", [0.0, 0.5])
def test_loss_is_ml2_and_the_distance_to_the_points(centring):
    embeddings = torch.randn(5, 7, generator=torch.Generator().manual_seed(0))
    loss = ML2PlusLoss(3, 7, regression_weight=2.0, centring=centring)
    points = LabelSetPoints(3, 7, LabelSimilarity())(TARGETS, NORMAL)[0].numpy()
    wanted = points - centring * points.mean(axis=0)
    distance = np.square(embeddings.numpy() - wanted).sum(axis=1).mean()
    ml2 = ML2Loss()(embeddings, TARGETS, NORMAL).item()
    assert loss(embeddings, TARGETS, NORMAL).item() == pytest.approx(ml2 + 2 * distance, rel=1e-4)


def test_an_uncertain_image_is_left_near_the_centre():
    # Two kinds of image; the first always shows effusion, the second one of two findings at random.
    torch.manual_seed(0)
    image = torch.arange(200) % 2
    targets = torch.zeros(200, 3)
    targets[image == 0, 0] = 1
    rows = torch.where(image == 1)[0]
    targets[rows, 1 + torch.arange(len(rows)) % 2] = 1
    places = torch.zeros(2, 7, requires_grad=True)
    loss = ML2PlusLoss(3, 7, centring=0.0)
    optimiser = torch.optim.Adam([places], lr=0.05)
    for _ in range(200):
        optimiser.zero_grad()
        loss.regression(places[image], targets).backward()
        optimiser.step()
    certain, uncertain = places.detach().norm(dim=1)
    assert certain.item() == pytest.approx(1.0, abs=0.02)
    assert uncertain.item() == pytest.approx(0.5**0.5, abs=0.02)


def test_a_negative_weight_is_refused():
    with pytest.raises(ValueError, match="regression_weight"):
        ML2PlusLoss(3, 7, regression_weight=-1.0)
