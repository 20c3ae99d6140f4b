"""Two versions of labels side by side: which states changed, for which classes and exams."""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from labelers.agreement_examples import sentence_of
from labelers.label_changes import changes, moved, transitions
from pipeline.label_states import Labels
from pipeline.report_texts import ReportTexts
from pipeline.score_record import STATE_NAMES
from pipeline.user_error import UserError


@dataclass(frozen=True)
class LabelDiff:
    """Labels before and after, over the exams and classes that both have.

    Attributes
    ----------
    before, after
        The labels that were compared.
    classes
        The classes or findings that both have.
    only_before, only_after
        Those that one of them has.
    exam_ids
        The exams that both have, in the order of `before`.
    old, new
        States, int8 (n_exams, n_classes).
    """

    before: Labels
    after: Labels
    classes: tuple[str, ...]
    only_before: tuple[str, ...]
    only_after: tuple[str, ...]
    exam_ids: pa.Array
    old: NDArray[np.int8]
    new: NDArray[np.int8]

    @property
    def counts(self) -> NDArray[np.int64]:
        """Exams by state before and after, (n_classes, 4, 4)."""
        return transitions(self.old, self.new)

    @property
    def exams_changed(self) -> int:
        """How many exams have any other state."""
        return int((self.old != self.new).any(axis=1).sum())

    def record(self) -> dict[str, Any]:
        """Return every count as values that JSON knows."""
        both = len(self.exam_ids)
        return {
            "old": _about(self.before),
            "new": _about(self.after),
            "exams": {
                "in_both": both,
                "only_in_old": len(self.before.ids) - both,
                "only_in_new": len(self.after.ids) - both,
                "changed": self.exams_changed,
            },
            "classes_only_in_old": list(self.only_before),
            "classes_only_in_new": list(self.only_after),
            "changes": {
                name: {
                    f"{STATE_NAMES[b]} -> {STATE_NAMES[a]}": exams for b, a, exams in moved(cells)
                }
                for name, cells in zip(self.classes, self.counts, strict=True)
            },
        }


def diff(before: Labels, after: Labels, *, by_scheme: bool) -> LabelDiff:
    """Bring two versions of labels side by side.

    Parameters
    ----------
    before, after
        The labels.
    by_scheme
        Whether labels by finding are compared by the classes of their scheme.

    Raises
    ------
    UserError
        They have no exam or no class in common, or a value is no state.
    """
    old_names, new_names = _names(before, by_scheme), _names(after, by_scheme)
    classes = tuple(name for name in new_names if name in set(old_names))
    if not classes:
        raise UserError(
            f"{before.file.name} and {after.file.name} have no class in common; compare labels of "
            "one scheme (--scheme projects labels by finding)"
        )
    at = pc.index_in(before.ids, value_set=after.ids)
    found = at.is_valid()
    if not pc.any(found).as_py():
        raise UserError(f"{before.file.name} and {after.file.name} have no exam in common")
    kept = found.to_numpy(zero_copy_only=False)
    rows = at.drop_null().to_numpy()
    return LabelDiff(
        before,
        after,
        classes,
        tuple(name for name in old_names if name not in set(new_names)),
        tuple(name for name in new_names if name not in set(old_names)),
        before.ids.filter(found),
        np.stack([before.states(name)[kept] for name in classes], axis=1),
        np.stack([after.states(name)[rows] for name in classes], axis=1),
    )


def changed_examples(
    found: LabelDiff, reports: ReportTexts, most: int, classes: Iterable[str] = ()
) -> list[dict[str, Any]]:
    """Return changed states with the words that decided them, those that overturn most first.

    A dict each: class, exam, old, new, then finding, assertion, cue and sentence of the deciding
    mention, prefixed ``old `` and ``new `` for each of the two whose mentions are known. These hold
    report text: they are for the user who asked.

    Raises
    ------
    UserError
        One of `classes` is none that is compared.
    """
    asked = set(classes) or set(found.classes)
    for name in sorted(asked - set(found.classes)):
        raise UserError(f"--class {name}: not compared; compared are {', '.join(found.classes)}")
    chosen = [c for c in changes(found.old, found.new) if found.classes[c.label_class] in asked]
    rows = []
    for change in chosen[:most]:
        exam_id, name = found.exam_ids[change.exam].as_py(), found.classes[change.label_class]
        sections = reports.sections([exam_id]).get(exam_id, ())
        row = {"class": name, "exam": exam_id, "old": change.old, "new": change.new}
        for side, labels, state in (
            ("old", found.before, change.old),
            ("new", found.after, change.new),
        ):
            if labels.mentions is None:
                continue
            mentions = labels.mentions.filter(pc.equal(labels.mentions["exam_id"], exam_id))
            mention = labels.deciding(mentions.to_pylist(), [name], state)
            for part in ("finding", "assertion", "cue"):
                row[f"{side} {part}"] = mention and mention[part]
            row[f"{side} sentence"] = sentence_of(sections, mention) if mention else None
        rows.append(row)
    return rows


def write_diff(found: LabelDiff, out: Path) -> None:
    """Write every count to a JSON file.

    Raises
    ------
    UserError
        `out` cannot be written.
    """
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text(json.dumps(found.record(), indent=2) + "\n", encoding="utf-8")
    except OSError as error:
        raise UserError(
            f"{out}: cannot be written ({error.strerror or 'the disk refuses'})"
        ) from None


def _names(labels: Labels, by_scheme: bool) -> tuple[str, ...]:
    return labels.classes if by_scheme or not labels.projected else labels.columns


def _about(labels: Labels) -> dict[str, Any]:
    return {
        "labels": labels.file.name,
        "labeler": labels.labeler,
        "vocabulary": labels.vocabulary_hash,
        "scheme": labels.scheme.name if labels.scheme and not labels.projected else None,
        "exams": len(labels.ids),
    }
