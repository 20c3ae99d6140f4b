"""The rule labeler: report texts to mentions and report-level states."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from labelers.aggregation import NOT_MENTIONED, aggregate, hierarchy_of
from labelers.neighbours import hear_echoes
from labelers.schemes import load_scheme
from labelers.sections import split_sections
from labelers.sentence_store import DIGITS, SentenceStore
from labelers.sentences import split_sentences
from labelers.vocabulary import Vocabulary, load_vocabulary
from labelers.vocabulary.loader import ASSERTIONS, MODIFIERS

VERSION = "2"  # of the rules in code: raised whenever the same vocabulary may give other labels

MOST_SENTENCES = 300_000  # distinct ones kept, about 300 bytes each
_SLICE = 20_000  # exams labelled at a time: bounds the arrays, not the result

_UNSECTIONED = frozenset({"body", "report", "text", ""})


class Mention(NamedTuple):
    """One mention: a row of the mentions table without its exam."""

    section_no: int
    start: int
    end: int
    finding: str
    assertion: str
    cue: str | None
    cue_start: int | None
    cue_end: int | None
    laterality: str | None
    location: str | None
    severity: str | None
    change: str | None


class LabelledReports(NamedTuple):
    """Mentions and labels of a batch of reports.

    `mentions` has the columns of the mentions table, `labels` those of the labels table, both
    without provenance.
    """

    mentions: pa.Table
    labels: pa.Table


class Labelling(NamedTuple):
    """One report with its mentions and states.

    Attributes
    ----------
    sections
        (kind, text) as given.
    mentions
        In the order of the text.
    states
        Finding to 1, 0 or -1 for each finding with a state.
    vocabulary
        What it was labelled with.
    """

    sections: tuple[tuple[str, str], ...]
    mentions: tuple[Mention, ...]
    states: dict[str, int]
    vocabulary: Vocabulary

    def classes(self, scheme_name: str) -> dict[str, int | None]:
        """Return the state of each class of a scheme, None where nothing is said of it."""
        scheme = load_scheme(scheme_name, self.vocabulary)
        columns = {
            finding: pa.array([self.states.get(finding)], pa.int8())
            for finding in self.vocabulary.finding_ids
        }
        row = scheme.project(pa.table({"exam_id": pa.array([""]), **columns})).to_pylist()[0]
        return {label_class: row[label_class] for label_class in scheme.classes}


def labeler_name() -> str:
    """Return the name, with the version, under which a rule labeler signs its labels."""
    return f"rule/{VERSION}"


class RuleLabeler:
    """Labels chest-radiograph reports by rules over spaCy matches and NegEx's terms.

    Parameters
    ----------
    vocabulary
        What it knows; by default the vocabulary that comes with the package.

    Notes
    -----
    spaCy is loaded by the first report. A labeler can be pickled: the copy starts with an empty
    sentence cache. It is not for use by several threads at once.
    """

    def __init__(self, vocabulary: Vocabulary | None = None) -> None:
        self.vocabulary = vocabulary or load_vocabulary()
        self.name = labeler_name()
        self.vocabulary_hash = self.vocabulary.hash
        self._hierarchy = hierarchy_of(self.vocabulary)
        self._columns = {name: n for n, name in enumerate(self.vocabulary.finding_ids)}
        self._normal = np.array([finding.normal for finding in self.vocabulary.findings])
        self._store: SentenceStore | None = None

    def __reduce__(self) -> tuple[Callable[..., "RuleLabeler"], tuple[Vocabulary]]:
        return (RuleLabeler, (self.vocabulary,))

    def label(self, text: str, kind: str = "body") -> Labelling:
        """Label one text; a text of kind `body` is split by its headings."""
        return self.label_sections([(kind, text)])

    def label_sections(self, sections: Sequence[tuple[str, str]]) -> Labelling:
        """Label one report given as (kind, text) in order."""
        given = tuple((str(kind), str(text)) for kind, text in sections)
        located = [(0, number, kind, text) for number, (kind, text) in enumerate(given)]
        mentions, labels = self._label(["report"], located)
        rows = mentions.drop_columns(["exam_id", "mention_no"]).to_pylist()
        row = labels.to_pylist()[0]
        states = {f: row[f] for f in self.vocabulary.finding_ids if row[f] is not None}
        return Labelling(given, tuple(Mention(**r) for r in rows), states, self.vocabulary)

    def label_reports(self, reports: pa.Table | pa.RecordBatch) -> LabelledReports:
        """Label many reports.

        Parameters
        ----------
        reports
            Columns `exam_id` (string) and `sections` (list of struct kind, text).

        Returns
        -------
        LabelledReports
            One labels row an exam, in the order given.
        """
        if isinstance(reports, pa.RecordBatch):
            reports = pa.Table.from_batches([reports])
        pieces = []
        for begin in range(0, max(reports.num_rows, 1), _SLICE):
            piece = reports.slice(begin, _SLICE).select(["exam_id", "sections"]).combine_chunks()
            pieces.append(self._label(piece["exam_id"].to_pylist(), _located_sections(piece)))
        return LabelledReports(
            pa.concat_tables([mentions for mentions, _ in pieces]),
            pa.concat_tables([labels for _, labels in pieces]),
        )

    def _label(
        self, exam_ids: list[str], sections: list[tuple[int, int, str, str]]
    ) -> tuple[pa.Table, pa.Table]:
        """Label exams whose sections are given as (exam row, section number, kind, text)."""
        store = self._current_store()
        exam, section, offset, sentence = self._sentences(store, sections)
        position, columns = store.gather(sentence)
        hear_echoes(store, sentence, section, offset, exam, position, columns, self._normal)
        exam_of = exam[position]
        states = aggregate(
            exam_of,
            columns["finding"],
            columns["state"].astype(np.int8),
            columns["part"].astype(np.int8),
            len(exam_ids),
            len(self._columns),
            self._hierarchy,
        )
        first_of_exam = np.searchsorted(exam_of, np.arange(len(exam_ids)))
        mention_no = np.arange(len(exam_of)) - first_of_exam[exam_of]
        shift = offset[position]
        cued = columns["cue_start"] >= 0
        ids = pa.array(exam_ids, pa.string())
        mentions = pa.table(
            {
                "exam_id": ids.take(pa.array(exam_of)),
                "mention_no": pa.array(mention_no.astype(np.int32)),
                "section_no": pa.array(section[position]),
                "start": pa.array(columns["start"] + shift),
                "end": pa.array(columns["end"] + shift),
                "finding": _texts(self.vocabulary.finding_ids, columns["finding"]),
                "assertion": _texts(ASSERTIONS, columns["assertion"]),
                "cue": _texts(store.words, columns["cue"]),
                "cue_start": pa.array(columns["cue_start"] + shift, mask=~cued),
                "cue_end": pa.array(columns["cue_end"] + shift, mask=~cued),
                **{name: _texts(store.words, columns[name]) for name in MODIFIERS},
            }
        )
        labels = pa.table(
            {
                "exam_id": ids,
                "labeler": pa.array([self.name] * len(exam_ids), pa.string()),
                "vocabulary_hash": pa.array([self.vocabulary_hash] * len(exam_ids), pa.string()),
                **{
                    finding: pa.array(
                        np.ascontiguousarray(states[:, number]),
                        mask=states[:, number] == NOT_MENTIONED,
                    )
                    for number, finding in enumerate(self.vocabulary.finding_ids)
                },
            }
        )
        return mentions, labels

    def _current_store(self) -> SentenceStore:
        if self._store is None:
            from labelers.sentence_reader import SentenceReader

            self._reader = SentenceReader(self.vocabulary)
            self._store = SentenceStore(self._reader, self.vocabulary)
        elif len(self._store) > MOST_SENTENCES:
            self._store = SentenceStore(self._reader, self.vocabulary)
        return self._store

    def _sentences(
        self, store: SentenceStore, sections: list[tuple[int, int, str, str]]
    ) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
        """Return exam row, section number, offset and store number of each sentence."""
        exams: list[int] = []
        numbers: list[int] = []
        offsets: list[int] = []
        sentences: list[int] = []
        context_kinds = self.vocabulary.context_kinds
        headings = self.vocabulary.headings
        for exam, number, kind, text in sections:
            keys = text.translate(DIGITS)
            plain = kind.strip().lower()
            if plain in _UNSECTIONED:
                stretches = split_sections(text, self.vocabulary)
            else:
                stretches = [(headings.get(plain, plain), 0, len(text))]
            for stretch_kind, begin, end in stretches:
                known = store.numbers_of(stretch_kind)
                for left, right in split_sentences(text, begin, end):
                    key = keys[left:right]
                    place = known.get(key)
                    if place is None:
                        context = stretch_kind in context_kinds
                        place = store.add(stretch_kind, key, text[left:right], context)
                    exams.append(exam)
                    numbers.append(number)
                    offsets.append(left)
                    sentences.append(place)
        return (
            np.array(exams, np.int32),
            np.array(numbers, np.int32),
            np.array(offsets, np.int32),
            np.array(sentences, np.int32),
        )


def _located_sections(reports: pa.Table) -> list[tuple[int, int, str, str]]:
    lists = reports["sections"].combine_chunks()
    if isinstance(lists, pa.ChunkedArray):  # an empty table has no chunk to combine
        return []
    exam = lists.value_parent_indices().to_pylist()
    flat = lists.flatten()
    kinds = flat.field("kind").to_pylist()
    texts = flat.field("text").to_pylist()
    located = []
    previous, number = -1, 0
    for row, kind, text in zip(exam, kinds, texts, strict=True):
        number = number + 1 if row == previous else 0
        previous = row
        located.append((row, number, kind or "", text or ""))
    return located


def _texts(values: Sequence[str], numbers: NDArray[np.int32]) -> pa.Array:
    """Return the values by number as strings, null for -1."""
    indices = pa.array(numbers, mask=numbers < 0)
    return pa.array(list(values), pa.string()).take(indices)
