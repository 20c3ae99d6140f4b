"""A report's text as HTML, its mentions marked and their cues underlined."""

import itertools
from collections.abc import Sequence
from html import escape

from flows.dashboard.palette import ASSERTIONS
from labelers.rule_labeler import Mention


def marked_text(text: str, mentions: Sequence[Mention]) -> str:
    """Return the text of one section as HTML in which every character of it is escaped.

    Each mention has the colour of its assertion and names it when pointed at; cues are underlined.
    Where mentions overlap, a character has the colour of the shortest.

    Parameters
    ----------
    text
        The untouched text of the section.
    mentions
        The mentions of this section.
    """
    edges = {0, len(text)}
    for mention in mentions:
        edges |= {mention.start, mention.end}
        if mention.cue_start is not None and mention.cue_end is not None:
            edges |= {mention.cue_start, mention.cue_end}
    places = sorted(edge for edge in edges if 0 <= edge <= len(text))
    return "".join(
        _piece(text[begin:end], begin, end, mentions) for begin, end in itertools.pairwise(places)
    )


def legend() -> str:
    """Return what the colours and the underline mean, as HTML."""
    marks = [
        f'<span class="mention" style="{_colours(assertion)}">{assertion}</span>'
        for assertion in ASSERTIONS
    ]
    return " ".join([*marks, '<span class="cue">cue</span>'])


def _piece(piece: str, begin: int, end: int, mentions: Sequence[Mention]) -> str:
    over = [m for m in mentions if m.start <= begin and end <= m.end]
    is_cue = any(
        m.cue_start is not None
        and m.cue_end is not None
        and m.cue_start <= begin
        and end <= m.cue_end
        for m in mentions
    )
    html = escape(piece).replace("\n", "<br>")
    if is_cue:
        html = f'<span class="cue">{html}</span>'
    if over:
        mention = min(over, key=lambda m: m.end - m.start)
        told = escape(f"{mention.finding.replace('_', ' ')}: {mention.assertion}")
        style = _colours(mention.assertion)
        html = f'<span class="mention" title="{told}" style="{style}">{html}</span>'
    return html


def _colours(assertion: str) -> str:
    colour = ASSERTIONS[assertion]
    return f"background:{colour}33;border-bottom:2px solid {colour}"
