"""Reviewers' decisions: kept at once, taken in once, settled by majority, over file and rule."""

import csv
from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import settings as examples
from hypothesis import strategies as st
from typer.testing import CliRunner

from flows.command_line import app
from pipeline.forget import forget
from pipeline.lake_lock import locked
from pipeline.manifests import current_release, read_manifest
from pipeline.review_decisions import SKIP, STATE, UNDO, settled, standing
from pipeline.reviewing import decide, decisions, take_in
from pipeline.stages.link import link
from pipeline.staleness import stage_states
from pipeline.user_error import UserError
from pipeline.vacuum import vacuum
from pipeline.waiting_reviews import FIELDS, waiting
from tests.pipeline.stages.conftest import Site
from tests.pipeline.stages.linked_site import link_site, told

START = datetime(2026, 1, 1, tzinfo=UTC)


def said(*given):
    """Return decisions (reviewer, decision, state) on one class of one exam, a second apart."""
    rows = [
        {
            "exam_id": "E1",
            "scheme": "ours",
            "class": "Effusion",
            "reviewer": reviewer,
            "time": START + timedelta(seconds=second),
            "decision": decision,
            "state": state,
        }
        for second, (reviewer, decision, state) in enumerate(given)
    ]
    return pa.Table.from_pylist(rows, schema=FIELDS)


def test_the_last_decision_that_is_not_undone_stands():
    made = said(("ana", STATE, 1), ("ana", STATE, 0), ("ana", UNDO, None), ("ben", SKIP, None))
    stands = [
        (row["reviewer"], row["decision"], row["state"]) for row in standing(made).to_pylist()
    ]
    assert stands == [("ana", STATE, 1), ("ben", SKIP, None)]
    twice = said(("ana", STATE, 1), ("ana", STATE, 0), ("ana", UNDO, None), ("ana", UNDO, None))
    assert standing(twice).num_rows == 0


def test_two_who_differ_settle_nothing_and_the_third_decides():
    question = ("E1", "ours", "Effusion")
    two = (("ana", STATE, 1), ("ben", STATE, 0))
    assert settled(said(*two)).disputed == (question,)
    assert settled(said(*two, ("eva", SKIP, None))).disputed == (question,)
    assert settled(said(*two, ("eva", STATE, 0))).states == {question: 0}
    assert settled(said(("ana", STATE, None))).states == {question: None}


REVIEWERS = ("ana", "ben", "eva")
DECISIONS = st.lists(
    st.tuples(
        st.sampled_from(REVIEWERS),
        st.sampled_from((STATE, SKIP, UNDO)),
        st.sampled_from((1, 0, -1, None)),
    ),
    max_size=12,
)


@given(made=DECISIONS, order=st.randoms(use_true_random=False))
@examples(max_examples=200, deadline=None)
def test_what_stands_is_what_a_pile_of_each_reviewer_leaves_on_top_in_any_order(made, order):
    made = [(who, what, state if what == STATE else None) for who, what, state in made]
    piles = {who: [] for who in REVIEWERS}
    for who, what, state in made:
        if what != UNDO:
            piles[who].append((what, state))
        elif piles[who]:
            piles[who].pop()
    top = {who: pile[-1] for who, pile in piles.items() if pile}
    table = said(*made)
    rows = list(range(table.num_rows))
    order.shuffle(rows)
    stands = standing(table.take(pa.array(rows, pa.int64()))).to_pylist()
    assert {row["reviewer"]: (row["decision"], row["state"]) for row in stands} == top
    assert len(stands) == len(top)
    # A state is settled if it has more than half of the votes, and disputed if none has.
    votes = [state for what, state in top.values() if what == STATE]
    winners = {state for state in votes if 2 * votes.count(state) > len(votes)}
    together = settled(table)
    assert set(together.states.values()) == winners
    assert bool(together.disputed) == (bool(votes) and not winners)


@pytest.fixture(scope="module")
def reviewed(tmp_path_factory):
    """Return a linked site on which exam E1, an effusion by its file, is reviewed and linked."""
    site = Site(tmp_path_factory.mktemp("site"))
    link_site(site)
    settings = told(site)
    lock = locked(site.lake)  # a nightly run is under way
    decide(settings, "E0", "Effusion", "ana", STATE, 1, comment="=1+1")
    decide(settings, "E1", "Effusion", "ana", STATE, 1)
    decide(settings, "E1", "Effusion", "ben", STATE, 0)
    decide(settings, "E2", "Effusion", "ana", STATE, 1)
    decide(settings, "E2", "Effusion", "ana", UNDO)
    with pytest.raises(UserError, match="another run"):
        take_in(settings)
    lock.release()
    assert waiting(site.lake).num_rows == 5
    site.counts = link(settings).counts
    return site


