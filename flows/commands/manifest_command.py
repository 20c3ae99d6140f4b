"""`radsim manifest`: the releases of a lake, or one of them."""

from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.options import ConfigOption, LakeOption, SetOption
from flows.error_reporting import reporting_errors
from flows.settings_request import settings_request
from flows.stage_display import figure_table, output_console
from pipeline.user_error import UserError

if TYPE_CHECKING:
    from pipeline.lake import Lake


def add_to(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(reporting_errors(manifest))


def manifest(
    number: Annotated[
        int | None, typer.Argument(metavar="N", help="Show this one: its file and what made it.")
    ] = None,
    config: ConfigOption = None,
    lake: LakeOption = None,
    assignments: SetOption = None,
) -> None:
    """List the manifests of the lake, the last one at the end; or show one."""
    settings = settings_request(config, lake, assignments).load()
    from pipeline.lake import Lake

    if number is None:
        _list(Lake.of(settings))
    else:
        _show(Lake.of(settings), number)


def _list(lake: "Lake") -> None:
    from pipeline.manifests import releases

    found = releases(lake)
    if not found:
        raise UserError(f"{lake.root} has no manifest yet; run `radsim link` first")
    console = output_console()
    rows = [
        {
            "version": release.version,
            "created": release.created_at.strftime("%Y-%m-%d %H:%M"),
            "images": release.rows,
            "exams": release.exams,
            "scheme": release.scheme,
            "digest": release.digest[:12],
        }
        for release in found
    ]
    console.print(figure_table(rows))
    console.print(f"last: {found[-1].path}", markup=False, soft_wrap=True)


def _show(lake: "Lake", number: int) -> None:
    from pipeline.manifests import manifest_metadata, read_manifest, release_of, split_sizes

    release = release_of(lake, number)
    rows = read_manifest(lake, release)
    told = manifest_metadata(rows)
    tables = ", ".join(f"{table} v{version}" for table, version in told["tables"].items())
    console = output_console()
    for line in (
        f"manifest {number}, of {release.created_at:%Y-%m-%d %H:%M}: {release.path}",
        f"  SHA-256 {release.digest}",
        f"  scheme {release.scheme}, vocabulary {(told['vocabulary_hash'] or 'none')[:12]}",
        f"  made from {tables}",
    ):
        console.print(line, markup=False, soft_wrap=True)
    console.print(figure_table(split_sizes(rows)))
