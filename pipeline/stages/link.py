"""Link: labels and images to a manifest release."""

import hashlib
from collections.abc import Callable
from functools import partial
from typing import Any

import pandas as pd
import pyarrow as pa

from data_contracts import schemas
from labelers import Scheme, Vocabulary
from pipeline.contracts import checked
from pipeline.labelling import label_scheme, site_vocabulary
from pipeline.lake import Lake, require
from pipeline.lake_run import Run
from pipeline.manifests import (
    Release,
    current_release,
    manifest_metadata,
    publish_manifest,
    read_manifest,
    release_of,
    releases,
    split_sizes,
)
from pipeline.quarantine import file_away, rejected_rows
from pipeline.release_changes import release_changes
from pipeline.reviewed_states import override_by_reviews
from pipeline.reviewing import take_in
from pipeline.run_history import finished_runs
from pipeline.selection import EVERYTHING, Selection
from pipeline.settings import Settings
from pipeline.splits import split_patients
from pipeline.stage_summary import Progress, StageSummary, silent
from pipeline.user_error import UserError

_PIECE = 50_000  # rows

# What a release is made from.
TABLES_LINKED = ("labels", "file_labels", "reports", "images", "reviews")

_NOT_CONTENT = ["run_id", "committed_at"]


def link(
    settings: Settings,
    *,
    progress: Progress = silent,
    force: bool = False,
    selection: Selection = EVERYTHING,
) -> StageSummary:
    """Join labelled exams with their usable images and publish the result as a manifest.

    Reads labels, file_labels, reviews, reports and images, after it has taken in the reviews that
    wait; what reviewers settle overrides the states of labels and files. Writes splits, quarantine
    and a numbered release, unless the rows are those of the last one (`force` publishes all the
    same). Of a new release is counted what differs from the last (see `release_changes`). Where
    `selection` names an earlier release, the tables that it was made from are linked again, and
    what comes of them is the newest release until the next one.

    Raises
    ------
    UserError
        There are no labels or no images yet, none of them belong together, or the manifest
        breaks its contract as a whole, such as a patient in two splits.
    """
    scheme = label_scheme(settings.manifest.scheme, settings.label.vocabulary)
    selection.refuse_other_than("link")
    told = {"scheme": scheme.name, "force": force, **selection.told()}
    take_in(settings)
    with Run(Lake.of(settings), "link", told) as run:
        if selection.version is not None:
            _pin_tables(run, selection.version)
        vocabulary = site_vocabulary(settings.label.vocabulary)
        rows, n_exams, n_images, reviewed = _linked(run, scheme, vocabulary)
        progress(0, n_exams, "exams linked")
        rows["split"] = split_patients(run, rows, settings.manifest)
        linked = int(rows["exam_id"].nunique())
        manifest = _manifest(run, rows, scheme)
        del rows  # a few hundred bytes an image, and checking and writing need as much again
        held = checked(run, "manifest", manifest, scheme.classes)
        quarantined, notes = _quarantine(run, manifest, held.rejected)
        counts = {
            "in": n_exams,
            "linked": linked,
            "unlinked": n_exams - linked,
            "images": held.kept.num_rows,
            "images without a labelled exam": n_images - manifest.num_rows,
            **reviewed,
        }
        if quarantined:
            counts["images quarantined"] = quarantined
        last = _last_rows(run, held.kept.column_names)
        if force or last is None or not _same(last[1], held.kept):
            if last is not None:
                counts |= release_changes(run, *last, held.kept)
            release = publish_manifest(run, held.kept, _told(run, scheme))
            notes = (f"manifest {release.version} is {release.path}", *notes)
        elif selection.version is None:
            _note_that_it_stands(run)
        run.commit(counts)
        progress(n_exams, n_exams, "exams linked")
        return run.summary(
            counts,
            parts=("linked", "unlinked"),
            notes=notes or (f"manifest {current_release(run.lake).version} stands",),
            figures={"splits": split_sizes(held.kept)},
        )


def _pin_tables(run: Run, release: int) -> None:
    """Let the run read the tables that a release was made from."""
    behind = manifest_metadata(read_manifest(run.lake, release_of(run.lake, release)))["tables"]
    for table in TABLES_LINKED:
        run.current.pop(table, None)
        if table in behind:
            run.pin(table, behind[table])


def _linked(
    run: Run, scheme: Scheme, vocabulary: Vocabulary
) -> tuple[pd.DataFrame, int, int, dict[str, int]]:
    """Return a row an image of a labelled exam; the labelled exams, usable images and reviews."""
    exams = _labelled_exams(run, scheme, vocabulary)
    reviewed = override_by_reviews(run, exams, scheme)
    images = _usable_images(run)
    rows = exams.merge(images, on="exam_id", how="inner", suffixes=("", "_of_image"))
    if rows.empty:
        raise UserError(
            f"none of {len(exams):,} labelled exams has one of {len(images):,} usable images; "
            "check that exam_id means the same in both"
        )
    known = rows["patient_id"].notna()
    rows["patient_id"] = rows["patient_id"].where(known, rows["patient_id_of_image"])
    return rows, len(exams), len(images), reviewed


