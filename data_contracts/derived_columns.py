"""Columns computed for the suites: what nested or whole-table values come down to.

Lists, texts and relations between rows cannot be handed to Great Expectations as they are (a
text must not, see `data_contracts.contract`), so a suite names a number instead, and its
``meta.derived`` says which.
"""

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.value_codes import value_codes

Values = np.ndarray
"""One value a row, shape ``(n_rows,)``; NaN for null."""


def n_sections(reports: pa.Table) -> Values:
    """Return the number of sections of each report, 0 where `sections` is null."""
    return _lengths(reports["sections"])


def n_incomplete_sections(reports: pa.Table) -> Values:
    """Return how many sections of each report lack their kind or text."""

    def incomplete(sections: pa.StructArray) -> np.ndarray:
        kind, text = sections.flatten()
        return pc.or_(kind.is_null(), text.is_null()).to_numpy(zero_copy_only=False)

    return _sums(reports["sections"], incomplete)


def n_characters(reports: pa.Table) -> Values:
    """Return the code points of each report's texts, without white space around each text."""

    def lengths(sections: pa.StructArray) -> np.ndarray:
        text = sections.flatten()[1]
        return pc.utf8_length(pc.utf8_trim_whitespace(text)).fill_null(0).to_numpy()

    return _sums(reports["sections"], lengths)


def n_splits_of_patient(manifest: pa.Table) -> Values:
    """Return in how many splits each row's patient is; NaN without a patient."""
    return _n_distinct(value_codes(manifest["split"]), by=manifest["patient_id"])


def n_splits_of_exam(manifest: pa.Table) -> Values:
    """Return in how many splits each row's exam is."""
    return _n_distinct(value_codes(manifest["split"]), by=manifest["exam_id"])


def n_values(embeddings: pa.Table) -> Values:
    """Return the length of each embedding, 0 where it is null."""
    return _lengths(embeddings["embedding"])


def n_not_finite(embeddings: pa.Table) -> Values:
    """Return how many values of each embedding are null, NaN or infinite."""

    def not_finite(values: pa.Array) -> np.ndarray:
        return pc.invert(pc.is_finite(values)).fill_null(True).to_numpy(zero_copy_only=False)

    return _sums(embeddings["embedding"], not_finite)


def norm(embeddings: pa.Table) -> Values:
    """Return the Euclidean length of each embedding, null values left out; NaN if not finite."""

    def squares(values: pa.Array) -> np.ndarray:
        numbers = values.fill_null(0).to_numpy(zero_copy_only=False).astype(np.float64)
        return np.where(np.isfinite(numbers), numbers, np.nan) ** 2

    return np.sqrt(_sums(embeddings["embedding"], squares))


def n_lengths_of_model(embeddings: pa.Table) -> Values:
    """Return how many different embedding lengths the rows of each row's model have."""
    return _n_distinct(_lengths(embeddings["embedding"]), by=embeddings["model_id"])


def n_not_finite_figures(evaluations: pa.Table) -> Values:
    """Return how many of value, low and high are NaN or infinite; null counts as neither."""
    columns = (evaluations[name] for name in ("value", "low", "high"))
    return sum(
        pc.invert(pc.is_finite(column.cast(pa.float64()))).fill_null(False).to_numpy().astype(int)
        for column in columns
    )


DERIVED: dict[str, dict[str, Callable[[pa.Table], Values]]] = {
    "reports": {
        "n_sections": n_sections,
        "n_incomplete_sections": n_incomplete_sections,
        "n_characters": n_characters,
    },
    "manifest": {
        "n_splits_of_patient": n_splits_of_patient,
        "n_splits_of_exam": n_splits_of_exam,
    },
    "embeddings": {
        "n_values": n_values,
        "n_not_finite": n_not_finite,
        "norm": norm,
        "n_lengths_of_model": n_lengths_of_model,
    },
    "evaluations": {"n_not_finite": n_not_finite_figures},
}


def _lengths(lists: pa.ChunkedArray) -> Values:
    return pc.list_value_length(lists).fill_null(0).to_numpy().astype(np.int64)


def _sums(lists: pa.ChunkedArray, measure: Callable[[pa.Array], np.ndarray]) -> Values:
    """Return the sum over each list of what `measure` says of its elements, 0 for null lists."""
    # A chunk at a time: texts of several chunks together may pass the 2 GB of string offsets.
    sums: list[np.ndarray] = [np.zeros(0)]
    for chunk in lists.chunks:
        rows = pc.list_parent_indices(chunk).to_numpy()
        weights = measure(pc.list_flatten(chunk))
        sums.append(np.bincount(rows, weights=weights, minlength=len(chunk)))
    return np.concatenate(sums)


def _n_distinct(values: np.ndarray, by: pa.ChunkedArray) -> Values:
    """Return, for each row, how many different `values` >= 0 the rows of its group have."""
    groups = value_codes(by)
    both = (groups >= 0) & (values >= 0)
    span = int(values.max(initial=0)) + 1
    pairs = np.unique(groups[both] * span + values[both])
    counts = np.bincount(pairs // span, minlength=int(groups.max(initial=-1)) + 1)
    found = np.full(len(groups), np.nan)
    found[groups >= 0] = counts[groups[groups >= 0]]
    return found
