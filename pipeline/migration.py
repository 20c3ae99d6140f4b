"""Bring a lake of an older layout to the present one, a step a layout.

A step may be killed at any moment and started again: it does what is not done yet, and the marker
names the next layout only after it.
"""

from collections.abc import Callable

from data_contracts import schemas
from pipeline.lake import Lake
from pipeline.lake_run import Run
from pipeline.layout import LAYOUT, TABLE_PROPERTIES
from pipeline.settings import Settings
from pipeline.stage_summary import StageSummary
from pipeline.user_error import UserError


def migrate(settings: Settings) -> StageSummary:
    """Bring the lake to the present layout; one that has it already stays as it is.

    Raises
    ------
    UserError
        There is no lake, or a newer RadSim wrote it.
    """
    lake = Lake.of(settings, any_layout=True)
    found = lake.layout
    if found is None:
        raise UserError(f"{lake.root}: there is no lake here; name it with --lake or [lake] root")
    if found >= LAYOUT:
        Lake.of(settings).files()
        return StageSummary("migrate", notes=(f"the lake has the present layout, {LAYOUT}",))
    notes = []
    for layout in range(found, LAYOUT):
        what, step = STEPS[layout]
        step(lake)
        lake.mark(layout + 1)
        notes.append(f"layout {layout} is now {layout + 1}: {what}")
    return StageSummary("migrate", outcome="committed", notes=tuple(notes))


def _keep_whole_logs(lake: Lake) -> None:
    """Let every table keep its log, so that versions stay readable for longer than 30 days."""
    with Run(lake, "migrate", {"from": 1, "to": 2}) as run:
        tables = [name for name in sorted(run.current) if name != "manifest"]
        for name in tables:
            run.configure(name, TABLE_PROPERTIES)
        run.commit({"tables": len(tables)})


def _tell_when_told(lake: Lake) -> None:
    """Give reports the time at which their source told them; of those that are there it is null."""
    with Run(lake, "migrate", {"from": 2, "to": 3}) as run:
        if "reports" in run.current:
            run.add_columns("reports", [schemas.REPORTS.field("told_at")])
        run.commit({"tables": len(run.outputs)})


# By the layout they begin with: what a step brings, and the step.
STEPS: dict[int, tuple[str, Callable[[Lake], None]]] = {
    1: ("old versions of tables stay readable, however old", _keep_whole_logs),
    2: (
        "reports say when they were told, so that what is told late cannot replace them",
        _tell_when_told,
    ),
}
