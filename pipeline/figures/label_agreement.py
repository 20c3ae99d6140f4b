"""Agreement of the lake's labels with other judgements: label files, human codes, kept scores."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from labelers import Scheme
from labelers.agreement import MEASURES, STATES, agreement_of_counts
from pipeline.figures.class_months import finding_columns, made_of_labels
from pipeline.figures.lake_queries import LakeQueries
from pipeline.figures.saved_figures import saved
from pipeline.figures.state_pairs import state_pairs, states_of
from pipeline.gold_coding import load_gold_coding
from pipeline.kept_scores import kept_scores
from pipeline.review_decisions import settled
from pipeline.score_record import STATE_NAMES
from pipeline.settings import Settings
from pipeline.waiting_reviews import FIELDS

NAMES = {"1": "positive", "0": "negative", "-1": "uncertain", "null": "not mentioned"}
# Exams by state of the other side and of the labels, in words.
CELLS = pa.schema(
    [
        pa.field("class", pa.string()),
        pa.field("other", pa.string()),
        pa.field("labels", pa.string()),
        pa.field("exams", pa.int64()),
    ]
)
_SHOWN = ("f1", "kappa")
_DECIDED = [f'"{name}"' for name in FIELDS.names]
_REVIEWED = pa.schema(
    [pa.field("exam_id", pa.string()), pa.field("n", pa.int32()), pa.field("state", pa.int8())]
)


@dataclass(frozen=True)
class AgreementFigures:
    """How the labels agree with another judgement of the same exams.

    Attributes
    ----------
    name
        What the other judgement is.
    told
        A sentence on what uncertain states count as, and where the figures come from.
    classes
        A row a class and measure: class, measure (`F1` or `κ`), value, low, high (95 % interval by
        bootstrap), exams, other_positive and labels_positive; figures that no exam defines are
        left out.
    confusion
        Exams by state: class, other, labels, exams; states in words.
    """

    name: str
    told: str
    classes: pd.DataFrame
    confusion: pd.DataFrame


def label_agreements(
    queries: LakeQueries, scheme: Scheme, settings: Settings
) -> list[AgreementFigures]:
    """Return the agreement of the labels of reports with every other judgement that the lake has.

    These are the states of its label file, its human codes where [evaluate] gold_coding says what
    they mean, what reviewers settled (the exams reviewed for a class, which were chosen for their
    doubt and are no sample of all), and the last score by each gold file that `radsim score` kept.
    Uncertain counts as negative (as `radsim score` does unless told otherwise). Classes are those
    of the scheme that the other side has too.

    Raises
    ------
    UserError
        The gold coding cannot be read.
    """
    if not queries.has("labels"):
        return []
    sides = [
        _with_file(queries, scheme),
        _with_codes(queries, scheme, settings),
        _with_reviews(queries, scheme),
    ]
    found = [_measured(name, rows) for name, rows in filter(None, sides) if rows.num_rows]
    return [*found, *(_kept(score) for score in kept_scores(queries.lake))]


def _with_file(queries: LakeQueries, scheme: Scheme) -> tuple[str, pa.Table] | None:
    if not queries.has("file_labels"):
        return None

    def count() -> pa.Table:
        there = queries.table('select distinct "class" from file_labels')["class"].to_pylist()
        classes = [name for name in scheme.classes if name in there]
        states = ", ".join(
            f'max(state) filter ("class" = \'{name}\') as "c{n}"' for n, name in enumerate(classes)
        )
        other = f"select exam_id, {states} from file_labels group by exam_id"
        return _compared(queries, scheme, classes, other)

    return "the label file", saved(
        queries.lake, "agreement_file", made_of_labels(queries, scheme), count
    )


def _with_codes(
    queries: LakeQueries, scheme: Scheme, settings: Settings
) -> tuple[str, pa.Table] | None:
    if settings.evaluate.gold_coding is None or not queries.has("gold"):
        return None
    coding = load_gold_coding(settings.evaluate.gold_coding)

    def count() -> pa.Table:
        coded = coding.states(queries.table("select exam_id, coding, code from gold"))
        classes = [name for name in scheme.classes if name in coding.classes]
        states = ", ".join(f'"{name}" as "c{n}"' for n, name in enumerate(classes))
        other = f"select exam_id, {states} from coded_states"
        return _compared(queries, scheme, classes, other, {"coded_states": coded})

    made_of = made_of_labels(queries, scheme)
    made_of |= {"gold": queries.versions["gold"], "coding": repr(coding)}
    return f"human codes ({coding.coding})", saved(queries.lake, "agreement_codes", made_of, count)


def _with_reviews(queries: LakeQueries, scheme: Scheme) -> tuple[str, pa.Table] | None:
    if not queries.has("reviews"):
        return None
    states = settled(queries.table(f"select {', '.join(_DECIDED)} from reviews")).states
    reviewed: list[dict[str, Any]] = [
        {"exam_id": exam_id, "n": scheme.classes.index(label_class), "state": state}
        for (exam_id, of_scheme, label_class), state in states.items()
        if of_scheme == scheme.name and label_class in scheme.classes
    ]
    beside = {"reviewed": pa.Table.from_pylist(reviewed, _REVIEWED)}
    findings = finding_columns(queries)
    rows: list[dict[str, Any]] = []
    for n in sorted({row["n"] for row in reviewed}):
        name = scheme.classes[n]
        other = f"select exam_id, state as c0 from reviewed where n = {n:d}"
        own = states_of(scheme, [name], findings)
        rows += cell_rows(name, state_pairs(queries, other, own, 1, beside)[0])
    return "reviewers", pa.Table.from_pylist(rows, schema=CELLS)


def _compared(
    queries: LakeQueries,
    scheme: Scheme,
    classes: list[str],
    other: str,
    beside: Mapping[str, Any] | None = None,
) -> pa.Table:
    if not classes:
        return CELLS.empty_table()
    own = states_of(scheme, classes, finding_columns(queries))
    cells = state_pairs(queries, other, own, len(classes), beside)
    return pa.Table.from_pylist(
        [row for n, name in enumerate(classes) for row in cell_rows(name, cells[n])], schema=CELLS
    )


def cell_rows(name: str, cells: NDArray[np.int64]) -> Iterable[dict[str, Any]]:
    """Return the rows (`CELLS`) of a class's exams (4, 4) by state of either side."""
    names = list(NAMES.values())
    return (
        {"class": name, "other": names[row], "labels": names[column], "exams": int(exams)}
        for (row, column), exams in np.ndenumerate(cells)
    )


