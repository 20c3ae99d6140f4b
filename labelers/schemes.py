"""Label schemes: target classes as unions of findings."""

from collections.abc import Mapping as AbstractMapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pyarrow as pa

from labelers.vocabulary import Vocabulary, VocabularyError, load_vocabulary
from labelers.vocabulary.located_yaml import read

_FOLDER = Path(__file__).parent / "vocabulary" / "schemes"


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
    abnormal
        Every finding of the whole vocabulary that takes normality away.
    """

    name: str
    classes: tuple[str, ...]
    normal_class: str
    device_classes: tuple[str, ...]
    members: dict[str, tuple[str, ...]]
    abnormal: tuple[str, ...]

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
            is 1, else -1 if any is -1, else 0 if one of the findings the scheme lists for it (or
            one above those) is 0, else null: a denied subtype («no tension pneumothorax») does not
            deny its class. The normal class is 1 when no abnormal finding of the whole vocabulary,
            devices apart, is 1 or -1, and 0 otherwise; it is never null.
        """
        columns: dict[str, pa.Array] = {"exam_id": labels["exam_id"].combine_chunks()}
        n_exams = labels.num_rows
        for label_class in self.classes:
            if label_class == self.normal_class:
                clean = np.ones(n_exams, bool)
                for finding in self.abnormal:
                    states, known = _states(labels, finding)
                    clean &= ~(known & (states != 0))
                columns[label_class] = pa.array(clean.astype(np.int8))
                continue
            positive, uncertain, negative = (np.zeros(n_exams, bool) for _ in range(3))
            for finding in self.members[label_class]:
                states, known = _states(labels, finding)
                positive |= known & (states == 1)
                uncertain |= known & (states == -1)
                if finding in self._listed[label_class]:
                    negative |= known & (states == 0)
            result = np.where(positive, 1, np.where(uncertain, -1, 0)).astype(np.int8)
            columns[label_class] = pa.array(result, mask=~(positive | uncertain | negative))
        return pa.table(columns)

    listed: tuple[tuple[str, tuple[str, ...]], ...] = ()

    @cached_property
    def _listed(self) -> AbstractMapping[str, frozenset[str]]:
        return {label_class: frozenset(findings) for label_class, findings in self.listed}


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
    file.allow("name", "normal_class", "device_classes", "classes")
    classes = file.mapping("classes")
    normal_class = file.text("normal_class")
    if normal_class not in classes:
        raise VocabularyError(f"{normal_class.place}: '{normal_class}' is not one of the classes")
    listed: dict[str, tuple[str, ...]] = {}
    members: dict[str, tuple[str, ...]] = {}
    for label_class in classes:
        findings = classes.texts(label_class)
        if not findings and label_class != normal_class:
            raise VocabularyError(f"{classes.place}: class '{label_class}' lists no finding")
        for finding in findings:
            if finding not in vocabulary.by_id:
                raise VocabularyError(f"{finding.place}: unknown finding '{finding}'")
        listed[str(label_class)] = tuple(map(str, findings))
        union = {d for f in findings for d in (str(f), *vocabulary.descendants(str(f)))}
        members[str(label_class)] = tuple(f for f in vocabulary.finding_ids if f in union)
    for device_class in file.texts("device_classes"):
        if device_class not in classes:
            raise VocabularyError(
                f"{device_class.place}: '{device_class}' is not one of the classes"
            )
    return Scheme(
        name=str(file.text("name")),
        classes=tuple(map(str, classes)),
        normal_class=str(normal_class),
        device_classes=tuple(map(str, file.texts("device_classes"))),
        members=members,
        abnormal=tuple(f.id for f in vocabulary.findings if not (f.device or f.normal)),
        listed=tuple(listed.items()),
    )


def _states(labels: pa.Table, finding: str) -> tuple[np.ndarray, np.ndarray]:
    column = labels[finding].combine_chunks()
    known = column.is_valid().to_numpy(zero_copy_only=False)
    return column.fill_null(0).to_numpy(zero_copy_only=False), known
