"""Reports and their human codes from a source into the lake."""

import hashlib
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import schemas
from pipeline.contracts import whole
from pipeline.date_shift import DateShift
from pipeline.delivery import Delivery
from pipeline.drop_folder import DropFolder, LocalFile
from pipeline.lake_run import Run
from pipeline.passing_labels import PassingLabels
from pipeline.pseudonyms import Pseudonymiser
from pipeline.readers import ReportBatch, read_reports
from pipeline.readers.column_mapping import ColumnMapping
from pipeline.readers.report_batch import gathered
from pipeline.readers.report_source import COLLECTIONS, folder_files, report_format
from pipeline.readers.source_error import printable
from pipeline.scratch import scratch_folder
from pipeline.settings import ReportSettings, Settings
from pipeline.stage_summary import Progress
from pipeline.stored_prefix import StoredPrefix
from pipeline.veiled_names import veiled_errors, veiled_references


def take_in_reports(
    run: Run,
    settings: Settings,
    pseudonymiser: Pseudonymiser,
    progress: Progress,
    *,
    force: bool = False,
) -> tuple[dict[str, int], tuple[str, ...]]:
    """Read the report source and write what is new into tables reports, gold and quarantine.

    Where the lake keeps no text, mentions and labels are written too; `force` then labels also what
    has current labels.

    Returns
    -------
    Exams by what became of them, and a line a reason of quarantine.
    """
    source_of = settings.reports
    path = source_of.path
    assert path is not None
    gold: list[pa.Table] = []
    shift = DateShift(pseudonymiser) if settings.privacy.shift_dates else None
    with scratch_folder(run.lake, "intake") as folder, veiled_errors(path, pseudonymiser):
        drop = _drop_folder(run, settings, folder, pseudonymiser, force)
        passing = None
        if settings.privacy.keep_text == "none":
            passing = PassingLabels(run, folder, settings.label.vocabulary, force=force)
        delivery = Delivery(
            run,
            "reports",
            Path(path).name if drop is None else drop.source,
            folder,
            passing=passing,
            shift=shift,
            whole=drop is None,
        )
        batches = (
            read_reports(path, column_mapping(source_of), source_of.format)
            if drop is None
            else gathered(drop.batches())
        )
        for batch in batches:
            source = delivery.source
            rejected = _pseudonymised(batch.rejected, pseudonymiser, "key")
            delivery.reject(_veiled(rejected, source, pseudonymiser))
            reports = _pseudonymised(batch.reports, pseudonymiser, "exam_id", "patient_id")
            reports = _veiled(reports, source, pseudonymiser)
            if reports.num_rows:
                hashes = pa.array(text_hashes(reports["sections"]))
                reports = reports.append_column("content_hash", hashes)
                delivery.add(reports.append_column("told_at", _told_at(batch, run)))
            if batch.gold.num_rows:
                gold.append(_pseudonymised(batch.gold, pseudonymiser, "exam_id"))
            progress(delivery.exams_in, 0, "reports read")
        counts, notes = delivery.settle()
    progress(counts["in"], counts["in"], "reports read")
    if drop is not None:
        drop.commit()
        notes = (drop.note(), *notes)
    if gold:
        _commit_gold(run, pa.concat_tables(gold))
    return counts, notes


def _drop_folder(
    run: Run, settings: Settings, scratch: Path, pseudonymiser: Pseudonymiser, force: bool
) -> DropFolder | None:
    """Return the drop folder that the settings name; None for a file, archive or collection."""
    path, format = settings.reports.path, settings.reports.format
    mapping = column_mapping(settings.reports)
    # An emptied folder is no error where files were delivered before.
    delivered = "delivered_files" in run.current
    if isinstance(path, str):
        prefix = StoredPrefix(path, settings.lake.storage_options, scratch, pseudonymiser)
        objects, format_of = prefix.files(format, may_be_empty=delivered)
        return DropFolder(
            run,
            prefix.source,
            prefix.url,
            objects,
            mapping,
            format_of,
            pseudonymiser,
            settings.engine,
            force,
        )
    if path is None or not path.is_dir():
        return None
    emptied = delivered and not folder_files(path)
    found: str = report_format(path) if format == "auto" and not emptied else format
    if found in COLLECTIONS:
        return None
    files = [] if emptied else [LocalFile(file) for file in folder_files(path, found)]
    source = printable(path.resolve().name)
    place = str(path.resolve())
    return DropFolder(
        run, source, place, files, mapping, found, pseudonymiser, settings.engine, force
    )


