"""What each sentence teaches: votes of the reports that hold it, by rule and by gold.

A report without gold votes for the class states that the rules read in the sentence itself; where
they read a hedge it does not vote. A report with gold votes 0 for all its sentences where the gold
is 0, and where it is 1 votes 1 for those in which the rules read the class, or if there are none
for those in which they read a hedge of it; a positive that no sentence names teaches nothing. The
target of a sentence is the majority of the votes, unknown without any. Our reading: the paper does
not say how its labels were taught.
"""

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from labelers.aggregation import NOT_MENTIONED
from labelers.learned.report_sentences import ReportSentences
from labelers.rule_labeler import RuleLabeler
from labelers.schemes import Scheme

_SECTIONS = pa.list_(pa.struct([("kind", pa.string()), ("text", pa.string())]))


def class_states(labeler: RuleLabeler, scheme: Scheme, reports: pa.Table) -> NDArray[np.int8]:
    """Return the rule states of reports, (n_reports, n_classes), the normal class turned round.

    The normal class counts as «abnormal» (1 where it is 0), so that any sentence can state it.
    """
    classes = scheme.project(labeler.label_reports(reports).labels)
    states = np.stack(
        [
            classes[name].fill_null(int(NOT_MENTIONED)).to_numpy().astype(np.int8)
            for name in scheme.classes
        ],
        axis=1,
    )
    return turned(states, scheme)


def turned(states: NDArray[np.int8], scheme: Scheme) -> NDArray[np.int8]:
    """Return the states with 0 and 1 of the normal class exchanged."""
    states = states.copy()
    column = states[:, scheme.classes.index(scheme.normal_class)]
    known = (column == 0) | (column == 1)
    column[known] = 1 - column[known]
    return states


def sentence_states(
    labeler: RuleLabeler, scheme: Scheme, found: ReportSentences
) -> NDArray[np.int8]:
    """Return what the rules read in each sentence alone, (n_sentences, n_classes)."""
    texts = pa.array([[{"kind": "findings", "text": text}] for text in found.texts], _SECTIONS)
    ids = pa.array([str(number) for number in range(len(found.texts))])
    return class_states(labeler, scheme, pa.table({"exam_id": ids, "sections": texts}))


def targets(
    found: ReportSentences,
    read: NDArray[np.int8],
    gold: NDArray[np.int8],
    taught: NDArray[np.bool_],
) -> NDArray[np.int8]:
    """Return the target of each sentence, (n_sentences, n_classes): 1, 0 or `NOT_MENTIONED`.

    Parameters
    ----------
    found
        The sentences of all reports.
    read
        What the rules read in each sentence.
    gold
        States by report, `NOT_MENTIONED` where there is no gold, (n_reports, n_classes).
    taught
        Which reports teach, (n_reports,).
    """
    here = taught[found.report]
    report, sentence = found.report[here], found.sentence[here]
    said, truth = read[sentence], gold[report]
    by_rule = np.where(said == -1, int(NOT_MENTIONED), (said == 1).astype(np.int8))
    named = _any_of_report(report, said == 1, len(gold))[report]
    hedged = _any_of_report(report, said == -1, len(gold))[report]
    holds = np.where(named, said == 1, hedged & (said == -1))
    by_gold = np.where(truth == 0, 0, holds.astype(np.int8))
    by_gold = np.where((truth == 1) & ~named & ~hedged, int(NOT_MENTIONED), by_gold)
    votes = np.where((truth == 0) | (truth == 1), by_gold, by_rule)
    yes, no = (np.zeros(read.shape, np.int32) for _ in range(2))
    np.add.at(yes, sentence, votes == 1)
    np.add.at(no, sentence, votes == 0)
    decided = np.where(yes > no, 1, 0).astype(np.int8)
    return np.where(yes + no == 0, NOT_MENTIONED, decided).astype(np.int8)


def _any_of_report(
    report: NDArray[np.int32], holds: NDArray[np.bool_], n_reports: int
) -> NDArray[np.bool_]:
    result = np.zeros((n_reports, holds.shape[1]), bool)
    np.logical_or.at(result, report, holds)
    return result
