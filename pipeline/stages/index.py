"""Index: image files to rows of table images, with what each header says and whether it counts."""

import dataclasses
import hashlib
import os
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from data_contracts import schemas
from pipeline.contracts import checked
from pipeline.engine import map_chunks, workers_of
from pipeline.image_files import UNREAD, file_references, image_files
from pipeline.images import ImageRules, describe_image
from pipeline.lake import Lake
from pipeline.lake_run import Run
from pipeline.pseudonyms import Pseudonymiser
from pipeline.quarantine import file_away, rejected_rows, release
from pipeline.run_history import last_told
from pipeline.sealed_paths import PathSeal
from pipeline.selection import EVERYTHING, Selection, exams_selected
from pipeline.settings import ImageSettings, Settings
from pipeline.stage_summary import Progress, StageSummary, silent

FILES_A_CHUNK = 128
# Below this many new files a pool of processes costs more than it gives.
POOL_FROM = 2_000
_DESCRIBED = [f.name for f in schemas.IMAGES if f not in schemas.PROVENANCE]


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
    could tell are left for a run without one.

    Raises
    ------
    UserError
        There is no image folder, no file in it, the rows break their contract as a whole, or a
        selected exam is not there.
    """
    rules = image_rules(settings.images)
    pseudonymiser = Pseudonymiser.of(settings)
    selection.refuse_other_than("index")
    digest = rules_digest(settings.images)
    told = {"force": force, **selection.told()}
    if not selection.of_exams:
        told["rules"] = digest
    with Run(Lake.of(settings), "index", told) as run:
        files = image_files(settings.images)
        files["content_hash"] = _signatures(files, rules, pseudonymiser)
        seal = PathSeal(pseudonymiser)
        known = run.read("images").to_pandas()
        known["path"] = pd.Series(seal.opened(known["path"]), known.index, "str")
        there, files = files, _selected(run, files, known, selection, pseudonymiser)
        before = files["path"].map(known.set_index("path")["content_hash"])
        fresh = files if force else files[before != files["content_hash"]]
        rows = _described(fresh, rules, settings, pseudonymiser, progress)
        rows = rows[force | ~_still_unread(rows, known)]
        rows, repeated, rejected = _distinct(rows, known[~known["path"].isin(fresh["path"])])
        rows, broken = _kept(run, rows, seal)
        # A damaged file that had the row of an image which another file now shows.
        ousted = known[known["image_id"].isin(rows["image_id"]) & known["path"].isin(there["path"])]
        ousted = ousted[~ousted["path"].isin(fresh["path"])].copy()
        ousted["reference"] = file_references(ousted["path"], pseudonymiser).to_pandas()
        rejected += [broken, _unusable(rows[~rows["usable"]]), _unusable(ousted)]
        _commit(run, known, rows, seal)
        _, notes = file_away(run, rejected)
        seen = known[known["path"].isin(files["path"]) & ~known["path"].isin(fresh["path"])]
        counts = {
            "in": len(files),
            "indexed": int(rows["usable"].sum()),
            "unchanged": int(seen["usable"].sum()) + repeated,
        }
        counts["quarantined"] = len(files) - counts["indexed"] - counts["unchanged"]
        pseudonymiser.save_map()
        if not run.changed and not selection.of_exams and last_rules(run.lake) != digest:
            # Files were described by these rules selection by selection, now all of them are.
            run.note(rules=digest)
        run.commit(counts)
        return run.summary(counts, parts=("indexed", "unchanged", "quarantined"), notes=notes)


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


def _signatures(files: pd.DataFrame, rules: ImageRules, pseudonymiser: Pseudonymiser) -> list[str]:
    """Return a hash a file of all that its row depends on, without opening it; keyed if ids are."""
    told = "\x1f".join(str(value) for value in dataclasses.astuple(rules))
    if pseudonymiser.active:
        # A row whose path is not sealed yet is made again.
        told += "\x1fsealed"
    signatures = []
    for path, exam, patient, view in files.itertuples(index=False, name=None):
        try:
            status = os.stat(path)
            state = (status.st_size, status.st_mtime_ns)
        except OSError:
            # A broken link, or a file that went away: describing it will say so.
            state = (0, 0)
        looked_at = (path, *state, exam, patient, view, told)
        text = "\x1f".join(str(value) for value in looked_at)
        digest = hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()
        signatures.append(pseudonymiser.one(digest))
    return signatures


def _described(
    files: pd.DataFrame,
    rules: ImageRules,
    settings: Settings,
    pseudonymiser: Pseudonymiser,
    progress: Progress,
) -> pd.DataFrame:
    """Return a row a file: the columns of `images`, content_hash, and reference for quarantine.

    Identifiers are as the lake keeps them.
    """
    paths = list(files["path"])
    chunks = [paths[at : at + FILES_A_CHUNK] for at in range(0, len(paths), FILES_A_CHUNK)]
    workers = workers_of(settings.engine, many=len(paths) >= POOL_FROM)
    rows: list[dict[str, Any]] = []
    for part in map_chunks(partial(_describe, rules=rules), chunks, workers):
        rows += part
        progress(len(rows), len(paths), "images indexed")
    described = pd.DataFrame(rows, columns=_DESCRIBED)
    listed = files.set_index("path")
    for name in ("exam_id", "patient_id", "view"):
        told = described["path"].map(listed[name])
        described[name] = told.where(told.notna(), described[name])
    described["content_hash"] = described["path"].map(listed["content_hash"])
    # Looked at again by every run, since it need not change to become readable.
    unread = described["reason"].str.startswith("unreadable:").eq(True)
    described["content_hash"] = described["content_hash"].mask(unread, UNREAD)
    described = _ruled_by_list(described, rules)
    for name in ("image_id", "exam_id", "patient_id"):
        column = pa.array(described[name], pa.string(), from_pandas=True)
        kind = {"exam_id": "exam", "patient_id": "patient"}.get(name)
        described[name] = pseudonymiser.column(column, kind).to_pandas()
    described["reference"] = file_references(described["path"], pseudonymiser).to_pandas()
    return described


def _still_unread(rows: pd.DataFrame, known: pd.DataFrame) -> pd.Series:
    """Say which rows are of files that could not be read, and could not be before."""
    before = rows["path"].map(known.set_index("path")["content_hash"])
    return (rows["content_hash"] == UNREAD) & (before == UNREAD)


def _describe(paths: list[str], rules: ImageRules) -> list[dict[str, Any]]:
    return [{**describe_image(Path(path), rules), "path": path} for path in paths]


def _ruled_by_list(described: pd.DataFrame, rules: ImageRules) -> pd.DataFrame:
    """Hold images to what only the list says: whose they are, and their view."""
    usable = described["usable"].astype(bool)
    ownerless = usable & described["exam_id"].isna()
    described.loc[ownerless, "reason"] = (
        "no_exam: neither the file nor an image list names its exam"
    )
    wrong = described["view"].notna() & ~described["view"].isin(rules.views)
    other_view = usable & ~ownerless & wrong
    described.loc[other_view, "reason"] = "view: not " + " or ".join(rules.views)
    described["usable"] = usable & ~ownerless & ~other_view
    return described


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
