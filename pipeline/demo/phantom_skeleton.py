"""Bones of a phantom: ribs, clavicles, shoulder blades, spine."""

import numpy as np

from pipeline.demo.phantom_anatomy import Plane, soft_step


def skeleton(plane: Plane, rng: np.random.Generator) -> np.ndarray:
    """Return the attenuation of the bones, `(size, size)`."""
    bones = _spine(plane, rng)
    spacing = rng.uniform(0.071, 0.082)
    strength = rng.uniform(0.75, 1.2)
    for side in (-1, 1):
        bones += strength * _ribs(plane, side, spacing, rng)
        bones += _clavicle(plane, side, rng)
        bones += _scapula(plane, side, rng)
    return bones


def _ribs(plane: Plane, side: int, spacing: float, rng: np.random.Generator) -> np.ndarray:
    """Return posterior ribs, that rise a little and then fall outwards, and fainter anterior ribs.

    All ribs of a kind are one band in a coordinate that follows their course, repeated.
    """
    anatomy = plane.anatomy
    out = np.clip(side * plane.x, 0.0, 0.5)
    share = out / anatomy.half_width
    square = share * share
    inside = soft_step(plane.wall(side) + 0.012, 0.008) * (side * plane.x > 0.025)
    wobble = rng.normal(0.0, 0.004)
    course = plane.y - 0.17 * square * np.sqrt(share) + 0.045 * share + wobble
    posterior = _bands(course, anatomy.apex - 0.02, spacing, 0.20, 11) * inside
    front_course = plane.y + 0.24 * share - 0.20 * square * share + rng.normal(0.0, 0.012)
    front = soft_step(share - 0.38, 0.06) * soft_step(0.75 - plane.y, 0.03) * inside
    anterior = _bands(front_course, anatomy.apex + 0.16, 1.12 * spacing, 0.24, 7) * front
    # Seen edge-on, a rib is densest at the lateral wall.
    return posterior * (0.055 + 0.035 * square * square) + 0.042 * anterior


def _bands(course: np.ndarray, first: float, spacing: float, half: float, n: int) -> np.ndarray:
    place = (course - first) / spacing
    number = np.floor(place)
    off = np.abs(place - number - 0.5)
    shaft = soft_step(half - off, 0.04)
    cortex = np.exp(-(((off - half + 0.04) / 0.045) ** 2))
    return (0.75 * shaft + 0.5 * cortex) * ((number >= 0) & (number < n))


def _clavicle(plane: Plane, side: int, rng: np.random.Generator) -> np.ndarray:
    start = plane.anatomy.apex + rng.normal(0.055, 0.012)
    slope = rng.normal(-0.16, 0.05)
    out = side * plane.x
    course = start + slope * (out - 0.03) + 0.010 * np.sin(16.0 * (out - 0.03))
    half = 0.0125 + 0.008 * np.exp(-(((out - 0.04) / 0.03) ** 2))
    off = np.abs(plane.y - course)
    ends = soft_step(out - 0.028, 0.005) * soft_step(0.40 - out, 0.01)
    return ends * (
        0.07 * soft_step(half - off, 0.003) + 0.05 * np.exp(-(((off - half) / 0.004) ** 2))
    )


def _scapula(plane: Plane, side: int, rng: np.random.Generator) -> np.ndarray:
    """Return the shoulder blade's medial edge and blade, turned out of the lungs more or less."""
    inner = plane.anatomy.half_width * rng.uniform(0.86, 1.02)
    out = side * plane.x - inner - 0.10 * (plane.y - 0.3)
    height = soft_step(plane.y - 0.15, 0.02) * soft_step(0.50 + 0.4 * out - plane.y, 0.02)
    blade = soft_step(out, 0.006) * soft_step(0.13 - out, 0.02)
    return height * (0.06 * blade + 0.05 * np.exp(-((out / 0.008) ** 2)))


def _spine(plane: Plane, rng: np.random.Generator) -> np.ndarray:
    """Return vertebral bodies with disc spaces, a little bent, and the spinous processes."""
    bend = rng.normal(0.0, 0.006)
    middle = bend * np.sin(np.pi * plane.y) + rng.normal(0.0, 0.002)
    off = np.abs(plane.x - middle)
    half = 0.030 + 0.006 * plane.y
    phase = plane.y / (0.052 + 0.010 * plane.y) + rng.uniform(0.0, 1.0)
    disc = np.cos(2.0 * np.pi * phase)
    column = soft_step(half - off, 0.004) * (0.075 + 0.022 * disc)
    process = np.exp(-((off / 0.006) ** 2)) * np.clip(-disc, 0.0, 1.0)
    return np.asarray(column + 0.03 * process)
