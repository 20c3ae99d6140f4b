"""Rows of quarantine released or discarded by a person, after a fix or for good.

To release a row is to read its source again through the stage and the contract that refused it. It
leaves quarantine if it is taken in now; if it is refused again it stays. To discard a row is to
note that nothing will be done about it: it stays in quarantine, so that what came in is still what
was kept, quarantined and unchanged, but counts as open no more.
"""

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import schemas
from pipeline.contracts import whole
from pipeline.lake import Lake
from pipeline.lake_run import Run
from pipeline.local_account import local_account
from pipeline.manifests import current_release, read_manifest
from pipeline.pseudonyms import Pseudonymiser
from pipeline.quarantine import REJECTED, refusals
from pipeline.quarantine_rows import DISCARDED, RELEASED
from pipeline.readers.source_error import printable
from pipeline.road import stage
from pipeline.settings import Settings
from pipeline.stage_summary import Progress, StageSummary, silent
from pipeline.user_error import UserError

# The stage that holds the rows of a table to its contract.
STAGE_OF = {
    "reports": "ingest",
    "file_labels": "ingest",
    "mentions": "label",
    "labels": "label",
    "images": "index",
    "manifest": "link",
}
_FROM_TEXT = ("mentions", "labels")
# What tells rows apart that have an id now and had none before.
_SAME = ["table", "key", "source"]


def discard(settings: Settings, rows: pa.Table, who: str | None = None) -> StageSummary:
    """Note that rows (of `chosen_rows`) are discarded, by whom (the local account) and when.

    Raises
    ------
    UserError
        The lake cannot be written.
    """
    with Run(Lake.of(settings), "quarantine", {"decision": DISCARDED}) as run:
        _decide(run, rows, DISCARDED, who)
        counts = {"in": rows.num_rows, "discarded": rows.num_rows}
        run.commit(counts)
        return run.summary(counts, parts=("discarded",))


def release(
    settings: Settings, rows: pa.Table, progress: Progress = silent, who: str | None = None
) -> tuple[StageSummary, ...]:
    """Read the sources of rows (of `chosen_rows`) again; those that are taken in are released.

    The whole source is read, as the stage reads it every night, so other rows may come in as well.
    A row without a key is released if its source was read again and did not refuse it; one with a
    key if its table has the key now, or refuses it by another rule. `who` decides, the local
    account by default.

    Returns
    -------
    The summaries of the stages that ran, and last that of the release.

    Raises
    ------
    UserError
        A table is of no stage that could read it again, its text is not kept, or a stage fails.
    """
    names = _stages(settings, rows)
    with refusals() as collected:
        summaries = [
            stage(name)(settings, progress=progress, force=_reads_all(settings, name, rows))
            for name in names
        ]
    refused = pa.concat_tables(
        [REJECTED.append(pa.field("row_id", pa.string())).empty_table(), *collected]
    )
    with Run(Lake.of(settings), "quarantine", {"decision": RELEASED}) as run:
        taken = _taken_in(run, settings, rows, refused)
        released = rows.filter(taken)
        if released.num_rows:
            run.delete("quarantine", released.select(["row_id"]))
            _decide(run, released, RELEASED, who)
        stay = rows.num_rows - released.num_rows
        counts = {"in": rows.num_rows, "released": released.num_rows, "quarantined": stay}
        run.commit(counts)
        notes = (
            (f"{stay:,} are refused as before, or their source holds them no more",) if stay else ()
        )
        last = run.summary(counts, parts=("released", "quarantined"), notes=notes)
    return (*summaries, last)


def _stages(settings: Settings, rows: pa.Table) -> list[str]:
    """Return the stages that read the rows again, in the order of the road."""
    tables = rows["table"].unique().to_pylist()
    for table in tables:
        if table not in STAGE_OF:
            raise UserError(f"rows of {table} cannot be read again; discard them")
        if table in _FROM_TEXT and settings.privacy.keep_text == "none":
            raise UserError(
                f"rows of {table} cannot be released: this lake keeps no text ([privacy] keep_text "
                '= "none"); deliver the reports again with `radsim ingest --force`, which labels'
            )
    asked = {STAGE_OF[table] for table in tables}
    return [name for name in ("ingest", "label", "index", "link") if name in asked]


