"""Readers of report sources, label files and image lists: one file a format, each a stream.

A reader yields batches of a few thousand rows, rejects a bad row with rule and reason, and raises
`SourceError` only for a source that cannot be read as a whole. It knows nothing of the lake.
"""

from pipeline.readers.column_mapping import ColumnMapping
from pipeline.readers.image_list import ImageListBatch, read_image_list, read_image_list_batches
from pipeline.readers.label_batch import LabelFileBatch
from pipeline.readers.label_file import LABEL_FORMATS, read_label_file
from pipeline.readers.report_batch import ReportBatch
from pipeline.readers.report_source import REPORT_FORMATS, read_reports
from pipeline.readers.source_error import EmptySourceError, SourceError

__all__ = [
    "LABEL_FORMATS",
    "REPORT_FORMATS",
    "ColumnMapping",
    "EmptySourceError",
    "ImageListBatch",
    "LabelFileBatch",
    "ReportBatch",
    "SourceError",
    "read_image_list",
    "read_image_list_batches",
    "read_label_file",
    "read_reports",
]
