"""Drift: whether the labels of new exams differ from those of a reference window."""

import hashlib
import json
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import schemas
from pipeline.contracts import whole
from pipeline.drift_windows import Windows, reference_of, windows
from pipeline.label_drift import class_drift
from pipeline.labelling import label_scheme, site_vocabulary
from pipeline.lake import Lake, require
from pipeline.lake_run import Run
from pipeline.run_history import finished_runs
from pipeline.selection import EVERYTHING, Selection, exams_selected
from pipeline.settings import Settings
from pipeline.stage_summary import Progress, StageSummary, silent
from pipeline.user_error import UserError


def drift(
    settings: Settings,
    *,
    progress: Progress = silent,
    force: bool = False,
    selection: Selection = EVERYTHING,
) -> StageSummary:
    """Hold the states of new exams, class by class, against those of earlier ones.

    Reads reports and labels; writes drift. Both sides are labelled by the same labeler, since a
    change of it relabels everything: what differs is the exams. New exams too few to be judged are
    measured again with the next ones. Measuring the same labels twice changes nothing, unless
    `force`.

    Where `selection` says which dates are the new batch, of the labels as they are or of an older
    version, the measurement is shown and noted in the ledger, not stored: the table tells the road
    what came in and when to train.

    Raises
    ------
    UserError
        There are no labels yet, they were made with another vocabulary, or a version is named
        without dates.
    """
    selection.refuse_other_than("drift")
    if selection.version is not None and not selection.of_exams:
        raise UserError("drift takes --version with --since or --until, which say what is new")
    site = settings.label.vocabulary
    vocabulary = site_vocabulary(site)
    scheme = label_scheme(settings.manifest.scheme, site)
    with Run(Lake.of(settings), "drift", {"force": force, **selection.told()}) as run:
        if selection.version is not None:
            _pin_labels(run, selection.version)
        if "labels" not in run.current and "file_labels" in run.current:
            return run.summary({}, notes=("labels came in a file: their drift is not measured",))
        made_with = require(run.read("labels", ["vocabulary_hash"]), "labels", "label")
        if made_with["vocabulary_hash"].unique().to_pylist() != [vocabulary.hash]:
            raise UserError(
                "the labels were made with another vocabulary; run `radsim label` first"
            )
        labels = run.read("labels", ["exam_id", *vocabulary.finding_ids])
        exams = _of_exams(run, labels["exam_id"])
        measured = run.read("drift")
        known = measured.filter(pc.equal(measured["scheme"], scheme.name))
        versions = {"reports": run.current["reports"], "labels": run.current["labels"]}
        made_of = drift_made_of(settings, versions)
        same = known.filter(pc.equal(known["content_hash"], made_of))
        if selection.of_exams:
            return _of_dates(
                run, labels["exam_id"], exams, scheme.project(labels), selection, settings
            )
        if same.num_rows and not force:
            rows = same.to_pylist()
            return run.summary(_counts(rows), notes=_notes(rows), figures=_figures(rows))
        measured_to = _measured_to(known, versions["reports"])
        sides = windows(run.lake, exams, measured_to, settings.drift)
        states = scheme.project(labels)
        rows = _rows(states, sides, settings, versions, measured_to)
        for row in rows:
            row |= {"scheme": scheme.name, "vocabulary_hash": vocabulary.hash}
        bare = pa.schema([field for field in schemas.DRIFT if field not in schemas.PROVENANCE])
        table = pa.Table.from_pylist(rows, schema=bare)
        run.delete("drift", table.select(list(schemas.KEYS["drift"])))
        stamped = run.stamped(table, f"labels v{versions['labels']}", made_of)
        run.append("drift", whole(run, "drift", stamped))
        run.commit(_counts(rows))
        notes = _notes(rows) + _of_labeler(known, vocabulary.hash)
        return run.summary(_counts(rows), notes=notes, figures=_figures(rows))


def _pin_labels(run: Run, version: int) -> None:
    """Let the run read labels of this version, and the reports that they were made from."""
    run.pin("labels", version)
    made = next(m for m in finished_runs(run.lake) if m.outputs.get("labels") == version)
    reports = {**made.inputs, **made.outputs}.get("reports")
    if reports is not None:
        run.pin("reports", reports)