def test_manifest_takes_what_reviewers_settled_and_counts_disputes(reviewed):
    rows = read_manifest(reviewed.lake, current_release(reviewed.lake)).to_pylist()
    found = {row["exam_id"]: (row["Effusion"], row["Normal"], row["label_source"]) for row in rows}
    assert found["E0"] == (1, 0, "review")  # no longer normal
    assert found["E1"] == (1, 0, "file")
    assert found["E2"] == (0, 1, "file")
    assert (reviewed.counts["exams reviewed"], reviewed.counts["reviews in dispute"]) == (1, 1)


def test_decisions_are_taken_in_once_and_a_killed_run_goes_on(reviewed):
    assert waiting(reviewed.lake).num_rows == 0
    before = reviewed.lake.read("reviews")
    assert before.num_rows == decisions(reviewed.lake).num_rows == 5
    # Killed after its commit, before it emptied the file: the same decisions wait again.
    from pipeline.waiting_reviews import append_waiting

    append_waiting(reviewed.lake, before.select(FIELDS.names).to_pylist()[0])
    assert decisions(reviewed.lake).num_rows == 5
    assert take_in(told(reviewed)).counts == {"in": 1, "kept": 0, "unchanged": 1}
    assert reviewed.lake.read("reviews").equals(before)
    assert waiting(reviewed.lake).num_rows == 0


def test_decisions_outlive_a_vacuum_and_stand_in_the_history(reviewed):
    before = decisions(reviewed.lake)
    vacuum(told(reviewed), keep_days=0)
    assert decisions(reviewed.lake).equals(before)
    lake = str(reviewed.folder / "lake")
    result = CliRunner().invoke(app, ["history", "reviews", "--lake", lake])
    assert result.exit_code == 0, result.output
    assert "review" in result.stdout


def test_line_cut_off_by_a_crash_does_not_spoil_the_next(reviewed):
    file = reviewed.lake.state_folder / "reviews" / "waiting.jsonl"
    file.write_text('{"exam_id": "E4", "sch')
    decide(told(reviewed), "E5", "Effusion", "ben", SKIP)
    assert waiting(reviewed.lake)["exam_id"].to_pylist() == ["E5"]
    file.unlink()


def test_manifest_is_stale_after_a_new_review_and_forgotten_exams_leave_no_review(reviewed):
    settings = told(reviewed)
    assert not {state.stage: state for state in stage_states(settings)}["link"].stale
    decide(settings, "E6", "Effusion", "ben", STATE, -1)
    take_in(settings)
    assert "reviews" in {state.stage: state for state in stage_states(settings)}["link"].why
    decide(settings, "E6", "Normal", "ben", STATE, 0)
    forget(settings, ["P6"])
    assert "E6" not in decisions(reviewed.lake)["exam_id"].to_pylist()


def test_export_is_safe_in_a_spreadsheet(reviewed, tmp_path):
    file = tmp_path / "out.csv"
    lake = str(reviewed.folder / "lake")
    result = CliRunner().invoke(app, ["review", "export", str(file), "--lake", lake])
    assert result.exit_code == 0, result.output
    with file.open() as opened:
        rows = list(csv.DictReader(opened))
    assert rows[0]["comment"] == "'=1+1"
    assert [(row["exam_id"], row["reviewer"], row["state"]) for row in rows] == [
        ("E0", "ana", "1"),
        ("E1", "ana", "1"),
        ("E1", "ben", "0"),
    ]


@pytest.mark.parametrize(
    ("exam", "label_class", "comment", "why"),
    [
        ("E0", "Oedema", "", "no class of that name"),
        ("nobody", "Effusion", "", "no labels of that exam"),
        ("E0", "Effusion", "x" * 2_001, "at most 2,000"),
    ],
)
def test_decision_on_nothing_is_refused(reviewed, exam, label_class, comment, why):
    with pytest.raises(UserError, match=why):
        decide(told(reviewed), exam, label_class, "ana", STATE, 1, comment=comment)
    assert waiting(reviewed.lake).num_rows == 0
