"""Labels of a stream of record batches are those of the labeler, row by row."""

import importlib.util
from functools import partial
from pathlib import Path

import pyarrow as pa
import pytest

from labelers import RuleLabeler
from labelers.arrow_batches import label_batches, label_schema

TEXTS = ["No effusion. Possible pneumonia.", None, "Large right pleural effusion.", "", "Normal."]


def batches() -> list[pa.RecordBatch]:
    rows = pa.table({"other": range(5), "exam_id": list("abcde"), "text": pa.array(TEXTS)})
    return rows.to_batches(max_chunksize=2)


def test_each_row_has_the_states_of_its_report():
    labelled = pa.Table.from_batches(label_batches(iter(batches())))
    assert labelled.schema == label_schema()
    assert labelled["exam_id"].to_pylist() == list("abcde")
    labeler = RuleLabeler()
    for row, text in zip(labelled.to_pylist(), TEXTS, strict=True):
        del row["exam_id"]
        if text is None:
            assert set(row.values()) == {None}
        else:
            assert row == labeler.label(text).classes("chexpert14")


def test_it_is_lazy_and_takes_other_columns_and_schemes():
    def endless():
        while True:
            yield batches()[0].rename_columns(["other", "key", "words"])

    named = partial(label_batches, scheme="nih14", id_column="key", text_column="words")
    first = next(iter(named(endless())))
    assert first.schema.names[:2] == ["key", "Atelectasis"]
    assert first.num_rows == 2


def test_a_scheme_that_is_not_there_is_named():
    with pytest.raises(ValueError, match="nosuch"):
        next(label_batches(iter(batches()), scheme="nosuch"))


@pytest.mark.skipif(importlib.util.find_spec("pyspark") is None, reason="pyspark is not installed")
def test_the_example_labels_on_spark(tmp_path):
    from pyspark.sql import SparkSession

    place = Path(__file__).parents[2] / "examples" / "spark_labels.py"
    spec = importlib.util.spec_from_file_location("spark_labels", place)
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    session = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    session = session.config("spark.driver.bindAddress", "127.0.0.1").getOrCreate()
    try:
        frame = session.createDataFrame([("a", TEXTS[0]), ("c", TEXTS[2])], ["exam_id", "text"])
        rows = {
            row["exam_id"]: row["Pleural Effusion"] for row in example.label_frame(frame).collect()
        }
    finally:
        session.stop()
    assert rows == {"a": 0, "c": 1}
