"""Label a file of reports without any lake: Parquet in the columns of a scheme."""

import time
from collections.abc import Iterator
from errno import EISDIR
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from pipeline.amendments import CONFLICT, decide_all, versions, versions_frame
from pipeline.csv_cells import plain_table
from pipeline.labelling import (
    label_chunks,
    label_scheme,
    labelling_processes,
    prevalence,
    rule_labeler,
)
from pipeline.quarantine import reason_lines
from pipeline.readers import read_reports
from pipeline.readers.column_mapping import ColumnMapping
from pipeline.report_intake import text_hashes
from pipeline.stage_summary import Progress, StageSummary, silent
from pipeline.user_error import UserError


def label_reports_file(
    path: Path,
    mapping: ColumnMapping,
    format: str,
    scheme: str,
    out: Path,
    *,
    vocabulary: Path | None = None,
    workers: int = 0,
    progress: Progress = silent,
) -> StageSummary:
    """Label the reports of a file and write one row an exam.

    `out` gets columns exam_id, one nullable int8 a class of the scheme (1, 0, -1, null), and the
    reporting priority (string) if the scheme sets any, with the labeler and the vocabulary's hash
    in the schema's metadata. Reports that cannot be used
    are listed, without their text, beside it: in ``labels.quarantine.csv`` for
    ``labels.parquet``. A retracted report gets no row. `vocabulary` is a site's folder that adds
    to the package's vocabulary.

    Raises
    ------
    SourceError
        The file cannot be read as reports.
    UserError
        `out` cannot be written, the scheme or the vocabulary cannot be used, or no report can be
        labelled.
    """
    started = time.monotonic()
    projection = label_scheme(scheme, vocabulary)
    _make_room(out)
    read = _Read(path, mapping, format)
    # Characters are cheap to know beforehand, reports are not: some 200 bytes make a report.
    several = labelling_processes(workers, _bytes(path) // 200)
    parts: list[pa.Table] = []
    for _, labels in label_chunks(read.chunks(), several, vocabulary):
        parts.append(labels)
        progress(sum(part.num_rows for part in parts), 0, "reports labelled")
    labels = pa.concat_tables(parts) if parts else None
    decided = decide_all(versions_frame(read.versions), versions_frame([]), versions_frame([]))
    outcomes = decided["outcome"].value_counts()
    counts = {"in": read.rows_in, "labelled": int(outcomes.get("new", 0))}
    for part in ("unchanged", "superseded", "retracted"):
        counts[part] = int(outcomes.get(part, 0))
    counts["quarantined"] = read.rows_in - sum(list(counts.values())[1:])
    disputed = decided.loc[decided["outcome"] == "conflict", ["exam_id", "reference"]]
    notes = _quarantine(read.rejected, disputed, out)
    if labels is None or counts["labelled"] == 0:
        raise UserError(
            "; ".join([f"{path}: none of its {read.rows_in:,} reports can be labelled", *notes])
        )
    standing = labels.filter(pa.array((decided["outcome"] == "new").to_numpy()))
    labeler = rule_labeler(vocabulary)
    metadata = {"scheme": scheme, "labeler": labeler.name, "vocabulary": labeler.vocabulary_hash}
    classes = projection.project(standing)
    if projection.prioritised:
        from labelers.priority import priorities

        classes = classes.append_column("priority", priorities(standing, projection))
    _write(classes.replace_schema_metadata(metadata), out)
    return StageSummary(
        stage="label",
        outcome="committed",
        counts=counts,
        parts=("labelled", "unchanged", "superseded", "retracted", "quarantined"),
        seconds=time.monotonic() - started,
        notes=(f"labels are in {out}", *notes),
        figures={f"prevalence ({scheme})": prevalence(standing, scheme, vocabulary)},
    )


class _Read:
    """The reports of the file as they stream by, and what is remembered of them."""

    def __init__(self, path: Path, mapping: ColumnMapping, format: str) -> None:
        self._batches = read_reports(path, mapping, format)
        self.rows_in = 0
        self.versions: list[pa.Table] = []
        self.rejected: list[pa.Table] = []

    def chunks(self) -> Iterator[pa.Table]:
        for batch in self._batches:
            self.rows_in += batch.reports.num_rows + batch.rejected.num_rows
            self.rejected.append(batch.rejected.select(_REJECTED))
            if batch.reports.num_rows:
                hashes = pa.array(text_hashes(batch.reports["sections"]))
                reports = batch.reports.append_column("content_hash", hashes)
                if batch.told_at is not None:
                    reports = reports.append_column("told_at", batch.told_at)
                self.versions.append(versions(reports))
                yield batch.reports.select(["exam_id", "sections"])


_REJECTED = ["key", "reference", "rule", "reason"]


def _quarantine(rejected: list[pa.Table], disputed: pd.DataFrame, out: Path) -> tuple[str, ...]:
    """Write the rows that could not be used beside `out`; return a line a reason."""
    conflicts = pa.table(
        {
            "key": pa.array(disputed["exam_id"], pa.string()),
            "reference": pa.array(disputed["reference"], pa.string()),
            "rule": pa.repeat(pa.scalar("conflict"), len(disputed)),
            "reason": pa.repeat(pa.scalar(CONFLICT), len(disputed)),
        }
    )
    rows = pa.concat_tables([*rejected, conflicts], promote_options="permissive")
    place = out.with_name(f"{out.stem}.quarantine.csv")
    try:
        place.unlink(missing_ok=True)
        if rows.num_rows:
            pa_csv.write_csv(plain_table(rows), place)
    except OSError as error:
        raise _unwritable(place, error) from None
    if rows.num_rows == 0:
        return ()
    table = pa.repeat(pa.scalar("reports"), rows.num_rows)
    return (*reason_lines(rows.append_column("table", table)), f"their rows are in {place}")


def _make_room(out: Path) -> None:
    """Find out before the work, not after it, that `out` cannot be written."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        if out.is_dir():
            raise IsADirectoryError(EISDIR, "it is a folder")
        _partial(out).touch()
        _partial(out).unlink()
    except OSError as error:
        raise _unwritable(out, error) from None


def _write(table: pa.Table, out: Path) -> None:
    try:
        pq.write_table(table, _partial(out), compression="zstd")
        _partial(out).replace(out)
    except OSError as error:
        _partial(out).unlink(missing_ok=True)
        raise _unwritable(out, error) from None


def _partial(out: Path) -> Path:
    return out.with_name(f".{out.name}.partial")


def _unwritable(place: Path, error: OSError) -> UserError:
    return UserError(f"{place}: cannot be written ({error.strerror or 'the disk refuses'})")


def _bytes(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())
