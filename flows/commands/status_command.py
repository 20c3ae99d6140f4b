"""`radsim status`: what is there, and what of it is stale."""

from typing import TYPE_CHECKING

import typer

from flows.commands.options import ConfigOption, LakeOption, SetOption
from flows.error_reporting import reporting_errors
from flows.settings_request import settings_request
from flows.stage_display import figure_table, output_console

if TYPE_CHECKING:
    from pipeline.staleness import StageState


def add_to(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(reporting_errors(status))


def status(
    config: ConfigOption = None, lake: LakeOption = None, assignments: SetOption = None
) -> None:
    """Show what each stage has made and whether it is stale under these settings."""
    settings = settings_request(config, lake, assignments).load()
    from pipeline.staleness import stage_states

    states = stage_states(settings)
    rows = [
        {"stage": state.stage, "output": state.output or "none yet", "state": _word(state)}
        for state in states
    ]
    console = output_console()
    console.print(figure_table(rows))
    console.print(stale_line(states), markup=False, soft_wrap=True)


def stale_line(states: "list[StageState]") -> str:
    """Return in a line what is stale, and the command that makes it anew."""
    stale = [state for state in states if state.stale]
    if not stale:
        return "nothing is stale"
    outputs = ", ".join(state.output for state in stale)
    return f"stale: {outputs}; `radsim run --from {stale[0].stage}` makes them anew"


def _word(state: "StageState") -> str:
    if not state.output:
        return ""
    return f"stale: {state.why}" if state.why else "up to date"
