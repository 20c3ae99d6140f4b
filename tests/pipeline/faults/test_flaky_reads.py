"""A drive that does not answer for a moment is waited for; one that is gone costs one wait."""

import errno
import hashlib
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.flaky_reads import _Drive, may_pass, read_again, steadied
from pipeline.images import description
from pipeline.readers.source_error import SourceError, source_errors
from pipeline.road import stage
from pipeline.settings_file import load_settings


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Return the seconds that would have been waited."""
    waited: list[float] = []
    monkeypatch.setattr("tenacity.nap.time", SimpleNamespace(sleep=waited.append))
    monkeypatch.setattr(_Drive, "gone", False)
    return waited


def flaky(works: Callable[..., Any], failures: int, number: int = errno.EIO) -> Callable[..., Any]:
    """Return work that a drive fails so many times."""
    left = [OSError(number, "the drive")] * failures

    def read(*arguments: Any, **named: Any) -> Any:
        if left:
            raise left.pop()
        return works(*arguments, **named)

    return read


def test_what_is_read_after_a_moment_is_read(waits: list[float]) -> None:
    assert read_again(flaky(str.upper, 3), "read") == "READ"
    assert waits == [0.5, 1, 2]


def test_a_missing_file_is_not_waited_for(waits: list[float]) -> None:
    with pytest.raises(FileNotFoundError):
        read_again(Path("nowhere").read_bytes)
    with pytest.raises(PermissionError):
        read_again(flaky(str.upper, 9, errno.EACCES), "read")
    assert waits == []


def test_a_drive_that_is_gone_costs_one_wait(waits: list[float]) -> None:
    gone = flaky(str.upper, 100, errno.ESTALE)
    for _ in range(10):
        with pytest.raises(OSError, match="the drive"):
            read_again(gone, "read")
    assert waits == [0.5, 1, 2, 4]
    # Once something is read it is waited for again.
    assert read_again(str.upper, "read") == "READ"
    assert read_again(flaky(str.upper, 1), "read") == "READ"
    assert waits[4:] == [0.5]


def test_the_cause_behind_a_line_for_the_user_counts() -> None:
    def refused(number: int) -> SourceError:
        with pytest.raises(SourceError) as told, source_errors(Path("reports.csv")):
            raise OSError(number, "the drive")
        return told.value

    assert may_pass(refused(errno.EIO))
    assert not may_pass(refused(errno.ENOSPC))
    assert may_pass(OSError("Generic LocalFileSystem error: Input/output error"))
    assert not may_pass(ValueError("Input/output error"))


def test_a_stage_is_begun_anew(waits: list[float]) -> None:
    assert steadied(flaky(str.upper, 2))("stage") == "STAGE"
    assert waits == [5, 20]
    with pytest.raises(OSError, match="the drive"):
        steadied(flaky(str.upper, 3))("stage")


def test_reports_on_a_drive_that_blinks_are_taken_in(
    tmp_path: Path, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "drop").mkdir()
    (tmp_path / "drop" / "a.csv").write_text("exam_id,text\nE1,No effusion.\n")
    monkeypatch.setattr(hashlib, "file_digest", flaky(hashlib.file_digest, 2))
    given = {"lake": {"root": str(tmp_path / "lake")}, "reports": {"path": str(tmp_path / "drop")}}
    assert stage("ingest")(load_settings(None, given)).counts["new"] == 1
    assert waits == [0.5, 1]


def test_images_on_a_drive_that_blinks_are_taken_in(
    hospital: Any, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(description, "file_kind", flaky(description.file_kind, 2))
    monkeypatch.setattr("pipeline.images.decoding.file_kind", flaky(description.file_kind, 2))
    hospital.ends_well()
    assert waits == [0.5, 1] * 2


def test_an_image_that_stays_unread_is_looked_at_by_every_run(
    hospital: Any, waits: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as drive:
        drive.setattr(description, "file_kind", flaky(description.file_kind, 10_000))
        hospital.run("ingest", "label", "index")
        held = hospital.tables()["quarantine"]
        assert "unreadable" in {row["rule"] for row in held if row["table"] == "images"}
        before = hospital.tables()
        hospital.run("index")
        assert hospital.tables() == before
    hospital.ends_well()
