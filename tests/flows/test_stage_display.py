"""What a user sees of a stage, on a terminal and off it."""

import io

import pytest
from rich.console import Console

from flows import stage_display
from flows.stage_display import StageDisplay
from pipeline.stage_summary import StageSummary

SUMMARY = StageSummary(
    stage="label",
    outcome="committed",
    counts={"in": 10, "labelled": 9, "quarantined": 1},
    parts=("labelled", "quarantined"),
    outputs={"labels": 2},
    seconds=1.25,
    notes=("quarantined 1: [no] " + "long " * 60,),
    figures={"prevalence": [{"class": "[bold]Edema", "share": 0.25}]},
)


def _console(*, terminal: bool) -> Console:
    return Console(file=io.StringIO(), force_terminal=terminal, width=100, highlight=False)


def _written(console: Console) -> str:
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_off_a_terminal_the_block_is_plain_lines() -> None:
    out, err = _console(terminal=False), _console(terminal=False)
    with StageDisplay(out, err) as display:
        display.progress_for("label")(5, 10, "reports labelled")
        display.show(SUMMARY)
    lines = _written(out).splitlines()
    assert lines[0] == "label: committed, 1.2 s"
    assert lines[1] == "  10 in = 9 labelled + 1 quarantined"
    assert lines[2].startswith("  quarantined 1: [no] long")
    assert lines[3] == "  wrote labels v2"
    assert [line.strip() for line in lines[4:]] == [
        "prevalence",
        "class        share",
        "[bold]Edema  0.250",
    ]
    assert "\x1b" not in _written(out) + _written(err)


def test_off_a_terminal_progress_is_a_line_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = iter([0.0, 1.0, 11.0, 11.0])
    monkeypatch.setattr(stage_display.time, "monotonic", lambda: next(clock))
    err = _console(terminal=False)
    progress = StageDisplay(_console(terminal=False), err).progress_for("label")
    progress(5, 1000, "reports labelled")
    progress(900, 1000, "reports labelled")
    assert _written(err) == "label: 900 of 1,000 reports labelled\n"


def test_on_a_terminal_there_is_a_bar_with_its_note() -> None:
    err = _console(terminal=True)
    with StageDisplay(_console(terminal=True), err) as display:
        display.progress_for("train")(3, 12, "epoch 3")
    assert "train" in _written(err)
    assert "3/12" in _written(err)
    assert "epoch 3" in _written(err)
    assert "left" in _written(err)


def test_progress_of_unknown_length() -> None:
    err = _console(terminal=True)
    with StageDisplay(_console(terminal=True), err) as display:
        display.progress_for("ingest")(7, 0, "reports read")
    assert "7/?" in _written(err)
