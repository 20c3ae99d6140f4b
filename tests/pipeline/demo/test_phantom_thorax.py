"""A phantom shows what its codes name, where they say."""

import numpy as np
import pytest

from pipeline.demo.phantom_anatomy import Plane, random_anatomy, smooth_noise
from pipeline.demo.phantom_findings import findings_of
from pipeline.demo.phantom_thorax import draw_thorax

SIZE = 160
SEEDS = (3, 14, 15)

# Each code that the demo draws at least a few times, with the patient's side where it has one.
DRAWN = [
    *("Cardiomegaly", "Pleural Effusion/right", "Pneumothorax/left", "Hernia, Hiatal"),
    *("Pulmonary Atelectasis/base/left", "Consolidation/lung/lower lobe/right", "Pneumonia/left"),
    *("Infiltrate/lung/right", "Airspace Disease/lung/left", "Opacity/lung/upper lobe/right"),
    *("Opacity/lung/interstitial", "Pulmonary Edema", "Pulmonary Fibrosis", "Pulmonary Emphysema"),
    *("Lung/hyperdistention", "Lung/hypoinflation", "Nodule/lung/right", "Mass/lung/left"),
    *("Calcified Granuloma/lung/left", "Cicatrix/lung/right", "Thickening/pleura/apex/right"),
    *("Catheters, Indwelling/right", "Tube, Inserted", "Implanted Medical Device/left"),
    "Surgical Instruments/mediastinum",
]


def difference(code: str, seed: int) -> np.ndarray:
    """Return what the code adds to the thorax of a seed, in image values."""
    changed = draw_thorax([code], seed, SIZE).astype(float)
    return np.asarray(changed - draw_thorax(["normal"], seed, SIZE))


def plane_of(seed: int, *codes: str) -> Plane:
    return Plane(random_anatomy(np.random.default_rng([seed, 0]), findings_of(codes)), SIZE)


def test_the_same_codes_and_seed_give_the_same_pixels() -> None:
    codes = ["Opacity/lung/base", "Pulmonary Edema"]
    assert np.array_equal(draw_thorax(codes, 5, SIZE), draw_thorax(codes[::-1], 5, SIZE))
    assert not np.array_equal(draw_thorax(codes, 5, SIZE), draw_thorax(codes, 6, SIZE))


@pytest.mark.parametrize("seed", range(4))
def test_pixels_fill_twelve_bits(seed: int) -> None:
    image = draw_thorax(["Mass/lung", "Implanted Medical Device"], seed, SIZE)
    assert image.dtype == np.uint16
    assert image.shape == (SIZE, SIZE)
    assert image.max() < 4096
    assert np.percentile(image, 99) - np.percentile(image, 1) > 2000


@pytest.mark.parametrize("seed", range(4))
def test_lungs_are_darker_than_heart_and_abdomen(seed: int) -> None:
    image, plane = draw_thorax(["normal"], seed, SIZE).astype(float), plane_of(seed)
    lungs = np.median(image[(plane.lung(-1) + plane.lung(1)) > 0.9])
    assert lungs + 600 < np.median(image[plane.heart > 0.6])
    assert lungs + 600 < np.median(image[(plane.y > 0.9) & (np.abs(plane.x) < 0.25)])


@pytest.mark.parametrize("code", DRAWN)
def test_each_drawable_code_changes_the_image(code: str) -> None:
    for seed in SEEDS:
        assert np.abs(difference(code, seed)).max() > 150


@pytest.mark.parametrize(
    "heading", ["Pleural Effusion", "Consolidation/lung", "Mass/lung", "Infiltrate/lung"]
)
@pytest.mark.parametrize(("said", "side"), [("right", -1), ("left", 1)])
def test_what_has_a_side_brightens_that_lung_only(heading: str, said: str, side: int) -> None:
    for seed in SEEDS:
        plane, change = plane_of(seed), difference(f"{heading}/{said}", seed)
        assert change[plane.lung(side) > 0.5].sum() > 0
        assert np.abs(change[plane.lung(-side) > 0.5]).max() < 60


def test_an_effusion_brightens_the_base_and_a_larger_one_more() -> None:
    for seed in SEEDS:
        plane = plane_of(seed)
        base = (plane.lung(1) > 0.5) & (plane.y > plane.anatomy.dome(1)) & (plane.x > 0.2)
        apex = (plane.lung(1) > 0.5) & (plane.y < 0.3)
        small = difference("Pleural Effusion/left/small", seed)
        large = difference("Pleural Effusion/left/large", seed)
        assert small[base].mean() > 300
        assert np.abs(small[apex]).max() < 60
        assert large.sum() > 1.5 * small.sum()


def test_apex_and_base_lie_where_they_should() -> None:
    for seed in SEEDS:
        heights = []
        for zone in ("apex", "base"):
            change = np.clip(difference(f"Opacity/lung/{zone}/right/focal", seed), 60, None) - 60
            heights.append((change.sum(axis=1) * np.arange(SIZE)).sum() / change.sum() / SIZE)
        assert heights[0] < 0.4 < 0.55 < heights[1]


def test_air_darkens_the_side_of_a_pneumothorax_and_takes_its_vessels() -> None:
    for seed in SEEDS:
        plane, change = plane_of(seed), difference("Pneumothorax/right/large", seed)
        rim = (plane.lung(-1) > 0.9) & (plane.wall(-1) < 0.06) & (plane.y < 0.4)
        assert change[rim].mean() < -60
        assert np.abs(change[plane.lung(1) > 0.5]).max() < 60


def test_cardiomegaly_raises_the_cardiothoracic_ratio() -> None:
    for seed in range(20):
        normal, mild, severe = (
            plane_of(seed, *codes)
            for codes in ((), ("Cardiomegaly/mild",), ("Cardiomegaly/severe",))
        )
        measured = [
            np.ptp(plane.x[plane.heart > 0.01]) / (2 * plane.anatomy.half_width)
            for plane in (normal, mild, severe)
        ]
        assert measured[0] < 0.51 < measured[2]
        assert measured[0] + 0.02 < measured[1] < measured[2] - 0.05
        assert measured[0] == pytest.approx(normal.anatomy.heart_ratio, abs=0.03)


def test_emphysema_lowers_and_flattens_the_diaphragm_and_narrows_the_heart() -> None:
    for seed in range(20):
        normal, full = plane_of(seed).anatomy, plane_of(seed, "Pulmonary Emphysema").anatomy
        assert min(full.domes) > max(normal.domes)
        assert full.dome_depth < 0.6 * normal.dome_depth
        assert full.heart_ratio < normal.heart_ratio


def test_more_granulomas_are_drawn_where_there_are_multiple() -> None:
    for seed in SEEDS:
        one = difference("Calcified Granuloma/lung", seed)
        many = difference("Calcified Granuloma/lung/multiple", seed)
        assert (many > 200).sum() > 1.5 * (one > 200).sum()


def test_smooth_noise_has_mean_0_and_variance_near_1() -> None:
    noise = smooth_noise(np.random.default_rng(1), 256, 40)
    assert abs(noise.mean()) < 0.1
    assert noise.std() == pytest.approx(1.0, abs=0.15)
