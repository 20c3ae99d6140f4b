"""Label: reports to mentions and labels, for the exams whose text or labeler changed."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa
import pyarrow.compute as pc

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
from pipeline.settings import Settings
from pipeline.stage_summary import Progress, StageSummary, silent

if TYPE_CHECKING:
    from labelers import RuleLabeler

REPORTS_A_CHUNK = 5_000
REPORTS_A_COMMIT = 50_000


def label(settings: Settings, *, progress: Progress = silent, force: bool = False) -> StageSummary:
    """Label the reports that are new or changed; all of them after a change of the labeler.

    Reads reports; writes mentions, labels and quarantine. Retracted exams lose their labels. In a
    lake that keeps no text, ingest labels, and this stage changes nothing: it says how many exams
    have labels of other rules.

    Raises
    ------
    UserError
        The lake has no reports, or the labels break their contract as a whole.
    """
    site = settings.label.vocabulary
    label_scheme(settings.manifest.scheme, site)
    with Run(Lake.of(settings), "label", {"force": force}) as run:
        PrivacyOfLake.of(settings).refuse_if_other(run)
        labeler = rule_labeler(site)
        if settings.privacy.keep_text == "none":
            return _without_text(run, labeler, force=force)
        plan = _planned(run, labeler, force=force)
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


def _without_text(run: Run, labeler: "RuleLabeler", *, force: bool) -> StageSummary:
    """Tell what is to be labelled and cannot be."""
    reports = run.read("reports", ["exam_id", "content_hash", "status"])
    if reports.num_rows == 0 and "file_labels" in run.current:
        return run.summary({})
    require(reports, "reports", "ingest")
    current = reports.filter(pc.not_equal(reports["status"], "retracted"))
    known = run.read("labels", ["exam_id", "content_hash", "labeler", "vocabulary_hash"])
    same = pc.and_(
        pc.equal(known["labeler"], labeler.name),
        pc.equal(known["vocabulary_hash"], labeler.vocabulary_hash),
    )
    rows = current.num_rows
    stale = rows if force else len(_stale(current, known.filter(same)))
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
        Whether all that is there was made by another labeler.
    current, stale
        How many reports are not retracted, and how many of them are to be labelled.
    of_another_labeler
        What is to be said of labels by another vocabulary or labeler, empty where there are none.
    """

    reports: pa.Table
    dropped: pa.Table
    anew: bool
    current: int
    stale: int
    of_another_labeler: str


def _planned(run: Run, labeler: "RuleLabeler", *, force: bool) -> _Plan | None:
    """Compare the reports with the labels that are there; None where a label file is all."""
    reports = run.read("reports", ["exam_id", "content_hash", "status"])
    if reports.num_rows == 0 and "file_labels" in run.current:
        return None
    require(reports, "reports", "ingest")
    current = reports.filter(pc.not_equal(reports["status"], "retracted"))
    known = run.read("labels", ["exam_id", "content_hash", "labeler", "vocabulary_hash"])
    same_labeler = (
        not force
        and known.num_rows > 0
        and known["labeler"][0].as_py() == labeler.name
        and known["vocabulary_hash"][0].as_py() == labeler.vocabulary_hash
    )
    stale = _stale(current, known) if same_labeler else current["exam_id"]
    kept = pc.and_(
        pc.is_in(known["exam_id"], current["exam_id"]),
        pc.invert(pc.is_in(known["exam_id"], stale)),
    )
    return _Plan(
        reports=reports.select(["exam_id"]).append_column(
            "stale", pc.is_in(reports["exam_id"], value_set=stale)
        ),
        dropped=known.filter(pc.invert(kept)).select(["exam_id"]),
        anew=not same_labeler,
        current=current.num_rows,
        stale=len(stale),
        of_another_labeler=_other_labeler(known, labeler),
    )


def _other_labeler(known: pa.Table, labeler: "RuleLabeler") -> str:
    if known.num_rows == 0:
        return ""
    if known["vocabulary_hash"][0].as_py() != labeler.vocabulary_hash:
        return "were made with another vocabulary: every report is labelled anew"
    before = known["labeler"][0].as_py()
    if before != labeler.name:
        return f"were made by {before}: every report is labelled anew by {labeler.name}"
    return ""


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
