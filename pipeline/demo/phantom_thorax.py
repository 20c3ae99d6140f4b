"""Phantom radiographs: a stylised PA chest with the abnormalities that human codes name.

Attenuations of body, lungs, bones and findings add up, as they do along a ray; a film curve with
random exposure turns the sum into 12-bit values, bright where much is absorbed. Nothing is taken
from a patient's image; sizes and contrasts are our own, set by eye.
"""

from collections.abc import Callable, Sequence

import numpy as np

from pipeline.demo.phantom_anatomy import (
    Plane,
    blob,
    image_places,
    random_anatomy,
    smooth_noise,
    soft_step,
)
from pipeline.demo.phantom_devices import catheter, pacemaker, sternal_wires, tube
from pipeline.demo.phantom_findings import Finding, findings_of
from pipeline.demo.phantom_lesions import edema, opacity, reticular, round_lesions
from pipeline.demo.phantom_pleura import (
    effusion,
    hernia,
    pleural_thickening,
    pneumothorax,
    stomach_bubble,
)
from pipeline.demo.phantom_skeleton import skeleton

WHITE = 4095
"""The brightest value: 12 bits."""

# How a recipe of the drawing is told apart from an earlier one; raise it when pixels change.
RECIPE = 2

_ADDED: dict[str, Callable[[Plane, Finding, np.random.Generator], np.ndarray]] = {
    "opacity": opacity,
    "edema": edema,
    "reticular": reticular,
    "round_lesion": round_lesions,
    "effusion": effusion,
    "pleural_thickening": pleural_thickening,
    "hernia": hernia,
    "catheter": catheter,
    "tube": tube,
    "pacemaker": pacemaker,
    "sternal_wires": sternal_wires,
}


def draw_thorax(codes: Sequence[str], seed: int, size: int = 448) -> np.ndarray:
    """Draw a chest radiograph.

    Parameters
    ----------
    codes
        Human MeSH codes, ``Opacity/lung/base/left``; those that cannot be drawn are passed over.
    seed
        Of the anatomy, the exposure, the noise, and of what the codes leave open. The same codes
        and seed give the same image; the anatomy and exposure of a seed do not depend on the codes
        except where a finding changes them.
    size
        Rows and columns.

    Returns
    -------
    uint16 `(size, size)`, 0 to 4095, bright where much is absorbed (MONOCHROME2). The patient's
    right is at the image's left.
    """
    findings = findings_of(codes)
    shape, tissue, exposure = (np.random.default_rng([seed, part]) for part in range(3))
    plane = Plane(random_anatomy(shape, findings), size)
    gap = np.zeros((size, size), dtype=np.float32)
    added = np.zeros((size, size), dtype=np.float32)
    for number, finding in enumerate(findings):
        rng = np.random.default_rng([seed, 3, number])
        if finding.kind == "pneumothorax":
            gap, line = pneumothorax(plane, finding, rng)
            added += line
        elif finding.kind in _ADDED:
            added += _ADDED[finding.kind](plane, finding, rng)
    return _exposed(_attenuation(plane, tissue, gap) + added, exposure)


def _attenuation(plane: Plane, rng: np.random.Generator, gap: np.ndarray) -> np.ndarray:
    """Return what a thorax without findings absorbs, `(size, size)`; `gap` holds air only."""
    anatomy = plane.anatomy
    total = _body(plane, rng)
    markings = _markings(plane, rng)
    for side in (-1, 1):
        depth = np.clip(plane.wall(side) / 0.10, 0.0, 1.0)
        air = plane.lung(side) * (0.42 + 0.14 * np.sqrt(depth))
        total -= anatomy.aeration * air
        total += plane.lung(side) * (1.0 - np.minimum(gap, 1.0)) * markings
        total -= 0.06 * plane.lung(side) * np.minimum(gap, 1.0)
    total += 0.16 * plane.heart + _mediastinum(plane, rng)
    total += skeleton(plane, rng) + stomach_bubble(plane, rng)
    return total


def _body(plane: Plane, rng: np.random.Generator) -> np.ndarray:
    """Return soft tissue: trunk, shoulders, neck, breasts, and the abdomen's density."""
    anatomy = plane.anatomy
    out = np.abs(plane.x)
    trunk = anatomy.half_width + 0.035 + 0.035 * anatomy.build
    wide = trunk + 0.20 * soft_step(0.36 - plane.y, 0.07)
    neck = 0.12 + np.clip((plane.y - 0.015) / 0.10, 0.0, 1.0) * 0.5
    edge = np.minimum(wide, neck) - out
    body = soft_step(edge, 0.008) * (0.35 + 0.5 * np.sqrt(np.clip(edge / 0.12, 0.0, 1.0)))
    body *= 0.75 + 0.25 * anatomy.build
    below = sum(
        soft_step(plane.y - anatomy.diaphragm(side * plane.x, side), 0.004) * (side * plane.x > 0)
        for side in (-1, 1)
    )
    body += soft_step(edge, 0.008) * 0.10 * below
    breast = max(rng.normal(0.02, 0.07), 0.0)
    x, y = rng.uniform(0.17, 0.22), rng.uniform(0.62, 0.72)
    for side in (-1, 1):
        off = np.hypot((plane.x - side * x) / 0.15, (plane.y - y) / 0.13)
        body += breast * np.sqrt(np.clip(1.0 - off**2, 0.0, 1.0)) * soft_step(edge, 0.008)
    return body + 0.025 * smooth_noise(rng, plane.size, 5) * soft_step(edge, 0.008)


