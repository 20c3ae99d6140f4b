"""What reviewers' decisions come to: which of them stand, and the state they give together."""

from collections import Counter
from dataclasses import dataclass

import pyarrow as pa

STATE, SKIP, UNDO = "state", "skip", "undo"
_OF_REVIEWER = ("exam_id", "scheme", "class", "reviewer")

# Exam, scheme and class.
Question = tuple[str, str, str]


@dataclass(frozen=True)
class Settled:
    """The states that reviewers give together.

    Attributes
    ----------
    states
        By question, its state: 1, 0, -1, or None for not mentioned.
    disputed
        The questions on which no state has the votes of more than half of its reviewers.
    """

    states: dict[Question, int | None]
    disputed: tuple[Question, ...]


def standing(decisions: pa.Table) -> pa.Table:
    """Return of each reviewer and question the last decision that is not undone, oldest first.

    Parameters
    ----------
    decisions
        Rows of table `reviews` in any order. An undo takes back one decision of the same reviewer
        on the same question, the last that still stands; two undos take back two.
    """
    decisions = decisions.sort_by("time")
    made: dict[tuple[str, ...], list[int]] = {}
    keys = zip(*(decisions[name].to_pylist() for name in _OF_REVIEWER), strict=True)
    for row, (key, decision) in enumerate(
        zip(keys, decisions["decision"].to_pylist(), strict=True)
    ):
        mine = made.setdefault(key, [])
        if decision != UNDO:
            mine.append(row)
        elif mine:
            mine.pop()
    last = sorted(mine[-1] for mine in made.values() if mine)
    return decisions.take(pa.array(last, pa.int64()))


def settled(decisions: pa.Table) -> Settled:
    """Return the state that more than half of a question's reviewers give; a skip is no vote.

    Where reviewers disagree without a majority, as two who differ, nothing is settled until
    another reads the exam: that one's vote decides.
    """
    votes: dict[Question, Counter[int | None]] = {}
    for row in standing(decisions).to_pylist():
        if row["decision"] == STATE:
            question = (row["exam_id"], row["scheme"], row["class"])
            votes.setdefault(question, Counter())[row["state"]] += 1
    states, disputed = {}, []
    for question, counted in votes.items():
        (state, count), *_ = counted.most_common(1)
        if 2 * count > counted.total():
            states[question] = state
        else:
            disputed.append(question)
    return Settled(states, tuple(disputed))
