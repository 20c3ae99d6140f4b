"""`radsim train-labeler`: a second labeler, learned from rule labels and gold."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.options import FormatOption, TextColumnOption
from flows.error_reporting import reporting_errors
from flows.stage_display import figure_table, output_console
from pipeline.user_error import UserError

DEFAULT_OUT = Path("learned-labeler")


def add_to(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command("train-labeler")(reporting_errors(train_labeler))


def train_labeler(
    reports: Annotated[Path, typer.Option("--reports", help="File or folder of reports.")],
    gold: Annotated[
        Path | None, typer.Option("--gold", help="Human states of some of them, to teach more.")
    ] = None,
    key: Annotated[
        str, typer.Option("--key", help="Column of the exam in the gold and in the reports.")
    ] = "exam_id",
    map: Annotated[
        Path | None, typer.Option("--map", help="Gold column to class, as for radsim score.")
    ] = None,
    scheme: Annotated[str, typer.Option("--scheme", help="Label scheme to learn.")] = "chexpert14",
    text_column: TextColumnOption = None,
    id_column: Annotated[
        str | None,
        typer.Option("--id-column", help="Column of the exam in the reports, if not --key."),
    ] = None,
    patient_column: Annotated[
        str | None,
        typer.Option("--patient-column", help="Column of the patient: none is on two sides."),
    ] = None,
    format: FormatOption = None,
    out: Annotated[
        Path, typer.Option("--out", help="Folder that the labeler is written to.")
    ] = DEFAULT_OUT,
    queue: Annotated[
        Path | None,
        typer.Option("--queue", help="Write exams and classes worth a second look (CSV)."),
    ] = None,
    epochs: Annotated[int, typer.Option("--epochs", min=1, help="Passes over the sentences.")] = 30,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the training.")] = 7,
) -> None:
    """Train a labeler that gives calibrated probabilities, and rank what to review."""
    from pipeline.gold_files import read_state_file
    from pipeline.gold_map import GoldMap, read_gold_map
    from pipeline.labeler_training import train_labeler as train
    from pipeline.labeler_training import write_queue
    from pipeline.readers.column_mapping import ColumnMapping
    from pipeline.report_texts import read_report_texts

    mapping = ColumnMapping(
        exam_id=id_column or key, text=tuple(text_column or ["text"]), patient_id=patient_column
    )
    texts = read_report_texts(reports, mapping, format or "auto")
    truth = None if gold is None else read_state_file(gold, key)
    gold_map = GoldMap() if map is None else read_gold_map(map)
    found = train(texts, scheme, truth, gold_map, epochs=epochs, seed=seed)
    try:
        found.learned.save(out)
    except OSError as error:
        raise UserError(f"{out}: cannot be written ({error.strerror})") from None
    if queue is not None:
        write_queue(found.queue, queue)
    card = found.learned.card
    console = output_console()
    lines = [
        f"taught by {card.labeler}: {card.reports:,} reports, {card.sentences:,} distinct "
        f"sentences, {card.gold_exams:,} exams with gold, {found.seconds:.0f} s",
        f"{found.held_out:,} reports held out:",
    ]
    for line in lines:
        console.print(line, markup=False, highlight=False, soft_wrap=True)
    console.print(figure_table(found.figures))
    disagreements = sum(value == "disagreement" for value in found.queue["reason"].to_pylist())
    console.print(
        f"rules and learned labeler disagree on {disagreements:,} states of all reports; "
        f"{found.queue.num_rows:,} are worth a second look",
        markup=False,
        highlight=False,
        soft_wrap=True,
    )
    for place in (out, queue):
        if place is not None:
            console.print(f"wrote {place}", markup=False, highlight=False, soft_wrap=True)
