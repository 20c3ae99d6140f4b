"""States of classes counted in SQL are those that the scheme gives."""

import duckdb
import numpy as np
import pyarrow as pa
import pytest

from labelers import load_scheme, load_vocabulary, scheme_names
from pipeline.figures.class_states import state_of_class


def random_labels(exams: int) -> pa.Table:
    """Return labels in which every finding has every state, most of them none."""
    draw = np.random.default_rng(5)
    columns: dict[str, pa.Array] = {"exam_id": pa.array([f"E{n}" for n in range(exams)])}
    for finding in load_vocabulary().finding_ids:
        states = draw.choice([1, 0, -1, 2], exams, p=[0.03, 0.03, 0.03, 0.91]).astype(np.int8)
        columns[finding] = pa.array(states, mask=states == 2)
    return pa.table(columns)


@pytest.mark.parametrize("name", scheme_names())
def test_every_class_has_the_state_that_its_scheme_gives(name: str) -> None:
    scheme, labels = load_scheme(name), random_labels(2_000)
    states = ", ".join(
        f'{state_of_class(scheme, label_class, labels.column_names)} as "{label_class}"'
        for label_class in scheme.classes
    )
    with duckdb.connect() as connection:
        connection.register("labels", labels)
        told = connection.sql(f"select exam_id, {states} from labels").to_arrow_table()
    expected = scheme.project(labels)
    for label_class in scheme.classes:
        assert told[label_class].to_pylist() == expected[label_class].to_pylist(), label_class


def test_labels_of_an_older_vocabulary_lack_findings_which_are_then_not_mentioned() -> None:
    scheme = load_scheme("chexpert14")
    labels = pa.table({"exam_id": ["E1", "E2"], "pneumonia": pa.array([1, None], pa.int8())})
    states = [
        state_of_class(scheme, name, labels.column_names)
        for name in ("Pneumonia", "Fracture", "No Finding")
    ]
    with duckdb.connect() as connection:
        connection.register("labels", labels)
        told = connection.sql(f"select {', '.join(states)} from labels").fetchall()
    assert told == [(1, None, 0), (None, None, 1)]
