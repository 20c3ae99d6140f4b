"""How many exams of each month have each state of each class: what the label pages rest on."""

from typing import Any

import pyarrow as pa

from data_contracts import schemas
from labelers import Scheme
from pipeline.figures.class_states import state_of_class
from pipeline.figures.lake_queries import LakeQueries
from pipeline.figures.saved_figures import saved

CLASS_MONTHS = pa.schema(
    [
        pa.field("class", pa.string()),
        pa.field("month", pa.date32()),  # its first day; null for exams without a time
        pa.field("exams", pa.int64()),
        pa.field("positive", pa.int64()),
        pa.field("uncertain", pa.int64()),
        pa.field("negative", pa.int64()),
    ]
)

_STATES = {"positive": 1, "uncertain": -1, "negative": 0}
NOT_FINDINGS = frozenset(schemas.labels(()).names)


def class_months(queries: LakeQueries, scheme: Scheme) -> pa.Table:
    """Return a row a class and month, in the scheme's order (`CLASS_MONTHS`).

    States are the labels' of the reports; of a lake whose labels came in a file, the file's, whose
    exams have no month. A class of which nothing is said in a month has a row too.
    """
    made_of = made_of_labels(queries, scheme)
    count = _of_reports if queries.has("labels") else _of_file
    return saved(queries.lake, "class_months", made_of, lambda: count(queries, scheme))


def made_of_labels(queries: LakeQueries, scheme: Scheme) -> dict[str, object]:
    """Return what figures of labels depend on: the scheme, and the versions of their tables."""
    return {
        "scheme": scheme.name,
        "members": {name: list(scheme.members[name]) for name in scheme.classes},
        **{name: queries.versions.get(name) for name in ("labels", "reports", "file_labels")},
    }


def finding_columns(queries: LakeQueries) -> frozenset[str]:
    """Return the findings that table labels has a column for."""
    names = queries.table("select * from labels limit 0").column_names
    return frozenset(names) - NOT_FINDINGS


def _of_reports(queries: LakeQueries, scheme: Scheme) -> pa.Table:
    findings = finding_columns(queries)
    counts = ", ".join(
        f"count(*) filter ({state_of_class(scheme, name, findings)} = {state})"
        for name in scheme.classes
        for state in _STATES.values()
    )
    months = queries.table(
        f"select date_trunc('month', exam_time)::date, count(*), {counts} "
        "from labels left join (select exam_id, exam_time from reports) using (exam_id) "
        "group by 1 order by 1"
    )
    rows: list[dict[str, Any]] = []
    for number, name in enumerate(scheme.classes):
        first = 2 + number * len(_STATES)
        for month in zip(*(column.to_pylist() for column in months.columns), strict=True):
            told = dict(zip(_STATES, month[first : first + len(_STATES)], strict=True))
            rows.append({"class": name, "month": month[0], "exams": month[1], **told})
    return pa.Table.from_pylist(rows, schema=CLASS_MONTHS)


def _of_file(queries: LakeQueries, scheme: Scheme) -> pa.Table:
    rows = queries.rows(
        'select "class", count(*) as exams, '
        + ", ".join(f"count(*) filter (state = {n}) as {name}" for name, n in _STATES.items())
        + ' from file_labels group by "class"'
    )
    of_class = {row["class"]: row for row in rows}
    told = [of_class[name] for name in scheme.classes if name in of_class]
    return pa.Table.from_pylist(told, schema=CLASS_MONTHS)
