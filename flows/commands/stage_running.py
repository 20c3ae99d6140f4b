"""Run stages one after the other for the command line."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

from flows.commands.status_command import stale_line
from flows.error_reporting import resumed_by
from flows.settings_request import SettingsRequest
from flows.stage_display import StageDisplay

if TYPE_CHECKING:
    from pipeline.settings import Settings


def given(asked: Mapping[str, Any]) -> dict[str, Any]:
    """Return what of the fields of a selection was given on the command line."""
    return {field: value for field, value in asked.items() if value not in (None, [])}


def run_selection(
    name: str, request: SettingsRequest, asked: Mapping[str, Any], *, force: bool
) -> None:
    """Run one stage, limited to what of `asked` (see `pipeline.selection.Selection`) was given.

    Raises
    ------
    ResumableError
        The stage failed or was interrupted; it names the command that resumes.
    UserError
        The selection is wrong or not one for this stage.
    """
    fields = given(asked)
    if not fields:
        run_stages([name], request, force=force, as_road=False)
        return
    from pipeline import road
    from pipeline.pseudonyms import Pseudonymiser
    from pipeline.selection import OPTIONS, read_selection

    settings = request.load()
    stage = road.stage_of_selection(name, read_selection(fields, Pseudonymiser.of(settings)))
    # Exams are identifiers: the words that resume are printed, and may be logged.
    words = [
        word
        for field, value in fields.items()
        for word in (OPTIONS[field], "..." if field == "exams" else str(value))
    ]
    command = ["radsim", name, *request.arguments(), *words, *(["--force"] if force else [])]
    with StageDisplay() as display, resumed_by(command):
        display.show(stage(settings, progress=display.progress_for(name), force=force))
    _tell_what_is_stale(settings)


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
        _tell_what_is_stale(settings)


def _tell_what_is_stale(settings: "Settings") -> None:
    from pipeline.staleness import stage_states

    states = stage_states(settings)
    if any(state.stale for state in states):
        typer.echo(stale_line(states))
