"""The most similar past exams of an exam of the lake, or of a radiograph from outside it."""

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipeline.lake import Lake
from pipeline.manifest_images import ManifestImages, manifest_images
from pipeline.models import (
    current_model,
    embeddings_made_of,
    gallery_of,
    local_model_folder,
    stored_model,
)
from pipeline.pseudonyms import Pseudonymiser
from pipeline.settings import Settings
from pipeline.user_error import UserError

if TYPE_CHECKING:
    from training import GalleryIndex


@dataclass(frozen=True)
class SimilarExams:
    """The answer to «show me the most similar past exams».

    Attributes
    ----------
    model_id
        The model whose embedding ranked them.
    query
        What was asked about, in words.
    neighbours
        As of `Nearest`.
    sheet
        The contact sheet, if one was asked for.
    """

    model_id: str
    query: str
    neighbours: list[dict[str, Any]]
    sheet: Path | None


@dataclass(frozen=True)
class Nearest:
    """The exams nearest to one of a gallery, or to a radiograph from outside it.

    Attributes
    ----------
    exam_id
        The exam asked about; None for a file.
    pixels
        What was asked about, uint8 `(size, size)`.
    labels
        The positive classes of the exam asked about, empty for a file.
    neighbours
        A dict an exam, nearest first: rank, exam_id, image_id, distance (cosine), labels, row (of
        its image in the gallery).
    """

    exam_id: str | None
    pixels: np.ndarray
    labels: list[str]
    neighbours: list[dict[str, Any]]


def similar(settings: Settings, what: str, k: int = 10, out: Path | None = None) -> SimilarExams:
    """Find the `k` exams nearest to an exam of the lake or to an image file.

    `out` is where a contact sheet (PNG) is written, if one is wanted. For more than one question
    open a `Gallery` once.

    Raises
    ------
    UserError, UnusableImage
        As `Gallery` and its `nearest` do.
    """
    gallery = Gallery(settings)
    found = gallery.nearest(what, k)
    if out is not None:
        _write_sheet(gallery, found, found.exam_id or Path(what).name, out)
    title = f"exam {found.exam_id}" if found.exam_id else f"file {what}"
    return SimilarExams(gallery.model_id, title, found.neighbours, out)


class Gallery:
    """A lake's radiographs with the current model's index, opened once and asked many times.

    Attributes
    ----------
    settings
        Of the lake.
    images
        The radiographs, of the newest release.
    model_id
        The model.
    """

    def __init__(self, settings: Settings) -> None:
        """Open it.

        Raises
        ------
        UserError
            There is no release, model or index of it, or a file of theirs is missing.
        """
        from training import GalleryIndex

        lake = Lake.of(settings)
        self.settings = settings
        self.images = manifest_images(lake, settings)
        trained = current_model(lake)
        self.model_id: str = trained["model_id"]
        self._model = stored_model(lake, trained)
        _, made_of = embeddings_made_of(lake, self.model_id)
        folder = local_model_folder(lake, gallery_of(self.model_id, made_of))
        try:
            self._index = GalleryIndex.load(folder, self.model_id, made_of)
        except (FileNotFoundError, ValueError) as error:
            raise UserError(f"{error}; run `radsim embed`") from None

    def nearest(self, what: str | Path, k: int = 10) -> Nearest:
        """Find the `k` exams nearest to an exam of the gallery or to an image file.

        Neither the exam itself nor, unless the settings say so, its patient is among them; an exam
        with several images counts with its nearest one.

        Raises
        ------
        UserError
            `what` is neither an exam with an image in the lake nor a file of a radiograph that the
            rules of [images] let pass.
        UnusableImage
            The file cannot be decoded.
        """
        from training.embed import embed

        images = self.images
        pseudonymiser = Pseudonymiser.of(self.settings)
        exam_id = None if isinstance(what, Path) else _known_exam(images, what, pseudonymiser)
        own = images.rows.index[images.rows["exam_id"] == exam_id] if exam_id else []
        if exam_id:
            pixels = images.pixels[np.asarray(own[:1])]
        elif Path(what).is_file():
            pixels = _pixels_of_file(Path(what), self.settings)
        else:
            raise UserError(f"'{what}' is neither an exam with an image in the lake nor a file")
        vector = embed(self._model, pixels)
        excluded = _excluded(images, exam_id, self.settings)
        neighbours = _nearest(images, self._index, vector, excluded, k)
        labels = _positive(images, own[0]) if exam_id else []
        return Nearest(exam_id, pixels[0], labels, neighbours)

    def square(self, neighbour: dict[str, Any]) -> np.ndarray:
        """Return the image of a neighbour, uint8 `(size, size)`."""
        square: np.ndarray = self.images.pixels[np.asarray([neighbour["row"]])][0]
        return square


