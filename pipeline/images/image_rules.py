"""Which images count as radiographs of the chest that RadSim uses."""

from dataclasses import dataclass

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
                "modality", f"modality {printable(modality)}, not {' or '.join(self.modalities)}"
            )
        if frames > 1:
            raise UnusableImage("multi_frame", "more than one frame; a radiograph has one")
        if body_part and not any(part in body_part for part in self.body_parts):
            raise UnusableImage(
                "body_part",
                f"body part {printable(body_part)}, not {' or '.join(self.body_parts)}",
            )

    def check_view(self, view: str | None) -> None:
        """Raise `UnusableImage` for a view that is not used."""
        if view is None:
            if not self.keep_unknown_view:
                raise UnusableImage("view", "the view is not said")
        elif view not in self.views:
            raise UnusableImage("view", f"view {printable(view)}, not {' or '.join(self.views)}")


def view_name(said: str) -> str | None:
    """Return a view's name as RadSim writes it (PA, AP, LATERAL ...), None when nothing is said."""
    view = said.strip().upper()
    return _SAME_VIEW.get(view, view) or None


def printable(said: str) -> str:
    """Return a short header value fit for a message: a code word, else how long it was."""
    word = said.strip()
    if len(word) <= 16 and word.replace("_", "").replace(" ", "").isalnum() and word.isascii():
        return word
    return f"of {len(word)} characters" if word else "that is not said"
