"""Chunks of reports to mentions and labels, for the label stage and for files without a lake."""

from collections.abc import Iterable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from labelers import load_scheme
from pipeline.engine import map_chunks, processes
from pipeline.user_error import UserError

if TYPE_CHECKING:
    from labelers import RuleLabeler, Scheme, Vocabulary

# Below this many reports a pool of processes costs more than it gives.
POOL_FROM = 20_000


@cache
def site_vocabulary(site: Path | None = None) -> "Vocabulary":
    """Return the package's vocabulary with what the site's folder adds.

    Raises
    ------
    UserError
        The folder is missing or a file of it has a mistake.
    """
    from labelers import VocabularyError, load_vocabulary

    try:
        return load_vocabulary(site=site)
    except VocabularyError as error:
        raise UserError(str(error)) from None


def label_scheme(name: str, site: Path | None = None) -> "Scheme":
    """Return a label scheme over the vocabulary of a site.

    Raises
    ------
    UserError
        There is no such scheme, or its file or the site's vocabulary has a mistake.
    """
    try:
        return load_scheme(name, site_vocabulary(site))
    except ValueError as error:
        raise UserError(str(error)) from None


@cache
def rule_labeler(site: Path | None = None) -> "RuleLabeler":
    """Return this process's rule labeler with the vocabulary of a site."""
    from labelers import RuleLabeler

    return RuleLabeler(site_vocabulary(site))


def label_chunk(reports: pa.Table, site: Path | None = None) -> tuple[pa.Table, pa.Table]:
    """Return the mentions and labels of a chunk with columns exam_id, sections, ...

    Further columns of the chunk (source, content_hash) come back beside both.
    """
    labelled = rule_labeler(site).label_reports(reports.select(["exam_id", "sections"]))
    mentions, labels = labelled.mentions, labelled.labels
    exam_of_mention = pc.index_in(mentions["exam_id"], value_set=reports["exam_id"])
    for name in reports.column_names:
        if name not in ("exam_id", "sections"):
            mentions = mentions.append_column(name, reports[name].take(exam_of_mention))
            labels = labels.append_column(name, reports[name])
    return mentions, labels


def label_chunks(
    chunks: Iterable[pa.Table], workers: int | str, site: Path | None = None
) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Yield mentions and labels of each chunk, in order."""
    return map_chunks(partial(label_chunk, site=site), chunks, workers)


def labelling_processes(workers: int, reports: int) -> int:
    """Return how many processes pay off for that many reports (`workers` as in the settings)."""
    return processes(workers) if reports >= POOL_FROM else 1


def prevalence(labels: pa.Table, scheme: str, site: Path | None = None) -> list[dict[str, Any]]:
    """Return a row a class of the scheme: exams positive, uncertain, negative, and the share."""
    projected = label_scheme(scheme, site).project(labels)
    rows = []
    for name in projected.column_names[1:]:
        states = projected[name]
        positive, uncertain, negative = (
            pc.sum(pc.equal(states, state)).as_py() or 0 for state in (1, -1, 0)
        )
        rows.append(
            {
                "class": name,
                "positive": positive,
                "uncertain": uncertain,
                "negative": negative,
                "share": positive / max(projected.num_rows, 1),
            }
        )
    return rows
