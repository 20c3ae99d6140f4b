"""Judging each distinct value once gives what judging each row gives."""

from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import data_contracts.contract
from data_contracts import schemas
from data_contracts.contract import Checked, check

_TIMESTAMP = datetime(2024, 1, 1, tzinfo=UTC)
_FINDINGS = ("edema", "mass")
_ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "exam_id": st.sampled_from(["e1", "e2", " ", None]),
            "labeler": st.sampled_from(["rule/1", "", None]),
            "edema": st.sampled_from([1, 0, -1, 5, None]),
            "mass": st.sampled_from([1, -7, None]),
        }
    ),
    max_size=12,
)


def _checked(rows: list[dict], *, by_row: bool) -> Checked:
    told = {"vocabulary_hash": "v", "run_id": "r", "source": "s", "content_hash": "h"}
    every = [{**row, **told, "committed_at": _TIMESTAMP} for row in rows]
    table = pa.Table.from_pylist(every, schema=schemas.labels(_FINDINGS))
    with pytest.MonkeyPatch.context() as patch:
        if by_row:
            patch.setattr(data_contracts.contract, "distinct_values", lambda rule, columns: None)
        return check("labels", table, _FINDINGS)


@settings(deadline=None, max_examples=25, derandomize=True)
@given(_ROWS)
def test_the_verdict_on_each_row_is_that_of_its_values(rows: list[dict]) -> None:
    once, each = _checked(rows, by_row=False), _checked(rows, by_row=True)
    assert once.rejected.equals(each.rejected)
    assert once.kept.equals(each.kept)
    assert once.results == each.results
