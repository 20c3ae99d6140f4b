"""What a reviewer is shown next, and what is out of the queue."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from labelers import load_scheme
from pipeline.figures.contradictions import contradictions
from pipeline.figures.lake_queries import LakeQueries
from pipeline.figures.review_queue import ranked_doubts, review_queue
from pipeline.figures.saved_figures import FOLDER
from pipeline.forget import forget
from pipeline.lake import Lake
from pipeline.review_decisions import SKIP, STATE
from pipeline.road import stage
from pipeline.settings import Settings
from pipeline.settings_file import load_settings
from pipeline.waiting_reviews import FIELDS

SCHEME = load_scheme("chexpert14")
EFFUSION, PNEUMONIA, FRACTURE = "Pleural Effusion", "Pneumonia", "Fracture"
REPORTS = """\
exam_id,patient_id,text
E1,P1,No pleural effusion. There is a small left pleural effusion.
E2,P2,Large pleural effusion.
E3,P3,No pleural effusion. Possible pneumonia.
E4,P4,Possible pneumonia.
E5,P5,No left pleural effusion. Small right pleural effusion.
E6,P6,The lungs are clear.
E7,P7,Large pleural effusion.
"""
# Of E2 the file denies the effusion; of E6 it has a fracture that the report passes over.
LABELS = """\
exam_id,patient_id,split,Pleural Effusion,Pneumonia,Fracture
E1,P1,train,1,,
E2,P2,train,0,,
E3,P3,train,0,1,
E4,P4,train,,,
E5,P5,train,1,,
E6,P6,train,,,1
E7,P7,train,1,,
"""
NONE = FIELDS.empty_table()


@pytest.fixture
def judged(tmp_path: Path) -> Settings:
    """Return the settings of a lake in which reports and a label file differ."""
    (tmp_path / "reports.csv").write_text(REPORTS, encoding="utf-8")
    others = [name for name in SCHEME.classes if name not in LABELS]
    head, *rows = LABELS.splitlines()
    lines = [",".join([head, *others]), *(row + "," * len(others) for row in rows)]
    (tmp_path / "labels.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    settings = load_settings(
        None,
        {
            "lake": {"root": str(tmp_path / "lake")},
            "engine": {"workers": 1},
            "reports": {"path": str(tmp_path / "reports.csv"), "patient_id": "patient_id"},
            "label_file": {"path": str(tmp_path / "labels.csv")},
            "manifest": {"scheme": "chexpert14"},
        },
    )
    for name in ("ingest", "label"):
        stage(name)(settings)
    return settings


def decided(*made: tuple[str, str, str, str, int | None]) -> pa.Table:
    """Return decisions (exam, class, reviewer, decision, state), a second apart."""
    names = ("exam_id", "class", "reviewer", "decision", "state")
    start = datetime(2026, 1, 1, tzinfo=UTC)
    rows = [
        {
            **dict(zip(names, each, strict=True)),
            "scheme": "chexpert14",
            "time": start + timedelta(seconds=second),
        }
        for second, each in enumerate(made)
    ]
    return pa.Table.from_pylist(rows, schema=FIELDS)


def asked(
    settings: Settings, decisions: pa.Table = NONE, only: str | None = None
) -> list[tuple[str, str]]:
    queries = LakeQueries(Lake.of(settings))
    queue = review_queue(queries, SCHEME, decisions, "ana", only)
    return [(each.exam_id, each.label_class) for each in queue]


def test_contradiction_comes_before_silence_and_silence_before_doubt(judged: Settings) -> None:
    queries = LakeQueries(Lake.of(judged))
    told = {
        (each.exam_id, each.label_class): each.reason
        for each in review_queue(queries, SCHEME, NONE, "ana")
        if each.label_class != "Lung Opacity"  # pneumonia is one
    }
    assert list(told)[:3] == [("E2", EFFUSION), ("E1", EFFUSION), ("E6", FRACTURE)]
    # E3 and E4 both leave pneumonia uncertain; the file says positive of E3.
    assert list(told)[3:] == [("E3", PNEUMONIA), ("E4", PNEUMONIA)]
    reasons = [reason.partition(";")[0] for reason in told.values()]
    assert reasons == [
        "the label file says negative, the report positive",
        "the report says both that it is there and that it is not",
        "the label file says positive, the report not mentioned",
        "the label file says positive, the report uncertain",
        "the report leaves it uncertain",
    ]
    assert told["E2", EFFUSION].endswith("positive in 57.1% of exams")


def test_other_sides_do_not_contradict_each_other(judged: Settings) -> None:
    found = contradictions(LakeQueries(Lake.of(judged))).to_pylist()
    assert found == [{"exam_id": "E1", "finding": "pleural_effusion"}]


def test_what_reviewers_differ_on_comes_first_for_who_has_not_decided(judged: Settings) -> None:
    differ = (("E7", EFFUSION, "ben", STATE, 1), ("E7", EFFUSION, "eva", STATE, 0))
    assert asked(judged, decided(*differ))[0] == ("E7", EFFUSION)
    mine = (*differ, ("E7", EFFUSION, "ana", SKIP, None), ("E2", EFFUSION, "ana", STATE, 0))
    left = asked(judged, decided(*mine))
    assert left[0] == ("E1", EFFUSION)
    assert not {("E7", EFFUSION), ("E2", EFFUSION)} & set(left)


def test_one_class_alone(judged: Settings) -> None:
    assert asked(judged, only=FRACTURE) == [("E6", FRACTURE)]


def test_the_queue_grows_with_what_is_decided(
    judged: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.figures.review_queue.AT_A_TIME", 1)
    first = asked(judged, only=PNEUMONIA)
    # E3 waits for the file's sake, and one of those left uncertain.
    assert first[0] == ("E3", PNEUMONIA)
    done = decided(*((exam, name, "ana", STATE, 1) for exam, name in first))
    later = asked(judged, done, only=PNEUMONIA)
    assert {*first, *later} == {("E3", PNEUMONIA), ("E4", PNEUMONIA)}
    assert not set(first) & set(later)


def test_forgotten_exam_is_in_no_queue_on_the_disk(judged: Settings) -> None:
    lake = Lake.of(judged)
    folder = lake.state_folder / FOLDER
    assert "E2" in ranked_doubts(LakeQueries(lake), SCHEME, NONE)["exam_id"].to_pylist()
    assert list(folder.glob("review_queue.parquet"))
    forget(judged, ["P2"])
    assert not list(folder.glob("*.parquet"))
    assert ("E2", EFFUSION) not in asked(judged)
