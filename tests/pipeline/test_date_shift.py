"""Dates shifted per patient: none true, order and intervals kept."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from data_contracts.schemas import TIMESTAMP
from pipeline.date_shift import MOST_DAYS, DateShift
from pipeline.pseudonyms import KEY_VARIABLE, Pseudonymiser
from pipeline.stages.ingest import ingest
from pipeline.user_error import UserError
from tests.pipeline.stages.conftest import Site

KEY = "a key of sixteen bytes or more"
TIMES = [datetime(2020, 1, 1, 9, 30, tzinfo=UTC) + timedelta(days=n * n) for n in range(4)]


@pytest.fixture
def site(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    return Site(tmp_path)


def deliver(site: Site, times: list[datetime], patients: list[str]) -> None:
    rows = [
        {
            "exam_id": f"E{n}",
            "patient_id": patient,
            "exam_time": time.isoformat(),
            "text": "Clear lungs.",
        }
        for n, (time, patient) in enumerate(zip(times, patients, strict=True))
    ]
    site.deliver(rows)


def test_order_and_intervals_within_a_patient_stay_and_no_date_is_true(site: Site) -> None:
    deliver(site, TIMES, ["P1", "P1", "P2", ""])
    settings = site.settings(privacy={"shift_dates": True})
    ingest(settings)
    by_exam = {row["exam_id"]: row for row in site.lake.read("reports").to_pylist()}
    shift = DateShift(Pseudonymiser(KEY.encode()))
    moved = []
    for n, time in enumerate(TIMES):
        row = by_exam[Pseudonymiser(KEY.encode()).one(f"E{n}")]
        moved.append(row["exam_time"] - time)
        assert moved[-1] == timedelta(days=shift.days(row["patient_id"] or row["exam_id"]))
        assert 1 <= abs(moved[-1].days) <= MOST_DAYS
    assert moved[0] == moved[1]
    assert len({move.days for move in moved}) == 3
    assert ingest(settings).outcome == "unchanged"


def test_when_a_report_was_told_is_shifted_with_its_exam(site: Site) -> None:
    (site.folder / "night.hl7").write_text(
        "MSH|^~\\&|RIS|NORTH|||20200101120000||ORU^R01|1|P|2.5\rPID|1||P1\r"
        "OBR|1||E1|CXR|||20200101093000|||||||||||||||20200101110000|||F\r"
        "OBX|1|TX|GDT||Clear lungs.||||||F\r"
    )
    told = site.settings(reports={"path": site.folder / "night.hl7"}, privacy={"shift_dates": True})
    ingest(told)
    [row] = site.lake.read("reports").to_pylist()
    assert row["told_at"] - row["exam_time"] == timedelta(hours=1, minutes=30)
    assert row["told_at"].date() != TIMES[0].date()


def test_a_date_of_today_passes_its_contract_wherever_it_is_shifted_to(site: Site) -> None:
    today = datetime.now(UTC).replace(microsecond=0)
    deliver(site, [today] * 8, [f"P{n}" for n in range(8)])
    assert ingest(site.settings(privacy={"shift_dates": True})).counts["new"] == 8
    times = site.lake.read("reports")["exam_time"].to_pylist()
    assert min(times) < today < max(times)


def test_days_are_spread_over_two_years_without_today() -> None:
    shift = DateShift(Pseudonymiser(KEY.encode()))
    days = [shift.days(f"P{n}") for n in range(20_000)]
    assert set(days) == set(range(-MOST_DAYS, MOST_DAYS + 1)) - {0}
    assert [DateShift(Pseudonymiser(b"another" * 3)).days(f"P{n}") for n in range(9)] != days[:9]


def test_a_null_time_stays_null() -> None:
    table = pa.table(
        {
            "exam_id": ["E1"],
            "patient_id": pa.nulls(1, pa.string()),
            "exam_time": pa.nulls(1, TIMESTAMP),
            "told_at": pa.nulls(1, TIMESTAMP),
        }
    )
    assert DateShift(Pseudonymiser(KEY.encode())).shifted(table).equals(table)


def test_it_needs_a_key(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    deliver(site, TIMES, ["P"] * 4)
    monkeypatch.delenv(KEY_VARIABLE)
    with pytest.raises(UserError, match="shift_dates needs the site's key"):
        ingest(site.settings(privacy={"shift_dates": True}))
