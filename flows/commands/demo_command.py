"""`radsim demo`: the whole road on real reports and phantom radiographs."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from flows.error_reporting import reporting_errors, resumed_by
from flows.stage_display import StageDisplay, output_console


def add_to(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(reporting_errors(demo))


def demo(
    folder: Annotated[
        Path, typer.Option("--folder", help="Where the demo keeps its data and lake.")
    ] = Path("radsim-demo"),
) -> None:
    """Run every stage on the public OpenI reports and phantom radiographs."""
    with resumed_by(["radsim", "demo", "--folder", str(folder)]):
        from flows.demo_report import demo_report
        from pipeline.demo.road import demo_figures, run_demo

        with StageDisplay() as display:
            for summary in run_demo(folder, display.progress_for):
                # Its figures stand in the report at the end.
                display.show(replace(summary, figures={}))
        output_console().print(demo_report(demo_figures(folder)))
