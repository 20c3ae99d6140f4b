"""Labels to judge or compare: of a file, of a lake, or made from reports there and then.

A file of labels has the classes of a scheme as columns, as ``radsim label --reports`` writes it, or
one column a finding, as the labels table of a lake has.
"""

from collections.abc import Iterable
from pathlib import Path

import pyarrow as pa

from labelers import scheme_names
from pipeline.gold_files import StateFile, columns_and_metadata, read_columns, read_state_file
from pipeline.label_states import Labels
from pipeline.labelling import (
    label_chunks,
    label_scheme,
    labelling_processes,
    site_vocabulary,
)
from pipeline.readers.column_mapping import require_column
from pipeline.readers.source_error import SourceError, printable
from pipeline.report_texts import ReportTexts
from pipeline.stage_summary import Progress, silent
from pipeline.user_error import UserError

MENTION_COLUMNS = ("exam_id", "section_no", "start", "end", "finding", "assertion", "cue")


def fitting_scheme(wanted: Iterable[str]) -> str:
    """Return the scheme that has the most of these class names, chexpert14 where none has any."""
    names = set(wanted)
    return max(
        sorted(scheme_names(), key=lambda name: name != "chexpert14"),
        key=lambda name: len(names & set(label_scheme(name).classes)),
    )


def labels_of_file(
    path: Path,
    key: str,
    scheme: str | None,
    wanted: Iterable[str],
    mentions: Path | None = None,
    site: Path | None = None,
) -> Labels:
    """Read labels.

    Parameters
    ----------
    path
        The file.
    key
        Its column of the exam where that is not exam_id.
    scheme
        Which scheme findings are projected to; by default the one that the file names, or that
        fits `wanted` best.
    wanted
        The classes that are asked for.
    mentions
        The file of mentions that go with them.
    site
        Folder of the site's additions to the vocabulary.

    Raises
    ------
    SourceError
        A file cannot be read or lacks a column.
    UserError
        There is no such scheme.
    """
    try:
        file = read_state_file(path, "exam_id")
    except SourceError:
        if key == "exam_id":
            raise
        file = read_state_file(path, key)
        file.columns.pop(key)
    found = read_mentions(mentions) if mentions is not None else None
    return _labels(file, scheme, wanted, found, site)


def labels_of_table(
    table: pa.Table,
    name: str,
    scheme: str | None,
    wanted: Iterable[str],
    mentions: pa.Table | None,
    site: Path | None = None,
) -> Labels:
    """Return the labels of a labels table; `name` is for messages."""
    columns, metadata = columns_and_metadata(table)
    file = StateFile(name, columns["exam_id"], columns, metadata)
    return _labels(file, scheme, wanted, mentions, site)


def labels_of_reports(
    reports: ReportTexts,
    scheme: str | None,
    wanted: Iterable[str],
    *,
    site: Path | None = None,
    workers: int = 0,
    progress: Progress = silent,
) -> Labels:
    """Label reports with the rule labeler.

    Raises
    ------
    UserError
        There is no such scheme.
    """
    table = reports.table.select(["exam_id", "sections"])
    several = labelling_processes(workers, table.num_rows)
    chunks = (table.slice(begin, _CHUNK) for begin in range(0, table.num_rows, _CHUNK))
    mentions, labels, done = [], [], 0
    for some_mentions, some_labels in label_chunks(chunks, several, site):
        mentions.append(some_mentions)
        labels.append(some_labels)
        done += some_labels.num_rows
        progress(done, table.num_rows, "reports labelled")
    return labels_of_table(
        pa.concat_tables(labels),
        str(reports.name),
        scheme,
        wanted,
        pa.concat_tables(mentions),
        site,
    )


_CHUNK = 5_000


def read_mentions(path: Path) -> pa.Table:
    """Read a file of mentions (Parquet or CSV, as the mentions table has them).

    Raises
    ------
    SourceError
        The file cannot be read or lacks a column.
    """
    columns, _ = read_columns(path)
    for column in MENTION_COLUMNS:
        require_column(list(columns), column, path)
    try:
        table = pa.table({name: columns[name] for name in MENTION_COLUMNS})
        numbers = dict.fromkeys(("section_no", "start", "end"), pa.int32())
        return table.cast(
            pa.schema([(name, numbers.get(name, pa.string())) for name in MENTION_COLUMNS])
        )
    except pa.ArrowInvalid:
        raise SourceError(
            f"{printable(path)}: its offsets are not whole numbers; write the mentions table again"
        ) from None


def _labels(
    file: StateFile,
    scheme: str | None,
    wanted: Iterable[str],
    mentions: pa.Table | None,
    site: Path | None,
) -> Labels:
    vocabulary = site_vocabulary(site)
    named = file.metadata.get("scheme")
    projected = not named and len(set(vocabulary.finding_ids) & set(file.columns)) > 1
    if projected:
        fitting = label_scheme(scheme or fitting_scheme(wanted), site)
        return Labels(file, fitting, True, mentions, vocabulary)
    if scheme and named and scheme != named:
        raise UserError(
            f"{file.name}: has the classes of scheme {printable(named)}, not of {scheme}; label "
            f"with {scheme}, or name the scheme that the file has"
        )
    names = [scheme or named] if scheme or named in scheme_names() else _schemes_of(file.columns)
    chosen = label_scheme(str(names[0]), site) if names else None
    return Labels(file, chosen, False, mentions, vocabulary)


def _schemes_of(columns: Iterable[str]) -> list[str]:
    """Return the schemes all of whose classes are columns."""
    return [name for name in scheme_names() if set(label_scheme(name).classes) <= set(columns)]
