"""The stages in their order, and the whole road or a part of it."""

from collections.abc import Iterator
from importlib import import_module
from typing import Protocol

from pipeline.settings import Settings
from pipeline.stage_summary import Progress, StageSummary, silent
from pipeline.user_error import UserError

# Caching comes before linking, so that an image that cannot be decoded is known before a manifest
# names it.
STAGES: tuple[str, ...] = (
    "ingest",
    "label",
    "index",
    "cache",
    "link",
    "train",
    "embed",
    "evaluate",
)


class Stage(Protocol):
    """A stage: reads named tables at a version, commits all or nothing, returns its summary."""

    def __call__(
        self, settings: Settings, *, progress: Progress = silent, force: bool = False
    ) -> StageSummary:
        """Run the stage."""
        ...


def stage(name: str) -> Stage:
    """Return the stage of that name; its imports are paid here and not before."""
    if name not in STAGES:
        raise UserError(f"no stage {name!r}; the stages are {', '.join(STAGES)}")
    function: Stage = getattr(import_module(f"pipeline.stages.{name}"), name)
    return function


def stages_from(first: str | None = None) -> tuple[str, ...]:
    """Return the names of the stages of the road, from the named one on."""
    if first is None:
        return STAGES
    if first not in STAGES:
        raise UserError(f"no stage {first!r}; the stages are {', '.join(STAGES)}")
    return STAGES[STAGES.index(first) :]


def run_road(
    settings: Settings,
    *,
    first: str | None = None,
    progress: Progress = silent,
    force: bool = False,
) -> Iterator[StageSummary]:
    """Run the stages one after the other, yielding each summary as it is ready."""
    for name in stages_from(first):
        yield stage(name)(settings, progress=progress, force=force)
