"""Index: image files to rows of table images, with what each header says and whether it counts."""

import dataclasses
import hashlib

import pandas as pd
import pyarrow as pa

from data_contracts import schemas
from pipeline.contracts import checked
from pipeline.image_files import UNREAD, file_references, image_files
from pipeline.image_scan import described, signatures
from pipeline.images import ImageRules
from pipeline.lake import Lake
from pipeline.lake_run import Run
from pipeline.pseudonyms import Pseudonymiser
from pipeline.quarantine import file_away, reason_lines, rejected_rows, release
from pipeline.run_history import last_told
from pipeline.sealed_paths import PathSeal
from pipeline.selection import EVERYTHING, Selection, exams_selected
from pipeline.settings import ImageSettings, Settings
from pipeline.stage_summary import Progress, StageSummary, silent

# A scan that is killed goes on after the last so many files.
FILES_A_COMMIT = 20_000
# What each commit has to know of the images there are.
_KNOWN = ("image_id", "exam_id", "path", "pixel_digest", "usable", "reason", "content_hash")


def index(
    settings: Settings,
    *,
    progress: Progress = silent,
    force: bool = False,
    selection: Selection = EVERYTHING,
) -> StageSummary:
    """Describe the image files that are new or changed; decode nothing.

    Reads the image folder and, if there is one, the list that says which file is whose; writes
    images and quarantine. An image that cannot be used keeps its row, with the reason, and stands
    in quarantine too. A file seen before with the same size and time is not opened again, unless
    `force` or the rules have changed; so `content_hash` here is of what was looked at (path, size,
    time, rules, list), and `pixel_digest` is of the pixels. `selection` limits it to the files that
    the lake or the image list knows as those of some exams; new files that only their headers
    could tell are left for a run without one. Each `FILES_A_COMMIT` files are a commit and a run of
    the ledger, so that a scan of a million files that is killed goes on where it was.

    Raises
    ------
    UserError
        There is no image folder, no file in it, the rows break their contract as a whole, or a
        selected exam is not there.
    """
    selection.refuse_other_than("index")
    pseudonymiser = Pseudonymiser.of(settings)
    files = image_files(settings.images)
    files["content_hash"] = signatures(files, image_rules(settings.images), pseudonymiser)
    parts: list[_Part] = []
    left: pd.DataFrame | None = None
    done = 0
    while left is None or len(left):
        with Run(Lake.of(settings), "index", {"force": force, **selection.told()}) as run:
            parts.append(
                _index_part(run, settings, files, left, pseudonymiser, progress, selection, done)
            )
        done += FILES_A_COMMIT
        left = parts[-1].left
    return _summary(parts)


@dataclasses.dataclass(frozen=True)
class _Part:
    """What one commit of an index did: its summary, what it rejected, and the files left to do."""

    summary: StageSummary
    rejected: list[pa.Table]
    left: pd.DataFrame