def _write_sheet(gallery: Gallery, found: Nearest, name: str, out: Path) -> None:
    """Write a contact sheet (PNG) of an answer; `name` is what the query is called on it."""
    from pipeline.images.contact_sheet import Tile, contact_sheet

    tiles = [
        Tile(
            gallery.square(neighbour),
            f"{neighbour['rank']}  {neighbour['exam_id']}",
            f"distance {neighbour['distance']:.3f}",
            neighbour["labels"],
        )
        for neighbour in found.neighbours
    ]
    contact_sheet(Tile(found.pixels, f"query  {name}", "", found.labels), tiles, out)


def _known_exam(images: ManifestImages, what: str, pseudonymiser: Pseudonymiser) -> str | None:
    exams = set(images.rows["exam_id"])
    return next((name for name in (what, pseudonymiser.one(what)) if name in exams), None)


def _pixels_of_file(file: Path, settings: Settings) -> np.ndarray:
    from pipeline.images import describe_image
    from pipeline.images.decoding import read_pixels
    from pipeline.images.square import to_square
    from pipeline.stages.index import image_rules

    described = describe_image(file, image_rules(settings.images))
    if not described["usable"]:
        raise UserError(f"{file}: not a radiograph that RadSim uses: {described['reason']}")
    square: np.ndarray = to_square(read_pixels(file), settings.cache.size)
    return square[np.newaxis]


def _excluded(images: ManifestImages, exam_id: str | None, settings: Settings) -> set[str]:
    if exam_id is None:
        return set()
    rows = images.rows
    same = rows["exam_id"] == exam_id
    patients = set(rows.loc[same, "patient_id"].dropna())
    if not settings.evaluate.same_patient:
        same |= rows["patient_id"].isin(patients)
    return set(rows.loc[same, "exam_id"])


def _nearest(
    images: ManifestImages, index: "GalleryIndex", vector: np.ndarray, excluded: set[str], k: int
) -> list[dict[str, Any]]:
    """Return the k nearest exams to an embedding `(1, d)`, fewer where the gallery has no more.

    More images are asked for than exams, since some fall away: those of excluded exams, second
    images of an exam, and those that the manifest no longer names. Twice as many each time, until
    there are enough.
    """
    row_of = {image_id: row for row, image_id in enumerate(images.rows["image_id"])}
    fetched = k + int(images.rows["exam_id"].isin(excluded).sum())
    while True:
        products, places = index.search(vector, fetched)
        found = _exams(images, index.ids, row_of, places[0], products[0], excluded)[:k]
        if len(found) == k or fetched >= len(index):
            return found
        fetched *= 2


def _exams(
    images: ManifestImages,
    ids: list[str],
    row_of: dict[str, int],
    places: np.ndarray,
    products: np.ndarray,
    excluded: set[str],
) -> list[dict[str, Any]]:
    """Return the exams of the images found, each once, nearest first."""
    found: list[dict[str, Any]] = []
    seen = set(excluded)
    for place, product in zip(places, products, strict=True):
        # An approximate index says -1 where it found no more.
        row = row_of.get(ids[place]) if place >= 0 else None
        if row is None:
            continue
        exam = images.rows["exam_id"].iloc[row]
        if exam in seen:
            continue
        seen.add(exam)
        found.append(
            {
                "rank": len(found) + 1,
                "exam_id": exam,
                "image_id": ids[place],
                # Rounding may leave the product of a vector with itself above one.
                "distance": max(0.0, float(1 - product)),
                "labels": _positive(images, row),
                "row": row,
            }
        )
    return found


def _positive(images: ManifestImages, row: int) -> list[str]:
    states = zip(images.told["classes"], images.states[row], strict=True)
    return [name for name, state in states if state == 1]
