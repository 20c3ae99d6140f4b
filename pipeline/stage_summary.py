"""What a stage tells of itself: counts, versions, seconds; never text or identifiers."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

# Called as work advances with (done, total, note); total is 0 where it is not known beforehand.
Progress = Callable[[int, int, str], None]


def silent(done: int, total: int, note: str = "") -> None:
    """Show no progress."""


@dataclass(frozen=True)
class StageSummary:
    """The outcome of one run of one stage.

    Attributes
    ----------
    stage
        The stage's name.
    run_id
        The run in the ledger; empty when nothing changed and nothing was committed.
    outcome
        ``committed`` or ``unchanged``.
    counts
        Rows by what became of them (``in``, ``kept``, ``quarantined``, ``unchanged`` ...). Where
        `in` is given, the other parts named in `parts` add up to it.
    parts
        The names in `counts` that add up to ``counts["in"]``.
    inputs, outputs
        Table versions read and written (table -> version).
    seconds
        Wall time of the run.
    notes
        One line each: what was quarantined and why, what was left out, what a figure means.
    figures
        Small tables to show as they are: measures, prevalences (name -> rows).
    """

    stage: str
    run_id: str = ""
    outcome: str = "unchanged"
    counts: dict[str, int] = field(default_factory=dict)
    parts: tuple[str, ...] = ()
    inputs: dict[str, int] = field(default_factory=dict)
    outputs: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    figures: dict[str, list[dict[str, Any]]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.parts and sum(self.counts.get(p, 0) for p in self.parts) != self.counts["in"]:
            raise AssertionError(f"counts of stage {self.stage} do not add up: {self.counts}")
