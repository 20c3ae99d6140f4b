"""Which image file belongs to which exam, where the file itself (PNG, JPEG) cannot say."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.readers.chexpert_labels import PATH, PATH_FAULT
from pipeline.readers.column_mapping import require_column
from pipeline.readers.delimited_rows import DelimitedRows
from pipeline.readers.exam_keys import chexpert_keys, mimic_keys, nih_exam_id
from pipeline.readers.mimic_labels import STUDY, STUDY_FAULT, SUBJECT
from pipeline.readers.nih_labels import IMAGE, PATIENT, VIEW, nih_column
from pipeline.readers.rejected_rows import rejected_table
from pipeline.readers.row_chunk import RowChunk, flags, reject, trimmed
from pipeline.readers.source_error import SourceError, printable

IMAGE_LIST = pa.schema(
    [
        pa.field("path", pa.string(), nullable=False),
        pa.field("exam_id", pa.string(), nullable=False),
        pa.field("patient_id", pa.string()),
        pa.field("view", pa.string()),
    ]
)
LATERAL = "LATERAL"

Columns = dict[str, pa.Array]
# The columns that a layout reads, how they become those of IMAGE_LIST, and what a null exam means.
Layout = tuple[list[str], Callable[[Columns], list[pa.Array]], tuple[str, str]]


@dataclass(frozen=True)
class ImageListBatch:
    """A few thousand rows of an image list.

    Parameters
    ----------
    images
        Columns of `IMAGE_LIST`: path as it stands in the list, exam, patient, and view (PA, AP,
        LATERAL ..., in capitals) where the list says.
    rejected
        Rows that cannot be used, with the columns of `rejected_rows.REJECTED`.
    """

    images: pa.Table
    rejected: pa.Table


def read_image_list(path: str | Path, format: str) -> Iterator[pa.Table]:
    """Yield the usable rows of an image list, with the columns of `IMAGE_LIST`.

    `read_image_list_batches` yields the rejected ones too. Parameters and errors are the same.
    """
    return (batch.images for batch in read_image_list_batches(path, format))


def read_image_list_batches(path: str | Path, format: str) -> Iterator[ImageListBatch]:
    """Yield an image list (CSV or TSV, also gzipped), a few thousand images at a time.

    Layouts: `nih` (`Data_Entry_2017.csv`, or its columns in snake_case with the path in `image`);
    `chexpert` (`train.csv`); `mimic` (`mimic-cxr-2.0.0-metadata.csv.gz`; the path is the one that
    MIMIC-CXR-JPG files have below their folder); `plain` (path, exam_id, and patient_id and view
    if there). Rejected: `path_missing`, `exam_id_missing`, `path_unreadable`, and the rules of
    delimited files.

    Raises
    ------
    SourceError
        If the layout is unknown, the file cannot be read as a whole, or lacks a column.
    """
    path = Path(path)
    if format not in _LAYOUTS:
        raise SourceError(
            f"{printable(path)}: no layout '{printable(format)}' of image lists; "
            f"use one of {', '.join(_LAYOUTS)}"
        )
    rows = DelimitedRows(path)
    names, columns_of, exam_fault = _LAYOUTS[format](rows.columns, path)
    for read in rows.chunks(names):
        columns = dict(zip(IMAGE_LIST.names, columns_of(read.columns), strict=True))
        chunk = RowChunk(columns, read.references, read.rejected)
        no_path = flags(pc.is_null(columns["path"]))
        chunk = reject(chunk, no_path, "path_missing", "names no image file", "exam_id")
        no_exam = flags(pc.is_null(chunk.columns["exam_id"]))
        chunk = reject(chunk, no_exam, *exam_fault, "exam_id")
        images = pa.table(list(chunk.columns.values()), schema=IMAGE_LIST)
        yield ImageListBatch(images, rejected_table(chunk.rejected))


def _nih(columns: Sequence[str], path: Path) -> Layout:
    index, patient, view = (nih_column(columns, names, path) for names in (IMAGE, PATIENT, VIEW))
    file = "image" if "image" in columns else index

    def columns_of(read: Columns) -> list[pa.Array]:
        return [
            trimmed(read[file]),
            nih_exam_id(read[index]),
            trimmed(read[patient]),
            _view(read[view]),
        ]

    fault = ("exam_id_missing", f"column '{index}' is blank")
    return list(dict.fromkeys([file, index, patient, view])), columns_of, fault


def _chexpert(columns: Sequence[str], path: Path) -> Layout:
    side, projection = "Frontal/Lateral", "AP/PA"
    for column in (PATH, side, projection):
        require_column(columns, column, path)

    def columns_of(read: Columns) -> list[pa.Array]:
        exam, patient, _ = chexpert_keys(read[PATH])
        lateral = pc.equal(_view(read[side]), LATERAL)
        view = pc.if_else(pc.fill_null(lateral, False), LATERAL, _view(read[projection]))
        return [trimmed(read[PATH]), exam, patient, view]

    return [PATH, side, projection], columns_of, PATH_FAULT


def _mimic(columns: Sequence[str], path: Path) -> Layout:
    names = ["dicom_id", SUBJECT, STUDY, "ViewPosition"]
    for column in names:
        require_column(columns, column, path)

    def columns_of(read: Columns) -> list[pa.Array]:
        exam, patient = mimic_keys(read[SUBJECT], read[STUDY])
        name = pc.binary_join_element_wise(
            pc.binary_join_element_wise("files/p", pc.utf8_slice_codeunits(patient, 0, 2), ""),
            pc.binary_join_element_wise("p", patient, ""),
            pc.binary_join_element_wise("s", exam, ""),
            pc.binary_join_element_wise(trimmed(read["dicom_id"]), ".jpg", ""),
            "/",
        )
        return [name, exam, patient, _view(read["ViewPosition"])]

    return names, columns_of, STUDY_FAULT


def _plain(columns: Sequence[str], path: Path) -> Layout:
    for column in ("path", "exam_id"):
        require_column(columns, column, path)

    def columns_of(read: Columns) -> list[pa.Array]:
        nothing = pa.nulls(len(read["path"]), pa.string())
        patient = trimmed(read["patient_id"]) if "patient_id" in read else nothing
        view = _view(read["view"]) if "view" in read else nothing
        return [trimmed(read["path"]), trimmed(read["exam_id"]), patient, view]

    names = [name for name in IMAGE_LIST.names if name in columns]
    return names, columns_of, ("exam_id_missing", "column 'exam_id' is blank")


_LAYOUTS: dict[str, Callable[[Sequence[str], Path], Layout]] = {
    "nih": _nih,
    "chexpert": _chexpert,
    "mimic": _mimic,
    "plain": _plain,
}


def _view(column: pa.Array) -> pa.Array:
    return pc.utf8_upper(trimmed(column))
