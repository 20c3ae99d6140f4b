"""A stage run again for a part: exactly that part, and nothing that claims to be whole."""

from datetime import date
from typing import Any

import pytest

from pipeline.lake import Lake
from pipeline.models import untrained_id
from pipeline.run_history import finished_runs
from pipeline.selection import Selection
from pipeline.settings import Settings
from pipeline.stages.cache import cache
from pipeline.stages.drift import drift
from pipeline.stages.evaluate import evaluate
from pipeline.stages.index import index
from pipeline.stages.ingest import ingest
from pipeline.stages.label import label
from pipeline.stages.link import link
from pipeline.staleness import stage_states
from pipeline.user_error import UserError
from tests.pipeline.stages.linked_site import deliver_exams, embedded, told, trained

# The last minute of one day, the first of the next, and an exam that tells no time.
TIMES = {
    "E1": "2024-03-01T00:00:00",
    "E2": "2024-03-01T23:59:00",
    "E3": "2024-03-02T00:00:00",
    "E4": "",
}
TEXT = "Farewell to the large pleural effusion."
CUE = "cues:\n  - category: absent\n    direction: forward\n    phrases:\n      - farewell to\n"
FINDING = "findings:\n  - id: sail_sign\n    name: Sail sign\n    phrases: [sail sign]\n"


@pytest.fixture
def timed(site: Any) -> Any:
    """Return the site with four reports, three of which tell a time."""
    rows = [
        {"exam_id": exam, "exam_time": time, "text": f"{TEXT} Exam {exam[1:]}."}
        for exam, time in TIMES.items()
    ]
    site.deliver(rows)
    ingest(asked(site))
    return site


def asked(site: Any, **sections: Any) -> Settings:
    settings: Settings = site.settings(
        **{"reports": {"path": site.reports, "exam_time": "exam_time"}, **sections}
    )
    return settings


def with_words(site: Any, file: str, text: str) -> Settings:
    (site.folder / "vocabulary").mkdir(exist_ok=True)
    (site.folder / "vocabulary" / file).write_text(text)
    return asked(site, label={"vocabulary": site.folder / "vocabulary"})


def labelled_by(site: Any) -> dict[str, str]:
    rows = site.lake.read("labels", ["exam_id", "run_id"]).to_pylist()
    return {row["exam_id"]: row["run_id"] for row in rows}


def contents(lake: Lake, *tables: str) -> list[list[str]]:
    """Return the rows of tables, provenance of the run aside."""
    return [
        sorted(
            str(row) for row in lake.read(t).drop_columns(["run_id", "committed_at"]).to_pylist()
        )
        for t in tables
    ]


def state(settings: Settings, name: str) -> str:
    return next(found.why for found in stage_states(settings) if found.stage == name)


def test_a_range_of_dates_holds_both_its_days(timed: Any) -> None:
    settings = asked(timed)
    first, second = date(2024, 3, 1), date(2024, 3, 2)
    label(settings, selection=Selection(until=first))
    assert set(labelled_by(timed)) == {"E1", "E2"}
    label(settings, selection=Selection(since=second))
    assert set(labelled_by(timed)) == {"E1", "E2", "E3"}
    both = label(settings, selection=Selection(since=first, until=second))
    assert (both.counts["in"], both.counts["unchanged"]) == (3, 3)
    (untimed,) = [note for note in both.notes if note.startswith("left out: ")]
    assert untimed.startswith("left out: 1 exams whose report tells no time")
    assert label(settings, selection=Selection(since=date(2025, 1, 1))).counts["in"] == 0
    assert state(settings, "label") == "1 reports are new, changed or gone"


