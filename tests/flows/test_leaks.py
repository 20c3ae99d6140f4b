"""What a report, a header or a file's name says of a patient reaches no log, message or file.

A whole road with a site key runs under Prefect, followed by failures of every kind, by Prefect and
by the command line; then everything that was printed, logged, or left on disk or in Prefect's
database is searched for what was planted.
"""

import csv
import gzip
import logging
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from pipeline import road
from pipeline.pseudonyms import KEY_VARIABLE
from tests.pipeline.conftest import contract_breaker
from tests.pipeline.test_privacy import ACCESSION, IDENTIFIERS, MRN, NAME, SENTENCE, write_dicom

EXAMS = 16
TEXT = ("Xanthippe", "lighthouse")
PLANTED = (*TEXT, *IDENTIFIERS)

SETTINGS = """\
[lake]
root = "lake"
[reports]
path = "reports"
[images]
path = "images"
[cache]
size = 32
[engine]
workers = 1
[manifest]
scheme = "nih14"
train = 0.5
val = 0.2
test = 0.3
[train]
backbone = "efficientnet_lite0"
loss = "ml2"
image_size = 32
dim = 8
head_epochs = 2
[evaluate]
k = 5
resamples = 100
"""


def write_site(folder: Path) -> Path:
    """Write reports and radiographs that name patients in text, columns, headers and file names."""
    (folder / "reports").mkdir()
    columns = ["exam_id", "patient_id", "exam_time", "status", "text"]
    good = [
        [f"{ACCESSION}{n:02d}", f"{MRN}{n // 2:02d}", f"2020-01-{n + 1:02d}", "final", _text(n)]
        for n in range(EXAMS)
    ]
    bad = [
        [f"{ACCESSION}50", f"{MRN}50", "2020-01-01", "final", f"{SENTENCE} on the left."],
        [f"{ACCESSION}50", f"{MRN}50", "2020-01-01", "final", f"{SENTENCE} on the right."],
        [f"{ACCESSION}51", f"{MRN}51", "2020-01-01", "final", ""],
        [f"{ACCESSION}52", f"{MRN}52", f"after {NAME}", "final", f"{SENTENCE}."],
        [f"{ACCESSION}53", f"{MRN}53", "2020-01-01", f"dictated by {NAME}", f"{SENTENCE}."],
        [f"{ACCESSION}54", f"{MRN}54", "1850-01-01", "final", f"{SENTENCE}."],
        [f"{ACCESSION}55", f"{MRN}55", "2020-01-01", "final"],
        [f"{ACCESSION}56", f"{MRN}56", "2020-01-01", "final", f"{SENTENCE}\0."],
    ]
    for file, rows in ((f"{NAME} good.csv", good), (f"{MRN}.csv", bad)):
        with (folder / "reports" / file).open("w", newline="", encoding="utf-8") as opened:
            csv.writer(opened).writerows([columns, *rows])
    with (folder / "reports" / f"{MRN} latin.csv").open("w", encoding="latin-1") as opened:
        opened.write(f"exam_id,patient_id,text\n{ACCESSION}57,{MRN}57,{SENTENCE} \xe9\n")
    for n in range(EXAMS):
        patient = folder / "images" / f"{MRN}{n // 2:02d}"
        patient.mkdir(parents=True, exist_ok=True)
        write_dicom(
            patient / f"{ACCESSION}{n:02d}.dcm",
            n,
            AccessionNumber=f"{ACCESSION}{n:02d}",
            PatientID=f"{MRN}{n // 2:02d}",
        )
    spoilt = folder / "images" / NAME
    spoilt.mkdir()
    write_dicom(spoilt / f"{ACCESSION}60.dcm", 60, ViewPosition="LL")
    write_dicom(spoilt / f"{ACCESSION}61.dcm", 61, Rows=NAME)
    # Its header passes; that its code stream is none shows when it is decoded.
    write_dicom(spoilt / f"{ACCESSION}62.dcm", 62, PhotometricInterpretation=NAME)
    write_dicom(spoilt / f"{ACCESSION}63.dcm", 63, ViewPosition=NAME)
    write_dicom(spoilt / f"{ACCESSION}64.dcm", 64, Modality=NAME)
    write_dicom(spoilt / f"{ACCESSION}65.dcm", 65, BodyPartExamined=NAME)
    (spoilt / f"letter {NAME}.dcm").write_text(f"{SENTENCE} {MRN}")
    file = folder / "site.toml"
    file.write_text(SETTINGS)
    return file


def _text(number: int) -> str:
    return f"{SENTENCE}." if number % 2 == 0 else f"{SENTENCE.split()[0]} is clear. Heart normal."


