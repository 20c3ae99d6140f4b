"""What a reviewer should look at next: contradictions first, then doubt, rare classes first."""

from dataclasses import dataclass

from labelers import Scheme
from pipeline.figures.class_months import finding_columns
from pipeline.figures.class_states import state_of_class
from pipeline.figures.lake_queries import LakeQueries

_WORDS = {1: "positive", 0: "negative", -1: "uncertain"}


@dataclass(frozen=True)
class Waiting:
    """A class of an exam to be reviewed, and why in words."""

    exam_id: str
    label_class: str
    reason: str


def review_queue(
    queries: LakeQueries,
    scheme: Scheme,
    decided: set[tuple[str, str]],
    only: str | None = None,
    most: int = 50,
) -> list[Waiting]:
    """Return at most `most` classes of exams in the order of review, the same each time.

    First those where label file and report contradict each other, then those that the report leaves
    uncertain; within each the class with the smallest share of positive exams first.

    Parameters
    ----------
    queries
        Of the lake.
    scheme
        The manifest's.
    decided
        Pairs of exam_id and class to leave out: those the reviewer has decided on.
    only
        One class alone.
    """
    columns = finding_columns(queries)
    classes = [name for name in scheme.classes if only in (None, name)]
    if not columns or not classes:
        return []
    state = {name: f"({state_of_class(scheme, name, columns)})" for name in classes}
    limit = most + len(decided)
    asked = ", ".join(
        f"count(*) filter ({state[name]} = 1) / count(*), "
        f"min(exam_id, {limit:d}) filter ({state[name]} = -1)"
        for name in classes
    )
    told_of = [column[0].as_py() for column in queries.table(f"select {asked} from labels").columns]
    share = {name: value or 0.0 for name, value in zip(classes, told_of[::2], strict=True)}
    uncertain = {name: exams or [] for name, exams in zip(classes, told_of[1::2], strict=True)}
    rarest = sorted(classes, key=lambda name: (share[name], name))
    found: list[Waiting] = []
    for name in rarest if queries.has("file_labels") else ():
        for row in queries.rows(
            f"select exam_id, f.state as file, {state[name]} as report from file_labels f "
            f'join labels using (exam_id) where f.scheme = ? and f."class" = ? '
            f"and f.state <> {state[name]} order by exam_id limit ?",
            [scheme.name, name, limit],
        ):
            told = f"the label file says {_WORDS[row['file']]}, the report {_WORDS[row['report']]}"
            found.append(Waiting(row["exam_id"], name, told))
    for name in rarest:
        told = f"the report leaves it uncertain; positive in {share[name]:.1%} of exams"
        found += [Waiting(exam_id, name, told) for exam_id in uncertain[name]]
    first = {(w.exam_id, w.label_class): w for w in reversed(found)}
    kept = [w for w in dict.fromkeys(found) if first[w.exam_id, w.label_class] is w]
    return [w for w in kept if (w.exam_id, w.label_class) not in decided][:most]
