import torch

from training.augmentation import Augmentation, evaluation_images


def left_bright(count=16, size=64):
    pixels = torch.full((count, size, size), 40, dtype=torch.uint8)
    pixels[:, size // 2 :, : size // 3] = 200
    return pixels


def test_evaluation_scales_to_unit_range_and_keeps_the_whole_image():
    pixels = torch.arange(256, dtype=torch.uint8).reshape(1, 16, 16)
    images = evaluation_images(pixels, 16)
    assert images.dtype == torch.float32
    assert torch.equal(images[0, 0] * 255, pixels[0].float())
    small = evaluation_images(left_bright(), 32)
    assert small.shape == (16, 1, 32, 32)
    assert torch.isclose(small.mean(), left_bright().float().mean() / 255, atol=1e-3)


def test_variation_keeps_side_and_up():
    images = Augmentation()(left_bright(), 48, torch.Generator().manual_seed(0))
    assert images.shape == (16, 1, 48, 48)
    assert 0 <= images.min() <= images.max() <= 1
    quarters = torch.nn.functional.adaptive_avg_pool2d(images, 2).reshape(16, 4)
    assert (quarters.argmax(dim=1) == 2).all()


def test_variation_is_fixed_by_its_generator_and_differs_by_image():
    one = Augmentation()(left_bright(), 48, torch.Generator().manual_seed(5))
    same = Augmentation()(left_bright(), 48, torch.Generator().manual_seed(5))
    other = Augmentation()(left_bright(), 48, torch.Generator().manual_seed(6))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert not torch.equal(one[0], one[1])


def test_without_ranges_nothing_varies():
    still = Augmentation((1.0, 1.0), 0.0, 0.0, 0.0, 0.0, 0.0, 0.0)
    images = still(left_bright(), 64, torch.Generator().manual_seed(0))
    assert torch.allclose(images, evaluation_images(left_bright(), 64), atol=1e-3)


def test_nothing_is_mirrored_unless_asked_for_and_never_upside_down():
    still = {
        "scale": (1.0, 1.0),
        "shift": 0.0,
        "rotation": 0.0,
        "contrast": 0.0,
        "brightness": 0.0,
        "gamma": 0.0,
        "noise": 0.0,
    }
    pixels = torch.zeros(40, 32, 32, dtype=torch.uint8)
    pixels[:, :8, :8] = 255
    generator = torch.Generator().manual_seed(0)
    plain = Augmentation(**still)(pixels, 32, generator)[:, 0]
    assert torch.allclose(plain, pixels / 255.0, atol=1e-3)
    mirrored = Augmentation(**still, mirror=True)(pixels, 32, generator)[:, 0]
    left, right = mirrored[:, :8, :8].mean(dim=(1, 2)), mirrored[:, :8, -8:].mean(dim=(1, 2))
    assert torch.allclose(left + right, torch.ones(40), atol=1e-3)
    assert 5 < int((right > 0.9).sum()) < 35
    assert mirrored[:, -8:].max() < 1e-3