def _of_dates(
    run: Run,
    exam_ids: pa.ChunkedArray,
    exams: pa.Table,
    states: pa.Table,
    selection: Selection,
    settings: Settings,
) -> StageSummary:
    """Hold the exams of chosen dates against the reference; note it and store nothing."""
    chosen = exams_selected(run, selection)
    batch = pc.is_in(exam_ids, value_set=chosen).to_numpy()
    sides = reference_of(batch, exams, settings.drift)
    versions = {"reports": run.current["reports"], "labels": run.current["labels"]}
    rows = _rows(states, sides, settings, versions, versions["reports"])
    run.note(measured="exams of chosen dates")
    run.commit(_counts(rows))
    return run.summary(_counts(rows), notes=_notes(rows), figures=_figures(rows))


def _of_exams(run: Run, exam_ids: pa.ChunkedArray) -> pa.Table:
    """Return exam_time and run_id of the exams' reports, in the order asked for."""
    reports = run.read("reports", ["exam_id", "exam_time", "run_id"])
    at = pc.index_in(exam_ids, value_set=reports["exam_id"])
    return reports.select(["exam_time", "run_id"]).take(at)


def drift_made_of(settings: Settings, versions: dict[str, int]) -> str:
    """Return a hash of what drift depends on: settings, versions of labels and reports."""
    parts = {
        "settings": settings.drift.model_dump(mode="json"),
        "scheme": settings.manifest.scheme,
        **versions,
    }
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()


def _measured_to(known: pa.Table, reports_version: int) -> int | None:
    """Return up to which version of the reports exams were judged before this version came."""
    before = known.filter(pc.less(known["reports_version"], reports_version))
    last: int | None = pc.max(before["measured_to"]).as_py()
    return last


def _rows(
    states: pa.Table,
    sides: Windows,
    settings: Settings,
    versions: dict[str, int],
    measured_to: int | None,
) -> list[dict[str, Any]]:
    batch, reference = (states.filter(pa.array(side)) for side in sides)
    too_few = batch.num_rows < settings.drift.least_exams and measured_to is not None
    judged = {
        "reports_version": versions["reports"],
        "labels_version": versions["labels"],
        "measured_to": measured_to if too_few else versions["reports"],
    }
    return [row | judged for row in class_drift(batch, reference, settings.drift)]


def _counts(rows: list[dict[str, Any]]) -> dict[str, int]:
    return {
        "new_exams": rows[0]["batch_exams"],
        "reference_exams": rows[0]["reference_exams"],
        "classes_drifted": sum(row["drifted"] for row in rows),
    }


def _notes(rows: list[dict[str, Any]]) -> tuple[str, ...]:
    new, reference = rows[0]["batch_exams"], rows[0]["reference_exams"]
    if new == 0:
        return (f"no exam is new: {reference:,} exams are the reference of those to come",)
    if rows[0]["reason"] == "too few exams":
        told = f"{new:,} new exams against {reference:,}: too few to tell ([drift] least_exams)"
        waiting = rows[0]["measured_to"] < rows[0]["reports_version"]
        return (f"{told}; they are measured again with the next ones" if waiting else told,)
    drifted = [f"{row['class']} ({row['reason']})" for row in rows if row["drifted"]]
    if not drifted:
        return (f"{new:,} new exams against {reference:,}: no class has drifted",)
    return (f"{new:,} new exams against {reference:,}: drift of {', '.join(drifted)}",)


def _of_labeler(known: pa.Table, vocabulary_hash: str) -> tuple[str, ...]:
    if known.num_rows == 0:
        return ()
    last = known.sort_by([("labels_version", "descending")])["vocabulary_hash"][0].as_py()
    if last == vocabulary_hash:
        return ()
    return (
        "the labeler changed since the last measurement; both sides are labelled by the present "
        "one, so what differs is the exams (`radsim diff` tells what the labeler changed)",
    )


def _figures(rows: list[dict[str, Any]]) -> dict[str, list[dict[str, Any]]]:
    shown = [
        {
            "class": row["class"],
            "reference": _with_interval(row, "reference_"),
            "new": _with_interval(row, ""),
            "uncertain before": row["reference_uncertain"],
            "uncertain new": row["uncertain"],
            "PSI": row["psi"],
            "flagged above": row["psi_limit"],
            "drifted": row["drifted"],
        }
        for row in rows
    ]
    return {"drift: share positive [95 % interval]": shown}


def _with_interval(row: dict[str, Any], side: str) -> str | None:
    if row[f"{side}prevalence"] is None:
        return None
    share, low, high = (row[f"{side}{name}"] for name in ("prevalence", "low", "high"))
    return f"{share:.3f} [{low:.3f}, {high:.3f}]"
