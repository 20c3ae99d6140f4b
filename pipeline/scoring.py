"""Judge labels by a gold: which columns are compared, over which exams, under which setting."""

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from labelers.aggregation import NOT_MENTIONED
from labelers.agreement import UNCERTAIN, Agreement, Counted, agreement, confusion, counted
from labelers.agreement_alternatives import rest_on_alternatives
from pipeline.gold_files import StateFile
from pipeline.gold_map import GoldMap
from pipeline.label_states import Labels
from pipeline.readers.source_error import printable, shown_columns
from pipeline.report_texts import HALVES, ReportTexts, is_second_half
from pipeline.user_error import UserError


@dataclass(frozen=True)
class Compared:
    """Gold and labels side by side.

    Attributes
    ----------
    classes
        Names of the gold's columns that are compared.
    targets
        For each the classes or findings of the labels whose union it is compared with.
    averaged
        Whether each enters the averages; statements of normality do not.
    not_scored
        Columns of the gold that have no class.
    exam_ids
        The exams, in the order of the gold.
    gold, said
        States, int8 (n_exams, n_classes).
    judged
        Whether the gold says anything of the class, bool (n_exams, n_classes); where it does not,
        the exam is left out of the class.
    patients
        Number of each exam's patient; None where no patient is known.
    second_half
        Whether each exam is in half b; None where the texts are not known.
    alternatives
        Which uncertain states rest on a choice, bool (n_exams, n_classes); None without mentions.
    counts
        Exams of the gold, those left out by the map, those without labels.
    """

    classes: tuple[str, ...]
    targets: tuple[tuple[str, ...], ...]
    averaged: NDArray[np.bool_]
    not_scored: tuple[str, ...]
    exam_ids: pa.Array
    gold: NDArray[np.int8]
    said: NDArray[np.int8]
    judged: NDArray[np.bool_]
    patients: NDArray[np.int64] | None = None
    second_half: NDArray[np.bool_] | None = None
    alternatives: NDArray[np.bool_] | None = None
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def settings(self) -> tuple[str, ...]:
        """The settings that can be computed."""
        return tuple(
            name for name in UNCERTAIN if name != "alternatives" or self.alternatives is not None
        )

    def half(self, name: str) -> "Compared":
        """Return the exams of half a or b.

        Raises
        ------
        UserError
            The texts are not known, or there is no such half.
        """
        if name not in HALVES:
            raise UserError(f"--half takes a or b, not {name!r}")
        if self.second_half is None:
            raise UserError(
                "the halves keep reports of identical text together: name them with --reports"
            )
        return self._only(self.second_half == (name == "b"))

    def measured(self, uncertain: str, *, draws: int = 1000, seed: int = 0) -> Agreement:
        """Return the agreement under a setting of `labelers.agreement.counted`.

        Raises
        ------
        UserError
            The setting is unknown, or needs mentions that there are not.
        """
        if uncertain not in UNCERTAIN:
            raise UserError(f"--uncertain takes {', '.join(UNCERTAIN)}, not {uncertain!r}")
        if uncertain not in self.settings:
            raise UserError(
                "--uncertain alternatives asks the cue of each mention: name --mentions, or label "
                "again with --reports and without --labels"
            )
        return agreement(
            self.decisions(uncertain),
            self.classes,
            averaged=self.averaged,
            patients=self.patients,
            draws=draws,
            seed=seed,
        )

    def decisions(self, uncertain: str) -> Counted:
        """Return the states read as decisions under a setting, where the gold judges."""
        found = counted(self.gold, self.said, uncertain, self.alternatives)
        return found._replace(scored=found.scored & self.judged)

    def confusion(self) -> NDArray[np.int64]:
        """Return judged exams by gold state and labels' state, (n_classes, 4, 4)."""
        return confusion(self.gold, self.said, self.judged)

    def _only(self, kept: NDArray[np.bool_]) -> "Compared":
        def part(values: Any) -> Any:
            return None if values is None else values[kept]

        return Compared(
            self.classes,
            self.targets,
            self.averaged,
            self.not_scored,
            self.exam_ids.filter(pa.array(kept)),
            self.gold[kept],
            self.said[kept],
            self.judged[kept],
            part(self.patients),
            part(self.second_half),
            part(self.alternatives),
            self.counts,
        )


def wanted_classes(gold: StateFile, gold_map: GoldMap) -> list[str]:
    """Return the classes that a gold file may ask for."""
    mapped = [str(target) for targets in gold_map.classes.values() for target in targets]
    return [*mapped, *gold.columns]


