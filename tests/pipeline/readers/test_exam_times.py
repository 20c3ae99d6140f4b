"""Times as sources write them."""

from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.readers.exam_times import exam_times
from pipeline.readers.source_error import SourceError

FILE = Path("r.csv")


@pytest.mark.parametrize(
    ("text", "time"),
    [
        ("2013-08-01", datetime(2013, 8, 1, tzinfo=UTC)),
        ("20130801", datetime(2013, 8, 1, tzinfo=UTC)),
        ("2013-08-01 10:15", datetime(2013, 8, 1, 10, 15, tzinfo=UTC)),
        ("2013-08-01T10:15:30", datetime(2013, 8, 1, 10, 15, 30, tzinfo=UTC)),
        ("2013-08-01T10:15:30.25", datetime(2013, 8, 1, 10, 15, 30, 250_000, tzinfo=UTC)),
        ("2013-08-01T10:15:30Z", datetime(2013, 8, 1, 10, 15, 30, tzinfo=UTC)),
        ("2013-08-01T10:15:30+02:00", datetime(2013, 8, 1, 8, 15, 30, tzinfo=UTC)),
        ("20130801101530", datetime(2013, 8, 1, 10, 15, 30, tzinfo=UTC)),
        (" 2013-08-01 ", datetime(2013, 8, 1, tzinfo=UTC)),
    ],
)
def test_a_time_is_read_and_taken_as_utc_unless_it_names_a_zone(text: str, time: datetime):
    times, unreadable = exam_times(pa.array([text]), "t", FILE)
    assert times.to_pylist() == [time]
    assert not unreadable.any()


@pytest.mark.parametrize(
    "text",
    [
        "08/01/2013",
        "01.08.2013",
        "2013-13-01",
        "20130230",
        "2013",
        "2013080110155",
        "2013-W01-1",
        "0001-01-01T00:00+14:00",
        "next week",
        "²",
    ],
)
def test_what_is_no_time_or_could_mean_two_is_flagged(text: str):
    times, unreadable = exam_times(pa.array([text, "2013-08-01", "", None]), "t", FILE)
    assert unreadable.tolist() == [True, False, False, False]
    assert [time is None for time in times.to_pylist()] == [True, False, True, True]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([datetime(2013, 8, 1)], pa.timestamp("ns")),
        pa.array([datetime(2013, 8, 1)], pa.timestamp("s", "UTC")),
        pa.array([datetime(2013, 8, 1).date()], pa.date32()),
    ],
)
def test_timestamps_and_dates_are_taken_as_they_are(column: pa.Array):
    times, unreadable = exam_times(column, "t", FILE)
    assert times.to_pylist() == [datetime(2013, 8, 1, tzinfo=UTC)]
    assert not unreadable.any()


def test_a_column_of_another_type_is_an_error():
    with pytest.raises(SourceError, match="column 't' has type bool"):
        exam_times(pa.array([True]), "t", FILE)
