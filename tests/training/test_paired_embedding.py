import numpy as np
import pytest
import torch

from training.own_recall import chance_recall, recall_at_k
from training.paired_embedding import PairedSettings, fit_paired, paired_loss

QUICK = PairedSettings(dim=16, epochs=60, batch_size=128, dropout=0.2, learning_rate=3e-3)


def two_sides(n=400, noise=0.3, seed=0):
    """Features of n exams on two sides: 8 shared qualities, mixed differently on each."""
    rng = np.random.default_rng(seed)
    shared = rng.normal(size=(n, 8))
    mixing = np.random.default_rng(99)
    sides = []
    for width in (40, 24):
        mixed = shared @ mixing.normal(size=(8, width)) + noise * rng.normal(size=(n, width))
        sides.append(mixed.astype(np.float32))
    return shared, *sides


def unit(rows):
    return rows / rows.norm(dim=1, keepdim=True)


@pytest.mark.parametrize("share", [0.0, 0.4, 1.0])
def test_loss_is_the_formula_summed_pair_by_pair(share):
    generator = torch.Generator().manual_seed(0)
    first, second = torch.randn(2, 5, 3, generator=generator)
    similarity = torch.rand(5, 5, generator=generator)
    similarity = (similarity + similarity.T) / 2
    similarity.fill_diagonal_(1.0)
    left_out = torch.zeros(5, 5, dtype=torch.bool)
    left_out[1, 3] = left_out[3, 1] = True
    found = paired_loss(first, second, 0.2, similarity, left_out, share)

    a, b = unit(first), unit(second)
    total = 0.0
    for x, y in ((a, b), (b, a)):
        for i in range(5):
            kept = [j for j in range(5) if not left_out[i, j]]
            scores = {j: float(x[i] @ y[j]) / 0.2 for j in kept}
            mass = np.log(sum(np.exp(score) for score in scores.values()))
            alike = sum(float(similarity[i, j]) for j in kept)
            for j in kept:
                target = (1 - share) * (i == j) + share * float(similarity[i, j]) / alike
                total -= target * (scores[j] - mass) / 10
    assert float(found) == pytest.approx(total, abs=1e-5)
    assert float(paired_loss(second, first, 0.2, similarity, left_out, share)) == pytest.approx(
        float(found), abs=1e-5
    )


def test_without_labels_it_is_the_cross_entropy_of_the_own_exam():
    first, second = torch.randn(2, 6, 4, generator=torch.Generator().manual_seed(1))
    scores = unit(first) @ unit(second).T / 0.1
    own = torch.arange(6)
    cross_entropy = torch.nn.functional.cross_entropy
    expected = (cross_entropy(scores, own) + cross_entropy(scores.T, own)) / 2
    assert float(paired_loss(first, second, 0.1)) == pytest.approx(float(expected), abs=1e-5)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_loss_and_gradient_are_finite_in_the_worst_batches(dtype):
    everything = torch.ones(4, 4, dtype=torch.bool)
    for rows in (torch.ones(4, 3), torch.zeros(4, 3), torch.eye(4, 3) * 1e4):
        first = rows.to(dtype).requires_grad_()
        loss = paired_loss(first, rows.to(dtype), 0.05, torch.zeros(4, 4), everything, 0.5)
        loss.backward()
        assert torch.isfinite(loss)
        assert torch.isfinite(first.grad).all()
    with pytest.raises(ValueError, match="shape"):
        paired_loss(torch.ones(2, 3), torch.ones(3, 3))
    with pytest.raises(ValueError, match="similarity"):
        paired_loss(torch.ones(2, 3), torch.ones(2, 3), label_share=0.5)


def test_unseen_exams_find_themselves_on_the_other_side_both_ways():
    _, first, second = two_sides()
    paired = fit_paired(first[:300], second[:300], QUICK)
    own = np.arange(100)
    a, b = paired.first.embed(first[300:]), paired.second.embed(second[300:])
    assert np.allclose(np.linalg.norm(a, axis=1), 1, atol=1e-5)
    chance = chance_recall(own, own)["recall@1"].mean()
    for queries, gallery in ((a, b), (b, a)):
        assert recall_at_k(queries, gallery, own, own)["recall@1"].mean() > 0.8
    assert chance == pytest.approx(0.01)


