"""The worst disagreements between labels and gold, and the mention that decided each.

Ranked by kind, firm contradictions before omissions:

1. `denied`: gold is positive, the labels say 0;
2. `asserted`: the labels say 1, gold is not positive;
3. `hedged`: the labels say -1, which the setting counts against gold;
4. `unmentioned`: gold is positive, the labels say nothing;
5. `gold hedged`: gold says -1, which the setting counts against the labels.

Within a kind one exam of each class in turn, the classes with the most errors first; within a class
in the order of the exams.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from labelers.aggregation import NOT_MENTIONED
from labelers.agreement import Counted
from labelers.sentences import split_sentences
from labelers.vocabulary import Vocabulary

KINDS = ("denied", "asserted", "hedged", "unmentioned", "gold hedged")

# The assertions that can have given a state.
_DECIDING = {
    1: ("present",),
    -1: ("uncertain",),
    0: ("absent", "resolved"),
    int(NOT_MENTIONED): ("historical", "hypothetical"),
}


class Disagreement(NamedTuple):
    """A row and column of the state matrices, and one of `KINDS`."""

    exam: int
    label_class: int
    kind: str


def disagreements(
    gold: NDArray[np.int8], said: NDArray[np.int8], decisions: Counted
) -> list[Disagreement]:
    """Return every disagreement of the decisions, the worst first.

    `gold` and `said` are the states (n_exams, n_classes) that `decisions` was made from.
    """
    wrong = decisions.scored & (decisions.true != decisions.said)
    exam, column = np.nonzero(wrong)
    stated, truth = said[exam, column], gold[exam, column]
    kind = np.select(
        [truth == -1, (stated == 0) & (truth == 1), stated == 1, stated == -1], [4, 0, 1, 2], 3
    )
    return [
        Disagreement(int(exam[n]), int(column[n]), KINDS[kind[n]]) for n in in_turn(kind, column)
    ]


def in_turn(kind: NDArray[np.int64], column: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the order by kind, then one of each column in turn, the most frequent column first.

    Parameters
    ----------
    kind, column
        Rank and class of each case, (n_cases,).
    """
    frequency = np.bincount(column, minlength=1)
    by_frequency = np.argsort(np.argsort(-frequency, kind="stable"), kind="stable")
    group = kind * len(frequency) + column
    order = np.argsort(group, kind="stable")
    _, first, times = np.unique(group[order], return_index=True, return_counts=True)
    turn = np.empty(len(group), np.int64)
    turn[order] = np.arange(len(group)) - np.repeat(first, times)
    return np.lexsort((by_frequency[column], turn, kind))


def deciding_mention(
    mentions: Sequence[Mapping[str, Any]],
    state: int,
    members: Sequence[str],
    vocabulary: Vocabulary,
) -> Mapping[str, Any] | None:
    """Return the mention of an exam that decided the state of a class, None where there is none.

    Parameters
    ----------
    mentions
        The exam's rows of the mentions table, in order.
    state
        What the labels say of the class.
    members
        The findings whose union the class is, descendants included.
    vocabulary
        Where denials come from: a denied finding above a member denies it, as does a statement of
        normality that excludes it.
    """

    def first(findings: set[str], assertions: tuple[str, ...]) -> Mapping[str, Any] | None:
        return next(
            (m for m in mentions if m["finding"] in findings and m["assertion"] in assertions), None
        )

    own = set(members)
    found = first(own, _DECIDING[state])
    if found is None and state == 0:
        above = {a for f in own & set(vocabulary.by_id) for a in vocabulary.ancestors(f)}
        statements = {f.id for f in vocabulary.findings if set(f.excludes) & (own | above)}
        found = first(above, _DECIDING[0]) or first(statements, ("present",))
    return found


def sentence_of(sections: Sequence[tuple[str, str]], mention: Mapping[str, Any]) -> str | None:
    """Return the sentence of a mention in one line, None where the sections do not hold it."""
    if not 0 <= mention["section_no"] < len(sections):
        return None
    text = sections[mention["section_no"]][1]
    for begin, end in split_sentences(text):
        if begin <= mention["start"] < end:
            # A mention may run into the next sentence where sections were split otherwise.
            return " ".join(text[begin : max(end, mention["end"])].split())
    return None
