"""The measures of one phantom's thorax, and the masks of its lungs and heart.

Lengths are parts of the image's height. x runs from -0.5 at the image's left (the patient's right)
to 0.5, y from 0 at the top to 1; a side is -1 for the patient's right and +1 for the left.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from pipeline.demo.phantom_findings import Finding


@dataclass(frozen=True)
class Anatomy:
    """The measures of one thorax."""

    half_width: float
    """Half the inner width of the thorax at its widest."""
    apex: float
    """Height of the lungs' tips."""
    domes: tuple[float, float]
    """Heights of the right and the left dome of the diaphragm."""
    dome_depth: float
    """How much lower than the dome the costophrenic angle lies."""
    heart_ratio: float
    """Width of the heart over the inner width of the thorax (cardiothoracic ratio)."""
    heart_tilt: float
    """Angle of the heart's long axis, radians below the horizontal."""
    mediastinum: float
    """Half the width of the upper mediastinum."""
    aeration: float
    """How much the lungs take from the attenuation; 1 is usual."""
    build: float
    """Soft tissue; 1 is usual."""
    rotation: float
    """Turn of the whole image, radians."""
    scale: float
    """Size of the whole thorax; 1 is usual."""
    shift: tuple[float, float]
    """Offset of the whole thorax (x, y)."""

    def dome(self, side: int) -> float:
        """Return the height of the diaphragm's dome on a side."""
        return self.domes[0 if side < 0 else 1]

    def lung_point(self, side: int, lateral: float, height: float) -> tuple[float, float]:
        """Return x, y of a place in a lung: 0 medial to 1 lateral, 0 apex to 1 base."""
        y = self.apex + 0.03 + height * (self.dome(side) - self.apex - 0.03)
        outer = float(self.chest_wall(np.array(y)))
        inner = self.mediastinum + 0.035
        return side * (inner + lateral * max(outer - inner, 0.02)), y

    def chest_wall(self, y: np.ndarray) -> np.ndarray:
        """Return the distance of the chest's inner wall from the midline at heights `y`."""
        widest = 0.70
        above = np.clip((widest - y) / (widest - self.apex), 0.0, 1.0)
        below = np.clip((y - widest) / 0.5, 0.0, 1.0)
        return self.half_width * np.sqrt(1.0 - above * above * above) * (1.0 - 0.25 * below**2)

    def diaphragm(self, out: np.ndarray, side: int) -> np.ndarray:
        """Return the height of the diaphragm at distances `out` from the midline."""
        across = (out - 0.42 * self.half_width) / (0.58 * self.half_width)
        square = across * across
        lateral = square * np.where(across > 0.0, np.sqrt(np.abs(across)), 0.35)
        return np.asarray(self.dome(side) + self.dome_depth * lateral)

    def heart_axes(self) -> tuple[float, float, float, float]:
        """Return the heart's centre x, y and its long and short half axes."""
        cos, sin = float(np.cos(self.heart_tilt)), float(np.sin(self.heart_tilt))
        short = 0.70
        half = self.heart_ratio * self.half_width
        long = half / float(np.hypot(cos, short * sin))
        height = long * float(np.hypot(sin, short * cos))
        return 0.36 * half, self.domes[1] + 0.02 - 0.66 * height, long, short * long


def random_anatomy(rng: np.random.Generator, findings: Iterable[Finding]) -> Anatomy:
    """Draw the measures of a thorax, changed by the findings that change its shape."""
    dome = rng.normal(0.765, 0.022)
    left_lower = rng.normal(0.018, 0.010)
    half_width = np.clip(rng.normal(0.365, 0.018), 0.32, 0.41)
    ratio = np.clip(rng.normal(0.445, 0.026), 0.38, 0.495)
    depth = rng.uniform(0.075, 0.12)
    apex = rng.normal(0.125, 0.012)
    aeration = rng.normal(1.0, 0.05)
    tilt = rng.uniform(0.60, 0.90)
    large = ratio
    for finding in findings:
        extent = finding.extent
        if finding.kind == "large_heart":
            large = max(large, 0.51 + 0.10 * extent + 0.4 * (ratio - 0.445))
        elif finding.kind == "hyperinflation":
            dome += 0.035 + 0.045 * extent
            depth *= 1.0 - 0.75 * min(extent, 1.0)
            half_width += 0.014 * extent
            large -= 0.03 + 0.05 * extent
            aeration += 0.05 + 0.11 * extent
            apex -= 0.02 * extent
        elif finding.kind == "hypoinflation":
            dome -= 0.04 + 0.05 * extent
            aeration -= 0.06
    return Anatomy(
        half_width=float(half_width),
        apex=float(apex),
        domes=(float(dome), float(dome + left_lower)),
        dome_depth=float(depth),
        heart_ratio=float(np.clip(large, 0.32, 0.68)),
        heart_tilt=float(tilt),
        mediastinum=float(rng.normal(0.055, 0.006)),
        aeration=float(aeration),
        build=float(rng.uniform(0.82, 1.22)),
        rotation=float(rng.normal(0.0, 0.018)),
        shift=(float(rng.normal(0.0, 0.012)), float(rng.normal(0.0, 0.012))),
        scale=float(rng.uniform(0.975, 1.03)),
    )


