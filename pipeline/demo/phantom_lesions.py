"""Opacities of a phantom's lungs: what adds to the attenuation where there should be air."""

import numpy as np

from pipeline.demo.phantom_anatomy import Plane, blob, smooth_noise, soft_step
from pipeline.demo.phantom_findings import Finding


def opacity(plane: Plane, finding: Finding, rng: np.random.Generator) -> np.ndarray:
    """Return the attenuation of an airspace opacity or of linear atelectasis, `(size, size)`."""
    added = np.zeros((plane.size, plane.size), dtype=np.float32)
    extent = finding.extent * rng.uniform(0.85, 1.15)
    for side in finding.placed(rng):
        for _ in range(int(rng.integers(2, 4)) if finding.multiple else 1):
            zone = rng.uniform(0.35, 0.9) if finding.zone is None else finding.zone
            height = np.clip(zone + rng.normal(0.0, 0.05), 0.08, 0.97)
            # At the left base the heart hides the medial half.
            medial = 0.5 if side > 0 and height > 0.6 else 0.2
            x, y = plane.anatomy.lung_point(side, rng.uniform(medial, 0.8), height)
            if finding.texture == "streaky":
                spot = _streaks(plane, x, y, extent, rng)
            elif finding.texture == "diffuse":
                spot = _diffuse(plane, side, extent, rng)
            else:
                spot = _patch(plane, x, y, extent, finding.texture, rng)
            # What lies behind the heart still adds a little to its shadow.
            added = np.maximum(added, spot * (0.25 * (plane.heart > 0.3) + plane.lung(side)))
    return np.minimum(added, 0.5)


def edema(plane: Plane, finding: Finding, rng: np.random.Generator) -> np.ndarray:
    """Return the attenuation of pulmonary oedema, `(size, size)`: perihilar haze, septal lines."""
    added = np.zeros((plane.size, plane.size), dtype=np.float32)
    extent = finding.extent * rng.uniform(0.85, 1.15)
    haze = 1.0 + 0.35 * smooth_noise(rng, plane.size, 14)
    for side in (-1, 1):
        x, y = plane.anatomy.lung_point(side, 0.16, 0.58)
        wings = blob(plane, x, y, 0.10, 1.25) + 0.35 * blob(plane, x, y + 0.10, 0.15)
        lines = np.exp(-((np.sin(plane.y * 260.0 + 3.0 * haze) / 0.35) ** 2))
        edge = np.exp(-((plane.wall(side) / 0.035) ** 2)) * soft_step(plane.y - 0.5, 0.05)
        added += plane.lung(side) * (0.34 * wings * np.clip(haze, 0.2, 2.0) + 0.07 * lines * edge)
    return added * extent


def reticular(plane: Plane, finding: Finding, rng: np.random.Generator) -> np.ndarray:
    """Return the attenuation of a net of fine lines, `(size, size)`: fibrosis, interstitium."""
    net = np.zeros((plane.size, plane.size), dtype=np.float32)
    for cells in (46, 64):
        # The zero lines of smooth noise make a net.
        net += np.exp(-((smooth_noise(rng, plane.size, cells) / 0.22) ** 2))
    zone = 0.85 if finding.zone is None else finding.zone
    added = np.zeros_like(net)
    for side in finding.sides or (-1, 1):
        _, y = plane.anatomy.lung_point(side, 0.5, zone)
        near = np.exp(-(((plane.y - y) / 0.20) ** 2))
        rim = np.exp(-((np.clip(plane.wall(side), 0.0, None) / 0.12) ** 2))
        added += plane.lung(side) * near * (0.4 + 0.6 * rim) * (0.24 * net + 0.06)
    return added * finding.extent * rng.uniform(0.85, 1.15)


