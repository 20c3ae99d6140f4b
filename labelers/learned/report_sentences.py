"""The distinct sentences of reports, as the classifier reads them."""

from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from labelers.sections import split_sections
from labelers.sentences import split_sentences
from labelers.vocabulary import Vocabulary
from labelers.vocabulary.patterns import fold

_UNSECTIONED = frozenset({"body", "report", "text", ""})


class ReportSentences(NamedTuple):
    """Distinct sentences and where they stand.

    Attributes
    ----------
    texts
        Each sentence once: lower case, digits as 0, one space between words.
    report, sentence
        Row of the report and number of the sentence, (n_occurrences,) int32, in order.
    """

    texts: list[str]
    report: NDArray[np.int32]
    sentence: NDArray[np.int32]


def report_sentences(reports: pa.Table, vocabulary: Vocabulary) -> ReportSentences:
    """Return the sentences of the sections that give labels.

    Parameters
    ----------
    reports
        A column `sections` (list of struct kind, text).
    vocabulary
        Whose headings and context sections count.
    """
    numbers: dict[str, int] = {}
    where: list[tuple[int, int]] = []
    for row, sections in enumerate(reports["sections"].to_pylist()):
        for section in sections or ():
            text = section["text"] or ""
            kind = (section["kind"] or "").strip().lower()
            stretches = [(vocabulary.headings.get(kind, kind), 0, len(text))]
            if kind in _UNSECTIONED:
                stretches = split_sections(text, vocabulary)
            for stretch, begin, end in stretches:
                if stretch in vocabulary.context_kinds:
                    continue
                for left, right in split_sentences(text, begin, end):
                    sentence = " ".join(fold(text[left:right]).split())
                    where.append((row, numbers.setdefault(sentence, len(numbers))))
    places = np.array(where, np.int32).reshape(-1, 2)
    return ReportSentences(list(numbers), places[:, 0], places[:, 1])


def highest(found: ReportSentences, scores: NDArray[np.float32], n_reports: int) -> NDArray:
    """Return the highest score of a report's sentences, float32 (n_reports, n_classes).

    A report without sentences has 0.
    """
    result = np.zeros((n_reports, scores.shape[1]), np.float32)
    np.maximum.at(result, found.report, scores[found.sentence])
    return result
