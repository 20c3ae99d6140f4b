"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

ConfigOption = Annotated[
    Path | None,
    typer.Option("--config", "-c", help="Settings file; ./radsim.toml if there is one."),
]
LakeOption = Annotated[
    str | None, typer.Option("--lake", help="Folder or object-store URL of the lake.")
]
SetOption = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="SECTION.NAME=VALUE",
        help="Any setting, over the file and the environment; may be repeated.",
    ),
]
ForceOption = Annotated[
    bool, typer.Option("--force", help="Do the work again even where nothing changed.")
]
SinceOption = Annotated[
    str | None,
    typer.Option("--since", metavar="DATE", help="Only exams from this day on (exam_time, UTC)."),
]
UntilOption = Annotated[
    str | None,
    typer.Option(
        "--until", metavar="DATE", help="Only exams up to the end of this day (exam_time, UTC)."
    ),
]
ExamOption = Annotated[
    list[str] | None,
    typer.Option(
        "--exam",
        metavar="ID",
        help="Only this exam, as the lake or the source names it; repeat it.",
    ),
]
ReleaseOption = Annotated[
    int | None,
    typer.Option(
        "--version", metavar="N", help="On this release (`radsim manifest`), not the newest."
    ),
]
SchemeOption = Annotated[
    str | None, typer.Option("--scheme", help="Label scheme: chexpert14, nih14 ...")
]
VocabularyOption = Annotated[
    Path | None,
    typer.Option(
        "--vocabulary",
        metavar="FOLDER",
        help="Folder of the site whose YAML files add to the vocabulary.",
    ),
]
ReportsOption = Annotated[
    str | None,
    typer.Option(
        "--reports", metavar="PATH", help="File or folder of reports, or the URL of a prefix."
    ),
]
FormatOption = Annotated[
    str | None,
    typer.Option(
        "--format",
        help="Format of the reports: auto, csv, tsv, parquet, jsonl, hl7, fhir, mimic, openi.",
    ),
]
IdColumnOption = Annotated[
    str | None, typer.Option("--id-column", help="Column of the exam's id (accession number).")
]
TextColumnOption = Annotated[
    list[str] | None,
    typer.Option(
        "--text-column", help="Column of the text; repeat it for one column a section, in order."
    ),
]
