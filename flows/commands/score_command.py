"""`radsim score`: how well labels agree with a gold."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from flows.commands.options import FormatOption, TextColumnOption, VocabularyOption
from flows.error_reporting import reporting_errors
from flows.stage_display import StageDisplay, output_console
from pipeline.user_error import UserError

if TYPE_CHECKING:
    from pipeline.gold_files import StateFile
    from pipeline.label_states import Labels
    from pipeline.report_texts import ReportTexts
    from pipeline.settings import Settings

EXAMPLES = 5


def add_to(app: typer.Typer) -> None:
    """Add the command to the application."""
    app.command()(reporting_errors(score))


def score(
    gold: Annotated[
        Path | None,
        typer.Option(
            "--gold",
            help="CSV or Parquet with a column of the exam and one a class: 1, 0, -1; or what "
            "`radsim review export` wrote.",
        ),
    ] = None,
    reviews: Annotated[
        bool,
        typer.Option("--reviews", help="In place of --gold: what the lake's reviewers settled."),
    ] = False,
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels", help="Labels as `radsim label --reports` writes them, or by finding."
        ),
    ] = None,
    reports: Annotated[
        Path | None,
        typer.Option(
            "--reports",
            help="Reports: labelled on the spot where no labels are given; for halves, and for "
            "examples with their sentences.",
        ),
    ] = None,
    lake: Annotated[
        str | None, typer.Option("--lake", help="Judge the labels of this lake.")
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config",
            "-c",
            help="Judge the labels of this settings file's lake and, with --gold, keep the figures "
            "(no text) for its dashboard.",
        ),
    ] = None,
    key: Annotated[
        str, typer.Option("--key", help="Column of the exam in the gold and in the reports.")
    ] = "exam_id",
    map: Annotated[
        Path | None,
        typer.Option(
            "--map",
            help="YAML or CSV: gold column to class of the labels, or to a union of findings.",
        ),
    ] = None,
    scheme: Annotated[
        str | None,
        typer.Option(
            "--scheme", help="Label scheme: chexpert14, nih14 ...; the one that fits by default."
        ),
    ] = None,
    vocabulary: VocabularyOption = None,
    uncertain: Annotated[
        str | None,
        typer.Option(
            "--uncertain",
            help="What -1 counts as: negative, positive, ignored, or alternatives (positive in «a "
            "or b», else negative). Without it: negative, and a line for each of the others.",
        ),
    ] = None,
    half: Annotated[
        str | None,
        typer.Option("--half", help="Score half a or b only; identical texts share a half."),
    ] = None,
    examples: Annotated[
        int | None,
        typer.Option(
            "--examples",
            min=0,
            help=f"With --reports: worst disagreements to show; {EXAMPLES} by default.",
        ),
    ] = None,
    classes: Annotated[
        list[str] | None,
        typer.Option("--class", help="Examples of this column of the gold only; repeatable."),
    ] = None,
    mentions: Annotated[
        Path | None, typer.Option("--mentions", help="The mentions the labels rest on.")
    ] = None,
    text_column: TextColumnOption = None,
    id_column: Annotated[
        str | None,
        typer.Option("--id-column", help="Column of the exam in the reports, if not --key."),
    ] = None,
    format: FormatOption = None,
    patient_column: Annotated[
        str, typer.Option("--patient-column", help="Column of the patient in the gold or reports.")
    ] = "patient_id",
    count_unlabelled: Annotated[
        bool,
        typer.Option(
            "--count-unlabelled",
            help="Count gold exams without labels as not mentioned; left out by default.",
        ),
    ] = False,
    draws: Annotated[int, typer.Option("--draws", min=0, help="Bootstrap draws.")] = 1000,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the bootstrap.")] = 0,
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Write the figures: FILE.json, FILE.csv, or a folder."),
    ] = None,
) -> None:
    """Measure how well labels agree with human codes: F1, kappa, confusion, worst cases."""
    if (gold is None) != reviews:
        raise UserError("name one gold: --gold FILE, or --reviews for what reviewers settled")
    if reviews and lake is None and config is None:
        raise UserError("--reviews are of a lake: name it with --config FILE or --lake FOLDER")
    if sum(source is not None for source in (labels, lake, config)) > 1:
        raise UserError("--labels, --lake and --config each name labels; leave only one")
    if labels is None and lake is None and config is None and reports is None:
        raise UserError(
            "name what to judge: --labels FILE, --reports FILE, --lake FOLDER or --config FILE"
        )
    if (examples or classes) and reports is None:
        raise UserError("examples show the text of reports: name them with --reports")
    from pipeline.gold_map import GoldMap, read_gold_map
    from pipeline.label_files import labels_of_reports
    from pipeline.score_examples import worst
    from pipeline.score_record import Score, write_score
    from pipeline.scoring import compare, wanted_classes

    gold_map = read_gold_map(map) if map is not None else GoldMap()
    site = _settings(config) if config is not None else None
    scheme = scheme or (str(gold_map.scheme) if gold_map.scheme else None)
    if site is not None:
        scheme = scheme or site.manifest.scheme
        lake = site.lake.root
        vocabulary = vocabulary or site.label.vocabulary
    truth = _gold(gold, lake, key, scheme, vocabulary)
    if truth.judged:
        scheme, key = truth.metadata["scheme"], "exam_id"
    if site is not None:
        import pyarrow as pa

        from pipeline.pseudonyms import Pseudonymiser

        known = Pseudonymiser.of(site)
        if known.active and reports is not None:
            raise UserError(
                "--reports names exams as the source does, and this lake keeps pseudonyms; leave "
                "--reports out"
            )
        held = [known.as_held(exam) for exam in truth.ids.to_pylist()]
        truth = replace(truth, ids=pa.array(held, pa.string()))
    texts = None
    if reports is not None:
        named = None if patient_column in ("patient_id", *truth.columns) else patient_column
        texts = _texts(reports, id_column or key, text_column, format, named)
    wanted = wanted_classes(truth, gold_map)
    judged = _labels(labels, lake, texts, key, scheme, wanted, mentions, vocabulary)
    compared = compare(
        truth,
        gold_map,
        judged,
        key=key,
        patient_column=patient_column,
        reports=texts,
        count_unlabelled=count_unlabelled,
    )
    if half is not None:
        compared = compared.half(half)
    settings = compared.settings if uncertain is None else (uncertain,)
    by_setting = {name: compared.measured(name, draws=draws, seed=seed) for name in settings}
    halves = () if half is not None or compared.second_half is None else ("a", "b")
    by_half = {
        name: compared.half(name).measured(settings[0], draws=draws, seed=seed) for name in halves
    }
    about = {
        "gold": truth.name,
        "labels": judged.file.name,
        "labeler": judged.labeler,
        "vocabulary": judged.vocabulary_hash,
        "scheme": judged.scheme.name if judged.scheme else None,
        "half": half,
    }
    measured = Score(compared, by_setting, by_half, about, draws, seed)
    from flows.agreement_display import say, show_examples, show_score

    console = output_console()
    digest = judged.vocabulary_hash
    say(
        console,
        f"{truth.name} against {judged.file.name}"
        + (f", labeler {judged.labeler}" if judged.labeler else "")
        + (f", vocabulary {digest[:12]}" if digest else "")
        + (f", scheme {judged.scheme.name}" if judged.scheme else "")
        + (f", half {half}" if half else ""),
    )
    show_score(console, measured)
    if truth.judged:
        say(console, "reviewers look at doubtful labels first: figures are of those, not of all")
    # What reviewers say of the labels, the dashboard counts anew each time.
    elif site is not None:
        from pipeline.kept_scores import keep_score
        from pipeline.lake import Lake

        keep_score(Lake.of(site), measured.record())
        say(console, "kept for the dashboard, page Label quality")
    if out is not None:
        for file in write_score(measured, out):
            say(console, f"wrote {file}")
    most = EXAMPLES if examples is None else examples
    if texts is not None and most:
        if judged.mentions is None:
            say(console, "\nmentions are those of today's labeler: no --mentions were given")
            today = labels_of_reports(texts, None, (), site=vocabulary)
            judged = replace(judged, mentions=today.mentions)
        found = worst(compared, judged, texts, settings[0], most, classes or ())
        say(console, "\nworst disagreements", style="bold")
        show_examples(console, found)


def _gold(
    file: Path | None, lake: str | None, key: str, scheme: str | None, vocabulary: Path | None
) -> "StateFile":
    """Return the gold of a file or, without one, what the reviewers of a lake settled."""
    from pipeline.review_gold import gold_of_decisions, read_gold

    if file is not None:
        return read_gold(file, key, scheme, vocabulary)
    assert lake is not None
    from pipeline.lake import Lake
    from pipeline.reviewing import decisions
    from pipeline.settings_file import load_settings

    known = Lake.of(load_settings(None, {"lake": {"root": lake}}))
    return gold_of_decisions(decisions(known), f"the reviews of {lake}", scheme, vocabulary)


def _settings(config: Path) -> "Settings":
    from flows.settings_request import settings_request

    return settings_request(config, None, None).load()


def _texts(
    reports: Path, key: str, columns: list[str] | None, format: str | None, patient: str | None
) -> "ReportTexts":
    from pipeline.readers.column_mapping import ColumnMapping
    from pipeline.report_texts import read_report_texts

    mapping = ColumnMapping(exam_id=key, text=tuple(columns or ["text"]), patient_id=patient)
    return read_report_texts(reports, mapping, format or "auto")


def _labels(
    labels: Path | None,
    lake: str | None,
    texts: "ReportTexts | None",
    key: str,
    scheme: str | None,
    wanted: list[str],
    mentions: Path | None,
    site: Path | None,
) -> "Labels":
    from pipeline import label_files

    if labels is not None:
        return label_files.labels_of_file(labels, key, scheme, wanted, mentions, site)
    if lake is not None:
        from pipeline.lake_labels import labels_of_lake

        return labels_of_lake(lake, scheme, wanted, site=site)
    assert texts is not None
    with StageDisplay() as display:
        progress = display.progress_for("label")
        return label_files.labels_of_reports(texts, scheme, wanted, site=site, progress=progress)