class Plane:
    """The image plane of one thorax: where each pixel lies, and the masks of lungs and heart.

    Attributes
    ----------
    anatomy
        The measures.
    x, y
        float32 `(size, size)`, turned and shifted with the thorax.
    heart
        Depth of the heart, 0 outside to 1 at its centre, `(size, size)`.
    """

    def __init__(self, anatomy: Anatomy, size: int) -> None:
        self.anatomy = anatomy
        self.size = size
        # Single precision is twice as fast and far finer than 12 bits.
        steps = ((np.arange(size) + 0.5) / size).astype(np.float32)
        across = (steps[None, :] - 0.5 - anatomy.shift[0]) / anatomy.scale
        down = (steps[:, None] - 0.5 - anatomy.shift[1]) / anatomy.scale
        cos, sin = float(np.cos(anatomy.rotation)), float(np.sin(anatomy.rotation))
        self.x = cos * across + sin * down
        self.y = cos * down - sin * across + 0.5
        self._wall_at = anatomy.chest_wall(self.y)
        self.heart = self._heart()
        self._lungs = {side: self._lung(side) for side in (-1, 1)}

    def lung(self, side: int) -> np.ndarray:
        """Return how much a pixel is lung on a side, 0 to 1, `(size, size)`; the heart is not."""
        return self._lungs[side]

    def wall(self, side: int) -> np.ndarray:
        """Return the distance of each pixel from the chest wall, positive inside."""
        return self._wall_at - side * self.x

    def _heart(self) -> np.ndarray:
        x, y, long, short = self.anatomy.heart_axes()
        tilt = self.anatomy.heart_tilt
        cos, sin = float(np.cos(tilt)), float(np.sin(tilt))
        along = (cos * (self.x - x) + sin * (self.y - y)) / long
        across = (cos * (self.y - y) - sin * (self.x - x)) / short
        return np.sqrt(np.clip(1.0 - along**2 - across**2, 0.0, 1.0))

    def _lung(self, side: int) -> np.ndarray:
        anatomy = self.anatomy
        out = side * self.x
        medial = anatomy.mediastinum + 0.02 * np.clip((0.2 - self.y) / 0.08, -0.3, 1.0)
        # The great vessels widen towards the heart, more on the left.
        _, heart_y, _, short = anatomy.heart_axes()
        pedicle = np.clip(1.0 - np.abs(self.y - heart_y + 0.7 * short) / 0.16, 0.0, 1.0)
        medial = medial + (0.022 if side > 0 else 0.012) * pedicle**2 * (3.0 - 2.0 * pedicle)
        mask = soft_step(out - medial, 0.006) * soft_step(self.wall(side), 0.005)
        mask *= soft_step(anatomy.diaphragm(out, side) - self.y, 0.004)
        return mask * (1.0 - soft_step(self.heart - 0.22, 0.05))


def image_places(anatomy: Anatomy, x: np.ndarray, y: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return rows and columns, 0 to 1 within the image, of places in the thorax's own axes."""
    cos, sin = float(np.cos(anatomy.rotation)), float(np.sin(anatomy.rotation))
    down = anatomy.scale * (sin * x + cos * (y - 0.5)) + anatomy.shift[1] + 0.5
    across = anatomy.scale * (cos * x - sin * (y - 0.5)) + anatomy.shift[0] + 0.5
    return down, across


def soft_step(distance: np.ndarray, width: float) -> np.ndarray:
    """Return 0 to 1 as `distance` goes from -2 to 2 `width`, smoothly."""
    share = np.clip(distance * (0.25 / width) + 0.5, 0.0, 1.0)
    return np.asarray(share * share * (3.0 - 2.0 * share))


def blob(plane: Plane, x: float, y: float, radius: float, flat: float = 1.0) -> np.ndarray:
    """Return a smooth hill of height 1 at x, y; `flat` is its height over its width."""
    square = ((plane.x - x) / radius) ** 2 + ((plane.y - y) / (radius * flat)) ** 2
    return np.exp(-0.5 * square)


def smooth_noise(rng: np.random.Generator, size: int, cells: int) -> np.ndarray:
    """Return noise of mean 0 and variance about 1 with `cells` bumps across, `(size, size)`."""
    knots = rng.standard_normal((cells + 3, cells + 3), dtype=np.float32)
    place = np.linspace(0.0, cells - 1e-9, size)
    first = place.astype(int)
    t = place - first
    # Uniform cubic B-spline basis.
    basis = np.stack(
        [(1 - t) ** 3, 3 * t**3 - 6 * t**2 + 4, -3 * t**3 + 3 * t**2 + 3 * t + 1, t**3]
    )
    weights = (basis / 6.0).astype(np.float32)
    rows = sum(weights[k][:, None] * knots[first + k] for k in range(4))
    noise = sum(weights[k][None, :] * rows[:, first + k] for k in range(4))
    # The basis averages neighbours: its mean squared weight is 0.479 along each axis.
    return np.asarray(noise) / 0.479
