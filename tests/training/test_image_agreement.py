import numpy as np
import pytest

from training.image_agreement import local_correlation, mutual_information


def images(n, seed=0):
    rng = np.random.default_rng(seed)
    blurred = rng.random((n, 32, 32))
    for axis in (1, 2):
        blurred = sum(np.roll(blurred, step, axis=axis) for step in (-1, 0, 1))
    return blurred


def test_mutual_information_is_that_of_the_joint_histogram():
    asked, shown = images(3), images(4, 1)
    found = mutual_information(asked, shown, n_bins=8, shift=0)
    for i, a in enumerate(asked):
        for j, b in enumerate(shown):
            edges = [np.quantile(x, np.linspace(0, 1, 9)) for x in (a, b)]
            joint = np.histogram2d(a.ravel(), b.ravel(), bins=edges)[0] / a.size

            def entropy(p):
                return -(p[p > 0] * np.log(p[p > 0])).sum()

            expected = (entropy(joint.sum(1)) + entropy(joint.sum(0))) / entropy(joint)
            assert found[i, j] == pytest.approx(expected, abs=1e-3)


def test_mutual_information_knows_an_image_by_any_tone_curve_and_its_negative():
    asked = images(4)
    for shown in (asked**3, -asked, np.exp(asked)):
        found = mutual_information(asked, shown, shift=0)
        assert np.allclose(np.diag(found), 2, atol=1e-3)
        assert (found.argmax(axis=1) == np.arange(4)).all()
    flat = np.zeros((1, 32, 32))
    assert mutual_information(flat, flat, shift=0) == pytest.approx(2.0)


def test_local_correlation_is_the_mean_of_the_windows():
    asked, shown = images(3), images(4, 1)
    found = local_correlation(asked, shown, window=8, shift=0)
    for i, a in enumerate(asked):
        for j, b in enumerate(shown):
            parts = [
                np.corrcoef(a[y : y + 8, x : x + 8].ravel(), b[y : y + 8, x : x + 8].ravel())[0, 1]
                for y in range(0, 32, 8)
                for x in range(0, 32, 8)
            ]
            assert found[i, j] == pytest.approx(np.mean(parts))


def test_local_correlation_knows_an_image_by_another_exposure_everywhere():
    asked = images(4)
    ramp = np.linspace(1, 3, 4).repeat(8)[:, None]
    found = local_correlation(asked, asked * ramp + 5 * ramp, shift=0)
    assert np.allclose(np.diag(found), 1)
    flat = np.zeros((1, 32, 32))
    assert local_correlation(flat, asked, shift=0) == pytest.approx(0)
    with pytest.raises(ValueError, match="windows"):
        local_correlation(asked, asked, window=5)


@pytest.mark.parametrize("measure", [mutual_information, local_correlation])
def test_a_shifted_image_is_found_when_shifts_are_tried(measure):
    asked = images(5)
    shown = np.roll(asked, (2, -2), axis=(1, 2))
    still, tried = measure(asked, shown, shift=0), measure(asked, shown, shift=2)
    assert (tried >= still - 1e-6).all()
    assert (tried.argmax(axis=1) == np.arange(5)).all()
    assert np.diag(tried).min() > np.diag(still).max()