def test_named_exams_are_done_when_due_and_with_force_anew(timed: Any) -> None:
    settings = asked(timed)
    first = label(settings).run_id
    two = Selection(exams=("E2", "E4"))
    assert label(settings, selection=two).outcome == "unchanged"
    again = label(settings, selection=two, force=True)
    assert again.counts == {"in": 2, "labelled": 2, "unchanged": 0, "quarantined": 0}
    by = labelled_by(timed)
    assert {exam for exam, run in by.items() if run == again.run_id} == {"E2", "E4"}
    assert {exam for exam, run in by.items() if run == first} == {"E1", "E3"}
    (run,) = finished_runs(timed.lake, "label", last=1)
    assert run.parameters["selection"] == {"exams": ["E2", "E4"]}
    # Both conditions hold.
    three = Selection(exams=("E2", "E3", "E4"), until=date(2024, 3, 1))
    assert label(settings, selection=three, force=True).counts["in"] == 1
    # Of these none tells its time.
    with pytest.raises(UserError, match="none of the reports tells its time"):
        label(settings, selection=Selection(exams=("E4",), until=date(2024, 3, 1)))


def test_an_exam_that_is_not_there_is_told_without_its_name(timed: Any) -> None:
    with pytest.raises(UserError, match="not in this lake: 1 of the 2 named exams") as caught:
        label(asked(timed), selection=Selection(exams=("E1", "E77")))
    assert "E77" not in str(caught.value)


def test_a_part_by_new_words_leaves_the_others_stale_until_they_are_labelled_too(
    timed: Any,
) -> None:
    first = label(asked(timed)).run_id
    settings = with_words(timed, "cues.yaml", CUE)
    part = label(settings, selection=Selection(exams=("E2",)))
    assert part.counts["labelled"] == 1
    assert any("3 that are not selected stay" in note for note in part.notes)
    assert state(settings, "label") == (
        "the vocabulary has changed since 3 of 4 reports were labelled"
    )
    # Under the words of before it is the part that is stale.
    assert state(asked(timed), "label").endswith("since 1 of 4 reports were labelled")
    with pytest.raises(UserError, match="another vocabulary"):
        drift(settings)
    rest = label(settings)
    assert (rest.counts["labelled"], rest.counts["unchanged"]) == (3, 1)
    by = labelled_by(timed)
    assert by["E2"] == part.run_id
    assert first not in by.values()
    assert state(settings, "label") == ""
    parts = contents(timed.lake, "labels", "mentions")
    assert set(timed.lake.read("labels")["pleural_effusion"].to_pylist()) == {0}
    label(settings, force=True)
    assert contents(timed.lake, "labels", "mentions") == parts


def test_a_part_by_words_of_other_findings_is_refused(timed: Any) -> None:
    label(asked(timed))
    settings = with_words(timed, "findings.yaml", FINDING)
    with pytest.raises(UserError, match="the findings of the vocabulary have changed"):
        label(settings, selection=Selection(until=date(2024, 3, 1)))
    assert state(settings, "label") == "the vocabulary has changed"
    everyone = label(settings, selection=Selection(exams=tuple(TIMES)))
    assert everyone.counts["labelled"] == len(TIMES)
    assert state(settings, "label") == ""
    assert "sail_sign" in timed.lake.read("labels").column_names


def test_a_selection_of_all_exams_gives_what_a_run_without_one_gives(
    timed: Any, tmp_path: Any
) -> None:
    other = asked(timed, lake={"root": str(tmp_path / "other")})
    ingest(other)
    label(other)
    label(asked(timed), selection=Selection(exams=tuple(reversed(TIMES))))
    assert contents(timed.lake, "labels", "mentions") == contents(
        Lake.of(other), "labels", "mentions"
    )
    assert [s.why for s in stage_states(asked(timed))] == [s.why for s in stage_states(other)]
    assert label(asked(timed)).outcome == "unchanged"


