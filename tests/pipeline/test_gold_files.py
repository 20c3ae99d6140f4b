"""Files of states: what is read, and the one line that says what is wrong."""

from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from labelers.agreement import STATES
from pipeline.gold_files import read_state_file
from pipeline.readers.source_error import SourceError

NULL = STATES[3]


def written(folder: Path, text: str, name: str = "gold.csv") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_every_spelling_of_a_state(tmp_path: Path) -> None:
    values = ["1", "1.0", "true", "TRUE", "0", "0.0", "False", "-1", "-1.0", "", " 1 ", "NaN"]
    rows = "".join(f"E{n},{value}\n" for n, value in enumerate(values))
    file = read_state_file(written(tmp_path, f"uid,Edema\n{rows}"), "uid")
    expected = [1, 1, 1, 1, 0, 0, 0, -1, -1, NULL, 1, NULL]
    assert file.state("Edema").tolist() == expected
    assert file.ids.to_pylist() == [f"E{n}" for n in range(len(values))]


@pytest.mark.parametrize(
    "column",
    [
        pa.array([1, 0, -1, None], pa.int8()),
        pa.array([1.0, 0.0, -1.0, float("nan")]),
        pa.array(["1", "0", "-1", None]),
        pa.array(["1", "0", "-1", ""]).dictionary_encode(),
    ],
)
def test_parquet_of_any_type(column: pa.Array, tmp_path: Path) -> None:
    path = tmp_path / "gold.parquet"
    pq.write_table(pa.table({"uid": pa.array([4, 5, 6, 7]), "Edema": column}), path)
    file = read_state_file(path, "uid")
    assert file.state("Edema").tolist() == [1, 0, -1, NULL]
    assert file.ids.to_pylist() == ["4", "5", "6", "7"]


def test_parquet_of_truth_values(tmp_path: Path) -> None:
    path = tmp_path / "gold.parquet"
    pd.DataFrame({"uid": ["a", "b"], "Edema": [True, False]}).to_parquet(path)
    assert read_state_file(path, "uid").state("Edema").tolist() == [1, 0]


def test_a_value_can_be_asked_for_as_text_or_number(tmp_path: Path) -> None:
    path = written(tmp_path, "uid,no_indexing\na,1\nb,0\nc,1.0\nd,\n")
    found = read_state_file(path, "uid").equals("no_indexing", "1")
    np.testing.assert_array_equal(found, [True, False, True, False])


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("uid,Edema\na,1\nb,maybe\nc,2\n", "row 2: column 'Edema' holds no state there \\(2 "),
        ("uid,Edema\na,1\nb,0\na,1\n", "row 3: column 'uid' names the same exam as row 1 \\(1 "),
        ("uid,Edema\na,1\n,0\n", "row 2: column 'uid' names no exam there"),
        ("id,Edema\na,1\n", "no column 'uid'; its columns are: id, Edema; .*--key"),
        ("uid,Edema\na,1,1\n", "gold.csv row 1: not as many fields as the header has"),
        ("uid,Edema,Edema\na,1,1\n", "column 'Edema' is there twice"),
        ("uid,Edema\n", "has a header but no rows"),
        ("", "is empty"),
    ],
)
def test_what_is_wrong_is_said_in_a_line_with_the_row(
    text: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises(SourceError, match=message) as raised:
        read_state_file(written(tmp_path, text), "uid").state("Edema")
    assert "\n" not in str(raised.value)
    assert "maybe" not in str(raised.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="no such file"):
        read_state_file(tmp_path / "none.csv", "uid")
    with pytest.raises(SourceError, match="is not a whole Parquet file"):
        read_state_file(written(tmp_path, "PAR1 no", "gold.parquet"), "uid")
    with pytest.raises(SourceError, match="is not a whole Parquet file"):
        read_state_file(written(tmp_path, "uid,Edema\n", "gold.pq"), "uid")
    with pytest.raises(SourceError, match=r"gold\.csv|: "):
        read_state_file(tmp_path, "uid")


def test_a_column_that_holds_no_states_is_named(tmp_path: Path) -> None:
    path = tmp_path / "gold.parquet"
    pq.write_table(pa.table({"uid": ["a"], "Edema": pa.array([[1]])}), path)
    with pytest.raises(SourceError, match="column 'Edema' has type list"):
        read_state_file(path, "uid").state("Edema")
