"""`radsim review`: what a person says of the classes of an exam, and its export."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from flows.commands.options import ConfigOption, LakeOption, SetOption
from flows.error_reporting import reporting_errors
from flows.settings_request import settings_request
from flows.stage_display import StageDisplay, output_console

ExamArgument = Annotated[
    str, typer.Argument(metavar="EXAM", help="The exam, as the lake holds it.")
]
ClassArgument = Annotated[
    str, typer.Argument(metavar="CLASS", help="A class of the manifest's scheme.")
]


class Decision(StrEnum):
    """What can be said of a class."""

    positive = "positive"
    negative = "negative"
    uncertain = "uncertain"
    unmentioned = "unmentioned"
    skip = "skip"


_STATES = {Decision.positive: 1, Decision.negative: 0, Decision.uncertain: -1}


def add_to(app: typer.Typer) -> None:
    """Add the commands to the application."""
    group = typer.Typer(
        no_args_is_help=True,
        help="Say what holds of an exam: it overrides rules and files in the next manifest.",
    )
    group.command("set")(reporting_errors(set_state))
    group.command("undo")(reporting_errors(undo))
    group.command("export")(reporting_errors(export))
    app.add_typer(group, name="review")


def set_state(
    exam: ExamArgument,
    label_class: ClassArgument,
    decision: Annotated[Decision, typer.Argument(help="What holds of it.")],
    comment: Annotated[str, typer.Option("--comment", help="A line to keep with it.")] = "",
    config: ConfigOption = None,
    lake: LakeOption = None,
    assignments: SetOption = None,
) -> None:
    """Keep your decision on a class of an exam, under the name of your account."""
    settings = settings_request(config, lake, assignments).load()
    from pipeline.local_account import local_account
    from pipeline.review_decisions import SKIP, STATE
    from pipeline.reviewing import decide

    kind = SKIP if decision is Decision.skip else STATE
    decide(
        settings, exam, label_class, local_account(), kind, _STATES.get(decision), comment=comment
    )
    output_console().print("kept; the next `radsim link` takes it in", markup=False)


def undo(
    exam: ExamArgument,
    label_class: ClassArgument,
    config: ConfigOption = None,
    lake: LakeOption = None,
    assignments: SetOption = None,
) -> None:
    """Take back your last decision on a class of an exam; both stay on record."""
    settings = settings_request(config, lake, assignments).load()
    from pipeline.local_account import local_account
    from pipeline.review_decisions import UNDO
    from pipeline.reviewing import decide

    decide(settings, exam, label_class, local_account(), UNDO)
    output_console().print("taken back; the next `radsim link` takes it in", markup=False)


def export(
    file: Annotated[Path, typer.Argument(metavar="FILE.csv", help="The file to write.")],
    config: ConfigOption = None,
    lake: LakeOption = None,
    assignments: SetOption = None,
) -> None:
    """Take in what waits, and write the decisions that stand, a row a reviewer and class."""
    settings = settings_request(config, lake, assignments).load()
    from pipeline.lake import Lake
    from pipeline.review_export import write_reviews
    from pipeline.reviewing import take_in

    with StageDisplay() as display:
        summary = take_in(settings)
        if summary.run_id:
            display.show(summary)
    rows = write_reviews(Lake.of(settings), file)
    output_console().print(f"{file}: {rows:,} decisions", markup=False)
