"""Run stages one after the other for the command line."""

from collections.abc import Sequence

import typer

from flows.commands.status_command import stale_line
from flows.error_reporting import resumed_by
from flows.settings_request import SettingsRequest
from flows.stage_display import StageDisplay


def run_stages(
    names: Sequence[str],
    request: SettingsRequest,
    *,
    force: bool,
    as_road: bool,
    train: bool = False,
) -> None:
    """Run the named stages, showing each as it runs and what it did.

    `as_road` says how to resume: ``radsim run --from STAGE`` or ``radsim STAGE``. The road trains
    only if a rule asks for it, unless `train`; a stage that is no part of it tells at the end what
    has become stale.

    Raises
    ------
    ResumableError
        A stage failed or was interrupted; it names the command that resumes.
    """
    from pipeline import road

    settings = request.load()
    stage_of = road.stage_of_road if as_road and not train else road.stage
    words = [*(["--train"] if train else []), *(["--force"] if force else [])]
    with StageDisplay() as display:
        for name in names:
            command = ["radsim", *(["run", "--from", name] if as_road else [name])]
            with resumed_by([*command, *request.arguments(), *words]):
                progress = display.progress_for(name)
                summary = stage_of(name)(settings, progress=progress, force=force)
            display.show(summary)
    if not as_road and summary.outcome == "committed":
        from pipeline.staleness import stage_states

        states = stage_states(settings)
        if any(state.stale for state in states):
            typer.echo(stale_line(states))
