"""Laterality, location, severity and change of the mentions of a sentence.

Each word that modifies belongs to one noun phrase. The words between two mentions are divided at
the last coordinator, hedge or start of a clause between them: what stands before it can only follow
the first mention, what stands after it can only precede the second. Then, for each column:

own words
    Inside the mention («bibasilar atelectasis», «the heart is *mildly* enlarged»), else before it
    in its noun phrase («small left effusion»), else after it («effusion in the left base, which is
    unchanged»). After a comma or a new clause, words go on speaking of the finding only if a
    modifier comes first: «effusion, unchanged», not «effusion, heart size stable».
fronted place
    «In the left base, there is an opacity», «right middle lobe with opacities»: a place that opens
    the sentence belongs to the first finding after it.
one mention, several values
    «Small left and moderate right effusions» is one mention: left and right make it bilateral, and
    of several severities the gravest counts.
lists
    Members of a list joined by bare «and» or «or» share side, place and change («left effusion and
    atelectasis», «no new infiltrate, effusion or pneumothorax», «effusion and atelectasis are
    unchanged»); a severity is shared by «or» alone («no large effusion or pneumothorax»). Devices
    share with devices only: the side of a line says nothing of an effusion.
readings
    What a finding is thought to be lies where the finding lies («left lower lobe opacity may
    represent pneumonia»).
midline
    A heart or an aorta has no side and no place in a lung.

These are our reading of a radiologist's grammar, tested sentence by sentence.
"""

from collections.abc import Sequence

from labelers.assertion import Head
from labelers.noun_phrases import CHANGE, PLACE, REACH, SEVERITY, SIDE, Unit, divide, units_of
from labelers.vocabulary.loader import MODIFIERS

# For each column: (start, end, value) of its words in the sentence, in order.
FoundModifiers = dict[str, list[tuple[int, int, str]]]
# The values of a mention in the order of `MODIFIERS`.
Values = tuple[str | None, ...]

_GRADES = ("small", "mild", "moderate", "severe")
_NONE: Values = (None,) * len(MODIFIERS)


def modifiers_of(
    found: FoundModifiers,
    spans: Sequence[tuple[int, int]],
    heads: Sequence[Head],
    midline: Sequence[bool],
    words: Sequence[str],
    clause: Sequence[int],
    small: dict[str, frozenset[str]],
) -> list[Values]:
    """Return the values of each mention of a sentence.

    Parameters
    ----------
    found
        The modifiers of the sentence by column; an empty value marks words that modify nothing.
    spans, heads, midline
        Of each mention: its tokens [start, end), the tokens that cues act on, and whether it has
        neither side nor place.
    words, clause
        The folded tokens of the sentence and the number of the clause of each.
    small
        The small words of modifiers.yaml.
    """
    items = _items(found)
    if not items:
        return [_NONE] * len(heads)
    marked = {t: column for start, end, column, _ in items for t in range(start, end)}
    for start, end, column, _ in items:
        if column <= PLACE:
            marked.update(dict.fromkeys(range(start, end), column))
    units = units_of(spans)
    divide(units, words, clause, marked, small)
    for unit in units:
        _own_words(unit, items, heads, spans, words, clause)
    _fronted_place(units[0], items, words, clause, marked, small)
    values = [
        [before or after for before, after in zip(unit.before, unit.after, strict=True)]
        for unit in units
    ]
    if len(units) > 1:
        _share(units, values, heads, midline, words, clause, small)
    result: list[Values] = [_NONE] * len(heads)
    for unit, (side, place, severity, change) in zip(units, values, strict=True):
        for member in unit.members:
            if midline[member]:
                result[member] = (None, None, severity, change)
            else:
                result[member] = (side, place, severity, change)
    return result


def _items(found: FoundModifiers) -> list[tuple[int, int, int, str]]:
    """Return (start, end, column, value) in order, without words that say something else."""
    changes, sides = found.get("change", ()), found.get("laterality", ())
    items = []
    for column, name in enumerate(MODIFIERS):
        for start, end, value in found.get(name, ()):
            if not value:
                continue
            # «right worse than left» compares sides, not exams.
            if column == CHANGE and any(first < start and end < last for first, last, _ in sides):
                continue
            # «no significant change», «slightly improved»: the degree is the change's.
            if column == SEVERITY and any(
                (first <= start and end <= last) or end == first for first, last, _ in changes
            ):
                continue
            items.append((start, end, column, value))
    items.sort()
    return items


def _own_words(
    unit: Unit,
    items: list[tuple[int, int, int, str]],
    heads: Sequence[Head],
    spans: Sequence[tuple[int, int]],
    words: Sequence[str],
    clause: Sequence[int],
) -> None:
    inside: list[str | None] = list(_NONE)
    last_side = -1
    for start, end, column, value in items:
        if start >= unit.last:
            break
        if end <= unit.first:
            continue
        if unit.start <= start < unit.end:
            if column >= SEVERITY and _of_the_phrase(unit, start, column, heads, spans):
                continue
            _add(inside, column, value, first=True)
        elif start < unit.start:
            if unit.start - start <= REACH and clause[start] == clause[unit.start]:
                _add(unit.before, column, value, first=False)
        else:
            if column == SIDE and last_side >= 0:
                between = words[last_side:start]
                if "," in between or not ("and" in between or "&" in between):
                    continue
            if column == SEVERITY and unit.after[column] is not None:
                continue
            _add(unit.after, column, value, first=True)
            if column == SIDE:
                last_side = end
    for column, own in enumerate(inside):
        if own is not None:
            unit.before[column] = own


