"""Where a lake holds a patient: ids that belong to them, and the files that name one of those.

Tables are known by the names of their key columns, so that a new table is covered by keeping to
them. Every data file on disk is looked at, whether a version of its table still uses it.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from pyarrow import fs

from pipeline.delta_log import data_files, tables_on_disk
from pipeline.lake import Lake

# How the key of an exam begins that is a patient of its own (see `pipeline.splits.patient_keys`).
EXAM = "exam:"

# The columns that name a patient, an exam or an image, in whatever table.
KEY_COLUMNS = ("patient_id", "patient_key", "exam_id", "image_id", "key")


@dataclass
class Traces:
    """The ids under which a lake knows a patient, as the lake keeps them."""

    patients: set[str] = field(default_factory=set)
    exams: set[str] = field(default_factory=set)
    images: set[str] = field(default_factory=set)

    def __or__(self, other: "Traces") -> "Traces":
        return Traces(
            self.patients | other.patients, self.exams | other.exams, self.images | other.images
        )

    @property
    def every_id(self) -> set[str]:
        """Return all ids."""
        return self.patients | self.exams | self.images

    def of_column(self, name: str) -> set[str]:
        """Return the values of a key column that belong to the patient."""
        return {
            "patient_id": self.patients,
            "patient_key": self.patients | {EXAM + exam for exam in self.exams},
            "exam_id": self.exams,
            "image_id": self.images,
            "key": self.every_id,
        }[name]

    def rows(self, table: pa.Table) -> pa.ChunkedArray:
        """Return which rows of a table name the patient in one of its key columns."""
        named = pa.chunked_array([pa.repeat(pa.scalar(False), table.num_rows)])
        for name in KEY_COLUMNS:
            if name in table.column_names:
                ids = pa.array(sorted(self.of_column(name)), pa.string())
                named = pc.or_(named, pc.is_in(table[name], value_set=ids))
        return named


def traces_of(lake: Lake, patients: set[str]) -> Traces:
    """Return what a lake knows of a patient: their exams and images, in all versions and releases.

    A patient key ``exam:ID`` stands for the exam of that id, of which no patient is known.
    """
    traces = Traces(
        {name for name in patients if not name.startswith(EXAM)},
        {name.removeprefix(EXAM) for name in patients if name.startswith(EXAM)},
    )
    files = [
        f"tables/{name}/{file}" for name in tables_on_disk(lake) for file in data_files(lake, name)
    ]
    files += manifest_files(lake)
    size = -1
    while size != len(traces.every_id):
        size = len(traces.every_id)
        for file in files:
            _learn(lake, file, traces)
    return traces


def manifest_files(lake: Lake) -> list[str]:
    """Return every file under ``manifests``, as paths under the lake's root."""
    filesystem, root = lake.files()
    selector = fs.FileSelector(f"{root}/manifests", recursive=True, allow_not_found=True)
    with lake.reached():
        infos = filesystem.get_file_info(selector)
    return sorted(info.path.removeprefix(f"{root}/") for info in infos if info.is_file)


def names_patient(lake: Lake, file: str, traces: Traces) -> bool:
    """Say whether a Parquet file names the patient; one that cannot be read is said to."""
    try:
        parts = list(plain_columns(lake, file, KEY_COLUMNS))
    except pa.ArrowInvalid:
        return True
    return any(pc.any(traces.rows(part)).as_py() for part in parts)


def plain_columns(lake: Lake, file: str, columns: Sequence[str]) -> Iterator[pa.Table]:
    """Yield the named columns of a Parquet file under the lake's root, of which it has some.

    Raises
    ------
    pyarrow.ArrowInvalid
        The file cannot be read.
    """
    filesystem, root = lake.files()
    with lake.reached(), pq.ParquetFile(f"{root}/{file}", filesystem=filesystem) as opened:
        there = [name for name in columns if name in opened.schema_arrow.names]
        for batch in opened.iter_batches(columns=there) if there else ():
            table = pa.Table.from_batches([batch])
            # Deltalake leaves string views, which Arrow does not compare.
            views = [field for field in table.schema if pa.types.is_string_view(field.type)]
            for view in views:
                at = table.schema.get_field_index(view.name)
                table = table.set_column(at, view.name, table[view.name].cast(pa.string()))
            yield table


def _learn(lake: Lake, file: str, traces: Traces) -> None:
    """Add the ids that a file puts together with those known."""
    try:
        for part in plain_columns(lake, file, ("patient_id", "exam_id", "image_id", "path")):
            if len({"patient_id", "exam_id", "image_id"} & set(part.column_names)) < 2:
                return
            found = traces.rows(part)
            if {"path", "patient_id", "exam_id"} <= set(part.column_names):
                found = pc.or_(found, _named_by_path(part, traces))
            # An exam's patient is not added: who else an exam is said to belong to stays.
            for name, known in (("exam_id", traces.exams), ("image_id", traces.images)):
                if name in part.column_names:
                    known.update(part[name].filter(found).drop_null().to_pylist())
    except pa.ArrowInvalid:
        return


def _named_by_path(images: pa.Table, traces: Traces) -> pa.ChunkedArray:
    """Return which images only the name of their file says to be the patient's."""
    nobody = pc.and_(pc.is_null(images["patient_id"]), pc.is_null(images["exam_id"]))
    named = "|".join(re.escape(name) for name in sorted(traces.patients | traces.exams))
    pattern = rf"(^|[^0-9A-Za-z])({named})($|[^0-9A-Za-z])"
    return pc.and_(nobody, pc.match_substring_regex(images["path"], pattern))
