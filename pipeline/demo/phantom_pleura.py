"""The pleural space of a phantom: fluid, air, thickening; and the hernia behind the heart."""

import numpy as np

from pipeline.demo.phantom_anatomy import Plane, blob, soft_step
from pipeline.demo.phantom_findings import Finding

# A part of the lung's air that is lost, and an attenuation that is added, both `(size, size)`.
Change = tuple[np.ndarray, np.ndarray]


def effusion(plane: Plane, finding: Finding, rng: np.random.Generator) -> np.ndarray:
    """Return the attenuation of pleural fluid, `(size, size)`: a meniscus that rises outwards."""
    anatomy = plane.anatomy
    added = np.zeros((plane.size, plane.size), dtype=np.float32)
    for side in finding.placed(rng):
        extent = finding.extent * rng.uniform(0.85, 1.2)
        angle = anatomy.dome(side) + anatomy.dome_depth
        top = angle - 0.045 - 0.30 * extent
        share = np.clip(side * plane.x / anatomy.half_width, 0.0, 1.1)
        surface = top + (0.055 + 0.07 * extent) * (1.0 - share**2.2)
        depth = soft_step(plane.y - surface, 0.012)
        added = np.maximum(added, plane.lung(side) * depth * (0.42 + 0.08 * share))
    return added


def pneumothorax(plane: Plane, finding: Finding, rng: np.random.Generator) -> Change:
    """Return air around a collapsed lung: no markings outside a thin pleural line.

    Returns
    -------
    gap
        1 where there is only air, 0 elsewhere, `(size, size)`.
    added
        Attenuation of the pleural line, and of the lung that holds less air.
    """
    anatomy = plane.anatomy
    gap = np.zeros((plane.size, plane.size), dtype=np.float32)
    added = np.zeros_like(gap)
    for side in finding.placed(rng):
        extent = min(finding.extent * rng.uniform(0.9, 1.15), 1.1)
        _, low = anatomy.lung_point(side, 0.5, min(0.45 + 0.7 * extent, 1.1))
        # Air gathers at the apex of an upright patient: the gap is widest there.
        share = np.clip((low - plane.y) / (low - anatomy.apex), 0.0, 1.0)
        width = (0.022 + 0.095 * extent) * share**0.6
        cap = anatomy.apex + (0.035 + 0.12 * extent) + 1.2 * (side * plane.x / 0.3) ** 2 * 0.05
        edge = np.minimum(plane.wall(side) - width, plane.y - cap)
        edge = np.where(plane.y < low, edge, 1.0)
        lung = plane.lung(side)
        gap += lung * soft_step(-edge, 0.002)
        line = np.exp(-((edge / 0.0028) ** 2))
        added += lung * (0.075 * line + 0.06 * extent * soft_step(edge, 0.002))
    return gap, added


def pleural_thickening(plane: Plane, finding: Finding, rng: np.random.Generator) -> np.ndarray:
    """Return the attenuation of thick pleura, `(size, size)`: a band along the wall or a cap."""
    added = np.zeros((plane.size, plane.size), dtype=np.float32)
    zone = float(rng.choice((0.1, 0.75))) if finding.zone is None else finding.zone
    for side in finding.placed(rng):
        width = (0.016 + 0.028 * finding.extent) * rng.uniform(0.85, 1.2)
        _, y = plane.anatomy.lung_point(side, 0.5, zone)
        reach = np.exp(-(((plane.y - y) / (0.07 if zone < 0.25 else 0.17)) ** 4))
        inward = plane.wall(side)
        if zone < 0.25:
            inward = np.minimum(inward, 1.1 * (plane.y - plane.anatomy.apex))
        wavy = width * (1.0 + 0.25 * np.sin(70.0 * plane.y + rng.uniform(0.0, 6.0)))
        added += plane.lung(side) * reach * 0.28 * soft_step(wavy - inward, 0.005)
    return added


def hernia(plane: Plane, finding: Finding, rng: np.random.Generator) -> np.ndarray:
    """Return the attenuation of a hiatal hernia: a ball behind the heart with air."""
    y = plane.anatomy.domes[1] - 0.03 - 0.02 * finding.extent
    x, radius = rng.normal(0.025, 0.012), (0.045 + 0.05 * finding.extent) * rng.uniform(0.9, 1.1)
    off = np.hypot(plane.x - x, plane.y - y) / radius
    rim = np.exp(-(((off - 1.0) / 0.08) ** 2))
    # Above the fluid level lies air.
    air = soft_step(0.92 - off, 0.05) * soft_step(y - 0.1 * radius - plane.y, 0.003)
    ball = soft_step(1.0 - off, 0.04) * soft_step(plane.anatomy.domes[1] + 0.03 - plane.y, 0.01)
    return 0.14 * ball + 0.05 * rim * (plane.y < y + radius * 0.6) - 0.26 * air


def stomach_bubble(plane: Plane, rng: np.random.Generator) -> np.ndarray:
    """Return the attenuation, below zero, of the stomach's air under the left dome."""
    y = plane.anatomy.domes[1] + rng.uniform(0.05, 0.075)
    x = rng.uniform(0.13, 0.21)
    return -rng.uniform(0.0, 0.22) * np.clip(1.5 * blob(plane, x, y, 0.045, 0.6), 0.0, 1.0)
