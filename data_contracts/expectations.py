"""One expectation at a time through Great Expectations: which rows fail it.

Importing Great Expectations takes seconds, so it happens on the first call. It works in memory on
an ephemeral context: no file, no network, no progress bar, no analytics. What it says of
failures is reduced to row numbers and counts; values, and the messages of exceptions, which may
hold values, are never passed on.
"""

import logging
import os
import re
import threading
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

# COMPLETE lists the failing rows by their index, which is the row number. The query that would
# find them again repeats the list as text, and the counts of values are values.
RESULT_FORMAT = {
    "result_format": "COMPLETE",
    "exclude_unexpected_values": True,
    "return_unexpected_index_query": False,
    "partial_unexpected_count": 0,
}

# The line of a traceback that names the exception, without its message.
_EXCEPTION = re.compile(r"^(?:\w+\.)*(\w+(?:Error|Exception))\b", re.MULTILINE)

# Great Expectations keeps its current project in a global of the process.
_LOCK = threading.Lock()


@dataclass(frozen=True)
class Outcome:
    """What an expectation found.

    Attributes
    ----------
    success
        Whether it holds.
    rows
        The failing rows, int64; None if the expectation is about a column as a whole.
    error
        The kind of exception it raised, if it could not be evaluated.
    """

    success: bool
    rows: np.ndarray | None
    error: str | None = None


def evaluate(
    expectation: str,
    kwargs: Mapping[str, Any],
    frame: "pd.DataFrame",
    parameters: Mapping[str, Any],
) -> Outcome:
    """Evaluate one expectation on a frame whose index holds the row numbers.

    Parameters
    ----------
    expectation
        The type, such as ``expect_column_values_to_be_unique``.
    kwargs
        Its arguments.
    frame
        The columns it needs and no others: Great Expectations copies the whole frame several
        times.
    parameters
        Values for arguments of the form ``{"$PARAMETER": name}``.
    """
    with _LOCK, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            batch_definition = _batch_definition()
            configured = _configured(expectation, kwargs)
            batch = batch_definition.get_batch(batch_parameters={"dataframe": frame})
            found = batch.validate(
                configured, result_format=RESULT_FORMAT, expectation_parameters=dict(parameters)
            )
        except Exception as error:
            return Outcome(False, None, type(error).__name__)
    raised = _raised(found.exception_info)
    if raised is not None:
        return Outcome(False, None, raised)
    rows = found.result.get("unexpected_index_list")
    if rows is None:
        return Outcome(bool(found.success), None)
    if len(rows) != found.result["unexpected_count"]:
        return Outcome(False, None, "IncompleteResult")
    return Outcome(bool(found.success), np.asarray(rows, dtype=np.int64))


@cache
def _batch_definition() -> Any:
    os.environ["GX_ANALYTICS_ENABLED"] = "false"
    # Its log holds tracebacks, and tracebacks hold values.
    logging.getLogger("great_expectations").setLevel(logging.CRITICAL + 1)
    import great_expectations
    from great_expectations.data_context.types.base import ProgressBarsConfig

    # This module sets a level of its own when it is imported.
    logging.getLogger(ProgressBarsConfig.__module__).setLevel(logging.CRITICAL + 1)
    context = great_expectations.get_context(mode="ephemeral")
    context.variables.progress_bars = ProgressBarsConfig(globally=False)
    source = context.data_sources.add_pandas("tables")
    return source.add_dataframe_asset("table").add_batch_definition_whole_dataframe("rows")


def _configured(expectation: str, kwargs: Mapping[str, Any]) -> Any:
    from great_expectations.expectations.expectation_configuration import ExpectationConfiguration

    return ExpectationConfiguration(type=expectation, kwargs=dict(kwargs)).to_domain_obj()


def _raised(info: Mapping[str, Any]) -> str | None:
    """Return the kind of exception in a result, which may nest it under the ids of metrics."""
    infos = [info] if "raised_exception" in info else list(info.values())
    for each in infos:
        if each["raised_exception"]:
            kinds = _EXCEPTION.findall(each["exception_traceback"] or "")
            # Wrapped in one of Great Expectations' own; the cause stands first.
            return kinds[0] if kinds else "Exception"
    return None