def _mediastinum(plane: Plane, rng: np.random.Generator) -> np.ndarray:
    """Return great vessels, aortic knob and hila; the trachea is a dark band in them."""
    anatomy = plane.anatomy
    out = np.abs(plane.x)
    band = soft_step(anatomy.mediastinum - out, 0.010) * (0.10 + 0.05 * plane.y)
    knob_x, knob_y = anatomy.mediastinum + rng.normal(0.004, 0.005), rng.normal(0.335, 0.012)
    knob = np.hypot(plane.x - knob_x, (plane.y - knob_y) / 1.15) / rng.uniform(0.028, 0.040)
    total = band + 0.17 * soft_step(1.0 - knob, 0.12)
    trunk = blob(plane, anatomy.mediastinum + 0.01, knob_y + 0.085, 0.026, 1.4)
    total += 0.14 * trunk
    for side in (-1, 1):
        y = 0.455 + (0.014 if side < 0 else 0.0) + rng.normal(0.0, 0.01)
        total += rng.uniform(0.09, 0.15) * blob(
            plane, side * (anatomy.mediastinum + 0.025), y, 0.024, 1.5
        )
    width = rng.uniform(0.013, 0.017)
    trachea = soft_step(width - np.abs(plane.x + 0.12 * (plane.y - 0.1) * 0.2), 0.003)
    return total - 0.09 * trachea * soft_step(0.37 - plane.y, 0.02)


def _markings(plane: Plane, rng: np.random.Generator) -> np.ndarray:
    """Return the vessels that leave the hila and branch, and the lungs' fine structure."""
    from scipy.ndimage import gaussian_filter

    anatomy, size = plane.anatomy, plane.size
    canvas = np.zeros((2, size, size), dtype=np.float32)
    steps = np.linspace(0.0, 1.0, 120)
    for side in (-1, 1):
        for angle in np.linspace(-1.35, 1.45, 13) + rng.normal(0.0, 0.08, 13):
            length = rng.uniform(0.16, 0.30) * (1.0 + 0.25 * (angle > 0.4))
            for branch in range(3):
                bend = rng.normal(0.0, 0.45) * (branch > 0) + rng.normal(0.0, 0.2)
                start = 0.0 if branch == 0 else rng.uniform(0.2, 0.6)
                along = start + (1.0 - start) * steps
                turn = angle + bend * np.clip(along - start, 0.0, None)
                x = side * (anatomy.mediastinum + 0.02 + length * along * np.cos(turn))
                y = 0.46 + length * along * np.sin(turn)
                row, column = image_places(anatomy, x, y)
                taper = (1.0 - along) ** 1.1 * (1.0 if branch == 0 else 0.6)
                i, j = (row * size).astype(int), (column * size).astype(int)
                kept = (i >= 0) & (i < size) & (j >= 0) & (j < size)
                level = (along > 0.35).astype(int)
                np.add.at(canvas, (level[kept], i[kept], j[kept]), taper[kept] * length)
    scale = size / 448.0
    thick = gaussian_filter(canvas[0], 3.2 * scale) * 3.2
    thin = gaussian_filter(canvas[1], 1.5 * scale) * 1.5
    vessels = 0.55 * rng.uniform(0.8, 1.2) * np.minimum((thick + thin) * scale, 0.35)
    grain = 0.010 * smooth_noise(rng, size, 60) + 0.014 * smooth_noise(rng, size, 18)
    return vessels + grain * rng.uniform(0.7, 1.3)


def _exposed(attenuation: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Turn attenuation into 12-bit values: scatter, film curve, quantum noise, collimation."""
    from scipy.ndimage import gaussian_filter

    size = len(attenuation)
    sharp = gaussian_filter(attenuation, rng.uniform(0.6, 1.1) * size / 448.0)
    slope = rng.normal(0.0, 0.07, 2)
    ramp = np.linspace(-0.5, 0.5, size, dtype=np.float32)
    sharp += slope[0] * ramp[:, None] + slope[1] * ramp[None, :]
    middle, contrast = rng.normal(0.62, 0.06), rng.uniform(3.4, 5.4)
    film = 1.0 / (1.0 + np.exp(-contrast * (sharp - middle)))
    grain = gaussian_filter(rng.standard_normal((size, size), dtype=np.float32), 0.6) * 1.8
    # Fewer quanta arrive where more is absorbed: more noise there.
    film += rng.uniform(0.006, 0.013) * (0.6 + film) * grain
    film = rng.uniform(0.02, 0.06) + film * rng.uniform(0.82, 0.93)
    if rng.random() < 0.35:
        low, high = (int(edge * size) for edge in (rng.uniform(0.0, 0.03), rng.uniform(0.97, 1.0)))
        shutter = np.ones((size, size), dtype=bool)
        shutter[low:high, low:high] = False
        film[shutter] = 0.01
    return np.round(np.clip(film, 0.0, 1.0) * WHITE).astype(np.uint16)
