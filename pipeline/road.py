"""The stages in their order, and the whole road or a part of it."""

from collections.abc import Callable, Iterator
from functools import partial
from importlib import import_module
from typing import Protocol, cast

from pipeline.flaky_reads import steadied
from pipeline.selection import EVERYTHING, Selection
from pipeline.settings import Settings
from pipeline.stage_summary import Progress, StageSummary, silent
from pipeline.user_error import UserError

# Caching comes before linking, so that an image that cannot be decoded is known before a manifest
# names it.
STAGES: tuple[str, ...] = (
    "ingest",
    "label",
    "drift",
    "index",
    "cache",
    "link",
    "train",
    "embed",
    "evaluate",
    "gate",
)


class Stage(Protocol):
    """A stage: reads named tables at a version, commits all or nothing, returns its summary."""

    def __call__(
        self, settings: Settings, *, progress: Progress = silent, force: bool = False
    ) -> StageSummary:
        """Run the stage."""
        ...


def stage(name: str) -> Stage:
    """Return the stage of that name; its imports are paid here and not before.

    Where a drive does not answer for a moment, the stage is begun anew (`pipeline.flaky_reads`).
    """
    if name not in STAGES:
        raise UserError(f"no stage {name!r}; the stages are {', '.join(STAGES)}")
    function: Stage = getattr(import_module(f"pipeline.stages.{name}"), name)
    return steadied(function)


def stage_of_road(name: str) -> Stage:
    """Return the stage of that name as the road runs it: it trains only if a rule asks for it."""
    function = stage(name)
    if name != "train":
        return function
    return partial(cast("Callable[..., StageSummary]", function), by_rule=True)


def stage_of_selection(name: str, selection: Selection) -> Stage:
    """Return the stage of that name, limited to a selection.

    Raises
    ------
    UserError
        There is no such stage, or it cannot be limited so (see `pipeline.selection`).
    """
    function = stage(name)
    selection.refuse_other_than(name)
    if selection == EVERYTHING:
        return function
    return partial(cast("Callable[..., StageSummary]", function), selection=selection)


def stages_of(settings: Settings, first: str | None = None) -> tuple[str, ...]:
    """Return the names of the stages that the settings ask for, from the named one on.

    Without images the road ends with labels and their drift, unless a later stage is named.

    Raises
    ------
    UserError
        There is no stage of the name `first`.
    """
    if first is not None and first not in STAGES:
        raise UserError(f"no stage {first!r}; the stages are {', '.join(STAGES)}")
    start = 0 if first is None else STAGES.index(first)
    with_labels = STAGES.index("drift") + 1
    if settings.images.path is None and start < with_labels:
        return STAGES[start:with_labels]
    return STAGES[start:]


def run_road(
    settings: Settings,
    *,
    first: str | None = None,
    progress: Progress = silent,
    force: bool = False,
) -> Iterator[StageSummary]:
    """Run the stages one after the other, yielding each summary as it is ready."""
    for name in stages_of(settings, first):
        yield stage_of_road(name)(settings, progress=progress, force=force)
