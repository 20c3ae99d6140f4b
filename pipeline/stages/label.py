"""Label: reports to mentions and labels, for the exams whose text or labeler changed."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import schemas
from pipeline.engine import workers_of
from pipeline.label_commit import commit_labels
from pipeline.labelling import (
    POOL_FROM,
    label_chunks,
    label_scheme,
    prevalence,
    rule_labeler,
)
from pipeline.lake import Lake, require
from pipeline.lake_privacy import NO_TEXT, PrivacyOfLake
from pipeline.lake_run import Run
from pipeline.quarantine import file_away
from pipeline.selection import EVERYTHING, Selection, exams_selected
from pipeline.settings import Settings
from pipeline.stage_summary import Progress, StageSummary, silent
from pipeline.user_error import UserError

if TYPE_CHECKING:
    from labelers import RuleLabeler

REPORTS_A_CHUNK = 5_000
REPORTS_A_COMMIT = 50_000
_KNOWN = ["exam_id", "content_hash", "labeler", "vocabulary_hash"]


def label(
    settings: Settings,
    *,
    progress: Progress = silent,
    force: bool = False,
    selection: Selection = EVERYTHING,
) -> StageSummary:
    """Label the reports that are new or changed; all of them after a change of the labeler.

    `selection` limits it to exams, or labels an older version of the reports as it stood; labels of
    other exams stay, and count as stale where they are.

    Reads reports; writes mentions, labels and quarantine. Retracted exams lose their labels. In a
    lake that keeps no text, ingest labels, and this stage changes nothing: it says how many exams
    have labels of other rules.

    Raises
    ------
    UserError
        The lake has no reports, the labels break their contract as a whole, a selected exam is not
        there, or a part cannot be labelled because the findings, and so the columns, have changed.
    """
    selection.refuse_other_than("label")
    site = settings.label.vocabulary
    label_scheme(settings.manifest.scheme, site)
    with Run(Lake.of(settings), "label", {"force": force, **selection.told()}) as run:
        PrivacyOfLake.of(settings).refuse_if_other(run)
        if selection.version is not None:
            run.pin("reports", selection.version)
        labeler = rule_labeler(site)
        if settings.privacy.keep_text == "none":
            return _without_text(run, labeler, selection, force=force)
        plan = _planned(run, labeler, selection, force=force)
        if plan is None:
            # A road that starts from a label file has nothing to label.
            return run.summary({})
        if not plan.anew:
            run.delete("mentions", plan.dropped)
            run.delete("labels", plan.dropped)
        rejected = _label_and_commit(run, settings, plan, progress)
        quarantined, notes = file_away(run, rejected)
        if plan.of_another_labeler:
            notes = (f"labels v{run.inputs['labels']} {plan.of_another_labeler}", *notes)
        counts = {
            "in": plan.current,
            "labelled": plan.stale - quarantined,
            "unchanged": plan.current - plan.stale,
            "quarantined": quarantined,
        }
        run.commit(counts)
        scheme = settings.manifest.scheme
        columns = ["exam_id", *labeler.vocabulary.finding_ids]
        shares = prevalence(Lake.of(settings).read("labels", columns), scheme, site)
        return run.summary(
            counts,
            parts=("labelled", "unchanged", "quarantined"),
            notes=notes,
            figures={f"prevalence ({scheme})": shares},
        )


def _without_text(
    run: Run, labeler: "RuleLabeler", selection: Selection, *, force: bool
) -> StageSummary:
    """Tell what is to be labelled and cannot be."""
    reports = run.read("reports", ["exam_id", "content_hash", "status"])
    if reports.num_rows == 0 and "file_labels" in run.current:
        return run.summary({})
    require(reports, "reports", "ingest")
    current = reports.filter(pc.not_equal(reports["status"], "retracted"))
    chosen = exams_selected(run, selection)
    if chosen is not None:
        current = current.filter(pc.is_in(current["exam_id"], value_set=chosen))
    known = run.read("labels", _KNOWN)
    rows = current.num_rows
    stale = rows if force else len(_stale(current, known.filter(_is_by(labeler, known))))
    notes: tuple[str, ...] = ()
    if stale:
        notes = (
            f"{stale:,} of {rows:,} reports are to be labelled by the present labeler and "
            f"vocabulary; {NO_TEXT}, so deliver them again with `radsim ingest --force`, which "
            "labels",
        )
    counts = {"in": rows, "labelled": 0, "unchanged": rows, "quarantined": 0}
    return run.summary(counts, parts=("labelled", "unchanged", "quarantined"), notes=notes)


class _Plan(NamedTuple):
    """What is to be done.

    Attributes
    ----------
    reports
        Columns exam_id and `stale` (bool) of every report, in the order of the table.
    dropped
        Column exam_id of labels to drop: of exams to be labelled again, retracted, or gone into
        quarantine.
    anew
        Whether nothing of what is there stays.
    current, stale
        How many selected reports are not retracted, and how many of them are to be labelled.
    of_another_labeler
        What is to be said of labels by another vocabulary or labeler, empty where there are none.
    """

    reports: pa.Table
    dropped: pa.Table
    anew: bool
    current: int
    stale: int
    of_another_labeler: str


def _planned(
    run: Run, labeler: "RuleLabeler", selection: Selection, *, force: bool
) -> _Plan | None:
    """Compare the reports with the labels that are there; None where a label file is all."""
    reports = run.read("reports", ["exam_id", "content_hash", "status"])
    if reports.num_rows == 0 and "file_labels" in run.current:
        return None
    require(reports, "reports", "ingest")
    current = reports.filter(pc.not_equal(reports["status"], "retracted"))
    known = run.read("labels", _KNOWN)
    by_labeler = _is_by(labeler, known)
    stale = current["exam_id"] if force else _stale(current, known.filter(by_labeler))
    gone = pc.invert(pc.is_in(known["exam_id"], current["exam_id"]))
    chosen = exams_selected(run, selection)
    if chosen is not None:
        current = current.filter(pc.is_in(current["exam_id"], value_set=chosen))
        stale = stale.filter(pc.is_in(stale, value_set=chosen))
        gone = pc.and_(gone, pc.is_in(known["exam_id"], value_set=chosen))
    drops = pc.or_(gone, pc.is_in(known["exam_id"], stale))
    stay = known.filter(pc.invert(drops))
    if stay.num_rows:
        _refuse_other_columns(run, labeler)
    return _Plan(
        reports=reports.select(["exam_id"]).append_column(
            "stale", pc.is_in(reports["exam_id"], value_set=stale)
        ),
        dropped=known.filter(drops).select(["exam_id"]),
        anew=stay.num_rows == 0 and len(stale) > 0,
        current=current.num_rows,
        stale=len(stale),
        of_another_labeler=_other_labeler(known, stay, labeler),
    )


def _is_by(labeler: "RuleLabeler", known: pa.Table) -> pa.ChunkedArray:
    """Return which labels are by this labeler with this vocabulary."""
    return pc.and_(
        pc.equal(known["labeler"], labeler.name),
        pc.equal(known["vocabulary_hash"], labeler.vocabulary_hash),
    )


def _refuse_other_columns(run: Run, labeler: "RuleLabeler") -> None:
    """Refuse to label a part with other findings than the rest of the table has columns for."""
    dataset = run.lake.dataset("labels", run.current["labels"])
    assert dataset is not None
    if dataset.schema.names != schemas.labels(labeler.vocabulary.finding_ids).names:
        raise UserError(
            "the findings of the vocabulary have changed, so labels of a part do not fit beside "
            "the others; run `radsim label` without a selection"
        )


def _other_labeler(known: pa.Table, stay: pa.Table, labeler: "RuleLabeler") -> str:
    """Tell of labels by another labeler, and of those among them that stay."""
    others = known.filter(pc.invert(_is_by(labeler, known)))
    if others.num_rows == 0:
        return ""
    vocabulary, before = others["vocabulary_hash"][0].as_py(), others["labeler"][0].as_py()
    if others.num_rows < known.num_rows or stay.num_rows:
        left = pc.sum(pc.invert(_is_by(labeler, stay))).as_py() or 0
        told = f"; {left:,} that are not selected stay as they are" if left else ""
        return f"hold {others.num_rows:,} made with another vocabulary or labeler{told}"
    if vocabulary != labeler.vocabulary_hash:
        return "were made with another vocabulary: every report is labelled anew"
    return f"were made by {before}: every report is labelled anew by {labeler.name}"


def _stale(reports: pa.Table, known: pa.Table) -> pa.ChunkedArray:
    """Return the exams whose labels are missing or were made from another text."""
    at = pc.index_in(reports["exam_id"], value_set=known["exam_id"])
    labelled_text = known["content_hash"].take(at)
    same = pc.fill_null(pc.equal(labelled_text, reports["content_hash"]), False)
    return reports["exam_id"].filter(pc.invert(same))


def _label_and_commit(
    run: Run, settings: Settings, plan: _Plan, progress: Progress
) -> list[pa.Table]:
    """Label the stale exams and commit them part by part; return what broke the contract."""

    def chunks() -> Iterator[pa.Table]:
        columns = ["exam_id", "sections", "source", "content_hash"]
        start = 0
        for chunk in run.scan("reports", columns, REPORTS_A_CHUNK):
            told = plan.reports.slice(start, chunk.num_rows)
            start += chunk.num_rows
            assert pc.all(pc.equal(told["exam_id"], chunk["exam_id"])).as_py()
            wanted = chunk.filter(told["stale"])
            if wanted.num_rows:
                yield wanted

    rejected: list[pa.Table] = []
    waiting: list[tuple[pa.Table, pa.Table]] = []
    labelled = 0
    anew = plan.anew
    several = workers_of(settings.engine, many=plan.stale >= POOL_FROM)
    findings = rule_labeler(settings.label.vocabulary).vocabulary.finding_ids
    for mentions, labels in label_chunks(chunks(), several, settings.label.vocabulary):
        waiting.append((mentions, labels))
        labelled += labels.num_rows
        progress(labelled, plan.stale, "reports labelled")
        if sum(part.num_rows for _, part in waiting) >= REPORTS_A_COMMIT:
            rejected += commit_labels(run, waiting, findings, anew=anew)
            anew, waiting = False, []
    if waiting:
        rejected += commit_labels(run, waiting, findings, anew=anew)
    return rejected