def _of_the_phrase(
    unit: Unit, start: int, column: int, heads: Sequence[Head], spans: Sequence[tuple[int, int]]
) -> bool:
    """Whether a severity or change inside a mention belongs to the phrase that names it."""
    for member in unit.members:
        head = heads[member]
        joined = spans[member] != (head.start, head.end)
        if (column == CHANGE or joined) and head.start <= start < head.end:
            return True
    return False


def _add(values: list[str | None], column: int, value: str, first: bool) -> None:
    known = values[column]
    if known is None:
        values[column] = value
    elif column == SIDE:
        values[column] = value if value == known else "bilateral"
    elif column == SEVERITY:
        values[column] = max(known, value, key=_GRADES.index)
    elif not first:
        values[column] = value


def _fronted_place(
    unit: Unit,
    items: list[tuple[int, int, int, str]],
    words: Sequence[str],
    clause: Sequence[int],
    marked: dict[int, int],
    small: dict[str, frozenset[str]],
) -> None:
    comma = next((t for t in range(unit.start) if words[t] in {",", ":"}), unit.start)
    opening = [t for t in range(comma) if clause[t] == clause[0]]
    if words[0] not in small["place"] and not all(
        t in marked or words[t] in small["opening"] for t in opening
    ):
        return
    for start, end, column, value in items:
        if end > min(unit.first, unit.start):
            break
        opens = clause[start] == clause[0] and start < comma
        if opens and column <= PLACE and unit.before[column] is None:
            unit.before[column] = value


def _share(
    units: list[Unit],
    values: list[list[str | None]],
    heads: Sequence[Head],
    midline: Sequence[bool],
    words: Sequence[str],
    clause: Sequence[int],
    small: dict[str, frozenset[str]],
) -> None:
    """Give the members of a list what is said of it once."""
    ties = [
        _tie(units[n], units[n + 1], heads, words, clause, small) for n in range(len(units) - 1)
    ]
    # «a, b or c»: a comma ties if the list goes on to a coordinator.
    for number in range(len(ties) - 2, -1, -1):
        if ties[number] == "comma" and ties[number + 1] in {"and", "or"}:
            ties[number] = ties[number + 1]
    for number, tie in enumerate(ties):
        one, other = values[number], values[number + 1]
        if tie == "reading":
            columns: tuple[int, ...] = (SIDE, PLACE)
            source = one
        elif tie in {"and", "or"}:
            columns = (SIDE, PLACE, CHANGE) if tie == "and" else tuple(range(len(MODIFIERS)))
            source = units[number].before if tie == "and" else one
        else:
            continue
        if other[SIDE] is None and other[PLACE] is None and _has_place(units[number], midline):
            for column in (SIDE, PLACE):
                if column in columns:
                    other[column] = source[column]
        elif other[SIDE] is None and SIDE in columns and tie != "reading":
            other[SIDE] = source[SIDE]
        for column in (SEVERITY, CHANGE):
            if column in columns and other[column] is None:
                other[column] = source[column]
                units[number + 1].before[column] = other[column]
        for column in (SIDE, PLACE):
            if units[number + 1].after[column] is None:
                units[number + 1].before[column] = other[column]
    for number in range(len(ties) - 1, -1, -1):
        one, after = values[number], units[number + 1].after
        if ties[number] in {"and", "or"} and one[SIDE] is None and one[PLACE] is None:
            one[SIDE], one[PLACE] = after[SIDE], after[PLACE]
            units[number].after[SIDE], units[number].after[PLACE] = after[SIDE], after[PLACE]
        if one[CHANGE] is None and (
            ties[number] in {"and", "or"} or _speaks_of_all(units, number, words, clause, small)
        ):
            one[CHANGE] = units[number].after[CHANGE] = after[CHANGE]


def _has_place(unit: Unit, midline: Sequence[bool]) -> bool:
    return not all(midline[member] for member in unit.members)


def _tie(
    one: Unit,
    other: Unit,
    heads: Sequence[Head],
    words: Sequence[str],
    clause: Sequence[int],
    small: dict[str, frozenset[str]],
) -> str:
    """Return how two neighbouring units hang together: and, or, comma, reading, or not at all."""
    if heads[one.members[0]].choice != heads[other.members[0]].choice:
        return ""
    gap = words[one.end : other.start]
    if any(word in small["link"] for word in gap) and ";" not in gap:
        return "or" if gap[0] in small["choice"] and len(gap) == 1 else "reading"
    if not gap or not all(
        word in small["boundary"] or word in small["bare"] or word in small["tied"] for word in gap
    ):
        return ""
    if clause[one.start] != clause[other.start]:
        return "and" if any(word in small["tied"] for word in gap) else ""
    if any(word in small["choice"] for word in gap):
        return "or"
    if any(word in small["list"] for word in gap):
        return "and"
    return "comma" if gap[0] == "," else ""


def _speaks_of_all(
    units: list[Unit],
    number: int,
    words: Sequence[str],
    clause: Sequence[int],
    small: dict[str, frozenset[str]],
) -> bool:
    """Whether the words after unit `number + 1` have a plural verb and reach back to `number`."""
    one, other = units[number], units[number + 1]
    gap = words[one.end : other.start]
    if clause[one.start] != clause[other.start] or not any(w in {"and", ","} for w in gap):
        return False
    last = other
    for later in units[number + 2 :]:
        if clause[later.start] != clause[last.start]:
            break
        last = later
    return last.end < len(words) and words[last.end] in small["plural"]
