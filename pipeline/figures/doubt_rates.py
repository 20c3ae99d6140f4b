"""How often reports leave a class uncertain, and how often they contradict themselves on it."""

from collections.abc import Iterator

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from labelers import Scheme
from pipeline.figures.class_months import class_months
from pipeline.figures.contradictions import contradicted_classes
from pipeline.figures.lake_queries import LakeQueries
from pipeline.figures.saved_figures import saved
from pipeline.label_drift import wilson_interval

_CLASSES_A_MASK = 60  # bits of a bigint
_CONFLICTS = pa.schema(
    [
        pa.field("class", pa.string()),
        pa.field("exams", pa.int64()),
        pa.field("conflicts", pa.int64()),
    ]
)


def doubt_rates(queries: LakeQueries, scheme: Scheme) -> pd.DataFrame:
    """Return the uncertain rate and the conflict rate of each class that reports speak of.

    The uncertain rate is the share uncertain of the exams in which the class has a state. The
    conflict rate is, of the exams in which a mention asserts the class present or absent, the share
    whose report contradicts itself on a finding of the class (`contradictions`). A mention counts
    as present if its finding belongs to the class, and as absent if its absence denies the class.
    The class of normality has no mentions of its own and is left out.

    Returns
    -------
    A row a class and rate: class, rate (`uncertain` or `conflict`), exams (those the share is of),
    doubtful (how many are), share, and the ends low and high of its 95 % interval (Wilson).
    """
    if not queries.has("labels"):
        return pd.DataFrame()
    states = class_months(queries, scheme).to_pandas().groupby("class", sort=False).sum(True)
    stated = states[["positive", "uncertain", "negative"]].sum(axis=1)
    conflicts = _conflicts(queries, scheme).to_pandas().set_index("class")
    rows = []
    for name in scheme.classes:
        if name == scheme.normal_class:
            continue
        rows.append(_row(name, "uncertain", stated[name], states["uncertain"][name]))
        told = conflicts.loc[name]
        rows.append(_row(name, "conflict", told["exams"], told["conflicts"]))
    rates = pd.DataFrame(rows)
    return rates[rates["exams"] > 0].reset_index(drop=True)


def _row(name: str, rate: str, exams: int, doubtful: int) -> dict[str, object]:
    low, high = wilson_interval(int(doubtful), int(exams))
    share = doubtful / exams if exams else 0.0
    return {
        "class": name,
        "rate": rate,
        "exams": int(exams),
        "doubtful": int(doubtful),
        "share": share,
        "low": low,
        "high": high,
    }


def _conflicts(queries: LakeQueries, scheme: Scheme) -> pa.Table:
    """Return the exams in which each class is asserted, and those that contradict themselves."""
    classes = [name for name in scheme.classes if name != scheme.normal_class]
    made_of = {
        "of": "one finding and side",  # what an earlier release kept was of any
        "scheme": scheme.name,
        "members": {name: list(scheme.members[name]) for name in classes},
        "mentions": queries.versions.get("mentions"),
    }

    def count() -> pa.Table:
        told = pc.value_counts(contradicted_classes(queries, scheme)["class"]).to_pylist()
        conflicts = {each["values"]: each["counts"] for each in told}
        rows = [
            {"class": name, "exams": exams, "conflicts": conflicts.get(name, 0)}
            for part in _parts(classes)
            for name, exams in zip(part, _asserted(queries, scheme, part), strict=True)
        ]
        return pa.Table.from_pylist(rows, schema=_CONFLICTS)

    return saved(queries.lake, "conflicts", made_of, count)


def _parts(classes: list[str]) -> Iterator[list[str]]:
    for start in range(0, len(classes), _CLASSES_A_MASK):
        yield classes[start : start + _CLASSES_A_MASK]


def _asserted(queries: LakeQueries, scheme: Scheme, classes: list[str]) -> list[int]:
    """Count the exams that assert each class, by a mask an exam of which bit n is class n."""
    masks: dict[tuple[str, str], int] = {}
    for n, name in enumerate(classes):
        said = [("present", finding) for finding in scheme.findings(name)]
        said += [("absent", finding) for finding in scheme.listed[name]]
        for key in said:
            masks[key] = masks.get(key, 0) | 1 << n
    assertions, findings = zip(*masks, strict=True)
    table = pa.table({"assertion": assertions, "finding": findings, "mask": list(masks.values())})
    counts = ", ".join(f"count(*) filter (mask & {1 << n} > 0)" for n in range(len(classes)))
    told = queries.table(
        "with asserted as (select bit_or(mask) as mask from mentions "
        f"join class_masks using (assertion, finding) group by exam_id) select {counts} "
        "from asserted",
        beside={"class_masks": table},
    )
    return [column[0].as_py() for column in told.columns]
