"""A part of the road's work: exams of a range of dates, named exams, or a named version.

What each stage takes; what it does not take it refuses in a line:

========  ==================  ========================================================
stage     since, until, exam  version
========  ==================  ========================================================
ingest    no: it reads        no; name a file with --reports
          sources whole
label     labels those        a version of reports: labels them as they stood
drift     since, until: the   a version of labels, with --since or --until
          batch that is held
          against the rest
index     files known as      no: it reads the folder as it is
          theirs
cache     their images        no: it reads files as they are
link      no: a release is    a release: the tables behind it are linked anew
          of all exams
train     no: it learns a     a release: trains on it
          whole release
embed     their images        a release: embeds its images
evaluate  no: measures are    a release: measures on it
          of a whole split
gate      no                  no: it decides on the newest model
========  ==================  ========================================================

Among what is selected a stage does what is due, with `force` everything; what is outside stays as
it is, and `radsim status` says where that leaves a table behind. A selection of all exams, or of
the newest version, gives what a run without one gives; only drift of chosen dates is shown and
noted, not stored, since the table tells the road when to train.
"""

import difflib
from collections.abc import Iterable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from typing import Annotated, Any

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, ValidationError, create_model
from pydantic import model_validator as validator

from pipeline.lake_run import Run
from pipeline.pseudonyms import PSEUDONYM, Pseudonymiser
from pipeline.user_error import UserError

_DATES, _EXAMS, _VERSION = ("since", "until"), ("exams",), ("version",)
_RELEASE = "a release (`radsim manifest`)"
# Which fields a stage takes, and what a version is one of.
_TAKES: Mapping[str, tuple[str, ...]] = {
    "ingest": (),
    "label": (*_DATES, *_EXAMS, *_VERSION),
    "drift": (*_DATES, *_VERSION),
    "index": (*_DATES, *_EXAMS),
    "cache": (*_DATES, *_EXAMS),
    "link": _VERSION,
    "train": _VERSION,
    "embed": (*_DATES, *_EXAMS, *_VERSION),
    "evaluate": _VERSION,
    "gate": (),
}
_VERSION_OF = {
    "label": "table reports (`radsim history reports`)",
    "drift": "table labels (`radsim history labels`), with dates",
    "link": f"{_RELEASE}, whose tables are linked anew",
    "train": _RELEASE,
    "embed": _RELEASE,
    "evaluate": _RELEASE,
}
_MOST_NAMED = 20
# The command line's option for each field.
OPTIONS = {"since": "--since", "until": "--until", "exams": "--exam", "version": "--version"}


class Selection(BaseModel):
    """What of a stage's work is to be done; by default all of it, on the newest version.

    Exams are those that satisfy every condition given. Dates are of `exam_time` as the lake holds
    it: UTC, and shifted where [privacy] shift_dates is on. An exam without a time is in no range.
    """

    # The input is left out of pydantic's messages: it may be an identifier.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    since: date | None = Field(
        None, description="Exams from this day on (UTC), such as 2026-11-01; empty for all."
    )
    until: date | None = Field(
        None, description="Exams up to the end of this day (UTC); empty for all."
    )
    exams: tuple[Annotated[str, StringConstraints(min_length=1)], ...] = Field(
        (),
        description="These exams alone, by their ids as the lake holds them: pseudonyms where a "
        "key is set. Empty for all.",
    )
    version: int | None = Field(
        None, ge=0, description="On this version of the input; empty for the newest."
    )

    @validator(mode="after")
    def _in_order(self) -> "Selection":
        if self.since and self.until and self.since > self.until:
            raise ValueError("since is later than until")
        return self

    @property
    def of_exams(self) -> bool:
        """Whether exams are selected, by date or by name."""
        return bool(self.since or self.until or self.exams)

    def told(self) -> dict[str, Any]:
        """Return what the ledger keeps of it, empty where there is none: of many exams a count."""
        given = self.model_dump(mode="json", exclude_defaults=True)
        if len(self.exams) > _MOST_NAMED:
            given["exams"] = len(self.exams)
        return {"selection": given} if given else {}

    def refuse_other_than(self, stage: str) -> None:
        """Refuse what a stage cannot be limited by.

        Raises
        ------
        UserError
            The selection has something that the stage does not take.
        """
        given = [name for name in OPTIONS if getattr(self, name) not in (None, ())]
        other = [OPTIONS[name] for name in given if name not in _TAKES[stage]]
        if not other:
            return
        taken = ", ".join(OPTIONS[name] for name in _TAKES[stage])
        hint = f"it takes {taken}" if taken else "it takes no selection"
        if stage == "ingest":
            hint += ": name the file to read with --reports"
        raise UserError(f"{stage} cannot be limited by {', '.join(other)}; {hint}")