def round_lesions(plane: Plane, finding: Finding, rng: np.random.Generator) -> np.ndarray:
    """Return the attenuation of nodules, masses or calcified granulomas, `(size, size)`."""
    added = np.zeros((plane.size, plane.size), dtype=np.float32)
    count = int(rng.integers(3, 6)) if finding.multiple else 1
    for number in range(count):
        sides = finding.placed(rng)
        side = sides[number % len(sides)]
        zone = rng.uniform(0.25, 0.85) if finding.zone is None else finding.zone
        height = np.clip(zone + rng.normal(0.0, 0.06), 0.12, 0.92)
        x, y = plane.anatomy.lung_point(side, rng.uniform(0.25, 0.85), height)
        if finding.calcified:
            radius, density = rng.uniform(0.007, 0.010) + 0.012 * finding.extent, 0.24
        else:
            radius, density = 0.012 + 0.055 * finding.extent * rng.uniform(0.85, 1.15), 0.27
        angle = np.arctan2(plane.y - y, plane.x - x)
        lobes = 1.0 + 0.07 * np.sin(3 * angle + rng.uniform(0, 6)) * (radius > 0.03)
        off = np.hypot(plane.x - x, plane.y - y) / (radius * lobes)
        inside = np.sqrt(np.clip(1.0 - off**2, 0.0, 1.0))
        # Long paths through a ball attenuate more, up to a limit where it is no longer lung.
        added += density * (0.6 + 8.0 * radius) * (inside + 0.3 * soft_step(1.0 - off, 0.1))
    return np.minimum(added, 0.45)


def _patch(
    plane: Plane, x: float, y: float, extent: float, texture: str, rng: np.random.Generator
) -> np.ndarray:
    """Return a cloud with blurred edges: one piece (confluent, focal) or several (patchy)."""
    radius = {"patchy": 0.075, "confluent": 0.065, "focal": 0.04}[texture]
    radius *= 0.7 + 0.6 * extent
    hill = blob(plane, x, y, radius, rng.uniform(0.75, 1.2))
    if texture == "patchy":
        cloud = hill * (1.0 + 0.75 * smooth_noise(rng, plane.size, 24))
        return 0.42 * (0.5 + 0.5 * extent) * np.clip(cloud - 0.15, 0.0, 1.2)
    cloud = hill * (1.0 + 0.25 * smooth_noise(rng, plane.size, 16))
    dense = {"confluent": 0.40, "focal": 0.28}[texture]
    return dense * (0.65 + 0.5 * extent) * soft_step(cloud - 0.5, 0.22)


def _streaks(
    plane: Plane, x: float, y: float, extent: float, rng: np.random.Generator
) -> np.ndarray:
    """Return bands that lie nearly flat: plate-like atelectasis and scars."""
    added = np.zeros((plane.size, plane.size), dtype=np.float32)
    for _ in range(1 + round(2.5 * extent)):
        tilt = rng.normal(0.0, 0.25)
        dx, dy = plane.x - x - rng.normal(0.0, 0.03), plane.y - y - rng.normal(0.0, 0.022)
        along = np.cos(tilt) * dx + np.sin(tilt) * dy
        across = np.cos(tilt) * dy - np.sin(tilt) * dx + 1.2 * along**2 * rng.normal()
        length, width = rng.uniform(0.045, 0.09) * (0.7 + 0.6 * extent), rng.uniform(0.0035, 0.007)
        added += np.exp(-((along / length) ** 4) - (across / width) ** 2)
    haze = blob(plane, x, y, 0.06, 0.6)
    return 0.23 * np.minimum(added, 1.4) + 0.18 * extent * haze


def _diffuse(plane: Plane, side: int, extent: float, rng: np.random.Generator) -> np.ndarray:
    """Return fine interstitial opacity over most of a lung, more below."""
    grain = np.abs(smooth_noise(rng, plane.size, 44))
    _, y = plane.anatomy.lung_point(side, 0.5, 0.7)
    return extent * (0.05 + 0.16 * grain) * np.exp(-(((plane.y - y) / 0.28) ** 2))
