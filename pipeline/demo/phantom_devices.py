"""Devices of a phantom, and what surgery leaves: leads, catheters, tubes, wires."""

import numpy as np

from pipeline.demo.phantom_anatomy import Plane, soft_step
from pipeline.demo.phantom_findings import Finding

# Corners of a course through the image: (x, y).
Course = list[tuple[float, float]]


def pacemaker(plane: Plane, finding: Finding, rng: np.random.Generator) -> np.ndarray:
    """Return the attenuation of a pulse generator and its leads to the heart, `(size, size)`."""
    side = (finding.sides or (1,))[0]
    x, y = side * rng.uniform(0.22, 0.27), plane.anatomy.apex + rng.uniform(0.10, 0.14)
    dx, dy = np.abs(plane.x - x) / 0.040, np.abs(plane.y - y) / 0.036
    case = soft_step(1.0 - (dx**3 + dy**3) ** (1 / 3), 0.06)
    heart_x, heart_y, long, short = plane.anatomy.heart_axes()
    tips = [
        (heart_x + 0.45 * long, heart_y + 0.55 * short),
        (heart_x - 0.60 * long, heart_y - 0.1 * short),
    ]
    leads = np.zeros_like(case)
    for tip in tips[: int(rng.integers(1, 3))]:
        vein: Course = [(x, y - 0.03), (side * 0.12, y - 0.04), (-0.035, 0.30), (-0.045, 0.45)]
        leads = np.maximum(leads, _line(plane, [*vein, tip], 0.0028))
    return 0.55 * case + 0.24 * leads


def catheter(plane: Plane, finding: Finding, rng: np.random.Generator) -> np.ndarray:
    """Return the attenuation of a central venous catheter, half of them with a port."""
    side = (finding.sides or (-1,))[0]
    x, y = side * rng.uniform(0.17, 0.23), plane.anatomy.apex + rng.uniform(0.14, 0.2)
    end = rng.uniform(0.42, 0.5)
    neck = plane.anatomy.apex + 0.01
    course: Course = [(x, y), (side * 0.13, neck), (side * 0.04, neck + 0.05), (-0.035, 0.3)]
    drawn = 0.15 * _line(plane, [*course, (-0.042, end)], 0.0030)
    if rng.random() < 0.5:
        off = np.hypot(plane.x - x, plane.y - y) / 0.02
        drawn = np.maximum(drawn, 0.28 * np.exp(-(((off - 0.7) / 0.3) ** 2)))
    return drawn


def tube(plane: Plane, finding: Finding, rng: np.random.Generator) -> np.ndarray:
    """Return the attenuation of a tracheal tube, `(size, size)`."""
    course: Course = [
        (rng.normal(0.0, 0.004), -0.02),
        (0.002, 0.15),
        (0.0, rng.uniform(0.24, 0.29)),
    ]
    return 0.13 * _line(plane, course, 0.0035)


def sternal_wires(plane: Plane, finding: Finding, rng: np.random.Generator) -> np.ndarray:
    """Return the attenuation of the wire loops of a sternotomy and of some clips."""
    drawn = np.zeros((plane.size, plane.size), dtype=np.float32)
    first, step = rng.uniform(0.27, 0.31), rng.uniform(0.062, 0.072)
    for number in range(int(rng.integers(4, 7))):
        x, y = rng.normal(0.002, 0.004), first + step * number
        off = np.hypot((plane.x - x) / 0.016, (plane.y - y) / 0.009)
        drawn = np.maximum(drawn, np.exp(-(((off - 1.0) / 0.22) ** 2)))
    for _ in range(int(rng.integers(0, 5))):
        x, y = rng.uniform(0.03, 0.10), rng.uniform(0.4, 0.6)
        drawn = np.maximum(drawn, _line(plane, [(x, y), (x + 0.006, y + 0.008)], 0.0022))
    return 0.26 * drawn


def _line(plane: Plane, course: Course, half_width: float) -> np.ndarray:
    """Return a rounded wire along a course, 0 to 1, `(size, size)`."""
    from scipy.interpolate import CubicSpline
    from scipy.spatial import cKDTree

    corners = np.array(course)
    lengths = np.hypot(*np.diff(corners, axis=0).T)
    at = np.concatenate([[0.0], np.cumsum(np.sqrt(lengths))])
    points = CubicSpline(at, corners)(np.linspace(0.0, at[-1], 400))
    # Only pixels near the wire are measured.
    reach = 3.0 * half_width + 1.5 / plane.size
    inside = (np.abs(plane.x - points[:, 0].mean()) < np.ptp(points[:, 0]) + reach) & (
        plane.y < points[:, 1].max() + reach
    )
    where = np.flatnonzero(inside)
    pixels = np.stack([plane.x.ravel()[where], plane.y.ravel()[where]], axis=1)
    distance, _ = cKDTree(points).query(pixels, distance_upper_bound=reach)
    drawn = np.zeros(plane.size**2)
    drawn[where] = np.exp(-((distance / half_width) ** 2))
    return drawn.reshape(plane.size, plane.size)