def _index_part(
    run: Run,
    settings: Settings,
    files: pd.DataFrame,
    left: pd.DataFrame | None,
    pseudonymiser: Pseudonymiser,
    progress: Progress,
    selection: Selection,
    done: int,
) -> _Part:
    """Describe and commit at most `FILES_A_COMMIT` of the files that are due.

    Parameters
    ----------
    files
        All files there are (`image_files`), with their signature as content_hash.
    left
        Those of them that the commits before left to do; None for the first one, which finds out.
    done
        How many files the commits before described.
    """
    seal = PathSeal(pseudonymiser)
    known = run.read("images", list(_KNOWN)).to_pandas()
    known["path"] = pd.Series(seal.opened(known["path"]), known.index, "str")
    counts = {"in": 0, "indexed": 0, "unchanged": 0}
    force = run.parameters["force"]
    if left is None:
        asked = _selected(run, files, known, selection, pseudonymiser)
        before = asked["path"].map(known.set_index("path")["content_hash"])
        left = asked if force else asked[before != asked["content_hash"]]
        seen = known[known["path"].isin(asked["path"]) & ~known["path"].isin(left["path"])]
        counts["in"] = len(asked) - len(left)
        counts["unchanged"] = int(seen["usable"].sum())
    fresh, later = left.iloc[:FILES_A_COMMIT], left.iloc[FILES_A_COMMIT:]
    due = done + len(left)
    rows = described(
        fresh,
        image_rules(settings.images),
        settings.engine,
        pseudonymiser,
        lambda at, _, note: progress(done + at, due, note),
    )
    rows = rows[force | ~_still_unread(rows, known)]
    # Files that are still to be described hold no image against others.
    standing = known[~known["path"].isin(left["path"])]
    rows, repeated, rejected = _distinct(rows, standing)
    rows, broken = _kept(run, rows, seal)
    # A damaged file that had the row of an image which another file now shows.
    ousted = standing[standing["image_id"].isin(rows["image_id"])].copy()
    ousted = ousted[ousted["path"].isin(files["path"])]
    ousted["reference"] = file_references(ousted["path"], pseudonymiser).to_pandas()
    rejected += [broken, _unusable(rows[~rows["usable"]]), _unusable(ousted)]
    _commit(run, known, rows, seal)
    file_away(run, rejected)
    counts["in"] += len(fresh)
    counts["indexed"] += int(rows["usable"].sum())
    counts["unchanged"] += repeated
    counts["quarantined"] = counts["in"] - counts["indexed"] - counts["unchanged"]
    pseudonymiser.save_map()
    digest = rules_digest(settings.images)
    whole = later.empty and not selection.of_exams
    if whole and (run.changed or last_rules(run.lake) != digest):
        run.note(rules=digest)
    run.commit(counts)
    return _Part(run.summary(counts), rejected, later)


def _summary(parts: list[_Part]) -> StageSummary:
    """Return the summary of all commits of an index as that of one."""
    written = [part.summary for part in parts if part.summary.run_id] or [parts[-1].summary]
    counts = {
        name: sum(part.summary.counts[name] for part in parts) for name in parts[0].summary.counts
    }
    rejected = pa.concat_tables([table for part in parts for table in part.rejected])
    return dataclasses.replace(
        written[-1],
        counts=counts,
        parts=("indexed", "unchanged", "quarantined"),
        seconds=sum(part.summary.seconds for part in parts),
        notes=(*written[-1].notes, *reason_lines(rejected)),
    )


def image_rules(settings: ImageSettings) -> ImageRules:
    """Return the rules that the settings describe."""
    return ImageRules(
        views=tuple(settings.views),
        keep_unknown_view=settings.keep_unknown_view,
        modalities=tuple(settings.modalities),
        body_parts=tuple(settings.body_parts),
    )


def rules_digest(settings: ImageSettings) -> str:
    """Return a hash of the rules by which images are used or not."""
    rules = repr(dataclasses.astuple(image_rules(settings)))
    return hashlib.sha256(rules.encode()).hexdigest()


def last_rules(lake: Lake) -> str | None:
    """Return by which rules (`rules_digest`) the whole folder was last described."""
    return last_told(lake, "index", "rules")


def _selected(
    run: Run,
    files: pd.DataFrame,
    known: pd.DataFrame,
    selection: Selection,
    pseudonymiser: Pseudonymiser,
) -> pd.DataFrame:
    """Return the files that the list or the lake knows as the selected exams'; all by default."""
    listed = pseudonymiser.column(pa.array(files["exam_id"], pa.string(), from_pandas=True))
    owner = pd.Series(listed.to_pandas().to_numpy(), files.index, "object")
    owner = owner.fillna(files["path"].map(known.set_index("path")["exam_id"]))
    chosen = exams_selected(run, selection, owner.dropna())
    return files if chosen is None else files[owner.isin(chosen.to_pylist())]


