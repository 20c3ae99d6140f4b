"""Two reviewers' agreement on the questions that both decided on."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest
from sklearn.metrics import cohen_kappa_score

from pipeline.figures.reviewer_agreement import reviewer_agreement
from pipeline.review_decisions import SKIP, STATE, UNDO
from pipeline.waiting_reviews import FIELDS

SAID = {
    "ada": [1, 1, 0, -1, None, 0, 1, 0],
    "bob": [1, 0, 0, -1, None, 0, 1, 1],
}


def decisions(*more: dict[str, Any]) -> pa.Table:
    rows = [
        {"exam_id": f"E{number}", "reviewer": who, "decision": STATE, "state": state}
        for who, states in SAID.items()
        for number, state in enumerate(states)
    ]
    begun = datetime(2026, 1, 1, tzinfo=UTC)
    common = {"scheme": "nih14", "class": "Effusion", "comment": None}
    told = [
        {**common, "time": begun + timedelta(seconds=at), **row}
        for at, row in enumerate([*rows, *more])
    ]
    return pa.Table.from_pylist(told, FIELDS)


def test_kappa_is_cohens_of_the_four_states() -> None:
    (row,) = reviewer_agreement(decisions(), "nih14").to_dict("records")
    assert (row["first"], row["second"], row["questions"]) == ("ada", "bob", 8)
    assert row["same"] == 6 / 8
    states = [[str(state) for state in SAID[who]] for who in ("ada", "bob")]
    assert row["kappa"] == pytest.approx(cohen_kappa_score(*states))
    assert row["low"] < row["kappa"] < row["high"] <= 1


def test_skips_undone_decisions_and_other_schemes_are_no_votes() -> None:
    later = [
        {"exam_id": "E0", "reviewer": "bob", "decision": UNDO, "state": None},
        {"exam_id": "E8", "reviewer": "ada", "decision": STATE, "state": 1},
        {"exam_id": "E8", "reviewer": "bob", "decision": SKIP, "state": None},
    ]
    (row,) = reviewer_agreement(decisions(*later), "nih14").to_dict("records")
    assert row["questions"] == 7
    assert reviewer_agreement(decisions(), "chexpert14").empty
