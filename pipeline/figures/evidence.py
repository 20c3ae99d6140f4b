"""Which reports hold what is looked for, and why an exam has the labels it has."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np

from labelers import Scheme
from labelers.explanation import ClassReason, class_reasons
from labelers.rule_labeler import Labelling, Mention
from labelers.sentences import split_sentences
from pipeline.figures.class_months import finding_columns
from pipeline.figures.class_states import state_of_class
from pipeline.figures.lake_queries import LakeQueries
from pipeline.labelling import site_vocabulary

_ASSERTION_OF = {"positive": "present", "uncertain": "uncertain", "negative": "absent"}
_MOST_QUOTED = 4
STATES = {"positive": "= 1", "uncertain": "= -1", "negative": "= 0", "not mentioned": "is null"}


@dataclass(frozen=True)
class Sought:
    """What the exams looked for have; None and empty leave it open.

    Attributes
    ----------
    label_class, state
        A class of the scheme and its state (a key of `STATES`).
    assertion, cue, section
        Of one and the same mention; the cue in any case of letters, the section by its kind.
    since, until
        Days of the exam, both included.
    site
        The site of the report.
    text
        Words that the report holds as they stand, in any case of letters.
    exam
        The exam's id as it stands in the lake.
    """

    label_class: str | None = None
    state: str | None = None
    assertion: str | None = None
    cue: str | None = None
    section: str | None = None
    since: date | None = None
    until: date | None = None
    site: str | None = None
    text: str | None = None
    exam: str | None = None


@dataclass(frozen=True)
class Sentence:
    """A sentence of a report.

    Attributes
    ----------
    text
        As it stands in the report.
    mentions
        Those in it, with offsets within it.
    """

    text: str
    mentions: tuple[Mention, ...]


@dataclass(frozen=True)
class ExamEvidence:
    """An exam with what its labels rest on.

    Attributes
    ----------
    exam
        The row of reports without its text.
    labelling
        Sections (without text in a lake that keeps none), mentions and states as the lake has them.
    reasons
        Of each class of the scheme that has a state: the state and what gave it.
    """

    exam: dict[str, Any]
    labelling: Labelling
    reasons: list[ClassReason]


def find_exams(
    queries: LakeQueries, scheme: Scheme, sought: Sought, most: int = 100
) -> list[dict[str, Any]]:
    """Return exam_id, exam_time, site and status of at most `most` exams, the latest first."""
    conditions: list[str] = []
    values: list[Any] = []

    def require(condition: str, *parameters: Any) -> None:
        conditions.append(condition)
        values.extend(parameters)

    if sought.label_class and sought.state:
        state = state_of_class(scheme, sought.label_class, finding_columns(queries))
        require(f"exam_id in (select exam_id from labels where {state} {STATES[sought.state]})")
    of_mention = {
        "assertion = ?": sought.assertion,
        "lower(cue) = lower(?)": sought.cue,
    }
    said = {condition: value for condition, value in of_mention.items() if value}
    if sought.section:
        at = "(select kind_of.sections[section_no + 1].kind from reports as kind_of"
        said[f"{at} where kind_of.exam_id = mentions.exam_id) = ?"] = sought.section
    if said:
        require(
            f"exam_id in (select exam_id from mentions where {' and '.join(said)})", *said.values()
        )
    if sought.since:
        require("exam_time >= ?::date", sought.since)
    if sought.until:
        require("exam_time < ?::date + 1", sought.until)
    if sought.site:
        require("site = ?", sought.site)
    if sought.exam:
        require("exam_id = ?", sought.exam)
    if sought.text:
        found = "contains(lower(said.text), lower(?))"
        require(f"len(list_filter(sections, lambda said: {found})) > 0", sought.text)
    where = f"where {' and '.join(conditions)}" if conditions else ""
    return queries.rows(
        f"select exam_id, exam_time, site, status from reports {where} "
        "order by exam_time desc nulls last, exam_id limit ?",
        [*values, most],
    )


def exam_evidence(
    queries: LakeQueries, scheme: Scheme, exam_id: str, vocabulary: Path | None
) -> ExamEvidence | None:
    """Return an exam with its mentions and the reasons of its labels, None if there is none.

    `vocabulary` is the folder of the site's additions, as in the settings.
    """
    exams = queries.rows("select * from reports where exam_id = ?", [exam_id])
    if not exams:
        return None
    exam = exams[0]
    sections = tuple((cut["kind"] or "", cut["text"] or "") for cut in exam.pop("sections"))
    mentions = queries.rows(
        f"select {', '.join(_quoted(Mention._fields))} from mentions where exam_id = ? "
        "order by mention_no",
        [exam_id],
    )
    labels = queries.rows("select * from labels where exam_id = ?", [exam_id])
    known = site_vocabulary(vocabulary)
    states = {
        finding: labels[0][finding]
        for finding in known.finding_ids
        if labels and labels[0].get(finding) is not None
    }
    labelling = Labelling(sections, tuple(Mention(**row) for row in mentions), states, known)
    return ExamEvidence(exam, labelling, class_reasons(labelling, scheme) if labels else [])


def deciding_words(labelling: Labelling, scheme: Scheme, reason: ClassReason) -> str:
    """Return the words of the report that gave a class its state, empty where none did.

    Each is quoted as ``cue: mention``, the cue that gave its assertion first; where the lake keeps
    no text, findings and cues stand in.
    """
    wanted = _deciding(labelling, scheme, reason)
    quotes = []
    for mention in labelling.mentions:
        if (mention.finding, mention.assertion) not in wanted:
            continue
        text = labelling.sections[mention.section_no][1]
        said = " ".join(text[mention.start : mention.end].split()) or mention.finding
        cue = " ".join(mention.cue.split()) if mention.cue else ""
        quotes.append(f"«{cue}»: «{said}»" if cue else f"«{said}»")
    distinct = list(dict.fromkeys(quotes))
    more = [f"and {len(distinct) - _MOST_QUOTED} more"] if len(distinct) > _MOST_QUOTED else []
    return ", ".join([*distinct[:_MOST_QUOTED], *more])


def _deciding(labelling: Labelling, scheme: Scheme, reason: ClassReason) -> set[tuple[str, str]]:
    """Return the findings and assertions that can give a class its state."""
    if reason.label_class == scheme.normal_class:
        states = () if reason.state == "positive" else ("present", "uncertain")
        return {(finding, state) for finding in scheme.abnormal for state in states}
    members = set(scheme.findings(reason.label_class))
    wanted = {(finding, _ASSERTION_OF[reason.state]) for finding in members}
    if reason.state == "negative":
        known = labelling.vocabulary.findings
        wanted |= {(other.id, "present") for other in known if members & set(other.excludes)}
    return wanted


def sentences_on(labelling: Labelling, scheme: Scheme, label_class: str) -> list[Sentence]:
    """Return the sentences that speak of a class, in the order of the report, with its mentions.

    They mention a finding of the class or one whose presence denies it; of the class of normality,
    any abnormality. Where the lake keeps no text there are none.
    """
    if label_class == scheme.normal_class:
        findings = set(scheme.abnormal)
    else:
        findings = set(scheme.findings(label_class))
        known = labelling.vocabulary.findings
        findings |= {other.id for other in known if findings & set(other.excludes)}
    found = []
    for number, (_, text) in enumerate(labelling.sections):
        mentions = [
            mention
            for mention in labelling.mentions
            if mention.section_no == number and mention.finding in findings
        ]
        for begin, end in split_sentences(text) if mentions else ():
            within = tuple(_moved(m, begin) for m in mentions if begin <= m.start < end)
            if within:
                found.append(Sentence(text[begin:end], within))
    return found


def _moved(mention: Mention, begin: int) -> Mention:
    """Return a mention with offsets from `begin`; a cue of another sentence is left out."""
    start, end = mention.cue_start, mention.cue_end
    if start is None or end is None or start < begin:
        start, end = begin, begin
    return mention._replace(
        start=mention.start - begin,
        end=mention.end - begin,
        cue_start=start - begin,
        cue_end=end - begin,
    )


def frequent_cues(queries: LakeQueries, most: int = 200) -> list[str]:
    """Return the cues that decide most mentions, in lower case, most frequent first."""
    rows = queries.rows(
        "select lower(cue) as cue from mentions where cue is not null "
        "group by 1 order by count(*) desc, 1 limit ?",
        [most],
    )
    return [row["cue"] for row in rows]


def pixels_of_exam(queries: LakeQueries, folder: Path, exam_id: str) -> list[np.ndarray]:
    """Return the cached squares of an exam's images, uint8 `(size, size)` each.

    `folder` is the pixel cache's; images that are not cached on this machine are left out.
    """
    from pipeline.images.pixel_cache import open_pixels

    rows = queries.rows(
        "select p.shard, p.row from images i join pixels p using (image_id) "
        "where i.exam_id = ? order by i.image_id",
        [exam_id],
    )
    there = [row for row in rows if (folder / row["shard"]).exists()]
    if not there:
        return []
    places = np.array([row["row"] for row in there])
    pixels = open_pixels(folder, [row["shard"] for row in there], places)
    return list(pixels[np.arange(len(there))])


def _quoted(names: tuple[str, ...]) -> list[str]:
    # `end` is a word of SQL.
    return [f'"{name}"' for name in names]
