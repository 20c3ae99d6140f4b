"""Labels of a stream of Arrow record batches, for engines that map over such streams."""

from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from labelers.rule_labeler import RuleLabeler
from labelers.schemes import load_scheme
from labelers.vocabulary import load_vocabulary


def label_batches(
    batches: Iterable[pa.RecordBatch],
    scheme: str = "chexpert14",
    id_column: str = "exam_id",
    text_column: str = "text",
    vocabulary: Path | None = None,
) -> Iterator[pa.RecordBatch]:
    """Yield the label states of each batch of reports.

    It has the shape of Spark's `mapInArrow` (``frame.mapInArrow(partial(label_batches,
    scheme="nih14"), schema)``) and serves Dask, Ray or DuckDB as well: nothing but the batches goes
    in or out, and each process keeps one labeler.

    Parameters
    ----------
    batches
        With a column of ids and one of report texts, strings; other columns are not looked at. A
        text that is null says nothing, so all its states are null.
    scheme
        Name of a label scheme.
    vocabulary
        A site's folder that adds to the package's vocabulary.

    Returns
    -------
    Batches of `label_schema`, a row a report, in the order given.

    Raises
    ------
    ValueError
        There is no such scheme, or the vocabulary has a mistake.
    KeyError
        A batch lacks a column.
    """
    schema = label_schema(scheme, id_column, vocabulary)
    labeler = _labeler(vocabulary)
    projection = load_scheme(scheme, labeler.vocabulary)
    for batch in batches:
        ids = [str(value) for value in range(batch.num_rows)]
        texts = batch.column(text_column).to_pylist()
        sections = [[{"kind": "body", "text": text or ""}] for text in texts]
        kind = pa.list_(pa.struct([("kind", pa.string()), ("text", pa.string())]))
        reports = pa.table({"exam_id": pa.array(ids), "sections": pa.array(sections, kind)})
        states = projection.project(labeler.label_reports(reports).labels)
        silent = pc.is_null(batch.column(text_column))
        columns = [batch.column(id_column).cast(pa.string())]
        for name in projection.classes:
            known = states[name].combine_chunks()
            columns.append(pc.if_else(silent, pa.scalar(None, pa.int8()), known))
        yield pa.RecordBatch.from_arrays(columns, schema=schema)


def label_schema(
    scheme: str = "chexpert14", id_column: str = "exam_id", vocabulary: Path | None = None
) -> pa.Schema:
    """Return what `label_batches` yields: the id, and a nullable int8 a class of the scheme."""
    classes = load_scheme(scheme, _labeler(vocabulary).vocabulary).classes
    return pa.schema([(id_column, pa.string()), *((name, pa.int8()) for name in classes)])


@cache
def _labeler(vocabulary: Path | None) -> RuleLabeler:
    """Return this process's labeler."""
    return RuleLabeler(load_vocabulary(site=vocabulary))
