"""What a sentence says of its mentions: NegEx's scopes, extended by hedges, lists and history.

The reference is NegEx as in negspacy: a cue before a mention acts up to the end of its clause, a
cue after it acts back to the start of its clause, terminators begin a new clause. RadSim's
departures, each a rule of a radiologist's reading, are:

list_ends
    «No effusion seen, hilar calcifications»: a verb of seeing and a comma end a negation.
    «No effusion, stable cardiomegaly»: after a comma or «and», a word that says something is there
    (stable, mild, chronic …) ends a negation, unless the list goes on with «or».
nearest_after
    A cue after its mentions acts on the nearest mention and on those listed with it («effusion or
    pneumothorax is seen»), not on the whole clause.
hedge_within_negation
    «No opacity suspicious for pneumonia» denies both; «no effusion, possible pneumonia» does not.
one_diagnosis_of_several
    «atelectasis or infiltrate», «atelectasis versus infiltrate», asserted: both uncertain. So is
    the one finding of «atelectasis versus aspiration», «nodule or nipple shadow».
question_mark
    A question mark makes what it follows or directly precedes uncertain; with words after it, only
    what it precedes («widening ? nodal»).
hedge_within_advice
    «If there is concern for pneumonia»: a hedge inside a question or advice stays hypothetical.
hedge_turned
    «There is suspected effusion»: a backward hedge with nothing before it acts forward.
firm cues
    «cannot be excluded», «has resolved», «is not seen» after a mention outrank cues before it.
"""

from typing import NamedTuple

from labelers.vocabulary.cue_terms import Cue

_HEDGE_REACH = 14  # tokens over which a hedge is followed through its clause
_CLOSING = frozenset(".,;:)?")
_PLACE = 6  # tokens between a finding and the «versus» that sets it against something


class FoundCue(NamedTuple):
    """A cue of the sentence: tokens [start, end) and how it acts."""

    start: int
    end: int
    cue: Cue


class Head(NamedTuple):
    """The tokens [start, end) of a mention that cues act on, and what it allows.

    `subject` is the first token of the anatomy that precedes the head («heart … enlarged»), or
    the head's own start. `choice` is true if the mention can be one of several diagnoses;
    `describes` if it only describes («opacity, atelectasis or pneumonia» chooses between two).
    """

    start: int
    end: int
    subject: int
    choice: bool
    describes: bool = False


class Decision(NamedTuple):
    """An assertion with the tokens [start, end) of the cue that decided it, -1 if none did."""

    assertion: str
    start: int
    end: int


PRESENT = Decision("present", -1, -1)


Grammar = dict[str, frozenset[str]]


def decide(
    words: list[str],
    heads: list[Head],
    cues: list[FoundCue],
    clause: list[int],
    grammar: Grammar,
) -> list[Decision]:
    """Return the decision for each head.

    Parameters
    ----------
    words
        The folded tokens of the sentence.
    heads
        In order of their start.
    cues
        Without overlaps, in order.
    clause
        The number of the clause of each token.
    grammar
        The small words of the vocabulary.
    """
    decisions = [PRESENT] * len(heads)
    if cues:
        backward = [c for c in cues if c.cue.direction == "backward"]
        after = _reached_backward(words, heads, backward, clause, grammar)
        used = set(after.values())
        forward = [
            c
            for c in cues
            if c.cue.direction == "forward" or (c.cue.category == "uncertain" and c not in used)
        ]
        for number, head in enumerate(heads):
            cue = after.get(number)
            before = [c for c in forward if c.cue.firm] if cue else forward
            decision = _decide_forward(words, head, before, clause, heads, grammar)
            if cue is not None and decision is PRESENT:
                decision = Decision(cue.cue.category, cue.start, cue.end)
            decisions[number] = decision
    _question_marks(words, heads, decisions)
    if len(heads) > 1:
        _choices(words, heads, decisions, clause, grammar)
    _alternatives(words, heads, decisions, clause, grammar)
    return decisions


def _decide_forward(
    words: list[str],
    head: Head,
    cues: list[FoundCue],
    clause: list[int],
    heads: list[Head],
    grammar: Grammar,
) -> Decision:
    absent: FoundCue | None = None
    other: FoundCue | None = None
    historical: FoundCue | None = None
    for cue in cues:
        if cue.end > head.start or clause[cue.start] != clause[head.start]:
            continue
        if cue.cue.reach and head.start - cue.end > cue.cue.reach:
            continue
        if head.subject < head.start and not _reaches_subject(words, cue, head, heads):
            continue
        category = cue.cue.category
        if category == "absent":
            if not _list_ended(words, cue.end, head.start, clause, grammar):
                absent = cue
        elif category == "historical":
            if "," not in words[cue.end : head.start]:
                historical = cue
        elif not _hedge_ended(words, cue, head) and not (
            other is not None and other.cue.category == "hypothetical" and category == "uncertain"
        ):
            other = cue
    if absent is not None and other is not None:
        between = words[absent.end : other.start]
        if other.start < absent.start or other.cue.category == "resolved":
            chosen = absent if other.start < absent.start else other
        elif "," in between or "and" in between or "but" in between:
            chosen = other
        else:
            chosen = absent
    else:
        chosen_or_none = absent or other or historical
        if chosen_or_none is None:
            return PRESENT
        chosen = chosen_or_none
    return Decision(chosen.cue.category, chosen.start, chosen.end)


def _reaches_subject(words: list[str], cue: FoundCue, head: Head, heads: list[Head]) -> bool:
    """Whether a cue acts on «anatomy … predicate»: it stands between, or right before both."""
    if cue.start >= head.subject:
        return True
    between = words[cue.end : head.subject]
    if len(between) > 4 or "," in between:
        return False
    return not any(cue.end <= other.start < head.subject for other in heads if other is not head)


