"""`radsim runs` and `radsim history`: what ran, and the versions that tables have had."""

from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.options import ConfigOption, LakeOption, SetOption
from flows.commands.status_command import stale_line
from flows.error_reporting import reporting_errors
from flows.settings_request import settings_request
from flows.stage_display import figure_table, output_console
from pipeline.user_error import UserError

if TYPE_CHECKING:
    from pipeline.run_history import FinishedRun

LINE_WIDTH = 2_000


def add_to(app: typer.Typer) -> None:
    """Add the commands to the application."""
    for command in (runs, history):
        app.command()(reporting_errors(command))


def runs(
    stage: Annotated[str | None, typer.Option("--stage", help="Runs of this stage only.")] = None,
    last: Annotated[int, typer.Option("--last", min=1, help="How many of the last runs.")] = 20,
    config: ConfigOption = None,
    lake: LakeOption = None,
    assignments: SetOption = None,
) -> None:
    """List what ran: when, on which versions, with which counts; the last run at the end."""
    settings = settings_request(config, lake, assignments).load()
    from pipeline.lake import Lake
    from pipeline.run_history import finished_runs
    from pipeline.staleness import stage_states

    found = finished_runs(Lake.of(settings), stage, last)
    if not found:
        of_stage = f" of {stage!r}" if stage else ""
        raise UserError(f"{settings.lake.root}: no run{of_stage} has changed anything yet")
    rows = [
        {
            "at": _minute(run.at),
            "stage": run.stage,
            "outcome": run.outcome,
            "asked": _asked(run),
            "read": _versions(run.inputs),
            "wrote": _versions(run.outputs),
            "counts": _counts(run),
            "s": f"{run.seconds:.1f}",
            "run": run.run_id[:8],
        }
        for run in found
    ]
    console = output_console()
    if not console.is_terminal:
        # A line a run, for other programs to search.
        console.width = LINE_WIDTH
    console.print(figure_table(rows))
    console.print(stale_line(stage_states(settings)), markup=False, soft_wrap=True)


def history(
    table: Annotated[str, typer.Argument(metavar="TABLE", help="A table, such as reports.")],
    last: Annotated[int, typer.Option("--last", min=1, help="How many of the last versions.")] = 20,
    config: ConfigOption = None,
    lake: LakeOption = None,
    assignments: SetOption = None,
) -> None:
    """List the versions of a table with the run that left each, the current one at the end."""
    settings = settings_request(config, lake, assignments).load()
    from pipeline.lake import Lake
    from pipeline.run_history import table_versions

    rows = [
        {
            "version": str(found.version),
            "at": _minute(found.run.at),
            "by": found.run.stage,
            "rows": found.rows,
            "": "current" if found.current else "" if found.readable else "files removed",
            "run": found.run.run_id[:8],
        }
        for found in table_versions(Lake.of(settings), table, last)
    ]
    output_console().print(figure_table(rows))


def _minute(at: datetime) -> str:
    return at.strftime("%Y-%m-%d %H:%M")


def _versions(versions: dict[str, int]) -> str:
    return ", ".join(f"{table} v{version}" for table, version in versions.items())


def _asked(run: "FinishedRun") -> str:
    """Return the selection that the run was limited to; of exams their count."""
    asked = run.parameters.get("selection")
    if not isinstance(asked, dict):
        return ""
    told = dict(asked)
    if "exams" in told:
        named = told.pop("exams")
        told["exams"] = named if isinstance(named, int) else len(named)
    return ", ".join(f"{name} {value}" for name, value in told.items())


def _counts(run: "FinishedRun") -> str:
    return ", ".join(f"{count:,} {name}" for name, count in run.counts.items() if count)
