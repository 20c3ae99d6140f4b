"""`radsim label --reports FILE`: label a file of reports without any lake."""

from pathlib import Path
from typing import Any

from flows.settings_request import SettingsRequest, parse_assignment
from flows.stage_display import StageDisplay
from pipeline.user_error import UserError

DEFAULT_OUT = Path("labels.parquet")


def label_file(
    config: Path | None, assignments: list[str] | None, flags: dict[str, Any], out: Path | None
) -> None:
    """Label the file that ``reports.path`` of `flags` names.

    Its columns are exam_id and text unless the flags say otherwise: a settings file is read only
    where the command names one, since the one of the working folder describes the lake's source.
    """
    given = [parse_assignment(text) for text in assignments or ()]
    given += [(name, value) for name, value in flags.items() if value not in (None, [])]
    settings = SettingsRequest(config, tuple(given)).load()

    from pipeline.file_labelling import label_reports_file
    from pipeline.report_intake import column_mapping

    assert settings.reports.path is not None
    if isinstance(settings.reports.path, str):
        raise UserError(
            f"{settings.reports.path}: labels without a lake are made of local files; copy it, or "
            "take it into a lake with `radsim ingest`"
        )
    with StageDisplay() as display:
        summary = label_reports_file(
            settings.reports.path,
            column_mapping(settings.reports),
            settings.reports.format,
            settings.manifest.scheme,
            out or DEFAULT_OUT,
            vocabulary=settings.label.vocabulary,
            workers=settings.engine.workers,
            progress=display.progress_for("label"),
        )
        display.show(summary)
