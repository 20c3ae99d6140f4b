"""A drop folder: each run takes in only the files that none has read before."""

import os
from pathlib import Path

import pytest

from pipeline.lake import Lake
from pipeline.settings_file import load_settings
from pipeline.stages.ingest import ingest
from pipeline.user_error import UserError

MSH = r"MSH|^~\&|RIS|NORTH|||202311010210||ORU^R01|1|P|2.5"


def message(exam: str, text: str, status: str = "F", told: str = "202311010200") -> str:
    times = f"202311010155{'|' * 15}{told}"
    return "\r".join(
        [MSH, f"OBR|1|P|{exam}|CXR|||{times}|||{status}", f"OBX|1|TX|GDT||{text}||||||F", ""]
    )


@pytest.fixture
def drop(tmp_path: Path) -> Path:
    folder = tmp_path / "drop"
    folder.mkdir()
    return folder


def run(drop: Path, force: bool = False, **reports: object):
    settings = {
        "lake": {"root": str(drop.parent / "lake")},
        "reports": {"path": str(drop), **reports},
    }
    return ingest(load_settings(None, settings), force=force)


def texts(drop: Path) -> dict[str, str]:
    rows = Lake(str(drop.parent / "lake")).read("reports").to_pylist()
    return {row["exam_id"]: row["sections"][0]["text"] for row in rows}


def provenance(drop: Path) -> list[dict]:
    reports = Lake(str(drop.parent / "lake")).read("reports", ["exam_id", "run_id", "committed_at"])
    return reports.to_pylist()


def quarantined(drop: Path) -> list[str]:
    return Lake(str(drop.parent / "lake")).read("quarantine", ["rule"])["rule"].to_pylist()


def files_note(summary) -> str:
    return next(note for note in summary.notes if note.startswith("files: "))


def test_only_new_files_are_read(drop: Path, monkeypatch):
    (drop / "a.hl7").write_text(message("A1", "No effusion."))
    assert run(drop).counts["new"] == 1
    (drop / "b.hl7").write_text(message("A2", "Effusion."))
    opened = []
    monkeypatch.setattr(
        "pipeline.drop_folder.digest_of",
        lambda file: opened.append(file.name) or "0" * 64,
    )
    summary = run(drop)
    assert opened == ["b.hl7"]
    assert summary.counts["in"] == summary.counts["new"] == 1
    assert files_note(summary) == "files: 1 read, 1 read before"
    assert texts(drop) == {"A1": "No effusion.", "A2": "Effusion."}


def test_a_file_delivered_twice_or_renamed_adds_nothing(drop: Path):
    (drop / "a.hl7").write_text(message("A1", "No effusion."))
    run(drop)
    (drop / "a.hl7").rename(drop / "z.hl7")
    (drop / "copy.hl7").write_text(message("A1", "No effusion."))
    summary = run(drop)
    assert summary.counts["in"] == 0
    assert files_note(summary) == "files: 2 with the content of another"
    assert files_note(run(drop)) == "files: 2 read before"


def test_a_run_without_anything_new_changes_nothing(drop: Path):
    (drop / "a.hl7").write_text(message("A1", "No effusion."))
    run(drop)
    assert run(drop).outcome == "unchanged"


def test_a_changed_file_a_force_and_other_columns_are_read_again(drop: Path):
    (drop / "a.csv").write_text("exam_id,text,other\nA1,No effusion.,Effusion.\n")
    run(drop)
    assert files_note(run(drop, force=True)) == "files: 1 read"
    assert files_note(run(drop, text=["other"])) == "files: 1 read"
    assert texts(drop) == {"A1": "Effusion."}
    (drop / "a.csv").write_text("exam_id,text,other\nA1,No effusion.,Clear lungs.\n")
    run(drop, text=["other"])
    assert texts(drop) == {"A1": "Clear lungs."}


def test_of_a_night_s_corrections_the_one_told_last_stands(drop: Path):
    (drop / "a.hl7").write_text(
        message("A1", "Second.", "C", "202311010300")
        + message("A1", "First.")
        + message("A1", "Third.", "C", "202311010400")
    )
    summary = run(drop)
    assert texts(drop) == {"A1": "Third."}
    assert (summary.counts["new"], summary.counts["superseded"]) == (1, 2)


def test_a_later_night_s_correction_replaces_and_a_late_first_version_does_not(drop: Path):
    (drop / "b.hl7").write_text(message("A1", "Corrected.", "C", "202311010300"))
    run(drop)
    (drop / "c.hl7").write_text(message("A1", "Corrected again.", "C", "202311010400"))
    assert run(drop).counts["amended"] == 1
    (drop / "d.hl7").write_text(message("A1", "First."))
    assert run(drop).counts["superseded"] == 1
    assert texts(drop) == {"A1": "Corrected again."}


def test_an_older_message_that_comes_on_a_later_night_does_not_replace(drop: Path):
    (drop / "b.hl7").write_text(message("A1", "Told second.", "C", "202311010400"))
    run(drop)
    (drop / "c.hl7").write_text(message("A1", "Told first.", "C", "202311010300"))
    assert run(drop).counts["superseded"] == 1
    # The second is told again after a third, which is delivered last.
    (drop / "d.hl7").write_text(message("A1", "Told second.", "C", "202311010600"))
    first = provenance(drop)
    assert run(drop).counts["unchanged"] == 1
    assert provenance(drop) == first, "what is told again came when it came first"
    (drop / "e.hl7").write_text(message("A1", "Told third.", "C", "202311010500"))
    assert run(drop).counts["superseded"] == 1
    assert texts(drop) == {"A1": "Told second."}


def test_a_sender_whose_clock_is_far_ahead_does_not_outlast_what_is_told_later(drop: Path):
    (drop / "a.hl7").write_text(message("A1", "Told in error.", "C", "209911010400"))
    run(drop)
    (drop / "b.hl7").write_text(message("A1", "Told later.", "C", "202311010400"))
    run(drop)
    assert texts(drop) == {"A1": "Told later."}


def test_a_damaged_file_waits_in_quarantine_and_the_others_go_on(drop: Path):
    (drop / "a.hl7").write_text(message("A1", "No effusion."))
    (drop / "b.hl7.gz").write_bytes(b"\x1f\x8b damaged")
    summary = run(drop)
    assert (summary.counts["new"], summary.counts["quarantined"]) == (1, 1)
    assert quarantined(drop) == ["file_unreadable"]
    (drop / "b.hl7.gz").unlink()
    (drop / "b.hl7").write_text(message("A2", "Effusion."))
    run(drop)
    assert set(texts(drop)) == {"A1", "A2"}


def test_where_no_file_can_be_read_the_first_reason_is_told(drop: Path):
    (drop / "a.csv").write_text("id,words\nA1,No effusion.\n")
    with pytest.raises(UserError, match="no column 'exam_id'"):
        run(drop)


def test_an_emptied_folder_is_no_error_once_files_were_delivered(drop: Path):
    with pytest.raises(UserError, match="no file"):
        run(drop)
    (drop / "a.hl7").write_text(message("A1", "No effusion."))
    run(drop)
    (drop / "a.hl7").unlink()
    summary = run(drop)
    assert summary.counts["in"] == 0
    assert texts(drop) == {"A1": "No effusion."}


def test_the_lake_does_not_hold_the_names_of_files(drop: Path):
    (drop / "MRN4711.hl7").write_text(message("A1", "No effusion."))
    run(drop)
    rows = Lake(str(drop.parent / "lake")).read("delivered_files").to_pylist()
    assert "4711" not in str(rows)
    assert rows[0]["size"] == os.path.getsize(drop / "MRN4711.hl7")