def _measured(name: str, rows: pa.Table) -> AgreementFigures:
    frame = rows.to_pandas()
    figures = []
    for label_class, told in frame.groupby("class", sort=False):
        cells = told["exams"].to_numpy().reshape(len(STATES), len(STATES))
        measured = agreement_of_counts(cells, str(label_class)).figures[0]
        for measure in _SHOWN:
            value, low, high = measured[MEASURES.index(measure)]
            figures.append(
                {
                    "class": label_class,
                    "measure": measure,
                    "value": value,
                    "low": low,
                    "high": high,
                    "exams": int(cells.sum()),
                    "other_positive": int(cells[0].sum()),
                    "labels_positive": int(cells[:, 0].sum()),
                }
            )
    return AgreementFigures(
        name, "Uncertain counts as negative on both sides.", _shown(figures), frame
    )


def _kept(score: dict[str, Any]) -> AgreementFigures:
    """Return a score as `radsim score` kept it."""
    figures = [
        {
            "class": row["class"],
            "measure": measure,
            **{name: row[measure][name] for name in ("value", "low", "high")},
            "exams": row["exams"],
            "other_positive": row["gold_positive"],
            "labels_positive": row["labels_positive"],
        }
        for row in score["settings"][score["uncertain"]]["classes"]
        for measure in _SHOWN
    ]
    order = [STATE_NAMES[state] for state in STATES]
    confusion = [
        {"class": name, "other": NAMES[gold], "labels": NAMES[said], "exams": row.get(said, 0)}
        for name, cells in score["confusion"].items()
        for gold in order
        for row in [cells.get(gold, {})]
        for said in order
    ]
    told = (
        f"As `radsim score` kept it on {score['at'][:10]} of {score['labels']}; uncertain counted "
        f"as {score['uncertain']}."
    )
    return AgreementFigures(
        f"gold file {score['gold']}", told, _shown(figures), pd.DataFrame(confusion)
    )


def _shown(figures: list[dict[str, Any]]) -> pd.DataFrame:
    rows = pd.DataFrame(figures).dropna(subset=["value"])
    return rows.assign(measure=rows["measure"].map({"f1": "F1", "kappa": "κ"}))