EVERYTHING = Selection()


def selection_model(stage: str, *, pseudonyms: bool = False) -> type[BaseModel] | None:
    """Return the fields of a selection that a stage takes, as a form shows them; None for none.

    With `pseudonyms` exams are named by these alone, so that a form never stores another id.
    """
    names = _TAKES[stage]
    if not names:
        return None
    fields: dict[str, Any] = {}
    for name in names:
        field = Selection.model_fields[name]
        described = field.description
        if name == "version":
            described = f"Number of {_VERSION_OF[stage]}; empty for the newest."
        annotation = field.rebuild_annotation()
        if name == "exams" and pseudonyms:
            annotation = tuple[Annotated[str, StringConstraints(pattern=PSEUDONYM)], ...]
        fields[name] = (annotation, Field(field.default, description=described))
    return create_model(f"{stage.title()}Selection", __config__=Selection.model_config, **fields)


def read_selection(values: Mapping[str, Any], pseudonymiser: Pseudonymiser) -> Selection:
    """Return the selection that a form or a command line asks for.

    Where a key is set, an exam may also be named as the source writes it: it is turned into its
    pseudonym here.

    Raises
    ------
    UserError
        A field is unknown or has a wrong value; the message holds no value.
    """
    try:
        selection = Selection.model_validate(dict(values))
    except ValidationError as error:
        raise UserError(_explained(error)) from None
    exams = tuple(pseudonymiser.as_held(exam) for exam in selection.exams)
    return selection.model_copy(update={"exams": exams})


def exams_selected(
    run: Run, selection: Selection, others: Iterable[str | None] = ()
) -> pa.Array | None:
    """Return the ids of the selected exams, None for all.

    Parameters
    ----------
    run
        The run that reads the reports for it.
    selection
        What is asked for.
    others
        Ids of exams that may be named though they have no report, such as those of images.

    Raises
    ------
    UserError
        A named exam is not there, or dates are asked for and no report tells its time.
    """
    if not selection.of_exams:
        return None
    reports = run.read("reports", ["exam_id", "exam_time"])
    if selection.exams:
        named = pa.array(dict.fromkeys(selection.exams), pa.string())
        there = set(reports["exam_id"].to_pylist()) | set(others)
        missing = sum(exam not in there for exam in named.to_pylist())
        if missing:
            raise UserError(
                f"not in this lake: {missing:,} of the {len(named):,} named exams; name them as "
                "the lake or the source does (exam_id)"
            )
        if not (selection.since or selection.until):
            return named
        reports = reports.filter(pc.is_in(reports["exam_id"], value_set=named))
    times = reports["exam_time"]
    if reports.num_rows and times.null_count == reports.num_rows:
        raise UserError(
            "none of the reports tells its time, so no dates can be selected; name the column of "
            "the source with [reports] exam_time and ingest again"
        )
    if times.null_count:
        run.tell(
            f"left out: {times.null_count:,} exams whose report tells no time, so that they are in "
            "no range of dates"
        )
    if selection.since is not None:
        reports = reports.filter(pc.greater_equal(times, _midnight(selection.since, times.type)))
        times = reports["exam_time"]
    if selection.until is not None:
        after = _midnight(selection.until + timedelta(days=1), times.type)
        reports = reports.filter(pc.less(times, after))
    return reports["exam_id"].combine_chunks()


def _midnight(day: date, kind: pa.DataType) -> pa.Scalar:
    return pa.scalar(datetime.combine(day, time(), UTC), kind)


def _explained(error: ValidationError) -> str:
    """Return pydantic's complaint in a line, without the values."""
    told = []
    for mistake in error.errors(include_url=False, include_input=False, include_context=False):
        name = str(mistake["loc"][0]) if mistake["loc"] else ""
        if mistake["type"] == "extra_forbidden":
            guess = difflib.get_close_matches(name, OPTIONS, n=1)
            told.append(
                f"a selection has {', '.join(OPTIONS)}"
                + (f"; did you mean {guess[0]}?" if guess else "")
            )
            continue
        message = mistake["msg"].removeprefix("Value error, ")
        told.append(f"{OPTIONS.get(name, 'selection')}: {message}")
    return "; ".join(dict.fromkeys(told))
