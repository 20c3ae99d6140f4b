"""`radsim quarantine`: the rows that were refused, and what is done about them."""

from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.options import ConfigOption, LakeOption, SetOption
from flows.error_reporting import reporting_errors, resumed_by
from flows.settings_request import SettingsRequest, settings_request
from flows.stage_display import StageDisplay, figure_table, output_console

if TYPE_CHECKING:
    import pyarrow as pa

ID_LENGTH = 10

RowsArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="ROW...", help="Rows as `list` names them; or give a rule or table."),
]
TableOption = Annotated[
    str | None, typer.Option("--table", help="Rows of this table: reports, images, labels ...")
]
RuleOption = Annotated[
    str | None, typer.Option("--rule", help="Rows that this rule of the contract refused.")
]
WhoOption = Annotated[
    str | None, typer.Option("--by", help="Who decides; your account by default.")
]
YesOption = Annotated[bool, typer.Option("--yes", help="Do not ask first.")]


def add_to(app: typer.Typer) -> None:
    """Add the commands to the application."""
    group = typer.Typer(
        no_args_is_help=True, help="List refused rows; release them after a fix, or discard them."
    )
    group.command("list")(reporting_errors(list_rows))
    group.command("release")(reporting_errors(release))
    group.command("discard")(reporting_errors(discard))
    app.add_typer(group, name="quarantine")


def list_rows(
    table: TableOption = None,
    rule: RuleOption = None,
    discarded: Annotated[
        bool, typer.Option("--discarded", help="Those that were discarded, by whom and when.")
    ] = False,
    last: Annotated[int, typer.Option("--last", min=1, help="How many, the newest.")] = 50,
    config: ConfigOption = None,
    lake: LakeOption = None,
    assignments: SetOption = None,
) -> None:
    """List the open rows: where each stands in its source, and which rule refused it; no text."""
    settings = settings_request(config, lake, assignments).load()
    from pipeline.lake import Lake
    from pipeline.quarantine_rows import DISCARDED, decided_rows, open_rows

    of_lake = Lake.of(settings)
    found = decided_rows(of_lake, DISCARDED) if discarded else open_rows(of_lake)
    rows = [
        row
        for row in found.to_pylist()
        if table in (None, row["table"]) and rule in (None, row["rule"])
    ]
    console = output_console()
    if not rows:
        told = "no row was discarded" if discarded else "no row waits in quarantine"
        console.print(told, markup=False)
        return
    who = {"by": "who"} if discarded else {}
    console.print(
        figure_table(
            [
                {
                    "row": row["row_id"][:ID_LENGTH],
                    "table": row["table"],
                    "rule": row["rule"],
                    "where": row["reference"],
                    "reason": row["reason"],
                    "at": f"{row['committed_at']:%Y-%m-%d %H:%M}",
                    **{name: row[column] for name, column in who.items()},
                }
                for row in rows[:last]
            ]
        )
    )
    if len(rows) > last:
        console.print(f"and {len(rows) - last:,} more (--last)", markup=False)


def release(
    rows: RowsArgument = None,
    table: TableOption = None,
    rule: RuleOption = None,
    yes: YesOption = False,
    by: WhoOption = None,
    config: ConfigOption = None,
    lake: LakeOption = None,
    assignments: SetOption = None,
) -> None:
    """Read the source of rows again, after a fix in it or in the settings; what passes is kept."""
    request = settings_request(config, lake, assignments)
    chosen = _chosen(request, rows, table, rule)
    if not yes:
        typer.confirm(f"Read the sources of {chosen.num_rows:,} rows again?", abort=True)
    from pipeline.quarantine_decisions import release as release_rows

    again = _again("release", rows, table, rule, by, request)
    with resumed_by(again), StageDisplay() as display:
        progress = display.progress_for("release")
        for summary in release_rows(request.load(), chosen, progress, by):
            display.show(summary)


def discard(
    rows: RowsArgument = None,
    table: TableOption = None,
    rule: RuleOption = None,
    yes: YesOption = False,
    by: WhoOption = None,
    config: ConfigOption = None,
    lake: LakeOption = None,
    assignments: SetOption = None,
) -> None:
    """Note that nothing will be done about rows: they are open no more, and stay on record."""
    request = settings_request(config, lake, assignments)
    chosen = _chosen(request, rows, table, rule)
    if not yes:
        typer.confirm(
            f"Discard {chosen.num_rows:,} rows? They are not shown as open again.", abort=True
        )
    from pipeline.quarantine_decisions import discard as discard_rows

    with resumed_by(_again("discard", rows, table, rule, by, request)), StageDisplay() as display:
        display.show(discard_rows(request.load(), chosen, by))


def _chosen(
    request: SettingsRequest, rows: list[str] | None, table: str | None, rule: str | None
) -> "pa.Table":
    from pipeline.lake import Lake
    from pipeline.quarantine_rows import chosen_rows
    from pipeline.user_error import UserError

    if not rows and table is None and rule is None:
        raise UserError(
            "name the rows, or their --table or --rule; `radsim quarantine list` shows them"
        )
    return chosen_rows(Lake.of(request.load()), rows or (), table, rule)


def _again(
    name: str,
    rows: list[str] | None,
    table: str | None,
    rule: str | None,
    by: str | None,
    request: SettingsRequest,
) -> list[str]:
    limits = [("--table", table), ("--rule", rule), ("--by", by)]
    asked = [word for option, value in limits if value for word in (option, value)]
    return ["radsim", "quarantine", name, *(rows or ()), *asked, *request.arguments()]
