"""Reviews: what a person says of a class of an exam, kept beside what labelers say.

Decisions are appended to table `reviews` and never changed. They get there by way of a file that
can always be written (see `pipeline.waiting_reviews`): at once that file, in batches the lake, so
that no reviewer waits for a nightly run and no keystroke costs a commit.
"""

import hashlib
from datetime import UTC, datetime

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts import schemas
from pipeline.contracts import whole
from pipeline.labelling import label_scheme
from pipeline.lake import Lake
from pipeline.lake_run import Run
from pipeline.review_decisions import SKIP, STATE, UNDO
from pipeline.settings import Settings
from pipeline.stage_summary import StageSummary
from pipeline.user_error import UserError
from pipeline.waiting_reviews import FIELDS, append_waiting, drop_taken_in, key_set, waiting

LONGEST_COMMENT = 2_000  # characters


def decide(
    settings: Settings,
    exam_id: str,
    label_class: str,
    reviewer: str,
    decision: str,
    state: int | None = None,
    comment: str = "",
) -> None:
    """Keep a reviewer's decision on a class of the manifest's scheme.

    Parameters
    ----------
    settings
        They name the lake and the scheme.
    exam_id
        As the lake holds it.
    label_class
        A class of the scheme.
    reviewer
        Who decides.
    decision
        `STATE`, `SKIP` or `UNDO`.
    state
        1, 0, -1 or None (not mentioned) of decision `STATE`.
    comment
        What the reviewer adds, at most `LONGEST_COMMENT` characters.

    Raises
    ------
    UserError
        The lake has no labels of that exam, the scheme no such class, the comment is too long,
        or the disk refuses.
    """
    assert decision in (STATE, SKIP, UNDO)
    scheme = label_scheme(settings.manifest.scheme, settings.label.vocabulary)
    lake = Lake.of(settings)
    if label_class not in scheme.classes:
        raise UserError(
            f"scheme {scheme.name} has no class of that name; its classes are "
            f"{', '.join(scheme.classes)}"
        )
    if not reviewer.strip():
        raise UserError("a review needs the name of its reviewer")
    if len(comment) > LONGEST_COMMENT:
        raise UserError(f"a comment has at most {LONGEST_COMMENT:,} characters; shorten it")
    if not _is_labelled(lake, exam_id):
        raise UserError(
            f"{lake.root}: no labels of that exam; give exam_id as the lake holds it "
            "(`radsim explain` and the page Evidence show it)"
        )
    append_waiting(
        lake,
        {
            "exam_id": exam_id,
            "scheme": scheme.name,
            "class": label_class,
            "reviewer": reviewer.strip(),
            "time": datetime.now(UTC),
            "decision": decision,
            "state": state if decision == STATE else None,
            "comment": comment.strip() or None,
        },
    )


def decisions(lake: Lake) -> pa.Table:
    """Return every decision with the columns `FIELDS`: those of the lake, then those that wait."""
    held = lake.read("reviews", FIELDS.names)
    return pa.concat_tables([held, _new(waiting(lake), held)])


def take_in(settings: Settings) -> StageSummary:
    """Write the decisions that wait to table `reviews`; where none wait, the lake is not touched.

    Killed at any moment, the next call goes on: what is in the table already is not written again.

    Raises
    ------
    UserError
        Another run holds the lake (the decisions go on waiting), or it cannot be written.
    """
    lake = Lake.of(settings)
    if waiting(lake).num_rows == 0:
        return StageSummary("review", counts={"in": 0})
    with Run(lake, "review", {}) as run:
        found = waiting(lake)
        new = _new(found, run.read("reviews", FIELDS.names))
        if new.num_rows:
            stamped = run.stamped(new, "review", _content_hashes(new))
            run.append("reviews", whole(run, "reviews", stamped))
        counts = {
            "in": found.num_rows,
            "kept": new.num_rows,
            "unchanged": found.num_rows - new.num_rows,
        }
        run.commit(counts)
        drop_taken_in(lake, found)
        return run.summary(counts, parts=("kept", "unchanged"))


def _new(found: pa.Table, held: pa.Table) -> pa.Table:
    """Return the decisions that the lake does not hold, each once."""
    known = key_set(held)
    rows = []
    for row in found.to_pylist():
        key = tuple(row[name] for name in schemas.KEYS["reviews"])
        if key not in known:
            known.add(key)
            rows.append(row)
    return pa.Table.from_pylist(rows, schema=FIELDS)


def _is_labelled(lake: Lake, exam_id: str) -> bool:
    this = pc.field("exam_id") == exam_id
    return any(lake.read(table, ["exam_id"], this).num_rows for table in ("labels", "file_labels"))


def _content_hashes(rows: pa.Table) -> pa.Array:
    texts = [f"{row['decision']}\n{row['state']}\n{row['comment']}" for row in rows.to_pylist()]
    return pa.array([hashlib.sha256(text.encode()).hexdigest() for text in texts], pa.string())
