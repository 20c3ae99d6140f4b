"""Label files of any layout."""

from collections.abc import Iterator, Sequence
from pathlib import Path

from pipeline.readers.chexpert_labels import read_chexpert_labels
from pipeline.readers.label_batch import LabelFileBatch
from pipeline.readers.mimic_labels import read_mimic_labels
from pipeline.readers.nih_labels import read_nih_labels
from pipeline.readers.plain_labels import read_plain_labels
from pipeline.readers.source_error import SourceError, printable

_READERS = {
    "nih": read_nih_labels,
    "chexpert": read_chexpert_labels,
    "mimic": read_mimic_labels,
    "plain": read_plain_labels,
}
LABEL_FORMATS = tuple(_READERS)


def read_label_file(
    path: str | Path, format: str, *, scheme: str, classes: Sequence[str]
) -> Iterator[LabelFileBatch]:
    """Yield the labels of a CSV or TSV file (also gzipped), a few thousand exams at a time.

    Parameters
    ----------
    path
        The file.
    format
        Whose layout it has, one of `LABEL_FORMATS`.
    scheme, classes
        Name of the label scheme that the file's states are in, and its class names in order.

    Raises
    ------
    SourceError
        If the layout is unknown, the file cannot be read as a whole, or lacks a column.
    """
    if format not in _READERS:
        raise SourceError(
            f"{printable(path)}: no layout '{printable(format)}' of label files; "
            f"use one of {', '.join(LABEL_FORMATS)}"
        )
    return _READERS[format](Path(path), scheme, list(classes))
