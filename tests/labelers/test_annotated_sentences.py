"""The annotated sentences: every bracketed mention is found with its assertion, and no other."""

import re
from pathlib import Path

import pytest
import yaml

from labelers import RuleLabeler

_FILE = Path(__file__).with_name("annotated_sentences.yaml")
_BRACKET = re.compile(r"\[([^|\]]+)\|(\w+) (\w+)\]")


def _parse(annotated: str) -> tuple[str, set[tuple[int, int, str, str]]]:
    text, expected, last = "", set(), 0
    for match in _BRACKET.finditer(annotated):
        text += annotated[last : match.start()]
        expected.add((len(text), len(text) + len(match[1]), match[2], match[3]))
        text += match[1]
        last = match.end()
    return text + annotated[last:], expected


_CASES = [
    pytest.param(sentence, id=f"{group}: {_parse(sentence)[0]}")
    for group, sentences in yaml.safe_load(_FILE.read_text(encoding="utf-8")).items()
    for sentence in sentences
]


@pytest.mark.parametrize("annotated", _CASES)
def test_mentions_are_found_with_their_assertions(labeler: RuleLabeler, annotated: str) -> None:
    text, expected = _parse(annotated)
    labelling = labeler.label(text, kind="findings")
    normal = {f.id for f in labeler.vocabulary.findings if f.normal}
    asked = {finding for *_, finding, _ in expected}
    found = {
        (m.start, m.end, m.finding, m.assertion)
        for m in labelling.mentions
        if m.finding not in normal - asked
    }
    assert found == expected
