"""`radsim models`: the models of a lake, which is current, and the decisions on them."""

from typing import Annotated

import typer

from flows.commands.options import ConfigOption, LakeOption, SetOption
from flows.error_reporting import reporting_errors
from flows.settings_request import settings_request
from flows.stage_display import figure_table, output_console


def add_to(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(reporting_errors(models))


def models(
    chosen: Annotated[
        str | None,
        typer.Option(
            "--make-current",
            metavar="MODEL",
            help="Make this model current, whatever the gate said.",
        ),
    ] = None,
    last: Annotated[int, typer.Option("--last", min=1, help="How many decisions to show.")] = 10,
    config: ConfigOption = None,
    lake: LakeOption = None,
    assignments: SetOption = None,
) -> None:
    """List the models, the current one marked, and the decisions of the gate and by hand."""
    from pipeline.lake import Lake
    from pipeline.model_decisions import decision_table, make_current, model_table

    settings = settings_request(config, lake, assignments).load()
    console = output_console()
    if chosen is not None:
        who = make_current(settings, chosen)
        console.print(f"{chosen} is current, by {who}", markup=False, soft_wrap=True)
        console.print("`radsim run --from embed` embeds what it has not embedded yet", markup=False)
    of_lake = Lake.of(settings)
    rows = model_table(of_lake)
    if not rows:
        console.print("no model is trained yet; run `radsim train`", markup=False)
        return
    console.print(figure_table(rows))
    if made := decision_table(of_lake, last):
        console.print("decisions")
        console.print(figure_table(made))