def _list_ended(
    words: list[str], begin: int, end: int, clause: list[int], grammar: Grammar
) -> bool:
    for token in range(begin, end):
        if words[token] in grammar["seen"] and words[token + 1] in {",", "and"}:
            return "or" not in words[token + 1 : end]
        if words[token] in {",", "and"} and token + 1 < len(words):
            following = words[token + 1]
            if following == "and" and token + 2 < len(words):
                token, following = token + 1, words[token + 2]
            if following in {"the", "a"} and token + 2 < len(words):
                following = words[token + 2]
            if following in grammar["restart"]:
                rest = (
                    w for w, c in zip(words[end:], clause[end:], strict=False) if c == clause[end]
                )
                if not any(w in {"or", "nor"} for w in rest):
                    return True
    return False


def _hedge_ended(words: list[str], cue: FoundCue, head: Head) -> bool:
    between = words[cue.end : head.start]
    if cue.cue.list:
        return False
    if len(between) > _HEDGE_REACH:
        return True
    if "," not in between:
        return False
    rest = words[head.end : head.end + 8]
    return not ("or" in between or "versus" in between or "or" in rest or "versus" in rest)


def _reached_backward(
    words: list[str],
    heads: list[Head],
    cues: list[FoundCue],
    clause: list[int],
    grammar: Grammar,
) -> dict[int, FoundCue]:
    """Return for each mention the cue after it that acts on it."""
    reached: dict[int, FoundCue] = {}
    for cue in cues:
        before = [
            number
            for number, head in enumerate(heads)
            if head.end <= cue.start and clause[head.start] == clause[cue.start]
        ]
        if not before:
            continue
        last = before[-1]
        gap = words[heads[last].end : cue.start]
        if len(gap) > (cue.cue.reach or 12):
            continue
        if gap[-1:] == [","] and (
            last + 1 < len(heads) or (len(gap) > 1 and cue.cue.category != "uncertain")
        ):
            continue  # «effusion, possible pneumonia», but «nodule, likely artifact»
        plural = words[cue.start] in grammar["plural"]
        reached.setdefault(last, cue)
        chosen = False
        for number in reversed(before[:-1]):
            link = words[heads[number].end : heads[number + 1].start]
            # «a, b or c is not seen»: the choice goes back through the commas.
            chosen = chosen or any(w in {"or", "nor", "/", "versus"} for w in link)
            joined = chosen and ("," in link or not {"or", "nor", "/", "versus"}.isdisjoint(link))
            joined = joined or (plural and any(w in {",", "and"} for w in link))
            if len(link) > 5 or not joined:
                break
            reached.setdefault(number, cue)
    return reached


def _question_marks(words: list[str], heads: list[Head], decisions: list[Decision]) -> None:
    if "?" not in words:
        return
    marks = [token for token, word in enumerate(words) if word == "?"]
    for number, head in enumerate(heads):
        if decisions[number].assertion != "present":
            continue
        for mark in marks:
            asked = words[mark + 1 : mark + 2]
            follows = mark >= head.end and (not asked or asked[0] in _CLOSING)
            precedes = mark < head.start and head.start - mark <= 4
            if follows or precedes:
                decisions[number] = Decision("uncertain", mark, mark + 1)
                break


def _choices(
    words: list[str],
    heads: list[Head],
    decisions: list[Decision],
    clause: list[int],
    grammar: Grammar,
) -> None:
    """Make findings joined by «or» or «versus», and those listed before them, uncertain."""
    open_ = {"present", "uncertain", "historical"}
    for second in range(len(heads) - 1, 0, -1):
        first = second - 1
        if not (heads[first].choice and heads[second].choice):
            continue
        if decisions[first].assertion not in open_ or decisions[second].assertion not in open_:
            continue
        link = words[heads[first].end : heads[second].start]
        place = next((i for i, w in enumerate(link) if w in grammar["choice"]), None)
        if place is None or len(link) > 6 or heads[first].end > heads[second].start:
            continue
        # «atelectasis, aspiration or pneumonia»: a member of the list may be no finding.
        if place > 1 and not (link[0] == "," and place == len(link) - 1):
            continue
        start = heads[first].end + place
        decision = Decision("uncertain", start, start + 1)
        members = [first, second]
        while members[0] > 0 and words[start] in {"or", "and/or"}:
            earlier = members[0] - 1
            link = words[heads[earlier].end : heads[members[0]].start]
            listed = heads[earlier].choice and not heads[earlier].describes
            if not link or link[0] != "," or len(link) > 4 or not listed:
                break
            members.insert(0, earlier)
        for number in members:
            if decisions[number].assertion == "present":
                decisions[number] = decision


def _alternatives(
    words: list[str],
    heads: list[Head],
    decisions: list[Decision],
    clause: list[int],
    grammar: Grammar,
) -> None:
    """Make a finding uncertain that is set against something that is no finding.

    «or» must follow directly; «versus» may follow the place («atelectasis at the base versus …»).
    """
    if grammar["choice"].isdisjoint(words):
        return
    for number, head in enumerate(heads):
        if decisions[number].assertion != "present" or not head.choice:
            continue
        stop = heads[number + 1].start if number + 1 < len(heads) else len(words)
        for token in range(head.end, min(stop, head.end + _PLACE)):
            word = words[token]
            if word == "," or clause[token] != clause[head.start]:
                break
            if word in grammar["choice"] and (token == head.end or word != "or"):
                decisions[number] = Decision("uncertain", token, token + 1)
                break
