"""A labelling explained: the text with its mentions marked, then each label with its reason."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

import pyarrow as pa

from labelers.priority import deciding_findings, priority_of
from labelers.rule_labeler import Labelling, Mention
from labelers.schemes import Scheme

if TYPE_CHECKING:
    from rich.text import Text

_STYLES = {
    "present": "bold red",
    "absent": "green",
    "resolved": "green",
    "uncertain": "yellow",
    "historical": "cyan",
    "hypothetical": "cyan",
}
_STATES = {1: "positive", 0: "negative", -1: "uncertain", None: "not mentioned"}


class ClassReason(NamedTuple):
    """Why a class of a scheme has its state: what gave it, in words and finding ids."""

    label_class: str
    state: str
    reason: str


def explain(labelling: Labelling, scheme: Scheme) -> "Text":
    """Return the explanation of a labelling for a terminal or notebook.

    First each section with every mention coloured by its assertion and every cue underlined; then a
    line a mention (quote, finding, assertion, cue, modifiers); then a line a class of the scheme
    that has a state, with the findings that gave it; last the reporting priority of the exam.
    """
    from rich.text import Text

    result = Text()
    for number, (kind, text) in enumerate(labelling.sections):
        if len(labelling.sections) > 1 or kind != "body":
            result.append(f"{kind}\n", "bold")
        marked = Text(text)
        for mention in labelling.mentions:
            if mention.section_no == number:
                marked.stylize(_STYLES[mention.assertion], mention.start, mention.end)
                if mention.cue_start is not None and mention.cue_end is not None:
                    marked.stylize("underline", mention.cue_start, mention.cue_end)
        result.append_text(marked)
        result.append("\n")
    result.append("\n")
    for mention in labelling.mentions:
        quote = labelling.sections[mention.section_no][1][mention.start : mention.end]
        result.append(f"«{' '.join(quote.split())}»", _STYLES[mention.assertion])
        result.append(f" {_described(mention)}\n")
    if labelling.mentions:
        result.append("\n")
    for given in class_reasons(labelling, scheme):
        result.append(f"{given.label_class}: ", "bold")
        result.append(f"{given.state} ({given.reason})\n")
    result.append("Priority: ", "bold")
    level = priority_of(labelling, scheme).replace("_", "-")
    deciding = deciding_findings(labelling, scheme)
    result.append(f"{level} ({_listed(deciding)})\n" if deciding else f"{level}\n")
    return result


def class_reasons(labelling: Labelling, scheme: Scheme) -> list[ClassReason]:
    """Return state and reason of each class of the scheme that has a state, in its order."""
    return [
        ClassReason(label_class, _STATES[state], _reason(labelling, scheme, label_class, state))
        for label_class, state in _classes(labelling, scheme).items()
        if state is not None
    ]


def _classes(labelling: Labelling, scheme: Scheme) -> dict[str, int | None]:
    states = {
        finding: pa.array([labelling.states.get(finding)], pa.int8())
        for finding in labelling.vocabulary.finding_ids
    }
    row = scheme.project(pa.table({"exam_id": pa.array([""]), **states})).to_pylist()[0]
    return {label_class: row[label_class] for label_class in scheme.classes}


def _described(mention: Mention) -> str:
    parts = [f"{mention.finding}, {mention.assertion}"]
    if mention.cue is not None:
        parts.append(f"by «{' '.join(mention.cue.split())}»")
    extras = (mention.laterality, mention.location, mention.severity, mention.change)
    said = [value.replace("_", " ") for value in extras if value is not None]
    return " ".join(parts) + (f" [{', '.join(said)}]" if said else "")


def _reason(labelling: Labelling, scheme: Scheme, label_class: str, state: int) -> str:
    if label_class == scheme.normal_class:
        stated = [f for f in scheme.abnormal if labelling.states.get(f) in (1, -1)]
        if state == 1:
            return "no abnormality is stated as present or uncertain"
        return "stated: " + _listed(stated)
    members = scheme.findings(label_class)
    deciding = [finding for finding in members if labelling.states.get(finding) == state]
    named = {mention.finding for mention in labelling.mentions}
    direct = [finding for finding in deciding if finding in named]
    if direct:
        return _listed(direct)
    excluding = [
        finding.id
        for finding in labelling.vocabulary.findings
        if labelling.states.get(finding.id) == 1 and set(finding.excludes) & set(deciding)
    ]
    if excluding:
        return "excluded by " + _listed(excluding)
    return "implied through the hierarchy: " + _listed(deciding)


def _listed(findings: Iterable[str]) -> str:
    return ", ".join(findings)
