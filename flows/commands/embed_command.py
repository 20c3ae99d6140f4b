"""`radsim embed`: the stage, or with --images the embeddings of files without any lake."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.options import (
    ConfigOption,
    ExamOption,
    ForceOption,
    LakeOption,
    ReleaseOption,
    SetOption,
    SinceOption,
    UntilOption,
)
from flows.commands.stage_running import given, run_selection
from flows.settings_request import settings_request
from flows.stage_display import StageDisplay
from pipeline.user_error import UserError

DEFAULT_OUT = Path("embeddings.parquet")


def embed(
    images: Annotated[
        Path | None,
        typer.Option("--images", help="Folder of images, or a CSV with a column path; no lake."),
    ] = None,
    model: Annotated[
        Path | None, typer.Option("--model", help="With --images: a model's file or folder.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="With --images: the Parquet file to write.")
    ] = None,
    config: ConfigOption = None,
    lake: LakeOption = None,
    assignments: SetOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
    exam: ExamOption = None,
    version: ReleaseOption = None,
    force: ForceOption = False,
) -> None:
    """Embed every image of the manifest with the last model, or with --images any files."""
    request = settings_request(config, lake, assignments)
    asked = {"since": since, "until": until, "exams": exam, "version": version}
    if images is None:
        if model is not None or out is not None:
            raise UserError("--model and --out go with --images FOLDER or FILE.csv")
        run_selection("embed", request, asked, force=force)
        return
    if given(asked):
        raise UserError("--since, --until, --exam and --version go with a lake, not --images")
    if model is None:
        raise UserError("--images needs --model, a model's file or folder (models/ID in a lake)")
    settings = request.load()
    from pipeline.image_embedding import embed_image_files

    with StageDisplay() as display:
        summary = embed_image_files(
            images,
            model,
            out or DEFAULT_OUT,
            settings,
            progress=display.progress_for("embed"),
        )
        display.show(summary)
