"""Phantom radiographs as DICOM files."""

import hashlib
import os
import uuid
from collections import defaultdict
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from pipeline.engine import map_chunks, processes
from pipeline.stage_summary import Progress
from pipeline.user_error import UserError

CODING = "mesh_major"
"""The coding of the gold table that phantoms are drawn after."""

_NAMESPACE = uuid.UUID("6f1b1f6e-6f0c-5d3b-9d0e-1c9a2b7f4a10")
SIZE = 352
"""Rows and columns of a phantom's file: more than twice what the demo trains on."""

_BATCH = 8
# A film of 400 mm.
_PIXEL_MM = round(400 / SIZE, 3)
# Bytes of an element's tag, representation and length before the pixels themselves.
_PIXELS_HEAD = 12


def write_phantoms(
    gold: pa.Table, exam_ids: Sequence[str], folder: Path, progress: Progress
) -> int:
    """Draw a phantom for each exam after its human codes and write it as ``<exam id>.dcm``.

    A file that was drawn by the same recipe from the same codes is left alone; its header says so.
    The same codes give byte-identical files.

    Parameters
    ----------
    gold
        Columns `exam_id`, `coding` and `code`; rows of other codings are passed over.
    exam_ids
        The exams to draw, each once.
    folder
        Made where it is missing.
    progress
        Called with (exams done, exams in all, note).

    Returns
    -------
    The number of files written.

    Raises
    ------
    UserError
        An exam has no codes, or the folder cannot be written.
    """
    codes: dict[str, set[str]] = defaultdict(set)
    for exam, coding, code in zip(
        *(gold[name].to_pylist() for name in ("exam_id", "coding", "code")), strict=True
    ):
        if coding == CODING:
            codes[exam].add(code)
    missing = [exam for exam in exam_ids if exam not in codes]
    if missing:
        raise UserError(f"{len(missing)} exams to draw have no {CODING} codes in the gold table")
    # Sorted: the order of rows in a table means nothing.
    wanted = [(exam, tuple(sorted(codes[exam]))) for exam in exam_ids]
    try:
        folder.mkdir(parents=True, exist_ok=True)
        due = [(exam, said) for exam, said in wanted if not _is_current(folder, exam, said)]
        done = len(wanted) - len(due)
        progress(done, len(wanted), "phantoms")
        batches = [due[start : start + _BATCH] for start in range(0, len(due), _BATCH)]
        workers = min(processes(0), len(batches))
        for written in map_chunks(partial(_write_batch, folder), batches, workers):
            done += written
            progress(done, len(wanted), "phantoms")
    except OSError as error:
        raise UserError(f"{folder}: phantoms cannot be written ({error.strerror})") from None
    return len(due)


def phantom_seed(exam_id: str) -> int:
    """Return the seed that an exam's phantom is drawn from."""
    return int.from_bytes(hashlib.sha256(exam_id.encode()).digest()[:6], "big")


def recipe(exam_id: str, codes: Sequence[str]) -> str:
    """Return a digest of what decides a phantom's file: drawing, exam and codes."""
    from pipeline.demo.phantom_thorax import RECIPE

    table = Path(__file__).with_name("mesh_drawing.yaml").read_bytes()
    said = "\n".join([str(RECIPE), str(SIZE), exam_id, *codes]).encode()
    return hashlib.sha256(said + hashlib.sha256(table).digest()).hexdigest()


def phantom_dataset(exam_id: str, codes: Sequence[str]) -> Any:
    """Draw one phantom as a pydicom dataset, complete with its file's header."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import UID, ComputedRadiographyImageStorage, ExplicitVRLittleEndian

    from pipeline.demo.phantom_thorax import WHITE, draw_thorax

    seed = phantom_seed(exam_id)
    pixels = draw_thorax(codes, seed, SIZE)
    inverted = bool(seed & 1)
    if inverted:
        pixels = WHITE - pixels
    meta = FileMetaDataset()
    meta.MediaStorageSOPClassUID = ComputedRadiographyImageStorage
    meta.MediaStorageSOPInstanceUID = UID(_uid(exam_id, "image"))
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data = Dataset()
    data.file_meta = meta
    data.SOPClassUID = meta.MediaStorageSOPClassUID
    data.SOPInstanceUID = meta.MediaStorageSOPInstanceUID
    data.StudyInstanceUID = _uid(exam_id, "study")
    data.SeriesInstanceUID = _uid(exam_id, "series")
    data.StudyDate, data.StudyTime = "", ""
    data.AccessionNumber = data.PatientID = data.StudyID = exam_id
    data.PatientName, data.PatientBirthDate, data.PatientSex = "", "", ""
    data.PatientIdentityRemoved = "YES"
    data.DeidentificationMethod = "Drawn, not taken of a patient"
    data.Modality, data.BodyPartExamined, data.ViewPosition = "CR", "CHEST", "PA"
    data.ImageType = ["DERIVED", "PRIMARY"]
    data.Manufacturer = "RadSim phantom"
    data.ReferringPhysicianName, data.Laterality = "", ""
    data.SeriesNumber = data.InstanceNumber = "1"
    data.PatientOrientation = ["L", "F"]
    data.SamplesPerPixel = 1
    data.PhotometricInterpretation = "MONOCHROME1" if inverted else "MONOCHROME2"
    data.Rows, data.Columns = pixels.shape
    data.PixelSpacing = [_PIXEL_MM, _PIXEL_MM]
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, 12, 11
    data.PixelRepresentation = 0
    low, high = (int(value) for value in np.percentile(pixels, (1.0, 99.0)))
    data.WindowCenter, data.WindowWidth = (low + high) // 2, max(high - low, 2)
    data.ImageComments = _mark(exam_id, codes)
    data.PixelData = pixels.astype("<u2").tobytes()
    return data


def _write_batch(folder: Path, exams: Sequence[tuple[str, tuple[str, ...]]]) -> int:
    for exam, codes in exams:
        file = folder / f"{exam}.dcm"
        # An interrupted run must not leave half a file under the final name.
        half = file.with_suffix(".part")
        phantom_dataset(exam, codes).save_as(half, enforce_file_format=True)
        os.replace(half, file)
    return len(exams)


def _is_current(folder: Path, exam_id: str, codes: Sequence[str]) -> bool:
    import pydicom

    file = folder / f"{exam_id}.dcm"
    if not file.exists():
        return False
    try:
        with file.open("rb") as stream:
            header = pydicom.dcmread(
                stream, stop_before_pixels=True, specific_tags=["ImageComments"]
            )
            pixels = file.stat().st_size - stream.tell() - _PIXELS_HEAD
    except OSError:
        raise
    except Exception:
        # pydicom raises many kinds on a damaged file; it is drawn again.
        return False
    whole = pixels == 2 * SIZE**2
    return whole and str(header.get("ImageComments", "")) == _mark(exam_id, codes)


def _mark(exam_id: str, codes: Sequence[str]) -> str:
    return f"RadSim phantom, recipe {recipe(exam_id, codes)}"


def _uid(exam_id: str, part: str) -> str:
    """Return a UID under 2.25, the root for UUIDs (DICOM PS3.5, B.2)."""
    return f"2.25.{uuid.uuid5(_NAMESPACE, f'{exam_id}/{part}').int}"
