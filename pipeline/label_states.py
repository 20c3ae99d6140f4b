"""Labels by class and finding, whichever of the two they were written by."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from data_contracts.schemas import PROVENANCE
from labelers import Scheme, Vocabulary, scheme_names
from labelers.aggregation import NOT_MENTIONED
from labelers.agreement_examples import deciding_mention
from pipeline.gold_files import StateFile
from pipeline.labelling import label_scheme, site_vocabulary

# Columns of labels that are no class.
_NO_CLASS = frozenset(
    [
        "exam_id",
        "patient_id",
        "labeler",
        "vocabulary_hash",
        *(field.name for field in PROVENANCE),
    ]
)


@dataclass(frozen=True)
class Labels:
    """States by class and finding.

    Attributes
    ----------
    file
        What was read.
    scheme
        The scheme that its classes are of, or that findings are projected to; None if unknown.
    projected
        Whether states are by finding, so that classes are computed.
    mentions
        The mentions they rest on, None where these are not known.
    """

    file: StateFile
    scheme: Scheme | None
    projected: bool
    mentions: pa.Table | None = None
    vocabulary: Vocabulary = field(default_factory=site_vocabulary)

    @property
    def ids(self) -> pa.Array:
        """The exam of each row."""
        return self.file.ids

    @cached_property
    def columns(self) -> tuple[str, ...]:
        """The classes or findings that are columns."""
        return tuple(name for name in self.file.columns if name not in _NO_CLASS)

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Every class, then every finding, that has states."""
        if not self.projected or self.scheme is None:
            return self.columns
        classes = self.scheme.classes
        return (*classes, *(name for name in self.columns if name not in classes))

    @cached_property
    def classes(self) -> tuple[str, ...]:
        """The classes of the scheme that have states; without a scheme every column."""
        if self.scheme is None:
            return self.names
        return tuple(name for name in self.scheme.classes if name in self.names)

    @cached_property
    def normal_classes(self) -> frozenset[str]:
        """The names that state normality."""
        schemes = [self.scheme] if self.scheme else [label_scheme(name) for name in scheme_names()]
        normal = (finding.id for finding in self.vocabulary.findings if finding.normal)
        return frozenset([*(scheme.normal_class for scheme in schemes), *normal])

    @property
    def labeler(self) -> str | None:
        """The labeler's name, None where the file does not say it."""
        return self._said("labeler", "labeler")

    @property
    def vocabulary_hash(self) -> str | None:
        """The hash of its vocabulary, None where the file does not say it."""
        return self._said("vocabulary", "vocabulary_hash")

    def states(self, name: str) -> NDArray[np.int8]:
        """Return the states of a class or finding, (n_exams,).

        Raises
        ------
        SourceError
            A value of the file is no state.
        """
        if self.projected and self.scheme is not None and name in self.scheme.classes:
            return _of_array(self._classes[name].combine_chunks())
        return self.file.state(name)

    def union(self, names: Sequence[str]) -> NDArray[np.int8]:
        """Return the union of classes and findings: 1 if any is 1, else -1, else 0, else null."""
        states = np.stack([self.states(name) for name in names])
        result = np.full(states.shape[1], NOT_MENTIONED, np.int8)
        for state in (0, -1, 1):
            result[(states == state).any(axis=0)] = state
        return result

    def members(self, names: Iterable[str]) -> tuple[str, ...]:
        """Return the findings whose union the classes and findings are, descendants included.

        Of the class of normality these are the findings that take it away.
        """
        found: dict[str, None] = {}
        for name in names:
            if self.scheme is not None and name in self.scheme.classes:
                normal = name == self.scheme.normal_class
                found |= dict.fromkeys(
                    self.scheme.abnormal if normal else self.scheme.findings(name)
                )
            elif name in self.vocabulary.by_id:
                found |= dict.fromkeys((name, *self.vocabulary.descendants(name)))
        return tuple(found)

    def deciding(
        self, mentions: Sequence[Mapping[str, Any]], names: Sequence[str], state: int
    ) -> Mapping[str, Any] | None:
        """Return the mention that decided the state of the union of classes and findings.

        `mentions` are the exam's rows of the mentions table. None where no mention decided: what
        is normal follows from nothing abnormal being stated, what is not from an abnormality.
        """
        members = self.members(names)
        if self.scheme is None or self.scheme.normal_class not in names:
            return deciding_mention(mentions, state, members, self.vocabulary)
        if state != 0:
            return None
        return deciding_mention(mentions, 1, members, self.vocabulary) or deciding_mention(
            mentions, -1, members, self.vocabulary
        )

    def guess(self, name: str) -> str:
        """Return a hint at what a misspelt class may be."""
        near = difflib.get_close_matches(name, self.names, n=1)
        return f"; did you mean '{near[0]}'?" if near else ""

    @cached_property
    def _classes(self) -> pa.Table:
        assert self.scheme is not None
        n_exams = len(self.ids)
        # A finding that an older vocabulary did not know was not mentioned.
        columns = {
            finding: _to_array(self.file.state(finding))
            if finding in self.file.columns
            else pa.nulls(n_exams, pa.int8())
            for finding in self.vocabulary.finding_ids
        }
        return self.scheme.project(pa.table({"exam_id": self.ids, **columns}))

    def _said(self, key: str, column: str) -> str | None:
        if key in self.file.metadata:
            return self.file.metadata[key]
        if column not in self.file.columns:
            return None
        values = pc.unique(self.file.columns[column]).to_pylist()
        return ", ".join(sorted(str(value) for value in values if value is not None)) or None


def _of_array(array: pa.Array) -> NDArray[np.int8]:
    return np.asarray(pc.fill_null(array, NOT_MENTIONED.item()).to_numpy(), np.int8)


def _to_array(states: NDArray[np.int8]) -> pa.Array:
    return pa.array(states, pa.int8(), mask=states == NOT_MENTIONED)
