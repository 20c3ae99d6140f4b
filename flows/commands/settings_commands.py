"""`radsim init`: write a settings file to begin with."""

from pathlib import Path
from typing import Annotated

import typer

from flows.error_reporting import reporting_errors
from flows.settings_request import DEFAULT_FILE
from pipeline.user_error import UserError


def add_to(app: typer.Typer) -> None:
    """Add the commands to the application."""
    app.command()(reporting_errors(init))


def init(
    file: Annotated[Path, typer.Argument(help="Where to write it.")] = DEFAULT_FILE,
    force: Annotated[bool, typer.Option("--force", help="Overwrite the file.")] = False,
) -> None:
    """Write a settings file with every setting at its default, commented."""
    from pipeline.settings_file import example_settings

    # Mode x fails where the file exists, also when another process has just written it.
    try:
        with file.open("w" if force else "x", encoding="utf-8") as stream:
            stream.write(example_settings())
    except FileExistsError:
        raise UserError(f"{file} exists; --force overwrites it") from None
    except FileNotFoundError:
        raise UserError(f"{file}: its folder does not exist; make it first") from None
    typer.echo(f"wrote {file}; name your reports in it, then: radsim run --config {file}")
