"""The command line `radsim`.

Nothing heavy is imported before the command that needs it runs, so that ``radsim --help`` answers
at once.
"""

import sys
from importlib.metadata import version as installed_version
from typing import Annotated

import typer

from flows.commands import (
    asking_commands,
    change_command,
    compare_command,
    dashboard_command,
    demo_command,
    deploy_command,
    diff_command,
    forget_command,
    history_commands,
    manifest_command,
    migrate_command,
    models_command,
    quarantine_commands,
    review_commands,
    road_commands,
    score_command,
    serve_command,
    settings_commands,
    status_command,
    train_labeler_command,
    vacuum_command,
)

# Commands that import torch, or start processes that do.
_WITH_TORCH = frozenset(
    {"run", "train", "embed", "evaluate", "gate", "demo", "serve", "similar", "change", "compare"}
)

app = typer.Typer(
    help="Radiological similarity from free-text chest-radiograph reports.",
    no_args_is_help=True,
    add_completion=False,
    # A pretty traceback shows local variables, and those hold reports.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
settings_commands.add_to(app)
road_commands.add_to(app)
asking_commands.add_to(app)
status_command.add_to(app)
history_commands.add_to(app)
manifest_command.add_to(app)
migrate_command.add_to(app)
models_command.add_to(app)
quarantine_commands.add_to(app)
review_commands.add_to(app)
forget_command.add_to(app)
vacuum_command.add_to(app)
change_command.add_to(app)
compare_command.add_to(app)
score_command.add_to(app)
diff_command.add_to(app)
train_labeler_command.add_to(app)
dashboard_command.add_to(app)
demo_command.add_to(app)
serve_command.add_to(app)
deploy_command.add_to(app)


def _print_version(asked: bool) -> None:
    if asked:
        typer.echo(installed_version("radsim"))
        raise typer.Exit


@app.callback()
def _radsim(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version."
        ),
    ] = False,
) -> None:
    pass


@app.command()
def version() -> None:
    """Print the version."""
    _print_version(True)


def main() -> None:
    """Run the command that the arguments name."""
    if sys.argv[1:2] and sys.argv[1] in _WITH_TORCH:
        from training.allocator import ensure_allocator

        ensure_allocator()
    app()
