"""Labels of reports whose text is not kept: made as the reports pass, before they are written.

The text lives in memory only, as long as its batch; what goes to disk, also of a run that is
killed, are mentions and labels with their offsets. A mention's cue loses its words for the same
reason; its offsets stay.
"""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from data_contracts import schemas
from pipeline.label_commit import commit_labels
from pipeline.labelling import label_chunk, rule_labeler
from pipeline.lake_run import Run

_NO_KEYS = pa.schema(
    [pa.field("exam_id", pa.string()), pa.field("content_hash", pa.string())]
).empty_table()
_ROWS_A_CHUNK = 5_000
_ROWS_A_COMMIT = 50_000


class PassingLabels:
    """Labels the reports of one delivery in passing.

    Parameters
    ----------
    run
        The run that takes the reports in.
    folder
        A temporary folder for labels that wait.
    site
        Folder of the site's vocabulary, if there is one.
    force
        Label also what has current labels.
    """

    def __init__(self, run: Run, folder: Path, site: Path | None, *, force: bool) -> None:
        self._run = run
        self._site = site
        self._folder = folder
        self._labeler = rule_labeler(site)
        self._parts = 0
        known = run.read("labels", ["exam_id", "content_hash", "labeler", "vocabulary_hash"])
        self._known = known.select(["exam_id", "content_hash"])
        same = pc.and_(
            pc.equal(known["labeler"], self._labeler.name),
            pc.equal(known["vocabulary_hash"], self._labeler.vocabulary_hash),
        )
        self._current = _keys(self._known.filter(same)) if not force else pa.array([], pa.string())

    def take(self, rows: pa.Table) -> pa.Table:
        """Label the reports that have no current labels; return all without their texts.

        `rows` has the columns of reports; in what comes back the texts of sections are null.
        """
        wanted = pc.and_(
            pc.invert(pc.is_in(_keys(rows), value_set=self._current)),
            pc.not_equal(rows["status"], "retracted"),
        )
        stale = rows.filter(wanted).select(["exam_id", "sections", "source", "content_hash"])
        for start in range(0, stale.num_rows, _ROWS_A_CHUNK):
            mentions, labels = label_chunk(stale.slice(start, _ROWS_A_CHUNK), self._site)
            cue = pc.if_else(pc.is_valid(mentions["cue"]), "", mentions["cue"])
            at = mentions.column_names.index("cue")
            mentions = mentions.set_column(at, "cue", cue)
            for name, table in (("mentions", mentions), ("labels", labels)):
                pq.write_table(table, self._place(name, self._parts), compression="zstd")
            self._parts += 1
        return without_texts(rows)

    def settle(self) -> list[pa.Table]:
        """Commit the labels of the versions that stand; drop those of versions that do not.

        Returns
        -------
        Rejected rows, in the shape of quarantine.
        """
        version = self._run.outputs.get("reports", self._run.current.get("reports"))
        columns = ["exam_id", "content_hash", "status"]
        reports = self._run.lake.read("reports", columns, version=version)
        standing = _keys(reports.filter(pc.not_equal(reports["status"], "retracted")))
        waiting = [
            pq.read_table(self._place("labels", part), columns=["exam_id", "content_hash"])
            for part in range(self._parts)
        ]
        made = pa.concat_tables([_NO_KEYS, *waiting])
        fresh = _keys(made)
        chosen = pc.is_in(fresh, value_set=standing).to_numpy(zero_copy_only=False)
        # One text of an exam that was delivered twice has been labelled twice.
        first = np.zeros(len(made), bool)
        first[np.unique(fresh.to_numpy(zero_copy_only=False), return_index=True)[1]] = True
        chosen &= first
        replaced = made["exam_id"].filter(pa.array(chosen))
        gone = pc.or_(
            pc.invert(pc.is_in(_keys(self._known), value_set=standing)),
            pc.is_in(self._known["exam_id"], value_set=replaced),
        )
        dropped = self._known.filter(gone).select(["exam_id"])
        self._run.delete("mentions", dropped)
        self._run.delete("labels", dropped)
        self._adopt_columns()
        return self._commit(chosen)

    def _commit(self, chosen: np.ndarray) -> list[pa.Table]:
        rejected: list[pa.Table] = []
        parts: list[tuple[pa.Table, pa.Table]] = []
        findings = self._labeler.vocabulary.finding_ids
        start = rows = 0
        for part in range(self._parts):
            labels = pq.read_table(self._place("labels", part))
            keep = chosen[start : start + labels.num_rows]
            start += labels.num_rows
            mentions = pq.read_table(self._place("mentions", part))
            lost = _keys(labels.filter(pa.array(~keep)))
            mentions = mentions.filter(pc.invert(pc.is_in(_keys(mentions), value_set=lost)))
            parts.append((mentions, labels.filter(pa.array(keep))))
            rows += int(keep.sum())
            if rows >= _ROWS_A_COMMIT or part == self._parts - 1:
                if rows:
                    rejected += commit_labels(self._run, parts, findings, anew=False)
                parts, rows = [], 0
        return rejected

    def _adopt_columns(self) -> None:
        """Give the labels that stay the columns of the present vocabulary; what is new is null."""
        dataset = (
            self._run.lake.dataset(
                "labels", self._run.outputs.get("labels", self._run.current.get("labels"))
            )
            if "labels" in self._run.current
            else None
        )
        wanted = schemas.labels(self._labeler.vocabulary.finding_ids)
        if dataset is None or set(dataset.schema.names) == set(wanted.names):
            return
        kept = dataset.to_table()
        columns = [
            kept[field.name]
            if field.name in kept.column_names
            else pa.nulls(kept.num_rows, field.type)
            for field in wanted
        ]
        self._run.overwrite("labels", pa.table(columns, names=wanted.names).cast(wanted))

    def _place(self, name: str, part: int) -> Path:
        return self._folder / f"{name}-{part:06d}.parquet"


def without_texts(rows: pa.Table) -> pa.Table:
    """Return reports whose sections have their kinds and no text (null)."""
    lists = rows["sections"].combine_chunks()
    if isinstance(lists, pa.ChunkedArray):
        return rows
    flat = lists.flatten()
    texts = pa.nulls(len(flat), pa.string())
    bare = pa.StructArray.from_arrays(
        [flat.field("kind"), texts], fields=list(schemas.SECTIONS.value_type)
    )
    lengths = np.concatenate([[0], np.cumsum(pc.list_value_length(lists).to_numpy())])
    sections = pa.ListArray.from_arrays(pa.array(lengths.astype(np.int32)), bare)
    at = rows.column_names.index("sections")
    return rows.set_column(at, "sections", sections.cast(schemas.SECTIONS))


def _keys(rows: pa.Table) -> pa.Array:
    """Return exam and text of each row in one string."""
    joined = pc.binary_join_element_wise(rows["exam_id"], rows["content_hash"], "\x1f")
    return joined.combine_chunks() if isinstance(joined, pa.ChunkedArray) else joined
