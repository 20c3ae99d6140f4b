"""Losses that compare an exam with its classes: classification and proxy anchor."""

import math

import pytest
import torch

from training.losses.classification import ClassificationLoss
from training.losses.proxy_anchor import ProxyAnchorLoss

NAN = float("nan")
EMBEDDINGS = torch.randn(4, 5, generator=torch.Generator().manual_seed(0))
TARGETS = torch.tensor([[1.0, 0.0], [0.5, NAN], [0.0, 0.0], [0.0, 0.0]])
NORMAL = torch.tensor([False, False, True, False])


def unit(vector):
    return vector / vector.norm()


def test_classification_is_the_mean_cross_entropy_of_what_is_known():
    torch.manual_seed(0)
    loss = ClassificationLoss(2, 5)
    terms = []
    # The last exam is empty and not normal: it says nothing of the normal output.
    for exam, wanted in enumerate([[1, 0, 0], [0.5, None, 0], [0, 0, 1], [0, 0, None]]):
        z = unit(EMBEDDINGS[exam])
        for number, target in enumerate(wanted):
            if target is None:
                continue
            logit = 10 * (loss.output.weight[number] @ z) + loss.output.bias[number]
            chance = torch.sigmoid(logit).item()
            terms.append(-target * math.log(chance) - (1 - target) * math.log(1 - chance))
    found = loss(EMBEDDINGS, TARGETS, NORMAL)
    assert found.item() == pytest.approx(sum(terms) / len(terms), rel=1e-4)


def test_class_weights_weigh_the_terms_of_a_class():
    torch.manual_seed(0)
    plain = ClassificationLoss(2, 5)
    weighted = ClassificationLoss(2, 5, class_weights=torch.tensor([1.0, 0.0]))
    weighted.load_state_dict(plain.state_dict())
    first_only = plain(EMBEDDINGS, torch.tensor([[1.0, NAN]] * 4))
    found = weighted(EMBEDDINGS, torch.tensor([[1.0, 0.0]] * 4))
    assert found.item() == pytest.approx(first_only.item(), rel=1e-5)


def test_proxy_anchor_is_its_formula():
    torch.manual_seed(0)
    loss = ProxyAnchorLoss(2, 5, alpha=4.0, margin=0.1)
    score = [[(unit(e) @ unit(p)).item() for p in loss.proxies] for e in EMBEDDINGS]
    positive = [{0: 1.0, 1: 0.5}, {}, {2: 1.0}]
    negative = [{1: 0.5, 2: 1.0, 3: 1.0}, {0: 1.0, 2: 1.0, 3: 1.0}, {0: 1.0, 1: 0.5}]
    drawn = [
        math.log(1 + sum(t * math.exp(-4 * (score[x][p] - 0.1)) for x, t in mine.items()))
        for p, mine in enumerate(positive)
        if mine
    ]
    pushed = [
        math.log(1 + sum(t * math.exp(4 * (score[x][p] + 0.1)) for x, t in mine.items()))
        for p, mine in enumerate(negative)
    ]
    expected = sum(drawn) / len(drawn) + sum(pushed) / 3
    assert loss(EMBEDDINGS, TARGETS, NORMAL).item() == pytest.approx(expected, rel=1e-4)


def test_an_exam_is_drawn_to_all_its_classes_proxies():
    torch.manual_seed(0)
    loss = ProxyAnchorLoss(3, 8)
    exam = torch.randn(1, 8, requires_grad=True)
    optimiser = torch.optim.SGD([exam], lr=0.1)
    for _ in range(300):
        optimiser.zero_grad()
        loss(exam, torch.tensor([[1.0, 1.0, 0.0]])).backward()
        optimiser.step()
    cosine = [(unit(exam.detach()[0]) @ unit(p.detach())).item() for p in loss.proxies[:3]]
    assert min(cosine[:2]) > cosine[2] + 0.3