@pytest.fixture(scope="module")
def ran(
    prefect_server: None, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Path, str, list[str]]]:
    """Return the folder of the site after all its runs, what they told, and each failure."""
    from prefect.settings import PREFECT_LOGGING_TO_API_ENABLED, temporary_settings

    folder = tmp_path_factory.mktemp("leaks")
    config = write_site(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(KEY_VARIABLE, "a key of sixteen bytes or more")
        with (
            temporary_settings({PREFECT_LOGGING_TO_API_ENABLED: True}),
            everything_told(folder / "told.txt"),
        ):
            failures = list(run_and_fail(config, patch))
        yield folder, (folder / "told.txt").read_text(errors="replace"), failures


@contextmanager
def everything_told(file: Path) -> Iterator[None]:
    """Write to `file` what this process prints, whoever prints it, and every log record made."""
    make_record = logging.getLogRecordFactory()
    root = logging.getLogger()
    level = root.level
    kept = [os.dup(number) for number in (1, 2)]
    with file.open("a", encoding="utf-8") as opened:

        def told_record(*args: Any, **kwargs: Any) -> logging.LogRecord:
            record = make_record(*args, **kwargs)
            opened.write(f"log: {logging.Formatter().format(record)}\n")
            return record

        logging.setLogRecordFactory(told_record)
        root.setLevel(logging.DEBUG)
        for number in (1, 2):
            os.dup2(opened.fileno(), number)
        try:
            with redirect_stdout(opened), redirect_stderr(opened):
                yield
        finally:
            for number, before in zip((1, 2), kept, strict=True):
                os.dup2(before, number)
                os.close(before)
            root.setLevel(level)
            logging.setLogRecordFactory(make_record)


def run_and_fail(config: Path, patch: pytest.MonkeyPatch) -> Iterator[str]:
    """Run the road by Prefect, then fail in every way, by Prefect and by the command line.

    Yields what Prefect raised, a failure each.
    """
    from flows.stage_flows import STAGE_FLOWS, road_flow

    road_flow(str(config))
    reports, images = config.parent / "reports", config.parent / "images"

    def failing(stage: str, file: Path = config) -> Iterator[str]:
        for run in (STAGE_FLOWS[stage], by_command(stage)):
            try:
                run(str(file))
            except Exception as error:
                yield f"{error!r} {error}"

    # A file cut short, and one whose first line is a row, each named for a patient.
    alone = config.with_name("alone.toml")
    alone.write_text(SETTINGS.replace('"reports"', '"alone"'))
    (config.parent / "alone").mkdir()
    file = config.parent / "alone" / f"{NAME} cut.csv.gz"
    file.write_bytes(gzip.compress(f"exam_id,text\nE,{SENTENCE}\n".encode() * 1000)[:-20])
    yield from failing("ingest", alone)
    file.unlink()
    file.with_name(f"{NAME} headless.csv").write_text(f"{MRN}77,{SENTENCE}.\n")
    yield from failing("ingest", alone)
    fresh = reports / f"{NAME} fresh.csv"
    fresh.write_text(f"exam_id,patient_id,text\n{ACCESSION}90,{MRN}90,{SENTENCE} at last.\n")
    (images / f"{NAME} damaged.dcm").write_bytes(b"\0" * 128 + b"DICM" + SENTENCE.encode())
    with pytest.MonkeyPatch.context() as contracts:
        for table in ("reports", "images"):
            contract_breaker(contracts)(table)
        yield from failing("ingest")
        yield from failing("index")

    def broken(*_: Any, **__: Any) -> None:
        raise ValueError(f"{SENTENCE} of {NAME}")

    patch.setattr(road, "stage", lambda name: broken)
    yield from failing("label")


def by_command(stage: str) -> Callable[[str], None]:
    """Return the stage as the command line runs it, in this process."""
    from flows.command_line import app

    return lambda config: app([stage, "--config", config], standalone_mode=False)


def test_the_road_ran_and_every_failure_was_provoked(ran: tuple[Path, str, list[str]]) -> None:
    folder, told, failures = ran
    for reason in ("cut short", "its first line", "breaks its contract", "unexpected ValueError"):
        assert any(reason in failure for failure in failures), reason
        assert reason in told
    assert len(failures) == told.count("to resume: radsim") == 5
    lake = folder / "lake"
    assert len(list((lake / "state" / "contracts").glob("*.html"))) == 4
    assert list(lake.rglob("*.safetensors"))
    assert list(lake.rglob("events.out.tfevents*"))


def test_nothing_planted_is_printed_logged_or_raised(ran: tuple[Path, str, list[str]]) -> None:
    _, told, failures = ran
    assert told_of(told) == []
    assert told_of(str(failures)) == []


def test_prefects_database_holds_nothing_planted(ran: tuple[Path, str, list[str]]) -> None:
    from prefect.settings import PREFECT_SERVER_DATABASE_CONNECTION_URL

    file = Path(PREFECT_SERVER_DATABASE_CONNECTION_URL.value().partition(":///")[2])
    content = b"".join(f.read_bytes() for f in file.parent.glob(f"{file.name}*")).decode("latin-1")
    # Artifacts, states and logs are there.
    assert "radsim-evaluate" in content
    assert "breaks its contract" in content
    assert told_of(content) == []


def test_no_file_of_the_lake_names_anyone_and_reports_alone_hold_text(
    ran: tuple[Path, str, list[str]],
) -> None:
    folder, _, _ = ran
    tables = set()
    for place, content in contents(folder / "lake"):
        if place.endswith(".parquet"):
            tables.add(place.split("/")[1])
        told = told_of(content + place)
        allowed = TEXT if place.startswith("tables/reports/") else ()
        assert not set(told) - set(allowed), place
    assert {"reports", "mentions", "labels", "quarantine", "images", "pixels", "runs"} <= tables
    assert {"models", "embeddings", "evaluations"} <= tables


def contents(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the relative path of each file below a folder and what it holds, unpacked."""
    for file in folder.rglob("*"):
        if not file.is_file():
            continue
        content = file.read_bytes()
        if file.suffix == ".parquet":
            table = pq.read_table(file)
            held = str(table.to_pylist()) + str(table.schema.metadata)
        elif content.startswith(b"\x1f\x8b"):
            held = gzip.decompress(content).decode("latin-1")
        else:
            held = content.decode("latin-1")
        yield file.relative_to(folder).as_posix(), held


def told_of(content: str) -> list[str]:
    content = content.lower()
    return [word for word in PLANTED if word.lower() in content]
