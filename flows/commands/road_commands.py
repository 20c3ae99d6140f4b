"""`radsim run` and one command a stage."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.embed_command import embed
from flows.commands.file_labelling import label_file
from flows.commands.options import (
    ConfigOption,
    ExamOption,
    ForceOption,
    FormatOption,
    IdColumnOption,
    LakeOption,
    ReleaseOption,
    ReportsOption,
    SchemeOption,
    SetOption,
    SinceOption,
    TextColumnOption,
    UntilOption,
    VocabularyOption,
)
from flows.commands.other_selections import refusing_others
from flows.commands.stage_running import given, run_selection, run_stages
from flows.error_reporting import reporting_errors
from flows.settings_request import settings_request
from pipeline.user_error import UserError

PANEL = "Stages, in the order of the road"


def add_to(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(reporting_errors(run))
    for stage in (ingest, label, drift, index, cache, link, train, embed, evaluate, gate):
        app.command(rich_help_panel=PANEL)(reporting_errors(refusing_others(stage)))


def run(
    config: ConfigOption = None,
    first: Annotated[
        str | None, typer.Option("--from", metavar="STAGE", help="Begin at this stage.")
    ] = None,
    lake: LakeOption = None,
    assignments: SetOption = None,
    force: ForceOption = False,
    train: Annotated[
        bool, typer.Option("--train", help="Train even if no rule of [train] asks for it.")
    ] = False,
) -> None:
    """Run every stage, or those from the named one on; without images, up to the labels."""
    from pipeline.road import STAGES, stages_of

    request = settings_request(config, lake, assignments)
    names = stages_of(request.load(), first)
    run_stages(names, request, force=force, as_road=True, train=train)
    if names[-1] != STAGES[-1]:
        typer.echo("no images are named ([images] path): the road ends with labels")


def ingest(
    reports: ReportsOption = None,
    format: FormatOption = None,
    id_column: IdColumnOption = None,
    text_column: TextColumnOption = None,
    patient_column: Annotated[
        str | None, typer.Option("--patient-column", help="Column of the patient.")
    ] = None,
    time_column: Annotated[
        str | None, typer.Option("--time-column", help="Column of the exam's date or time.")
    ] = None,
    config: ConfigOption = None,
    lake: LakeOption = None,
    assignments: SetOption = None,
    force: ForceOption = False,
) -> None:
    """Take reports and label files into the lake."""
    flags = {
        "reports.path": reports,
        "reports.format": format,
        "reports.exam_id": id_column,
        "reports.text": text_column,
        "reports.patient_id": patient_column,
        "reports.exam_time": time_column,
    }
    request = settings_request(config, lake, assignments, flags)
    run_stages(["ingest"], request, force=force, as_road=False)


def label(
    reports: ReportsOption = None,
    scheme: SchemeOption = None,
    vocabulary: VocabularyOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="With --reports: the Parquet file to write.")
    ] = None,
    format: FormatOption = None,
    id_column: IdColumnOption = None,
    text_column: TextColumnOption = None,
    config: ConfigOption = None,
    lake: LakeOption = None,
    assignments: SetOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    exam: ExamOption = None,
    version: Annotated[
        int | None,
        typer.Option(
            "--version",
            metavar="N",
            help="On this version of the reports (`radsim history reports`).",
        ),
    ] = None,
    force: ForceOption = False,
) -> None:
    """Label the reports of the lake, or with --reports a file without any lake."""
    flags = {
        "reports.path": reports,
        "reports.format": format,
        "reports.exam_id": id_column,
        "reports.text": text_column,
        "manifest.scheme": scheme,
        "label.vocabulary": vocabulary and str(vocabulary),
    }
    asked = {"since": since, "until": until, "exams": exam, "version": version}
    if reports is not None:
        if given(asked):
            raise UserError("--since, --until, --exam and --version go with a lake, not --reports")
        label_file(config, assignments, flags, out)
        return
    if out is not None or format is not None or id_column is not None or text_column:
        raise UserError("--out, --format, --id-column and --text-column go with --reports FILE")
    request = settings_request(config, lake, assignments, flags)
    run_selection("label", request, asked, force=force)


def drift(
    scheme: SchemeOption = None,
    config: ConfigOption = None,
    lake: LakeOption = None,
    assignments: SetOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    version: Annotated[
        int | None,
        typer.Option(
            "--version",
            metavar="N",
            help="With dates: on this version of the labels (`radsim history labels`).",
        ),
    ] = None,
    force: ForceOption = False,
) -> None:
    """Show how the labels of new exams differ from those before; measure them first if need be."""
    request = settings_request(config, lake, assignments, {"manifest.scheme": scheme})
    run_selection(
        "drift", request, {"since": since, "until": until, "version": version}, force=force
    )


def index(
    images: Annotated[
        Path | None, typer.Option("--images", help="Folder of DICOM, PNG or JPEG files.")
    ] = None,
    config: ConfigOption = None,
    lake: LakeOption = None,
    assignments: SetOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    exam: ExamOption = None,
    force: ForceOption = False,
) -> None:
    """Find the radiographs and say which of them can be used."""
    request = settings_request(config, lake, assignments, {"images.path": images and str(images)})
    run_selection("index", request, {"since": since, "until": until, "exams": exam}, force=force)


def cache(
    config: ConfigOption = None,
    lake: LakeOption = None,
    assignments: SetOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    exam: ExamOption = None,
    force: ForceOption = False,
) -> None:
    """Decode each usable image once, at training size."""
    request = settings_request(config, lake, assignments)
    run_selection("cache", request, {"since": since, "until": until, "exams": exam}, force=force)


def link(
    scheme: SchemeOption = None,
    config: ConfigOption = None,
    lake: LakeOption = None,
    assignments: SetOption = None,
    version: ReleaseOption = None,
    force: ForceOption = False,
) -> None:
    """Join labels and images and publish them as the next manifest."""
    request = settings_request(config, lake, assignments, {"manifest.scheme": scheme})
    run_selection("link", request, {"version": version}, force=force)


def train(
    seed: Annotated[int | None, typer.Option("--seed", help="Seed of everything random.")] = None,
    config: ConfigOption = None,
    lake: LakeOption = None,
    assignments: SetOption = None,
    version: ReleaseOption = None,
    force: ForceOption = False,
) -> None:
    """Train the embedding on the last manifest."""
    request = settings_request(config, lake, assignments, {"train.seed": seed})
    run_selection("train", request, {"version": version}, force=force)


def evaluate(
    split: Annotated[
        str | None, typer.Option("--split", help="The exams judged: train, val or test.")
    ] = None,
    truth: Annotated[
        str | None, typer.Option("--truth", help="Labels that judge: manifest or gold.")
    ] = None,
    k: Annotated[int | None, typer.Option("--k", help="Neighbours looked at.")] = None,
    config: ConfigOption = None,
    lake: LakeOption = None,
    assignments: SetOption = None,
    version: ReleaseOption = None,
    force: ForceOption = False,
) -> None:
    """Measure retrieval and normal-versus-abnormal of the last model."""
    flags = {"evaluate.split": split, "evaluate.truth": truth, "evaluate.k": k}
    request = settings_request(config, lake, assignments, flags)
    run_selection("evaluate", request, {"version": version}, force=force)


def gate(
    config: ConfigOption = None,
    lake: LakeOption = None,
    assignments: SetOption = None,
    force: ForceOption = False,
) -> None:
    """Decide whether the newest model becomes the current one."""
    request = settings_request(config, lake, assignments)
    run_stages(["gate"], request, force=force, as_road=False)
