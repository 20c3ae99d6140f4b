"""`radsim forget`: a patient out of the whole lake."""

from typing import Annotated

import typer

from flows.commands.options import ConfigOption, LakeOption, SetOption
from flows.error_reporting import reporting_errors, resumed_by
from flows.settings_request import settings_request
from flows.stage_display import StageDisplay


def add_to(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(reporting_errors(forget))


def forget(
    names: Annotated[
        list[str],
        typer.Argument(
            metavar="PATIENT...",
            help="The patient's ids as the source writes them; exam:ID for an exam that the lake "
            "cannot tie to a patient.",
        ),
    ],
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask first.")] = False,
    config: ConfigOption = None,
    lake: LakeOption = None,
    assignments: SetOption = None,
) -> None:
    """Remove a patient from every table, old version and cache; withdraw their releases."""
    request = settings_request(config, lake, assignments)
    settings = request.load()
    from flows.forgotten_runs import forget_in_runs
    from pipeline.forget import forget as forget_patient
    from pipeline.forget import traces_in_lake
    from pipeline.lake import Lake

    found = traces_in_lake(settings, names)
    if not yes:
        typer.confirm(
            f"Forget {len(found.exams):,} exams and {len(found.images):,} images of this patient, "
            "and withdraw the manifests that hold them? This cannot be undone.",
            abort=True,
        )
    # The ids are not repeated: what a terminal shows may end in a log.
    forget_in_runs(Lake.of(settings).state_folder, found.exams)
    again = ["radsim", "forget", "PATIENT", *request.arguments()]
    with resumed_by(again), StageDisplay() as display:
        display.show(forget_patient(settings, names))