def _labelled_exams(run: Run, scheme: Scheme, vocabulary: Vocabulary) -> pd.DataFrame:
    """Return a row an exam: states, patient, source; a file's states override a report's."""
    sources: dict[str, Callable[[Run, Scheme], pd.DataFrame]] = {
        "file_labels": _from_file,
        "labels": partial(_from_reports, vocabulary=vocabulary),
    }
    tables = [read(run, scheme) for name, read in sources.items() if name in run.current]
    if not tables:
        raise UserError("the lake has no labels yet; run `radsim label` first")
    exams = pd.concat(tables, ignore_index=True).drop_duplicates("exam_id", ignore_index=True)
    patients = run.read("reports", ["exam_id", "patient_id"]).to_pandas()
    known = exams["exam_id"].map(patients.set_index("exam_id")["patient_id"])
    exams["patient_id"] = exams["patient_id"].where(exams["patient_id"].notna(), known)
    return exams


def _from_reports(run: Run, scheme: Scheme, vocabulary: Vocabulary) -> pd.DataFrame:
    made_with = run.read("labels", ["vocabulary_hash"])["vocabulary_hash"].unique().to_pylist()
    if made_with != [vocabulary.hash]:
        raise UserError("the labels were made with another vocabulary; run `radsim label` first")
    columns = ["exam_id", "source", "content_hash"]
    labels = run.read("labels", [*columns, *vocabulary.finding_ids])
    states = scheme.project(labels).to_pandas(types_mapper=_nullable)
    return states.assign(
        patient_id=None,
        source_split=None,
        label_source="report",
        source=labels["source"].to_pandas(),
        content_hash=labels["content_hash"].to_pandas(),
    )


def _from_file(run: Run, scheme: Scheme) -> pd.DataFrame:
    rows = run.read("file_labels").to_pandas(types_mapper=_nullable)
    rows = rows[rows["scheme"] == scheme.name]
    states = rows.pivot(index="exam_id", columns="class", values="state")
    states = states.reindex(columns=list(scheme.classes))
    of_exam = rows.drop_duplicates("exam_id").set_index("exam_id").reindex(states.index)
    return states.assign(
        patient_id=of_exam["patient_id"],
        source_split=of_exam["split"],
        label_source="file",
        source=of_exam["source"],
        content_hash=of_exam["content_hash"],
    ).reset_index()


def _usable_images(run: Run) -> pd.DataFrame:
    columns = ["image_id", "exam_id", "patient_id", "view", "pixel_digest", "usable"]
    images = require(run.read("images", columns), "images", "index").to_pandas()
    return images[images["usable"]].drop(columns="usable")


def _manifest(run: Run, rows: pd.DataFrame, scheme: Scheme) -> pa.Table:
    schema = schemas.manifest(scheme.classes)
    joined = rows["content_hash"] + rows["pixel_digest"]
    rows = rows.assign(
        content_hash=_hashes(joined).to_pandas().set_axis(rows.index),
        run_id=run.run_id,
        committed_at=run.now,
    ).sort_values(["exam_id", "image_id"])
    return pa.Table.from_pandas(rows[schema.names], schema=schema, preserve_index=False)


def _hashes(texts: pd.Series) -> pa.ChunkedArray:
    """Return the SHA-256 of each text in hex, held as Arrow strings piece by piece."""
    pieces = (texts.iloc[n : n + _PIECE] for n in range(0, len(texts), _PIECE))
    return pa.chunked_array(
        [[hashlib.sha256(text.encode()).hexdigest() for text in piece] for piece in pieces],
        pa.string(),
    )


def _quarantine(run: Run, manifest: pa.Table, bad: pa.Table) -> tuple[int, tuple[str, ...]]:
    lost = manifest.take(bad["row"])
    return file_away(
        run,
        [
            rejected_rows(
                "manifest",
                lost["image_id"],
                lost["image_id"],
                bad["rule"],
                bad["reason"],
                lost["source"],
                lost["content_hash"],
            )
        ],
    )


def _last_rows(run: Run, columns: list[str]) -> tuple[Release, pa.Table] | None:
    """Return the last release and its rows, None where there is none or it has other classes."""
    published = releases(run.lake)
    if not published:
        return None
    rows = read_manifest(run.lake, published[-1]).replace_schema_metadata(None)
    return (published[-1], rows) if rows.column_names == columns else None


def _same(last: pa.Table, rows: pa.Table) -> bool:
    last, rows = last.drop_columns(_NOT_CONTENT), rows.drop_columns(_NOT_CONTENT)
    return last.equals(rows.cast(last.schema))


def _note_that_it_stands(run: Run) -> None:
    """Tell the ledger of newer tables that give the last release again, row by row."""
    before = finished_runs(run.lake, "link")[-1].inputs
    if any(run.inputs.get(name) != before.get(name) for name in TABLES_LINKED):
        run.note(stands=current_release(run.lake).version)


def _told(run: Run, scheme: Scheme) -> dict[str, Any]:
    labels = run.read("labels", ["labeler", "vocabulary_hash"])
    return {
        "scheme": scheme.name,
        "classes": list(scheme.classes),
        "normal_class": scheme.normal_class,
        "device_classes": list(scheme.device_classes),
        "labeler": labels["labeler"][0].as_py() if labels.num_rows else None,
        "vocabulary_hash": labels["vocabulary_hash"][0].as_py() if labels.num_rows else None,
        "tables": dict(run.inputs),
    }


def _nullable(kind: pa.DataType) -> pd.api.extensions.ExtensionDtype | None:
    return pd.Int8Dtype() if kind == pa.int8() else None
