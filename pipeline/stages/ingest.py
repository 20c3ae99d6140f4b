"""Ingest: reports and label files into the lake, each exam once, nothing lost."""

from pipeline.label_file_intake import take_in_label_file
from pipeline.lake import Lake
from pipeline.lake_privacy import PrivacyOfLake
from pipeline.lake_run import Run
from pipeline.pseudonyms import Pseudonymiser
from pipeline.report_intake import take_in_reports
from pipeline.settings import Settings
from pipeline.stage_summary import Progress, StageSummary, silent
from pipeline.user_error import UserError

_PARTS = ("new", "amended", "retracted", "unchanged", "superseded", "quarantined")


def ingest(settings: Settings, *, progress: Progress = silent, force: bool = False) -> StageSummary:
    """Read the report source and the label file; write reports, gold, file_labels, quarantine.

    Doing it twice changes nothing: what the lake already holds is counted as unchanged. In a lake
    that keeps no text ingest also labels, as the text passes: it writes mentions and labels too,
    and `force` labels anew; it has no other meaning, since reading again is what ingest does.

    Raises
    ------
    UserError
        No source is named, one cannot be read at all, the rows break a contract as a whole, or the
        lake was begun with other settings of [privacy].
    """
    if settings.reports.path is None and settings.label_file.path is None:
        raise UserError(
            "no source of reports or labels; name one with [reports] path or [label_file] path "
            "in the settings, or with --reports"
        )
    pseudonymiser = Pseudonymiser.of(settings)
    privacy = PrivacyOfLake.of(settings)
    counts: dict[str, int] = {}
    notes: list[str] = []
    with Run(Lake.of(settings), "ingest", privacy.parameters()) as run:
        privacy.refuse_if_other(run)
        if settings.reports.path is not None:
            counts, lines = take_in_reports(run, settings, pseudonymiser, progress, force=force)
            notes += lines
        if settings.label_file.path is not None:
            labelled, lines = take_in_label_file(run, settings, pseudonymiser, progress)
            counts = {name: counts.get(name, 0) + count for name, count in labelled.items()}
            notes += lines
        if not pseudonymiser.active:
            notes.append("no pseudonym key is set: identifiers are kept as they came")
        pseudonymiser.save_map()
        run.commit(counts)
        return run.summary(counts, parts=_PARTS, notes=tuple(notes))
