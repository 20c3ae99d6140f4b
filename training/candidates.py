"""Which exams of a gallery may answer a query, and how relevant each is.

The relevance of a gallery exam to a query is the similarity of their label sets. A large gallery
has few distinct label sets, so relevance, the ideal ranking and the number of relevant candidates
are all looked up in a (query x label set) matrix, never computed per pair.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

# Elements of the (queries x label sets) matrices that are held at once: 16 MB in float64.
_CHUNK_ELEMENTS = 2**21


@dataclass(frozen=True)
class Candidates:
    """The exams a query may be answered with.

    `query_codes` `(n_queries,)` and `gallery_codes` `(n_gallery,)` number the exams' distinct
    label sets, `similarity` `(n_sets, n_sets)` is theirs, NaN for unknown pairs. Each entry of
    `exclusions` is a pair of integer arrays `(n_queries,)` and `(n_gallery,)`; a gallery exam is
    no candidate where they agree (own exam, own patient).
    """

    query_codes: np.ndarray
    gallery_codes: np.ndarray
    similarity: np.ndarray
    exclusions: Sequence[tuple[np.ndarray, np.ndarray]]

    def only(self, queries: np.ndarray) -> "Candidates":
        """Return the candidates of some queries, an integer or boolean array."""
        kept = [(asked[queries], gallery) for asked, gallery in self.exclusions]
        return replace(self, query_codes=self.query_codes[queries], exclusions=kept)

    @cached_property
    def excluded_pairs(self) -> tuple[np.ndarray, np.ndarray]:
        """The excluded pairs as (query, gallery), int64, each once, in the order of queries."""
        n_gallery = len(self.gallery_codes)
        pairs = [np.empty(0, np.int64)]
        for queries, gallery in self.exclusions:
            order = np.argsort(gallery, kind="stable")
            ranked = gallery[order]
            first = np.searchsorted(ranked, queries, side="left")
            sizes = np.searchsorted(ranked, queries, side="right") - first
            starts = np.repeat(first - np.r_[0, np.cumsum(sizes)[:-1]], sizes)
            members = order[starts + np.arange(sizes.sum())]
            pairs.append(np.repeat(np.arange(len(queries)), sizes) * n_gallery + members)
        # An exam excluded twice (own exam and own patient) must be taken off the counts once.
        queries, gallery = np.divmod(np.unique(np.concatenate(pairs)), max(1, n_gallery))
        return queries, gallery

    @cached_property
    def unknown_sets(self) -> dict[int, np.ndarray]:
        """For each label set that has unknown pairs, where they are: bool `(n_sets,)`.

        Few sets have any: the normal one and the empty one.
        """
        unknown = np.isnan(self.similarity)
        return {int(code): unknown[code] for code in np.flatnonzero(unknown.any(axis=1))}

    @cached_property
    def answerable(self) -> np.ndarray:
        """Queries that have a relevant candidate, and so a measure: bool `(n_queries,)`."""
        n_queries, chunk = len(self.query_codes), max(1, _CHUNK_ELEMENTS // len(self.similarity))
        found = np.zeros(n_queries, dtype=bool)
        for start in range(0, n_queries, chunk):
            rows = slice(start, min(start + chunk, n_queries))
            found[rows] = ((self.available(rows) > 0) & (self.relevance(rows) > 0)).any(axis=1)
        return found

    def relevance(self, rows: slice) -> np.ndarray:
        """Relevance of each label set to the queries `rows`, `(q, n_sets)`, unknown as 0."""
        return np.nan_to_num(self.similarity[self.query_codes[rows]], nan=0.0)

    def available(self, rows: slice) -> np.ndarray:
        """How many candidates of each label set the queries `rows` have, int64 `(q, n_sets)`."""
        counts = np.bincount(self.gallery_codes, minlength=len(self.similarity))
        asked = self.query_codes[rows]
        available = np.tile(counts, (len(asked), 1))
        queries, gallery = self.excluded_pairs
        here = slice(*np.searchsorted(queries, (rows.start, rows.stop)))
        np.subtract.at(
            available, (queries[here] - rows.start, self.gallery_codes[gallery[here]]), 1
        )
        available[np.isnan(self.similarity[asked])] = 0
        return available
