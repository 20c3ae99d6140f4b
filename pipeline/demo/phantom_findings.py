"""Human MeSH codes read as what a phantom shows."""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from pipeline.gold_coding import Entry, matches, parse_code

_DRAWING = Path(__file__).parent / "mesh_drawing.yaml"


@dataclass(frozen=True)
class Finding:
    """One thing to draw.

    Attributes
    ----------
    kind
        ``large_heart``, ``hernia``, ``pneumothorax``, ``effusion``, ``pleural_thickening``,
        ``opacity``, ``edema``, ``reticular``, ``hyperinflation``, ``hypoinflation``,
        ``round_lesion``, ``catheter``, ``tube``, ``pacemaker`` or ``sternal_wires``.
    extent
        Size or severity: 0.1 slight, 0.5 usual, 1 marked.
    sides
        The patient's sides: -1 right (left in the image), +1 left; empty where not said.
    zone
        Height in the lung, 0 apex to 1 base; None where not said.
    texture
        Of an opacity: ``patchy``, ``confluent``, ``streaky``, ``focal`` or ``diffuse``.
    multiple
        Whether there are several.
    calcified
        Whether a round lesion is dense and small.
    """

    kind: str
    extent: float = 0.5
    sides: tuple[int, ...] = ()
    zone: float | None = None
    texture: str = "patchy"
    multiple: bool = False
    calcified: bool = False

    def placed(self, rng: np.random.Generator) -> tuple[int, ...]:
        """Return the sides it is drawn on: those said, else one by chance."""
        return self.sides or (int(rng.choice((-1, 1))),)


def findings_of(codes: Iterable[str]) -> tuple[Finding, ...]:
    """Return what codes of the form ``Opacity/lung/base/left`` show, in a fixed order, no doubles.

    Codes that nothing in the drawing's table matches show nothing.
    """
    found = {_finding(parse_code(code)) for code in codes} - {None}
    return tuple(sorted((item for item in found if item is not None), key=repr))


def _finding(code: Entry) -> Finding | None:
    table = _table()
    for drawing in table["drawings"]:
        if matches(code, drawing["entries"]):
            break
    else:
        return None
    said = code[1]
    extent = drawing.get("extent", 0.5)
    for word in sorted(said & table["extents"].keys()):
        extent *= table["extents"][word]
    zones = [table["zones"][word] for word in table["zones"] if word in said]
    textures = [table["textures"][word] for word in table["textures"] if word in said]
    usual = drawing.get("texture", "patchy")
    # A qualifier changes the texture of an opacity, not that of what the heading itself says.
    texture = textures[0] if textures and usual in ("patchy", "focal") else usual
    return Finding(
        kind=drawing["finding"],
        extent=min(round(extent, 3), 1.2),
        sides=_sides(said, table["sides"]),
        zone=zones[0] if zones else table["zones"].get(drawing.get("zone")),
        texture=texture,
        multiple=bool(said & {"multiple", "scattered", "multilobar"}),
        calcified=bool(drawing.get("calcified", False)),
    )


def _sides(said: frozenset[str], words: dict[str, list[str]]) -> tuple[int, ...]:
    left, right, both = (bool(said & set(words[side])) for side in ("left", "right", "both"))
    return ((-1,) if right or both else ()) + ((1,) if left or both else ())


@cache
def _table() -> dict[str, Any]:
    import yaml

    table = yaml.safe_load(_DRAWING.read_text(encoding="utf-8"))
    for drawing in table["drawings"]:
        drawing["entries"] = tuple(parse_code(code) for code in drawing["codes"])
    return dict(table)
