"""Run stages one after the other for the command line."""

from collections.abc import Sequence

import typer

from flows.commands.status_command import stale_line
from flows.error_reporting import resumed_by
from flows.settings_request import SettingsRequest
from flows.stage_display import StageDisplay


def run_stages(
    names: Sequence[str], request: SettingsRequest, *, force: bool, as_road: bool
) -> None:
    """Run the named stages, showing each as it runs and what it did.

    `as_road` says how to resume: ``radsim run --from STAGE`` or ``radsim STAGE``. Where it is not,
    a line at the end tells what has become stale.

    Raises
    ------
    ResumableError
        A stage failed or was interrupted; it names the command that resumes.
    """
    from pipeline import road

    settings = request.load()
    with StageDisplay() as display:
        for name in names:
            command = ["radsim", *(["run", "--from", name] if as_road else [name])]
            with resumed_by([*command, *request.arguments(), *(["--force"] if force else [])]):
                progress = display.progress_for(name)
                summary = road.stage(name)(settings, progress=progress, force=force)
            display.show(summary)
    if not as_road and summary.outcome == "committed":
        from pipeline.staleness import stage_states

        states = stage_states(settings)
        if any(state.stale for state in states):
            typer.echo(stale_line(states))