def test_an_older_version_of_the_reports_is_labelled_as_it_stood(timed: Any) -> None:
    settings = asked(timed)
    label(settings)
    before = contents(timed.lake, "labels", "mentions")
    timed.deliver([{"exam_id": "E1", "exam_time": "2024-03-01", "text": "Clear lungs."}])
    ingest(settings)
    label(settings)
    now = contents(timed.lake, "labels", "mentions")
    old = label(settings, selection=Selection(version=0))
    assert old.inputs["reports"] == 0
    assert contents(timed.lake, "labels", "mentions") == before
    assert state(settings, "label") == "1 reports are new, changed or gone"
    label(settings)
    assert contents(timed.lake, "labels", "mentions") == now
    with pytest.raises(UserError, match="no run left version 9 of reports; its versions are 0, "):
        label(settings, selection=Selection(version=9))


def test_drift_of_chosen_dates_is_shown_and_does_not_count_as_new_exams(timed: Any) -> None:
    settings = asked(timed, drift={"least_exams": 1, "reference_days": 0})
    label(settings)
    drift(settings)
    before = contents(timed.lake, "drift")
    summary = drift(settings, selection=Selection(since=date(2024, 3, 2)))
    assert (summary.counts["new_exams"], summary.counts["reference_exams"]) == (1, 3)
    assert summary.figures
    assert contents(timed.lake, "drift") == before
    assert state(settings, "drift") == ""
    (run,) = finished_runs(timed.lake, "drift", last=1)
    assert run.parameters["selection"] == {"since": "2024-03-02"}
    old = drift(settings, selection=Selection(until=date(2024, 3, 1), version=0))
    assert old.counts["new_exams"] == 2
    with pytest.raises(UserError, match="with --since or --until"):
        drift(settings, selection=Selection(version=0))


def test_images_of_some_exams_leave_the_others_stale(linked: Any) -> None:
    settings = told(linked, cache={"size": 48})
    some = Selection(exams=("E3", "E4"))
    assert cache(settings, selection=some).counts["cached"] == 2
    assert state(settings, "cache") == "58 images are not cached yet"
    assert cache(settings).counts == {"in": 60, "cached": 58, "unchanged": 2, "quarantined": 0}
    assert cache(settings, selection=some, force=True).counts["cached"] == 2
    assert state(settings, "cache") == ""

    images = {"path": linked.folder / "images", "list_file": linked.folder / "images.csv"}
    ruled = told(linked, images={**images, "views": ["PA"]})
    assert index(ruled, selection=some).counts["indexed"] == 2
    assert state(ruled, "index") == "the rules of [images] have changed"
    rest = Selection(exams=tuple(f"E{n}" for n in range(60) if n not in (3, 4)))
    assert index(ruled, selection=rest).counts["indexed"] == 58
    # Nothing is left to describe, and the lake learns that this is so.
    assert index(ruled).counts["unchanged"] == 60
    assert state(ruled, "index") == ""
    assert index(ruled).outcome == "unchanged"


def test_a_named_release_is_linked_and_measured_on(linked: Any) -> None:
    settings = told(linked, evaluate={"k": 5, "resamples": 100})
    trained(linked, "model-a", knows=1.0)
    embedded(linked, untrained_id(settings), 0.0)
    evaluate(settings)
    deliver_exams(linked, range(60, 66))
    assert state(settings, "evaluate") == "model-a is not evaluated on manifest 2 yet"
    other = told(linked, evaluate={"k": 3, "resamples": 100})
    summary = evaluate(other, selection=Selection(version=1))
    assert summary.inputs["manifest"] == 1
    assert {row["trained"] != "" for row in summary.figures["measures"]} == {True}
    # An older release says nothing of the newest.
    assert state(other, "evaluate") == "model-a is not evaluated on manifest 2 yet"

    relinked = link(settings, selection=Selection(version=1))
    assert relinked.outputs["manifest"] == 3
    third = next(r for r in finished_runs(linked.lake, "link") if r.outputs.get("manifest") == 3)
    assert third.parameters["exams"] == 60
    assert state(settings, "link").startswith("made from v")
    assert link(settings).outputs["manifest"] == 4
    assert state(settings, "link") == ""
    with pytest.raises(UserError, match="has no manifest 9"):
        link(settings, selection=Selection(version=9))
