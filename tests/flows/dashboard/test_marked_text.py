"""Report text on a page: shown as it stands, never run."""

import html
import re

from hypothesis import given
from hypothesis import strategies as st

from flows.dashboard.marked_text import marked_text
from labelers import RuleLabeler
from labelers.rule_labeler import Mention
from labelers.vocabulary.loader import ASSERTIONS


def shown(marked: str) -> str:
    """Return the text that a browser would show."""
    return html.unescape(re.sub(r"<[^>]*>", "", marked.replace("<br>", "\n")))


def mention(start: int, end: int, cue: tuple[int, int] | None, assertion: str) -> Mention:
    cue_start, cue_end = cue or (None, None)
    return Mention(
        0, start, end, "pneumonia", assertion, None, cue_start, cue_end, None, None, None, None
    )


@st.composite
def texts_with_mentions(draw: st.DrawFn) -> tuple[str, list[Mention]]:
    text = draw(st.text(alphabet="ab <>&\"'\n/", max_size=40))
    place = st.integers(0, len(text))
    mentions = []
    for _ in range(draw(st.integers(0, 4))):
        start, end = sorted((draw(place), draw(place)))
        cue = tuple(sorted((draw(place), draw(place)))) if draw(st.booleans()) else None
        mentions.append(mention(start, end, cue, draw(st.sampled_from(ASSERTIONS))))
    return text, mentions


@given(texts_with_mentions())
def test_whatever_is_marked_the_text_is_shown_as_it_stands(
    drawn: tuple[str, list[Mention]],
) -> None:
    text, mentions = drawn
    assert shown(marked_text(text, mentions)) == text


def test_markup_in_a_report_is_text() -> None:
    text = "Possible <script>alert(1)</script> pneumonia"
    marked = marked_text(text, RuleLabeler().label(text).mentions)
    assert "<script" not in marked
    assert "&lt;script&gt;" in marked


def test_a_mention_has_the_colour_of_its_assertion_and_its_cue_is_underlined() -> None:
    text = "Possible pneumonia. No effusion."
    marked = marked_text(text, RuleLabeler().label(text).mentions)
    assert re.search(r'<span class="cue">Possible</span>', marked)
    assert re.search(r'title="pneumonia: uncertain"[^>]*#E69F00[^>]*>pneumonia<', marked)
    assert re.search(r'title="pleural effusion: absent"[^>]*#0072B2[^>]*>effusion<', marked)