def _distinct(
    rows: pd.DataFrame, standing: pd.DataFrame
) -> tuple[pd.DataFrame, int, list[pa.Table]]:
    """Leave out copies of an image, and reject files that claim an id with other pixels.

    The usable image that the lake holds stands, else the first usable one in path order. An
    unusable file never takes an id from another one; it is rejected for its own reason.

    Returns
    -------
    The rows that are left, the number of usable copies, and what is rejected.
    """
    rows = rows.sort_values("usable", ascending=False, kind="stable")
    held = standing[standing["usable"]]
    digest_of = held.set_index("image_id")["pixel_digest"]
    first = rows.drop_duplicates("image_id").set_index("image_id")["pixel_digest"]
    claimed = rows["image_id"].isin(held["image_id"]) | rows["image_id"].duplicated()
    claimed |= ~rows["usable"] & rows["image_id"].isin(standing["image_id"])
    owner = rows["image_id"].map(digest_of).fillna(rows["image_id"].map(first))
    copies = claimed & rows["usable"] & (owner == rows["pixel_digest"])
    clash = claimed & rows["usable"] & ~copies
    reason = pd.Series("another file has this image_id with other pixels", rows.index[clash])
    rule = pd.Series("image_id_conflict", rows.index[clash])
    rejected = [
        _rejected(rows[clash], rule, reason),
        _unusable(rows[claimed & ~rows["usable"]]),
    ]
    return rows[~claimed].sort_index(), int(copies.sum()), rejected


def _still_unread(rows: pd.DataFrame, known: pd.DataFrame) -> pd.Series:
    """Say which rows are of files that could not be read, and could not be before."""
    before = rows["path"].map(known.set_index("path")["content_hash"])
    return (rows["content_hash"] == UNREAD) & (before == UNREAD)


def _kept(run: Run, rows: pd.DataFrame, seal: PathSeal) -> tuple[pd.DataFrame, pa.Table]:
    """Hold the rows to their contract; return those that keep it and what does not."""
    result = checked(run, "images", _table(run, rows, seal))
    bad = result.rejected.to_pandas()
    lost = rows.iloc[bad["row"].to_numpy()]
    rejected = _rejected(lost, bad["rule"], bad["reason"].set_axis(lost.index))
    return rows.drop(index=lost.index), rejected


def _commit(run: Run, known: pd.DataFrame, rows: pd.DataFrame, seal: PathSeal) -> None:
    """Replace the rows of files that changed, add those of new ones."""
    gone = known[known["path"].isin(rows["path"]) | known["image_id"].isin(rows["image_id"])]
    run.delete("images", pa.table({"image_id": pa.array(gone["image_id"], pa.string())}))
    if len(rows):
        run.append("images", _table(run, rows, seal))
        mended = rows.loc[rows["usable"], "image_id"]
        release(run, "images", pa.array(mended, pa.string()))


def _table(run: Run, rows: pd.DataFrame, seal: PathSeal) -> pa.Table:
    rows = rows.assign(path=seal.sealed(rows["path"]))
    bare = pa.schema([f for f in schemas.IMAGES if f not in schemas.PROVENANCE])
    table = pa.Table.from_pandas(rows[bare.names], schema=bare, preserve_index=False)
    hashes = pa.array(rows["content_hash"], pa.string())
    return run.stamped(table, "images", hashes).select(schemas.IMAGES.names)


def _unusable(rows: pd.DataFrame) -> pa.Table:
    """Return images that cannot be used in the shape of quarantine."""
    parts = rows["reason"].astype("str").str.split(": ", n=1, expand=True).reindex(columns=[0, 1])
    return _rejected(rows, parts[0], parts[1])


def _rejected(rows: pd.DataFrame, rule: pd.Series, reasons: pd.Series) -> pa.Table:
    return rejected_rows(
        "images",
        pa.array(rows["image_id"], pa.string()),
        pa.array(rows["reference"], pa.string()),
        pa.array(rule, pa.string()),
        pa.array(reasons, pa.string()),
        pa.repeat(pa.scalar("images"), len(rows)),
        pa.array(rows["content_hash"], pa.string()),
    )
