"""Reviewed states in a manifest: what reviewers settle overrides a label file and the rules."""

import pandas as pd

from data_contracts import schemas
from labelers import Scheme
from pipeline.lake_run import Run
from pipeline.review_decisions import settled

REVIEW = "review"
_COLUMNS = [field.name for field in schemas.REVIEWS if field not in schemas.PROVENANCE]


def override_by_reviews(run: Run, exams: pd.DataFrame, scheme: Scheme) -> dict[str, int]:
    """Set the states that reviewers settle in `exams`; return what was set and what is disputed.

    An exam with a reviewed state has `label_source` ``review``. What a review says of normality
    holds for the classes that were not reviewed, devices apart: an exam with a reviewed class
    positive or uncertain is not normal, and one that was reviewed as normal has none of the others.

    Parameters
    ----------
    run
        The run that links; it notes the version of table `reviews`.
    exams
        A row an exam: exam_id, label_source and a nullable Int8 column a class; changed in place.
    scheme
        The manifest's scheme; reviews of others are left.
    """
    if "reviews" not in run.current:
        return {}
    reviews = run.read("reviews", _COLUMNS)
    together = settled(reviews)
    row_of = pd.Series(exams.index, index=exams["exam_id"])
    by_class: dict[str, dict[int, int | None]] = {}
    for (exam, of_scheme, label_class), state in together.states.items():
        if of_scheme == scheme.name and label_class in scheme.classes and exam in row_of.index:
            by_class.setdefault(label_class, {})[row_of[exam]] = state
    _agree_on_normality(exams, by_class, scheme)
    for label_class, states in by_class.items():
        exams.loc[list(states), label_class] = pd.array(list(states.values()), "Int8")
    reviewed = {row for states in by_class.values() for row in states}
    exams.loc[list(reviewed), "label_source"] = REVIEW
    disputed = sum(question[1] == scheme.name for question in together.disputed)
    counts = {"exams reviewed": len(reviewed), "reviews in dispute": disputed}
    return {name: count for name, count in counts.items() if count}


def _agree_on_normality(
    exams: pd.DataFrame, by_class: dict[str, dict[int, int | None]], scheme: Scheme
) -> None:
    """Set the states that were not reviewed to what a review of others says of normality."""
    normal = scheme.normal_class
    if normal is None:
        return
    abnormal = [name for name in scheme.classes if name not in (normal, *scheme.device_classes)]
    for name in abnormal:
        found = [row for row, state in by_class.get(name, {}).items() if state in (1, -1)]
        exams.loc[found, normal] = 0
    well = [row for row, state in by_class.get(normal, {}).items() if state == 1]
    for name in abnormal:
        named = exams.loc[well, name].isin([1, -1])
        exams.loc[named.index[named], name] = 0
