"""Which version of an exam's report stands: new, amended, retracted, superseded or in conflict.

The order between two versions is their exam time where both have one, then their status (final,
amended, retracted). Where that gives no order, a source that delivers other text than before
corrects itself (our reading: a file that was mended is read as its author meant it; of messages
the one told last stands); other text from another source is a conflict, and both are held back
until one of them is ordered or mended.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import reduce

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

CONFLICT = (
    "two versions of this exam differ and neither is later; deliver the right one as amended, or "
    "mend the source"
)

RANKS = {"final": 0, "amended": 1, "retracted": 2}


@dataclass(frozen=True)
class Version:
    """One version of one exam's report.

    `text` is the content hash of its sections, `about` its patient, time, site and status in one
    string, `time` its exam time in microseconds or None, `rank` the rank of its status, `told` when
    its source told it, in microseconds, None where its format does not say.
    """

    text: str
    about: str
    time: int | None
    rank: int
    source: str
    told: int | None = None


@dataclass(frozen=True)
class Decision:
    """What becomes of each delivered version, and of the current one.

    `delivered` holds, in order, ``new``, ``amended``, ``retracted``, ``unchanged``, ``retold``,
    ``superseded`` or ``conflict``: `retracted` takes a report back that stood, or that was never
    told of before; `retold` is unchanged but told later, which the next versions are held against.
    `withdraw_current` is whether the current version goes to quarantine too.
    """

    delivered: tuple[str, ...]
    withdraw_current: bool = False


def decide(
    delivered: Sequence[Version],
    current: Version | None,
    held: Sequence[tuple[str, str]] = (),
    whole: bool = True,
) -> Decision:
    """Decide one exam.

    Parameters
    ----------
    delivered
        The versions that a delivery holds, in the delivery's order.
    current
        The version in the lake.
    held
        (text, source) of versions that an earlier conflict put into quarantine.
    whole
        The delivery is all that its source holds, so that what the source told before and does not
        hold now is withdrawn; if not (new files of a drop folder), it adds to what was told before.
    """
    texts = {version.text for version in delivered}
    sources = {version.source for version in delivered}
    standing = current
    if whole and current is not None and current.source in sources and current.text not in texts:
        standing = None
    pool = [*([standing] if standing else []), *delivered]
    tops = _told_last(_latest(pool), whole)
    blocked = tops[0].rank == 0 and any(
        text not in texts and source not in sources for text, source in held
    )
    if blocked or len({version.text for version in tops}) > 1:
        disputed = {version.text for version in tops}
        return Decision(
            tuple("conflict" if v.text in disputed else "superseded" for v in delivered),
            withdraw_current=standing is not None and standing in tops,
        )
    chosen = _chosen(tops, standing)
    return Decision(
        tuple(
            _outcome(version, chosen, current, delivered[:i]) for i, version in enumerate(delivered)
        )
    )


def decide_all(
    delivered: pd.DataFrame, current: pd.DataFrame, held: pd.DataFrame, whole: bool = True
) -> pd.DataFrame:
    """Decide a delivery.

    Parameters
    ----------
    delivered, current
        Frames with columns exam_id, text, about, time and told (Int64), rank, source; `current` has
        one row an exam.
    held
        Frame with columns exam_id, text, source.
    whole
        As `decide` takes it.

    Returns
    -------
    `delivered` with columns `outcome` and `withdraw_current` beside.
    """
    decided = delivered.copy()
    decided["withdraw_current"] = False
    standing = current.set_index("exam_id")
    seen_before = decided["exam_id"].isin(standing.index)
    alone = ~decided["exam_id"].duplicated(keep=False) & ~decided["exam_id"].isin(held["exam_id"])
    known = standing.reindex(decided["exam_id"])
    same = (known["text"].to_numpy() == decided["text"].to_numpy()) & (
        known["about"].to_numpy() == decided["about"].to_numpy()
    )
    decided["outcome"] = "undecided"
    decided.loc[alone & ~seen_before, "outcome"] = "new"
    retracted = decided["rank"] == RANKS["retracted"]
    decided.loc[alone & ~seen_before & retracted, "outcome"] = "retracted"
    decided.loc[alone & seen_before & same, "outcome"] = "unchanged"
    known.index = decided.index
    retold = decided["told"].notna() & (known["source"] == decided["source"])
    retold &= known["told"].isna() | (decided["told"] > known["told"]).fillna(False)
    decided.loc[alone & seen_before & same & retold, "outcome"] = "retold"
    open_rows = decided[decided["outcome"] == "undecided"]
    waiting: dict[str, list[tuple[str, str]]] = {}
    for exam_id, text, source in held[["exam_id", "text", "source"]].itertuples(index=False):
        waiting.setdefault(exam_id, []).append((text, source))
    for exam_id, rows in open_rows.groupby("exam_id", sort=False):
        before = _version(standing.loc[exam_id]) if exam_id in standing.index else None
        decision = decide(
            [_version(row) for _, row in rows.iterrows()],
            before,
            waiting.get(exam_id, []),
            whole,
        )
        decided.loc[rows.index, "outcome"] = list(decision.delivered)
        decided.loc[rows.index, "withdraw_current"] = decision.withdraw_current
    return decided


def versions(rows: pa.Table) -> pa.Table:
    """Return what decides between versions, a row an exam.

    `rows` holds exam_id, content_hash, source, and of `VERSION_COLUMNS` what its table has; its
    `reference`, if any, is kept.
    """
    size = rows.num_rows
    names = rows.column_names
    time = (
        rows["exam_time"].cast(pa.int64()) if "exam_time" in names else pa.nulls(size, pa.int64())
    )
    statuses = rows["status"].to_pylist() if "status" in names else ["final"] * size
    about = pc.binary_join_element_wise(
        *(pc.fill_null(rows[name], "") for name in _ABOUT if name in names),
        pc.fill_null(time.cast(pa.string()), ""),
        "\x1f",
    )
    columns = {
        "exam_id": rows["exam_id"],
        "text": rows["content_hash"],
        "about": about,
        "time": time,
        "rank": pa.array([RANKS[status] for status in statuses], pa.int8()),
        "source": rows["source"],
        "told": (
            rows["told_at"].cast(pa.int64()) if "told_at" in names else pa.nulls(size, pa.int64())
        ),
    }
    return pa.table(columns | ({"reference": rows["reference"]} if "reference" in names else {}))


def versions_frame(parts: Sequence[pa.Table]) -> pd.DataFrame:
    """Return tables of `versions` as one frame, as `decide_all` takes it."""
    table = pa.concat_tables(parts) if parts else _NO_VERSIONS
    return table.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)


_ABOUT = ("patient_id", "site", "status", "split")

# The columns of reports and file_labels that decide which version stands.
VERSION_COLUMNS = ("exam_id", "content_hash", "source", "exam_time", "told_at", *_ABOUT)

_NO_VERSIONS = pa.schema(
    [
        pa.field("exam_id", pa.string()),
        pa.field("text", pa.string()),
        pa.field("about", pa.string()),
        pa.field("time", pa.int64()),
        pa.field("rank", pa.int8()),
        pa.field("source", pa.string()),
        pa.field("told", pa.int64()),
        pa.field("reference", pa.string()),
    ]
).empty_table()


def _latest(versions: Sequence[Version]) -> list[Version]:
    """Return the versions that no other one is later than."""
    dated = all(version.time is not None for version in versions)

    def order(version: Version) -> tuple[int, int]:
        return (version.time or 0 if dated else 0, version.rank)

    top = max(order(version) for version in versions)
    return [version for version in versions if order(version) == top]


def _told_last(versions: Sequence[Version], whole: bool) -> list[Version]:
    """Return, of the versions of each source, those it told last.

    Without times of telling all of a whole delivery are left. Of an adding one the last is left,
    unless an earlier one is known to have been told later.
    """
    kept = []
    for source in dict.fromkeys(version.source for version in versions):
        own = [version for version in versions if version.source == source]
        if whole:
            told = [version.told for version in own if version.told is not None]
            kept += [v for v in own if v.told == max(told)] if told else own
        else:
            kept.append(reduce(_later, own))
    return kept


def _later(before: Version, after: Version) -> Version:
    """Return of two versions, delivered in this order, the one told later."""
    if before.told is not None and after.told is not None and before.told > after.told:
        return before
    return after


def _retold(version: Version, current: Version) -> bool:
    """Whether a source tells again, later, what stands."""
    if version.source != current.source or version.told is None:
        return False
    return current.told is None or version.told > current.told


def _chosen(tops: Sequence[Version], standing: Version | None) -> Version:
    """Choose among latest versions of one text: the standing one unless its source re-tells it."""
    if standing is None or standing not in tops:
        return tops[0]
    if standing in tops[1:]:
        return standing
    retold = [v for v in tops if v.source == standing.source and v.about != standing.about]
    return retold[0] if retold else standing


def _outcome(
    version: Version, chosen: Version, current: Version | None, before: Sequence[Version]
) -> str:
    if version != chosen or version in before:
        return "unchanged" if version.text == chosen.text else "superseded"
    if current is not None and (current.text, current.about) == (version.text, version.about):
        return "retold" if _retold(version, current) else "unchanged"
    if version.rank == RANKS["retracted"] and (current is None or current.rank != version.rank):
        return "retracted"
    return "new" if current is None else "amended"


def _version(row: pd.Series) -> Version:
    time = None if pd.isna(row["time"]) else int(row["time"])
    told = None if pd.isna(row["told"]) else int(row["told"])
    return Version(row["text"], row["about"], time, int(row["rank"]), row["source"], told)
