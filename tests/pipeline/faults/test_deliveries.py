"""Deliveries that are damaged, or go away while they are read."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.csv
import pyarrow.parquet as pq
import pytest

from pipeline import dropped_reading
from pipeline.settings import Settings
from pipeline.stages.ingest import ingest
from pipeline.user_error import UserError
from tests.benchmarks.small_hospital import road_settings


@pytest.fixture
def parquet(hospital: Any) -> Path:
    """Return the second delivery's reports as a Parquet file."""
    table = pyarrow.csv.read_csv(hospital.folder / "delivery" / "reports.csv")
    file: Path = hospital.folder / "delivery" / "reports.parquet"
    pq.write_table(table, file, row_group_size=50)
    return file


def failure(settings: Settings) -> str:
    """Return what ingest fails with, nothing where it takes the delivery in."""
    try:
        ingest(settings)
    except UserError as error:
        return str(error)
    return ""


def test_a_parquet_file_cut_short_or_with_turned_bits(hospital: Any, parquet: Path) -> None:
    settings = road_settings(hospital.folder, reports={"path": parquet})
    whole = parquet.read_bytes()
    rng = np.random.default_rng(0)
    told = 0
    for trial in range(8):
        content = bytearray(whole)
        if trial < 2:
            del content[(trial + 1) * len(content) // 3 :]
        else:
            # The footer, then the pages.
            low, high = (len(content) - 400, len(content)) if trial < 5 else (4, len(content) - 400)
            for place in rng.integers(low, high, 8):
                content[place] ^= 1 << int(rng.integers(8))
        parquet.write_bytes(content)
        before = hospital.tables()
        line = failure(settings)
        if line:
            told += 1
            assert line.startswith(f"{parquet}: is not a whole Parquet file")
            assert hospital.tables() == before
    assert told >= 5
    parquet.write_bytes(whole)
    ingest(settings)


def test_a_drop_folder_that_is_gone(hospital: Any) -> None:
    delivery, aside = hospital.folder / "delivery", hospital.folder / "aside"
    delivery.rename(aside)
    with hospital.fails_with(str(delivery), "no such file or folder"):
        hospital.run("ingest")
    with hospital.fails_with(str(delivery), "no such folder of images"):
        hospital.run("index")
    aside.rename(delivery)
    hospital.run("ingest", "index")


def test_a_drop_folder_that_goes_while_it_is_read(
    hospital: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    delivery, aside = hospital.folder / "delivery", hospital.folder / "aside"
    parts = delivery / "parts"
    parts.mkdir()
    lines = (delivery / "reports.csv").read_text(encoding="utf-8").splitlines()
    for number in range(3):
        part = [lines[0], *lines[1 + number :: 3]]
        (parts / f"{number}.csv").write_text("\n".join(part), encoding="utf-8")
    read = dropped_reading.read_file

    def going(*asked: Any) -> Iterator[Any]:
        yield from read(*asked)
        shutil.move(delivery, aside)

    settings = road_settings(hospital.folder, reports={"path": parts})
    with monkeypatch.context() as patched, hospital.fails_with("1.csv: no such file or folder"):
        patched.setattr(dropped_reading, "read_file", going)
        ingest(settings)
    aside.rename(delivery)
    ingest(settings)


def test_images_that_go_before_they_are_decoded_are_used_when_they_are_back(
    hospital: Any,
) -> None:
    images, aside = hospital.folder / "delivery" / "images", hospital.folder / "aside"
    hospital.run("ingest", "label", "index")
    images.rename(aside)
    with hospital.fails_with(str(images), "is not there"):
        hospital.run("cache")
    aside.rename(images)
    (images / "X203.png").rename(aside)
    hospital.run("cache")
    [held] = [row for row in hospital.tables()["quarantine"] if "cannot be read" in row["reason"]]
    assert held["rule"] == "unreadable"
    aside.rename(images / "X203.png")
    hospital.ends_well()