def column_mapping(settings: ReportSettings) -> ColumnMapping:
    """Return the column mapping that the settings describe."""
    return ColumnMapping(
        exam_id=settings.exam_id,
        text=tuple(settings.text),
        patient_id=settings.patient_id,
        exam_time=settings.exam_time,
        site=settings.site,
        status=settings.status,
    )


def _told_at(batch: ReportBatch, run: Run) -> pa.Array:
    """Return when each report was told; null also where the sender's clock is ahead of the lake's.

    A report told tomorrow would stand against all that is told until then.
    """
    if batch.told_at is None:
        return pa.nulls(batch.reports.num_rows, schemas.TIMESTAMP)
    latest = pa.scalar(run.now + timedelta(days=1), schemas.TIMESTAMP)
    return pc.if_else(pc.less_equal(batch.told_at, latest), batch.told_at, None)


def text_hashes(sections: pa.ChunkedArray) -> list[str]:
    """Return the SHA-256 of each report's sections (kinds and texts, in order), in hex."""
    hashes: list[str] = []
    for chunk in sections.chunks:
        flat = chunk.flatten()
        kinds, texts = flat.field(0).to_pylist(), flat.field(1).to_pylist()
        start = 0
        for length in pc.list_value_length(chunk).to_pylist():
            digest = hashlib.sha256()
            for place in range(start, start + length):
                digest.update(f"{kinds[place]}\x1f{texts[place]}\x1e".encode())
            start += length
            hashes.append(digest.hexdigest())
    return hashes


def _pseudonymised(rows: pa.Table, pseudonymiser: Pseudonymiser, *columns: str) -> pa.Table:
    for name in columns:
        at = rows.column_names.index(name)
        kind = "patient" if name == "patient_id" else "exam"
        rows = rows.set_column(at, name, pseudonymiser.column(rows[name], kind))
    return rows


def _veiled(rows: pa.Table, source: str, pseudonymiser: Pseudonymiser) -> pa.Table:
    at = rows.column_names.index("reference")
    return rows.set_column(
        at, "reference", veiled_references(rows["reference"], source, pseudonymiser)
    )


def _commit_gold(run: Run, rows: pa.Table) -> None:
    """Replace the human codes of the exams whose codes changed."""
    keys = ["exam_id", "coding", "code"]
    delivered = rows.select([*keys, "source"]).to_pandas().drop_duplicates(keys)
    known = run.read("gold", keys).to_pandas()
    known = known[known["exam_id"].isin(delivered["exam_id"])]
    both = delivered.merge(known, on=keys, how="outer", indicator="where")
    changed = both.loc[both["where"] != "both", "exam_id"].unique()
    if len(changed) == 0:
        return
    run.delete("gold", pa.table({"exam_id": pa.array(changed, pa.string())}))
    chosen = delivered[delivered["exam_id"].isin(changed)]
    fresh = pa.Table.from_pandas(chosen, preserve_index=False)
    joined = ("\x1f".join(row.values()) for row in fresh.select(keys).to_pylist())
    hashes = pa.chunked_array([[hashlib.sha256(text.encode()).hexdigest() for text in joined]])
    stamped = run.stamped(fresh.drop_columns(["source"]), fresh["source"], hashes)
    run.append("gold", whole(run, "gold", stamped))