def compare(
    gold: StateFile,
    gold_map: GoldMap,
    labels: Labels,
    *,
    key: str,
    patient_column: str = "patient_id",
    reports: ReportTexts | None = None,
    count_unlabelled: bool = False,
) -> Compared:
    """Bring gold and labels side by side.

    A column of the gold is compared with the classes that the map gives it, else with the class of
    its own name. Exams of the gold without labels are left out or, with `count_unlabelled`, taken
    as not mentioning anything.

    Raises
    ------
    UserError
        The map names a column or class that there is not (with its line), no column of the gold
        has a class, no exam is in both, or a value is no state.
    """
    pairs = _pairs(gold, gold_map, labels)
    if not pairs:
        raise UserError(
            f"{gold.name}: no column has a class of the labels; {shown_columns(list(gold.columns))}"
            f"; the labels' classes are {', '.join(labels.classes)}; say with --map which is which"
        )
    at = pc.index_in(gold.ids, value_set=labels.ids)
    kept = np.ones(len(gold.ids), bool)
    for column, value in gold_map.leave_out.items():
        if column not in gold.columns:
            raise UserError(f"{column.place}: {gold.name} has no column '{printable(column)}'")
        kept &= ~gold.equals(column, value)
    found = at.is_valid().to_numpy(zero_copy_only=False)
    counts = {
        "gold exams": len(kept),
        "left out": int((~kept).sum()),
        "without labels": int((kept & ~found).sum()),
    }
    if not (kept & found).any():
        raise UserError(
            f"{gold.name} and {labels.file.name} have no exam in common; name the column of the "
            "exam with --key"
        )
    if not count_unlabelled:
        kept &= found
    rows = pc.fill_null(at.filter(pa.array(kept)), 0).to_numpy()
    exam_ids = gold.ids.filter(pa.array(kept))
    said = np.stack([labels.union(targets)[rows] for targets in pairs.values()], axis=1)
    said[~found[kept]] = NOT_MENTIONED
    alternatives = None
    if labels.mentions is not None:
        members = [labels.members(targets) for targets in pairs.values()]
        alternatives = rest_on_alternatives(labels.mentions, exam_ids, members, labels.vocabulary)
    scored = {key, patient_column, *pairs, *gold_map.leave_out}
    return Compared(
        classes=tuple(pairs),
        targets=tuple(pairs.values()),
        averaged=np.array([not labels.normal_classes & set(t) for t in pairs.values()]),
        not_scored=tuple(column for column in gold.columns if column not in scored),
        exam_ids=exam_ids,
        gold=np.stack([gold.state(column)[kept] for column in pairs], axis=1),
        said=said,
        judged=np.stack([gold.is_judged(column)[kept] for column in pairs], axis=1),
        patients=_patients(gold, kept, patient_column, exam_ids, reports),
        second_half=_halves(exam_ids, reports),
        alternatives=alternatives,
        counts=counts,
    )


def _pairs(gold: StateFile, gold_map: GoldMap, labels: Labels) -> dict[str, tuple[str, ...]]:
    for name, targets in gold_map.classes.items():
        if name not in gold.columns:
            raise UserError(f"{name.place}: {gold.name} has no column '{printable(name)}'")
        for target in targets:
            if target not in labels.names:
                raise UserError(
                    f"{target.place}: the labels have no class '{printable(target)}'"
                    f"{labels.guess(target)}"
                )
    known = set(labels.names)
    mapped = {str(name): targets for name, targets in gold_map.classes.items()}
    pairs: dict[str, tuple[str, ...]] = {}
    for column in gold.columns:
        if column in mapped:
            pairs[column] = tuple(str(target) for target in mapped[column])
        elif column in known:
            pairs[column] = (column,)
    return pairs


def _patients(
    gold: StateFile,
    kept: NDArray[np.bool_],
    column: str,
    exam_ids: pa.Array,
    reports: ReportTexts | None,
) -> NDArray[np.int64] | None:
    """Return patients as numbers; a null patient is its own."""
    if column in gold.columns:
        patients = pc.cast(gold.columns[column].filter(pa.array(kept)), pa.string())
    elif reports is not None:
        at = pc.index_in(exam_ids, value_set=reports.ids)
        patients = reports.table["patient_id"].combine_chunks().take(at)
    else:
        return None
    known = patients.is_valid()
    if not pc.any(known).as_py():
        return None
    codes = pc.index_in(patients, value_set=pc.unique(patients.drop_null()))
    own = len(exam_ids) + np.arange(len(exam_ids))
    return np.where(
        known.to_numpy(zero_copy_only=False), pc.fill_null(codes, 0).to_numpy(), own
    ).astype(np.int64)


def _halves(exam_ids: pa.Array, reports: ReportTexts | None) -> NDArray[np.bool_] | None:
    """Return which exams are in half b; those without a report are where the empty text is."""
    if reports is None:
        return None
    at = pc.index_in(exam_ids, value_set=reports.ids)
    found = at.is_valid().to_numpy(zero_copy_only=False)
    half = reports.second_half[pc.fill_null(at, 0).to_numpy()]
    return np.where(found, half, is_second_half(""))
