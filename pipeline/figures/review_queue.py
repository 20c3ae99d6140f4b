"""What a reviewer should look at next: disagreement first, then doubt, rare classes first."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from labelers import Scheme
from pipeline.figures.class_months import class_months, finding_columns, made_of_labels
from pipeline.figures.class_states import state_of_class
from pipeline.figures.contradictions import contradicted_classes
from pipeline.figures.lake_queries import LakeQueries
from pipeline.figures.saved_figures import saved
from pipeline.figures.state_pairs import states_of
from pipeline.review_decisions import settled, standing

AT_A_TIME = 500  # exams of a class and reason that are ranked before any of them is decided
_WORDS = {1: "positive", 0: "negative", -1: "uncertain", None: "not mentioned"}
_DISPUTED = "reviewers differ, and your word decides"
_BOTH = "the report says both that it is there and that it is not"
_UNCERTAIN = "the report leaves it uncertain"
# Of label file and report, each state in which they differ, in the order of review: firm words
# against each other, a finding that the report passes over, a doubt that the other does not share.
_FIRM, _PASSED_OVER, _DOUBTED = ((1, 0), (0, 1)), ((1, None),), ((-1, 1), (-1, 0), (1, -1), (0, -1))
_RANKED = pa.schema([(name, pa.string()) for name in ("exam_id", "class", "reason")])


@dataclass(frozen=True)
class Waiting:
    """A class of an exam to be reviewed, and why in words."""

    exam_id: str
    label_class: str
    reason: str


def review_queue(
    queries: LakeQueries,
    scheme: Scheme,
    decisions: pa.Table,
    reviewer: str,
    only: str | None = None,
) -> list[Waiting]:
    """Return what waits for a reviewer, in the order of review: the first of it, not all.

    First what other reviewers differ on, then `ranked_doubts`.

    Parameters
    ----------
    queries
        Of the lake.
    scheme
        The manifest's.
    decisions
        Every decision (`pipeline.reviewing.decisions`).
    reviewer
        Whose decisions, skips among them, take a class of an exam out of the queue.
    only
        One class alone.
    """
    decided = {
        (row["exam_id"], row["class"])
        for row in standing(decisions).to_pylist()
        if (row["scheme"], row["reviewer"]) == (scheme.name, reviewer)
    }
    found = [
        Waiting(exam_id, name, _DISPUTED)
        for exam_id, of_scheme, name in settled(decisions).disputed
        if of_scheme == scheme.name and name in scheme.classes
    ]
    ranked = ranked_doubts(queries, scheme, decisions)
    columns = (ranked[name].to_pylist() for name in _RANKED.names)
    found += [Waiting(*row) for row in zip(*columns, strict=True)]
    first: dict[tuple[str, str], Waiting] = {}
    for each in found:
        first.setdefault((each.exam_id, each.label_class), each)
    return [
        waiting
        for question, waiting in first.items()
        if question not in decided and only in (None, waiting.label_class)
    ]


def ranked_doubts(queries: LakeQueries, scheme: Scheme, decisions: pa.Table) -> pa.Table:
    """Return what is to be reviewed in its order: exam_id, class and the reason in words.

    1. Label file and report firmly contradict each other.
    2. The report asserts a finding of the class present and absent of the same side.
    3. The label file says positive, and the report does not mention it.
    4. One of them, or the report that stands alone, leaves it uncertain.

    Within each the class with the smallest share of positive exams first, and within a class an
    order that no source has, by a hash of the exam. Of a class and reason there are `AT_A_TIME`
    exams, and more as reviewers decide. Ranked once for a state of the labels, and kept.
    """
    most = AT_A_TIME * (1 + _most_decided(decisions, scheme) // AT_A_TIME)
    made_of = {
        **made_of_labels(queries, scheme),
        "mentions": queries.versions.get("mentions"),
        "most": most,
    }
    return saved(queries.lake, "review_queue", made_of, lambda: _ranked(queries, scheme, most))


def _most_decided(decisions: pa.Table, scheme: Scheme) -> int:
    """Return how many exams of one class the busiest reviewer decided on."""
    counted = Counter(
        (row["reviewer"], row["class"])
        for row in standing(decisions).to_pylist()
        if row["scheme"] == scheme.name
    )
    return max(counted.values(), default=0)


def _ranked(queries: LakeQueries, scheme: Scheme, most: int) -> pa.Table:
    if not queries.has("labels"):
        return _RANKED.empty_table()
    months = class_months(queries, scheme).to_pandas().groupby("class")[["positive", "exams"]].sum()
    share = (months["positive"] / months["exams"]).to_dict()
    rarest = sorted(scheme.classes, key=lambda name: (share.get(name, 0.0), name))
    against = _against_file(queries, scheme, most)
    both, uncertain = _said_both(queries, scheme, most), _left_uncertain(queries, scheme, most)

    def differing(name: str, pairs: Sequence[tuple[int, int | None]]) -> list[tuple[str, str]]:
        told = {
            (f, r): f"the label file says {_WORDS[f]}, the report {_WORDS[r]}" for f, r in pairs
        }
        return [(exam, told[pair]) for pair in pairs for exam in against.get((name, *pair), ())]

    tiers = (
        {name: differing(name, _FIRM) for name in rarest},
        {name: [(exam, _BOTH) for exam in both.get(name, ())] for name in rarest},
        {name: differing(name, _PASSED_OVER) for name in rarest},
        {
            name: differing(name, _DOUBTED) + [(exam, _UNCERTAIN) for exam in uncertain[name]]
            for name in rarest
        },
    )
    rows = [
        (exam, name, f"{told}; positive in {share.get(name, 0.0):.1%} of exams")
        for tier in tiers
        for name, found in tier.items()
        for exam, told in found
    ]
    return pa.Table.from_pylist(
        [dict(zip(_RANKED.names, row, strict=True)) for row in rows], schema=_RANKED
    )


def _drawn(most: int, condition: str = "true") -> str:
    """Return the SQL of at most so many exams, drawn by a hash of their ids."""
    return f"arg_min(exam_id, md5(exam_id), {most:d}) filter ({condition})"


def _against_file(
    queries: LakeQueries, scheme: Scheme, most: int
) -> dict[tuple[str, int, int | None], list[str]]:
    """Return exams by class, state in the label file and another state by the report."""
    if not queries.has("file_labels"):
        return {}
    reports = states_of(scheme, scheme.classes, finding_columns(queries))
    report = " ".join(f'when ? then r."c{n}"' for n in range(len(scheme.classes)))
    rows = queries.rows(
        f'select "class", file, report, {_drawn(most)} as exams from ('
        f'select exam_id, f."class", f.state as file, case f."class" {report} end as report '
        f"from file_labels f join ({reports}) r using (exam_id) where f.scheme = ?) "
        "where file is distinct from report group by all",
        [*scheme.classes, scheme.name],
    )
    return {(row["class"], row["file"], row["report"]): row["exams"] for row in rows}


def _said_both(queries: LakeQueries, scheme: Scheme, most: int) -> dict[str, list[str]]:
    """Return by class exams whose report contradicts itself on it."""
    told = queries.table(
        f'select "class", {_drawn(most)} as exams from found group by "class"',
        beside={"found": contradicted_classes(queries, scheme)},
    )
    return {row["class"]: row["exams"] for row in told.to_pylist()}


def _left_uncertain(queries: LakeQueries, scheme: Scheme, most: int) -> dict[str, list[str]]:
    """Return by class exams whose report leaves it uncertain."""
    findings = finding_columns(queries)
    exams = ", ".join(
        _drawn(most, f"({state_of_class(scheme, name, findings)}) = -1") for name in scheme.classes
    )
    told = queries.table(f"select {exams} from labels")
    return {
        name: column[0].as_py() or []
        for name, column in zip(scheme.classes, told.columns, strict=True)
    }