def _reads_all(settings: Settings, name: str, rows: pa.Table) -> bool:
    """Return whether a stage must be told to read what it has read: files of a drop folder."""
    if name != "ingest" or settings.reports.path is None:
        return False
    is_file = not isinstance(settings.reports.path, str) and settings.reports.path.is_file()
    return not is_file and pc.any(pc.equal(rows["table"], "reports")).as_py()


def _taken_in(run: Run, settings: Settings, rows: pa.Table, refused: pa.Table) -> pa.Array:
    """Return which rows have left quarantine or may leave it, bool (n_rows,)."""
    held = set(run.read("quarantine", ["row_id"])["row_id"].to_pylist())
    again = set(refused["row_id"].to_pylist())
    otherwise = {tuple(row.values()) for row in refused.select(_SAME).to_pylist() if row["key"]}
    keys = {table: _keys(run, table) for table in rows["table"].unique().to_pylist()}
    sources = _sources_read(settings)
    taken = []
    for row in rows.to_pylist():
        if row["row_id"] not in held:
            taken.append(True)
        elif row["row_id"] in again:
            taken.append(False)
        elif row["key"] is None:
            read = sources.get(row["table"], ())
            taken.append(any(row["reference"].startswith(place) for place in read))
        else:
            same = tuple(row[name] for name in _SAME)
            taken.append(row["key"] in keys[row["table"]] or same in otherwise)
    return pa.array(taken, pa.bool_())


def _keys(run: Run, table: str) -> set[str]:
    """Return the keys that a table holds now."""
    if table == "manifest":
        if "manifest" not in run.current:
            return set()
        release = current_release(run.lake)
        return set(read_manifest(run.lake, release)["image_id"].to_pylist())
    if table == "images":
        images = run.read("images", ["image_id", "usable"])
        return set(images.filter(images["usable"])["image_id"].to_pylist())
    return set(
        run.read("labels" if table in _FROM_TEXT else table, ["exam_id"])["exam_id"].to_pylist()
    )


def _sources_read(settings: Settings) -> dict[str, Sequence[str]]:
    """Return by table how references begin of which the source has been read again as a whole."""
    read: dict[str, Sequence[str]] = {}
    if settings.label_file.path is not None:
        read["file_labels"] = (f"{settings.label_file.path.name} ",)
    path = settings.reports.path
    if path is None or isinstance(path, str):
        return read
    if path.is_file():
        return read | {"reports": (f"{printable(path.name)} ",)}
    source, known = printable(path.resolve().name), Pseudonymiser.of(settings)
    names = [printable(str(file.relative_to(path))) for file in path.rglob("*") if file.is_file()]
    return read | {"reports": tuple(f"{source} {known.one(name)}" for name in names)}


def _decide(run: Run, rows: pa.Table, decision: str, who: str | None) -> None:
    """Write a decision on each row, with what quarantine said of it."""
    made = run.read("quarantine_decisions", ["decision_no"])
    first = (pc.max(made["decision_no"]).as_py() or 0) + 1
    size = rows.num_rows
    bare = [f.name for f in schemas.QUARANTINE if f not in schemas.PROVENANCE]
    told = (
        rows.select(bare)
        .append_column("decision_no", pa.array(range(first, first + size), pa.int64()))
        .append_column("decision", pa.repeat(pa.scalar(decision), size))
        .append_column("who", pa.repeat(pa.scalar(who or local_account()), size))
    )
    stamped = run.stamped(told, rows["source"], rows["content_hash"])
    run.append("quarantine_decisions", whole(run, "quarantine_decisions", stamped))
