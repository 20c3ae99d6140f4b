"""Radiographs to network input, for evaluation and, with random variation, for training.

Side matters in a radiograph, so nothing is mirrored unless asked for. Variation is what another
technician, detector or day would have changed: position, scale, a little rotation, exposure,
contrast, noise. Position, scale and rotation are one resampling of the whole batch, each image by
its own; torchvision's transforms take one such choice a batch or one image a time.
"""

import math
from dataclasses import dataclass

import torch
from torch.nn import functional


def evaluation_images(pixels: torch.Tensor, size: int) -> torch.Tensor:
    """Turn uint8 images `(b, s, s)` into float32 `(b, 1, size, size)` from 0 to 1.

    The whole image is resized with antialiasing; nothing is cropped, because the costophrenic
    angles and apices lie at the edge.
    """
    images = pixels.unsqueeze(1).float().div_(255.0)
    if images.shape[-2:] == (size, size):
        return images
    resized = functional.interpolate(
        images, size=(size, size), mode="bilinear", align_corners=False, antialias=True
    )
    return resized.clamp_(0.0, 1.0)


@dataclass(frozen=True)
class Augmentation:
    """Ranges of the random variation of a training image."""

    scale: tuple[float, float] = (0.85, 1.05)
    """Edge of the part of the image that is shown, as a share of the image's edge."""
    shift: float = 0.05
    """Largest shift in each direction, as a share of the image's edge."""
    rotation: float = 7.0
    """Largest rotation, in degrees."""
    contrast: float = 0.2
    """Contrast is multiplied by 1 ± this."""
    brightness: float = 0.1
    """Brightness is moved by ± this share of the full range."""
    gamma: float = 0.2
    """The exponent of the tone curve is exp(± this)."""
    noise: float = 0.02
    """Largest standard deviation of the noise, as a share of the full range."""
    mirror: bool = False
    """Mirror half of the images left to right. Never top to bottom."""

    def __call__(self, pixels: torch.Tensor, size: int, generator: torch.Generator) -> torch.Tensor:
        """Turn uint8 images `(b, s, s)` into varied float32 `(b, 1, size, size)` from 0 to 1."""
        images = evaluation_images(pixels, size)
        count = len(images)

        def uniform(low: float, high: float) -> torch.Tensor:
            return torch.rand(count, generator=generator) * (high - low) + low

        scale = uniform(*self.scale)
        angle = uniform(-self.rotation, self.rotation) * (math.pi / 180.0)
        # Grid coordinates run from −1 to 1: a shift by the full edge is 2.
        across = uniform(-2 * self.shift, 2 * self.shift)
        down = uniform(-2 * self.shift, 2 * self.shift)
        cosine, sine = scale * angle.cos(), scale * angle.sin()
        side = torch.ones(count)
        if self.mirror:
            side = torch.rand(count, generator=generator).round() * 2 - 1
        affine = torch.stack(
            [
                torch.stack([side * cosine, -sine, across], dim=1),
                torch.stack([side * sine, cosine, down], dim=1),
            ],
            dim=1,
        )
        grid = functional.affine_grid(affine, [count, 1, size, size], align_corners=False)
        images = functional.grid_sample(
            images, grid, mode="bilinear", padding_mode="zeros", align_corners=False
        )

        def per_image(values: torch.Tensor) -> torch.Tensor:
            return values.view(count, 1, 1, 1)

        images = images.clamp(min=1e-4) ** per_image(uniform(-self.gamma, self.gamma).exp())
        images = (images - 0.5) * per_image(uniform(1 - self.contrast, 1 + self.contrast)) + 0.5
        images = images + per_image(uniform(-self.brightness, self.brightness))
        noise = torch.randn(images.shape, generator=generator)
        images = images + noise * per_image(uniform(0.0, self.noise))
        return images.clamp_(0.0, 1.0)