def test_stems_of_shuffled_pairs_find_nothing():
    _, first, second = two_sides()
    shuffled = np.random.default_rng(0).permutation(300)
    paired = fit_paired(first[:300], second[:300][shuffled], QUICK)
    own = np.arange(100)
    found = recall_at_k(
        paired.first.embed(first[300:]), paired.second.embed(second[300:]), own, own
    )
    assert found["recall@1"].mean() < 0.1


def test_label_share_draws_exams_with_the_same_labels_together():
    shared, first, second = two_sides()
    targets = np.eye(4, dtype=np.float32)[shared[:, :4].argmax(axis=1)]
    alike = targets @ targets.T > 0

    def alike_among_nearest(share):
        settings = PairedSettings(**{**vars(QUICK), "label_share": share})
        paired = fit_paired(first[:300], second[:300], settings, targets[:300])
        products = paired.first.embed(first[300:]) @ paired.second.embed(second[300:]).T
        np.fill_diagonal(products, -1)
        nearest = np.argsort(-products, axis=1)[:, :20]
        return np.take_along_axis(alike[300:, 300:], nearest, axis=1).mean()

    assert alike_among_nearest(0.8) > alike_among_nearest(0.0) + 0.1


def test_exams_of_one_patient_are_not_pushed_apart():
    _, first, second = two_sides(200)
    # Every second exam is a copy of the one before: the same patient, seen again.
    first[1::2], second[1::2] = first[::2], second[::2]
    patients = np.arange(200) // 2
    paired = fit_paired(first, second, QUICK, groups=patients)
    found = recall_at_k(paired.first.embed(first), paired.second.embed(second), patients, patients)
    assert found["recall@1"].mean() > 0.9
    # All exams of one patient: nothing is pushed apart and the stems stay as they began.
    begun = fit_paired(first, second, PairedSettings(dim=4, epochs=1, weight_decay=0.0))
    same = fit_paired(
        first, second, PairedSettings(dim=4, epochs=5, weight_decay=0.0), groups=np.zeros(200, int)
    )
    assert np.abs(begun.first.weight - same.first.weight).max() < 0.02


def test_jittered_views_teach_what_does_not_matter():
    rng = np.random.default_rng(0)
    _, first, second = two_sides(140)

    def acquired(side):
        """Return copies in which half of the features are the acquisition's own."""
        copies = np.repeat(side[np.newaxis], 12, axis=0)
        half = side.shape[1] // 2
        copies[:, :, :half] = 4 * rng.normal(size=(12, len(side), half))
        return copies

    views_a, views_b = acquired(first), acquired(second)
    own = np.arange(100)

    def recall(a, b):
        paired = fit_paired(a, b, PairedSettings(**{**vars(QUICK), "dropout": 0.0}))
        return recall_at_k(
            paired.first.embed(views_a[1, 40:]), paired.second.embed(views_b[2, 40:]), own, own
        )["recall@1"].mean()

    jittered = recall(views_a[:, :40], views_b[:, :40])
    assert jittered > recall(views_a[0, :40], views_b[0, :40]) + 0.1


def test_the_same_seed_gives_the_same_stems_and_leaves_the_random_state():
    _, first, second = two_sides(60)
    before = torch.random.get_rng_state()
    settings = PairedSettings(dim=4, epochs=3)
    one, two = (fit_paired(first, second, settings) for _ in range(2))
    assert torch.equal(before, torch.random.get_rng_state())
    assert np.array_equal(one.first.weight, two.first.weight)
    assert np.array_equal(one.second.weight, two.second.weight)


def test_features_of_one_kind_begin_near_across_the_sides():
    _, first, _ = two_sides(60)
    settings = PairedSettings(dim=32, epochs=1, learning_rate=1e-9)
    paired = fit_paired(first, first + 0.01, settings)
    assert np.allclose(paired.first.weight, paired.second.weight, atol=1e-6)


def test_sides_that_do_not_correspond_are_refused():
    _, first, second = two_sides(20)
    with pytest.raises(ValueError, match="20 exams on one side, 19"):
        fit_paired(first, second[:19])
    with pytest.raises(ValueError, match="targets"):
        fit_paired(first, second, PairedSettings(label_share=0.5))
    with pytest.raises(ValueError, match="label_share"):
        PairedSettings(label_share=1.5)
