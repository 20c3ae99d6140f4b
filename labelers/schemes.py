"""Label schemes: target classes as unions of findings, with their reporting priorities."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from labelers.aggregation import NOT_MENTIONED
from labelers.vocabulary import Vocabulary, VocabularyError, load_vocabulary
from labelers.vocabulary.loader import PRIORITIES
from labelers.vocabulary.located_yaml import Mapping, Text, read

_FOLDER = Path(__file__).parent / "vocabulary" / "schemes"
_KEYS = (
    *("name", "normal_class", "device_classes", "other_class", "alone", "classes"),
    *("priorities", "finding_priorities"),
)


@dataclass(frozen=True)
class Scheme:
    """A set of target classes defined over findings.

    Attributes
    ----------
    name
        Its name in settings and tables.
    classes
        Class names in order, exactly as the scheme writes them.
    normal_class
        The class that is 1 when no abnormality at all is stated.
    device_classes
        Classes of devices, which do not take normality away.
    members
        Class to the findings whose union it is, descendants included; empty for `normal_class`.
    listed
        Class to the findings that its denial needs: those the scheme writes.
    alone
        Findings that count only where no finding under them has the same state.
    under
        Finding to the findings right under it.
    abnormal
        Every finding of the whole vocabulary that takes normality away.
    priorities
        Finding to its reporting priority: critical, urgent, non_urgent or normal. Of the scheme if
        it sets any, else of the vocabulary.
    prioritised
        Whether the scheme sets priorities.
    """

    name: str
    classes: tuple[str, ...]
    normal_class: str
    device_classes: tuple[str, ...]
    members: dict[str, tuple[str, ...]]
    listed: dict[str, frozenset[str]]
    alone: frozenset[str]
    under: dict[str, tuple[str, ...]]
    abnormal: tuple[str, ...]
    priorities: dict[str, str]
    prioritised: bool

    def findings(self, label_class: str) -> tuple[str, ...]:
        """Return the findings of a class, descendants included; raise `KeyError` if unknown."""
        return self.members[label_class]

    def project(self, labels: pa.Table) -> pa.Table:
        """Return the states of the classes.

        Parameters
        ----------
        labels
            A column `exam_id` and nullable int8 columns by finding, as in the labels table.

        Returns
        -------
        pa.Table
            `exam_id`, then one nullable int8 column a class. A class is 1 if any of its findings
            is 1, else -1 if any is -1, else 0 if one of the findings the scheme lists for it is 0,
            else null: a denied subtype («no tension pneumothorax») does not deny its class. The
            normal class is 1 when no abnormal finding of the whole vocabulary, devices apart, is 1
            or -1, and 0 otherwise; it is never null.
        """
        states = StateColumns(labels)
        columns: dict[str, pa.Array] = {"exam_id": labels["exam_id"].combine_chunks()}
        for label_class in self.classes:
            if label_class == self.normal_class:
                clean = np.ones(labels.num_rows, bool)
                for finding in self.abnormal:
                    clean &= (states[finding] != 1) & (states[finding] != -1)
                columns[label_class] = pa.array(clean.astype(np.int8))
                continue
            positive, uncertain, negative = (np.zeros(labels.num_rows, bool) for _ in range(3))
            for finding in self.members[label_class]:
                positive |= self._counted(states, finding, 1)
                uncertain |= self._counted(states, finding, -1)
                if finding in self.listed[label_class]:
                    negative |= states[finding] == 0
            result = np.where(positive, 1, np.where(uncertain, -1, 0)).astype(np.int8)
            columns[label_class] = pa.array(result, mask=~(positive | uncertain | negative))
        return pa.table(columns)

    def itself(self, states: "StateColumns", finding: str, state: int) -> NDArray[np.bool_]:
        """Return which exams have a finding in a state that no finding under it has, (n_exams,)."""
        counted = states[finding] == state
        for below in self.under[finding]:
            counted &= states[below] != state
        return counted

    def _counted(self, states: "StateColumns", finding: str, state: int) -> NDArray[np.bool_]:
        if finding in self.alone:
            return self.itself(states, finding, state)
        return states[finding] == state


class StateColumns:
    """The states of a labels table as int8 arrays, (n_exams,); null is `NOT_MENTIONED`."""

    def __init__(self, labels: pa.Table) -> None:
        self._labels = labels
        self._states: dict[str, NDArray[np.int8]] = {}

    def __getitem__(self, finding: str) -> NDArray[np.int8]:
        """Return the states of a finding; raise `KeyError` if the table has no such column."""
        if finding not in self._states:
            column = self._labels[finding].combine_chunks().fill_null(NOT_MENTIONED.item())
            self._states[finding] = column.to_numpy(zero_copy_only=False)
        return self._states[finding]


def scheme_names() -> list[str]:
    """Return the names of the schemes that come with the package, sorted."""
    return sorted(path.stem for path in _FOLDER.glob("*.yaml"))


def load_scheme(name: str, vocabulary: Vocabulary | None = None) -> Scheme:
    """Load and check a scheme.

    Parameters
    ----------
    name
        One of `scheme_names()`, or the path of a YAML file of the same form.
    vocabulary
        Whose findings it is defined over; by default the package's own.

    Raises
    ------
    ValueError
        If there is no such scheme.
    VocabularyError
        For a mistake in the file, with its line.
    """
    path = Path(name) if name.endswith(".yaml") else _FOLDER / f"{name}.yaml"
    if not path.is_file():
        raise ValueError(f"unknown label scheme '{name}'; known: {', '.join(scheme_names())}")
    vocabulary = vocabulary or load_vocabulary()
    file = read(path)
    file.allow(*_KEYS)
    classes = file.mapping("classes")
    normal_class = _a_class(file.text("normal_class"), classes)
    device_classes = tuple(_a_class(name, classes) for name in file.texts("device_classes"))
    other = file.text("other_class", "")
    other_class = _a_class(other, classes) if other else None
    alone = frozenset(_a_finding(finding, vocabulary) for finding in file.texts("alone"))
    listed: dict[str, frozenset[str]] = {}
    members: dict[str, tuple[str, ...]] = {}
    for label_class in classes:
        findings = [_a_finding(text, vocabulary) for text in classes.texts(label_class)]
        if not findings and label_class not in {normal_class, other_class}:
            raise VocabularyError(f"{classes.place}: class '{label_class}' lists no finding")
        listed[str(label_class)] = frozenset(findings)
        union = set(findings).union(
            *(vocabulary.descendants(finding) for finding in findings if finding not in alone)
        )
        members[str(label_class)] = tuple(f for f in vocabulary.finding_ids if f in union)
    abnormal = tuple(f.id for f in vocabulary.findings if not (f.device or f.normal))
    if other_class is not None:
        taken = {f for name, union in members.items() if name != other_class for f in union}
        members[other_class] = tuple(
            f
            for f in vocabulary.finding_ids
            if f in members[other_class] or (f in abnormal and f not in taken)
        )
    return Scheme(
        name=str(file.text("name")),
        classes=tuple(map(str, classes)),
        normal_class=normal_class,
        device_classes=device_classes,
        members=members,
        listed=listed,
        alone=alone,
        under={
            f: tuple(other.id for other in vocabulary.findings if f in other.parents)
            for f in vocabulary.finding_ids
        },
        abnormal=abnormal,
        priorities=_priorities(file, members, other_class, vocabulary),
        prioritised="priorities" in file,
    )


def _a_class(name: Text, classes: Mapping) -> str:
    if name not in classes:
        raise VocabularyError(f"{name.place}: '{name}' is not one of the classes")
    return str(name)


def _a_finding(finding: Text, vocabulary: Vocabulary) -> str:
    if finding not in vocabulary.by_id:
        raise VocabularyError(f"{finding.place}: unknown finding '{finding}'")
    return str(finding)


def _priorities(
    file: Mapping,
    members: dict[str, tuple[str, ...]],
    other_class: str | None,
    vocabulary: Vocabulary,
) -> dict[str, str]:
    """Return the priority of each finding: the highest of its classes, or the vocabulary's own."""
    own = {finding.id: finding.priority for finding in vocabulary.findings}
    if "priorities" not in file:
        if "finding_priorities" in file:
            raise VocabularyError(f"{file.place}: finding_priorities need priorities of classes")
        return own
    of_class = {name: _a_priority(file.mapping("priorities"), name) for name in members}
    for name in file.mapping("priorities"):
        _a_class(Text(name, getattr(name, "place", file.place)), file.mapping("classes"))
    result = {finding.id: "normal" for finding in vocabulary.findings}
    for name, findings in members.items():
        listed = set(map(str, file.mapping("classes").texts(name)))
        for finding in findings:
            level = of_class[name]
            if name == other_class and finding not in listed:
                level = _higher(level, own[finding])
            result[finding] = _higher(result[finding], level)
    raised = file.mapping("finding_priorities")
    for finding in raised:
        _a_finding(Text(finding, getattr(finding, "place", raised.place)), vocabulary)
        result[str(finding)] = _a_priority(raised, finding)
    return result


def _a_priority(levels: Mapping, name: str) -> str:
    level = levels.text(name)
    if level not in PRIORITIES:
        raise VocabularyError(f"{level.place}: priority must be one of {', '.join(PRIORITIES)}")
    return str(level)


def _higher(one: str, other: str) -> str:
    return min(one, other, key=PRIORITIES.index)
