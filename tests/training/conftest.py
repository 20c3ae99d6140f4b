import numpy as np
import pytest
import torch

from training import backbones


class TinyNetwork(torch.nn.Module):
    """Three convolutions, 16 features: stands for a backbone where its weights do not matter."""

    def __init__(self):
        super().__init__()
        self.layers = torch.nn.Sequential(
            torch.nn.Conv2d(1, 8, 3, stride=2),
            torch.nn.BatchNorm2d(8),
            torch.nn.ReLU(),
            torch.nn.Conv2d(8, 16, 3, stride=2),
            torch.nn.ReLU(),
            torch.nn.AdaptiveAvgPool2d(4),
            torch.nn.Flatten(),
        )

    def forward(self, images):
        return self.layers(images)


@pytest.fixture(autouse=True)
def one_thread():
    """Compute in one thread: tiny tensors cost more to share out than to compute."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def tiny():
    stages = (("layers.0", "layers.1"), ("layers.3",))
    return backbones.GreyBackbone(TinyNetwork(), mean=0.5, std=0.5, stages=stages)


@pytest.fixture
def tiny_backbone(monkeypatch):
    """Make `tiny` a known backbone."""
    monkeypatch.setitem(backbones.BACKBONES, "tiny", lambda pretrained: (tiny(), 256))


@pytest.fixture(scope="session")
def marked_images():
    """Draw 120 noisy images: a bright square upper left, lower right, or (normal) none.

    Returns pixels uint8 (120, 48, 48), targets (120, 2), normal (120,), patients (120,).
    """
    rng = np.random.default_rng(0)
    kind = np.arange(120) % 3
    pixels = rng.integers(60, 120, (120, 48, 48), dtype=np.uint8)
    for i in range(120):
        y, x = rng.integers(6, 12, 2) + (20 if kind[i] == 1 else 0)
        if kind[i] < 2:
            pixels[i, y : y + 10, x : x + 10] = 220
    targets = np.eye(3, dtype=np.float32)[kind][:, :2]
    return pixels, targets, kind == 2, np.arange(120) // 2
