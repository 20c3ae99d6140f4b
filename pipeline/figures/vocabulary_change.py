"""What the last change of the vocabulary did to the labels of exams that it labelled anew."""

from dataclasses import dataclass

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from labelers import Scheme
from pipeline.figures.class_months import NOT_FINDINGS, finding_columns
from pipeline.figures.label_agreement import CELLS, cell_rows
from pipeline.figures.lake_queries import LakeQueries
from pipeline.figures.saved_figures import saved
from pipeline.figures.state_pairs import state_pairs, states_of
from pipeline.run_history import finished_runs
from pipeline.string_views import without_string_views
from pipeline.user_error import UserError

# Versions of labels that are looked through for another vocabulary, the newest first.
_MOST_VERSIONS = 400


@dataclass(frozen=True)
class VocabularyChange:
    """Labels under the present vocabulary and the one before it, over the exams of both.

    Attributes
    ----------
    before, after
        The two hashes, and
    version_before, version_after
        the versions of table labels that were compared: the last one under each.
    confusion
        Exams by state: class, before, after, exams; states in words.
    """

    before: str
    after: str
    version_before: int
    version_after: int
    confusion: pd.DataFrame

    def changed(self) -> pd.DataFrame:
        """Return of each class its exams, how many of them changed state, and which way how many.

        Columns: class, exams, changed, then one a change that occurred, ``before → after``.
        """
        moved = self.confusion[self.confusion["before"] != self.confusion["after"]]
        way = moved["before"] + " → " + moved["after"]
        ways = moved.assign(way=way).pivot_table(
            index="class", columns="way", values="exams", aggfunc="sum", sort=False
        )
        ways = ways[ways.sum().sort_values(ascending=False).index]
        exams = self.confusion.groupby("class", sort=False)["exams"].sum()
        rows = pd.DataFrame({"exams": exams, "changed": ways.sum(axis=1)})
        return rows.join(ways.loc[:, ways.sum() > 0]).reset_index()


def vocabulary_change(queries: LakeQueries, scheme: Scheme) -> VocabularyChange | str:
    """Return what the last change of the vocabulary changed, or a sentence on why it is not known.

    Raises
    ------
    UserError
        The lake cannot be read.
    """
    after_version = queries.versions.get("labels")
    if after_version is None:
        return "The lake has no labels yet: run `radsim label`."
    found = _last_change(queries, after_version)
    if found is None:
        return (
            "All labels that are kept were made with one vocabulary: there is nothing to compare."
        )
    before, after, version = found
    made_of = {
        "scheme": scheme.name,
        "members": {name: list(scheme.members[name]) for name in scheme.classes},
        "versions": [version, after_version],
    }

    def count() -> pa.Table:
        earlier = queries.lake.dataset("labels", version)
        assert earlier is not None
        findings = frozenset(earlier.schema.names) - NOT_FINDINGS
        cells = state_pairs(
            queries,
            states_of(scheme, scheme.classes, findings, "earlier"),
            states_of(scheme, scheme.classes, finding_columns(queries)),
            len(scheme.classes),
            {"earlier": without_string_views(earlier)},
        )
        rows = [row for n, name in enumerate(scheme.classes) for row in cell_rows(name, cells[n])]
        return pa.Table.from_pylist(rows, schema=CELLS)

    try:
        cells = saved(queries.lake, "vocabulary_change", made_of, count).to_pandas()
    except UserError:
        return f"Labels v{version} of the vocabulary before are no longer kept (`radsim vacuum`)."
    named = cells.rename(columns={"other": "before", "labels": "after"})
    return VocabularyChange(before, after, version, after_version, named)


def _last_change(queries: LakeQueries, current: int) -> tuple[str, str, int] | None:
    """Return the hashes before and now, and the last version of labels under the one before."""
    made_of = {"labels": current}

    def look() -> pa.Table:
        found = _searched(queries, current)
        rows = [] if found is None else [dict(zip(names, found, strict=True))]
        return pa.Table.from_pylist(rows, schema=schema)

    names = ("before", "after", "version")
    schema = pa.schema([("before", pa.string()), ("after", pa.string()), ("version", pa.int64())])
    rows = saved(queries.lake, "vocabularies", made_of, look).to_pylist()
    return tuple(rows[0][name] for name in names) if rows else None


def _searched(queries: LakeQueries, current: int) -> tuple[str, str, int] | None:
    after = _vocabulary(queries, current)
    left = {run.outputs["labels"] for run in finished_runs(queries.lake) if "labels" in run.outputs}
    for version in sorted(left - {current}, reverse=True)[:_MOST_VERSIONS]:
        try:
            before = _vocabulary(queries, version)
        except UserError:
            return None  # older versions are no longer kept either
        if after and before and before != after:
            return before, after, version
    return None


def _vocabulary(queries: LakeQueries, version: int) -> str | None:
    """Return the vocabulary by which most labels of a version were made."""
    rows = queries.lake.read("labels", ["vocabulary_hash"], version=version)
    if rows.num_rows == 0:
        return None
    counts = pc.value_counts(rows["vocabulary_hash"]).to_pylist()
    return str(max(counts, key=lambda row: row["counts"])["values"])
