"""`radsim diff`: what another vocabulary or version changed in the labels."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.options import FormatOption, TextColumnOption, VocabularyOption
from flows.error_reporting import reporting_errors
from flows.stage_display import output_console
from pipeline.user_error import UserError

if TYPE_CHECKING:
    from pipeline.label_states import Labels
    from pipeline.report_texts import ReportTexts

EXAMPLES = 5


def add_to(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(reporting_errors(diff))


def diff(
    old: Annotated[
        str, typer.Argument(metavar="OLD", help="Labels (Parquet or CSV); with --lake a version.")
    ],
    new: Annotated[
        str, typer.Argument(metavar="NEW", help="Labels (Parquet or CSV); with --lake a version.")
    ],
    lake: Annotated[
        str | None,
        typer.Option("--lake", help="Compare versions of this lake's labels, with its mentions."),
    ] = None,
    scheme: Annotated[
        str | None,
        typer.Option("--scheme", help="Compare labels by finding as classes of this scheme."),
    ] = None,
    vocabulary: VocabularyOption = None,
    key: Annotated[str, typer.Option("--key", help="Column of the exam in the files.")] = "exam_id",
    reports: Annotated[
        Path | None, typer.Option("--reports", help="Reports, for examples with their sentences.")
    ] = None,
    examples: Annotated[
        int | None,
        typer.Option(
            "--examples",
            min=0,
            help="Changed states to show with their sentences; with --reports "
            f"{EXAMPLES} by default, and without it those of the lake.",
        ),
    ] = None,
    classes: Annotated[
        list[str] | None,
        typer.Option("--class", help="Examples of this class or finding only; repeatable."),
    ] = None,
    old_mentions: Annotated[
        Path | None, typer.Option("--old-mentions", help="The mentions OLD rests on.")
    ] = None,
    new_mentions: Annotated[
        Path | None,
        typer.Option("--mentions", help="The mentions NEW rests on; today's labeler's by default."),
    ] = None,
    text_column: TextColumnOption = None,
    id_column: Annotated[
        str | None,
        typer.Option("--id-column", help="Column of the exam in the reports, if not --key."),
    ] = None,
    format: FormatOption = None,
    out: Annotated[
        Path | None, typer.Option("--out", help="Write every count to this JSON file.")
    ] = None,
) -> None:
    """Show what changed from OLD labels to NEW: counts a class and transition, with examples."""
    if (examples or classes) and reports is None and lake is None:
        raise UserError("examples show the text of reports: name them with --reports")
    from pipeline.label_diff import changed_examples, write_diff
    from pipeline.label_diff import diff as compare

    if lake is not None:
        before, after = (_of_lake(lake, version, scheme, vocabulary) for version in (old, new))
    else:
        before = _of_file(old, key, scheme, old_mentions, vocabulary)
        after = _of_file(new, key, scheme, new_mentions, vocabulary)
    found = compare(before, after, by_scheme=scheme is not None)
    from flows.agreement_display import say, show_diff, show_examples

    console = output_console()
    show_diff(console, found)
    if out is not None:
        write_diff(found, out)
        say(console, f"wrote {out}")
    most = examples if examples is not None else (EXAMPLES if reports is not None else 0)
    if not most or not found.exams_changed:
        return
    texts = _texts(reports, id_column or key, text_column, format, lake)
    if after.mentions is None:
        from pipeline.label_files import labels_of_reports

        say(console, "\nnew mentions are those of today's labeler: no --mentions were given")
        today = labels_of_reports(texts, None, (), site=vocabulary).mentions
        found = replace(found, after=replace(after, mentions=today))
    say(console, "\nchanged states", style="bold")
    show_examples(console, changed_examples(found, texts, most, classes or ()))


def _of_lake(lake: str, version: str, scheme: str | None, site: Path | None) -> "Labels":
    from pipeline.lake_labels import labels_of_lake

    if not version.lstrip("v").isdigit():
        raise UserError(f"with --lake OLD and NEW are versions of its labels, not {version!r}")
    return labels_of_lake(lake, scheme, (), int(version.lstrip("v")), site)


def _of_file(
    path: str, key: str, scheme: str | None, mentions: Path | None, site: Path | None
) -> "Labels":
    from pipeline.label_files import labels_of_file

    return labels_of_file(Path(path), key, scheme, (), mentions, site)


def _texts(
    reports: Path | None,
    key: str,
    columns: list[str] | None,
    format: str | None,
    lake: str | None,
) -> "ReportTexts":
    if reports is None:
        from pipeline.lake_labels import reports_of_lake

        assert lake is not None
        return reports_of_lake(lake)
    from pipeline.readers.column_mapping import ColumnMapping
    from pipeline.report_texts import read_report_texts

    mapping = ColumnMapping(exam_id=key, text=tuple(columns or ["text"]))
    return read_report_texts(reports, mapping, format or "auto")
