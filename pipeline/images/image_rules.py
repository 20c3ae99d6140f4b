"""Which images count as radiographs of the chest that RadSim uses."""

from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipeline.images.unusable import UnusableImage

# What DICOM writers put for these views (DICOM PS3.3 C.8.11.5 names AP, PA, LL, RL, ...).
_SAME_VIEW = {
    "LL": "LATERAL",
    "RL": "LATERAL",
    "LLD": "DECUBITUS",
    "RLD": "DECUBITUS",
    "L": "LATERAL",
    "LAT": "LATERAL",
    "LATERAL": "LATERAL",
    "LEFT LATERAL": "LATERAL",
    "RIGHT LATERAL": "LATERAL",
    "POSTERO-ANTERIOR": "PA",
    "ANTERO-POSTERIOR": "AP",
}

# A view that is said in words which may not be told.
OTHER = "OTHER"


@dataclass(frozen=True)
class ImageRules:
    """The rules of use.

    Attributes
    ----------
    views
        Views that are used; an image that says another is not.
    keep_unknown_view
        Whether an image that does not say its view is used.
    modalities
        DICOM modalities that are used.
    body_parts
        DICOM body parts that are used; an image that says none is used.
    max_pixels
        Most pixels of an image; more is taken for a damaged header or an attack.
    """

    views: tuple[str, ...] = ("PA", "AP")
    keep_unknown_view: bool = True
    modalities: tuple[str, ...] = ("CR", "DX")
    body_parts: tuple[str, ...] = ("CHEST", "THORAX")
    max_pixels: int = 40_000_000

    def check_size(self, rows: int, columns: int) -> None:
        """Raise `UnusableImage` for an image without pixels or with too many."""
        if rows < 1 or columns < 1:
            raise UnusableImage("no_pixels", "the file holds no pixel data")
        if rows * columns > self.max_pixels:
            raise UnusableImage(
                "too_large", f"more than {self.max_pixels:,} pixels; the header may be damaged"
            )

    def check_kind(self, modality: str, body_part: str, frames: int) -> None:
        """Raise `UnusableImage` for what is no plain radiograph of the chest."""
        if modality not in self.modalities:
            raise UnusableImage(
                "modality",
                f"modality {printable(modality, 'modalities')}, not {' or '.join(self.modalities)}",
            )
        if frames > 1:
            raise UnusableImage("multi_frame", "more than one frame; a radiograph has one")
        if body_part and not any(part in body_part for part in self.body_parts):
            said = printable(body_part, "body_parts")
            raise UnusableImage(
                "body_part", f"body part {said}, not {' or '.join(self.body_parts)}"
            )

    def check_view(self, view: str | None) -> None:
        """Raise `UnusableImage` for a view that is not used."""
        if view is None:
            if not self.keep_unknown_view:
                raise UnusableImage("view", "the view is not said")
        elif view not in self.views:
            raise UnusableImage(
                "view", f"view {printable(view, 'views')}, not {' or '.join(self.views)}"
            )


def view_name(said: str) -> str | None:
    """Return a view's name as RadSim writes it (PA, AP, LATERAL ...), None when nothing is said."""
    view = said.strip().upper()
    return _SAME_VIEW.get(view, view) or None


def told_view(view: str | None, views: tuple[str, ...]) -> str | None:
    """Return a view for the lake: one of `views` or a word known of views, else ``OTHER``."""
    return view if view is None or view in views or is_known(view, "views") else OTHER


def is_known(word: str, kind: str) -> bool:
    """Say whether a header's word is one of those that may be told (`header_words.yaml`)."""
    return word in _header_words()[kind]


def printable(said: str, kind: str) -> str:
    """Return a header's word for a message if it is a known one of its kind, else its length."""
    word = said.strip()
    if is_known(word, kind):
        return word
    return f"of {len(word)} characters" if word else "that is not said"


@cache
def _header_words() -> dict[str, frozenset[str]]:
    import yaml

    file = Path(__file__).parent / "header_words.yaml"
    words = yaml.safe_load(file.read_text(encoding="utf-8"))
    return {kind: frozenset(known) for kind, known in words.items()}
