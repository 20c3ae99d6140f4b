"""The sentences of modified_sentences.yaml: each finding has what they say of it, and no more."""

import re
from pathlib import Path

import pytest
import yaml

from labelers import RuleLabeler

_FILE = Path(__file__).with_name("modified_sentences.yaml")
_BRACKET = re.compile(r"\[([^|\]]+)\|(\w+)((?: \w+)*)\]")


def _parse(annotated: str) -> tuple[str, list[tuple[int, int, str, set[str]]]]:
    """Return the sentence, and the span, finding and modifiers of each bracket."""
    text, expected, last = "", [], 0
    for match in _BRACKET.finditer(annotated):
        text += annotated[last : match.start()]
        expected.append((len(text), len(text) + len(match[1]), match[2], set(match[3].split())))
        text += match[1]
        last = match.end()
    return text + annotated[last:], expected


_CASES = [
    pytest.param(sentence, id=f"{group}: {_parse(sentence)[0]}")
    for group, sentences in yaml.safe_load(_FILE.read_text(encoding="utf-8")).items()
    for sentence in sentences
]


@pytest.mark.parametrize("annotated", _CASES)
def test_each_finding_has_what_is_said_of_it(labeler: RuleLabeler, annotated: str) -> None:
    text, expected = _parse(annotated)
    assert expected
    mentions = labeler.label(text, kind="findings").mentions
    for start, end, finding, said in expected:
        named = [m for m in mentions if m.finding == finding and m.start < end and m.end > start]
        assert len(named) == 1, finding
        mention = named[0]
        values = (mention.laterality, mention.location, mention.severity, mention.change)
        assert {value for value in values if value is not None} == said, finding


def test_values_come_from_the_vocabulary_or_the_assertion(labeler: RuleLabeler) -> None:
    mention = labeler.label("Left effusion has resolved.").mentions[0]
    assert (mention.laterality, mention.assertion, mention.change) == (
        "left",
        "resolved",
        "resolved",
    )


def test_a_report_gives_each_sentence_its_own_modifiers(labeler: RuleLabeler) -> None:
    mentions = labeler.label("New left effusion. Atelectasis. Stable cardiomegaly.").mentions
    assert [(m.finding, m.laterality, m.change) for m in mentions] == [
        ("pleural_effusion", "left", "new"),
        ("atelectasis", None, None),
        ("cardiomegaly", None, "unchanged"),
    ]
