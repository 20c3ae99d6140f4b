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
    «In the left base, there is an opacity»: a place that opens the sentence belongs to the first
    finding after it.
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
from labelers.vocabulary.loader import MODIFIERS

# For each column: (start, end, value) of its words in the sentence, in order.
FoundModifiers = dict[str, list[tuple[int, int, str]]]
# The values of a mention in the order of `MODIFIERS`.
Values = tuple[str | None, ...]

_SIDE, _PLACE, _SEVERITY, _CHANGE = range(len(MODIFIERS))
_GRADES = ("small", "mild", "moderate", "severe")
_REACH = 14  # tokens between a mention and its modifier
_NONE: Values = (None,) * len(MODIFIERS)


class _Unit:
    """Mentions whose words overlap: tokens [start, end), members, and the words found for it."""

    __slots__ = ("after", "before", "end", "first", "last", "members", "start")

    def __init__(self, start: int, end: int, member: int) -> None:
        self.start, self.end = start, end
        self.members = [member]
        self.first, self.last = 0, 0  # its own stretch of the sentence
        self.before: list[str | None] = list(_NONE)
        self.after: list[str | None] = list(_NONE)


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
    marked = {token for start, end, _, _ in items for token in range(start, end)}
    units = _units(spans)
    _divide(units, words, clause, marked, small)
    for unit in units:
        _own_words(unit, items, heads, spans, words, clause)
    _fronted_place(units[0], items, words, clause, small)
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
    changes = found.get("change", ())
    items = []
    for column, name in enumerate(MODIFIERS):
        for start, end, value in found.get(name, ()):
            if not value:
                continue
            # «no significant change», «slightly improved»: the degree is the change's.
            if column == _SEVERITY and any(
                (first <= start and end <= last) or end == first for first, last, _ in changes
            ):
                continue
            items.append((start, end, column, value))
    items.sort()
    return items


def _units(spans: Sequence[tuple[int, int]]) -> list[_Unit]:
    units: list[_Unit] = []
    for member in sorted(range(len(spans)), key=lambda number: spans[number]):
        start, end = spans[member]
        if units and start < units[-1].end:
            units[-1].members.append(member)
            units[-1].end = max(units[-1].end, end)
        else:
            units.append(_Unit(start, end, member))
    return units


def _divide(
    units: list[_Unit],
    words: Sequence[str],
    clause: Sequence[int],
    marked: set[int],
    small: dict[str, frozenset[str]],
) -> None:
    """Give each unit the stretch [first, last) in which its modifiers can stand."""
    low = 0
    for number, unit in enumerate(units):
        unit.first = _noun_phrase(low, unit.start, number == 0, words, clause, marked, small)
        if number:
            units[number - 1].last = min(
                unit.first, _followed(units[number - 1], unit.first, words, clause, marked, small)
            )
        low = unit.end
    units[-1].last = _followed(units[-1], len(words), words, clause, marked, small)


def _noun_phrase(
    low: int,
    start: int,
    leading: bool,
    words: Sequence[str],
    clause: Sequence[int],
    marked: set[int],
    small: dict[str, frozenset[str]],
) -> int:
    """Return where the noun phrase of the mention at `start` begins, not before `low`."""
    boundary, link = small["boundary"], small["link"]
    edge = start - 1
    while edge >= low and not (
        words[edge] in boundary
        or words[edge] in link
        or (edge > low and clause[edge] != clause[edge - 1])
    ):
        edge -= 1
    if edge < low:
        following = low < start and not leading and words[low] in small["place"]
        return start if following else low
    begin = edge if words[edge] not in boundary and words[edge] not in link else edge + 1
    # «small left and moderate right effusions»: adjectives on both sides of the coordinator.
    while words[edge] in small["list"] or words[edge] == ",":
        run = edge
        while run > low and run - 1 in marked:
            run -= 1
        if run == edge:
            break
        if run == 0 or clause[run] != clause[run - 1]:
            return run
        before = words[run - 1]
        opened = before == "," and run > low
        if leading and not opened:
            opened = before in small["opening"] or (
                before in {"is", "are"} and run > 1 and words[run - 2] == "there"
            )
        if not opened:
            break
        begin = run
        edge = run - 1
        if edge < low:
            break
    return begin


def _followed(
    unit: _Unit,
    stop: int,
    words: Sequence[str],
    clause: Sequence[int],
    marked: set[int],
    small: dict[str, frozenset[str]],
) -> int:
    """Return how far the words after a unit go on speaking of it."""
    boundary, filler, link = small["boundary"], small["filler"], small["link"]
    stop = min(stop, unit.end + _REACH)
    token = unit.end
    while token < stop:
        word = words[token]
        if word in boundary or clause[token] != clause[token - 1]:
            ahead = token
            while (
                ahead < stop
                and ahead not in marked
                and (words[ahead] in boundary or words[ahead] in filler)
            ):
                ahead += 1
            if ahead >= stop or ahead not in marked:
                return token
            token = ahead
        elif word in link and token not in marked:
            return token
        token += 1
    return stop


def _own_words(
    unit: _Unit,
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
            if column >= _SEVERITY and _of_the_phrase(unit, start, column, heads, spans):
                continue
            _add(inside, column, value, first=True)
        elif start < unit.start:
            if unit.start - start <= _REACH and clause[start] == clause[unit.start]:
                _add(unit.before, column, value, first=False)
        else:
            if column == _SIDE and last_side >= 0:
                between = words[last_side:start]
                if "," in between or not ("and" in between or "&" in between):
                    continue
            if column == _SEVERITY and unit.after[column] is not None:
                continue
            _add(unit.after, column, value, first=True)
            if column == _SIDE:
                last_side = end
    for column, own in enumerate(inside):
        if own is not None:
            unit.before[column] = own


def _of_the_phrase(
    unit: _Unit, start: int, column: int, heads: Sequence[Head], spans: Sequence[tuple[int, int]]
) -> bool:
    """Whether a severity or change inside a mention belongs to the phrase that names it."""
    for member in unit.members:
        head = heads[member]
        joined = spans[member] != (head.start, head.end)
        if (column == _CHANGE or joined) and head.start <= start < head.end:
            return True
    return False


def _add(values: list[str | None], column: int, value: str, first: bool) -> None:
    known = values[column]
    if known is None:
        values[column] = value
    elif column == _SIDE:
        values[column] = value if value == known else "bilateral"
    elif column == _SEVERITY:
        values[column] = max(known, value, key=_GRADES.index)
    elif not first:
        values[column] = value


def _fronted_place(
    unit: _Unit,
    items: list[tuple[int, int, int, str]],
    words: Sequence[str],
    clause: Sequence[int],
    small: dict[str, frozenset[str]],
) -> None:
    if words[0] not in small["place"]:
        return
    comma = next((t for t in range(unit.start) if words[t] == ","), unit.start)
    for start, end, column, value in items:
        if end > min(unit.first, unit.start):
            break
        opens = clause[start] == clause[0] and start < comma
        if opens and column <= _PLACE and unit.before[column] is None:
            unit.before[column] = value


def _share(
    units: list[_Unit],
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
            columns: tuple[int, ...] = (_SIDE, _PLACE)
            source = one
        elif tie in {"and", "or"}:
            columns = (_SIDE, _PLACE, _CHANGE) if tie == "and" else tuple(range(len(MODIFIERS)))
            source = units[number].before if tie == "and" else one
        else:
            continue
        if other[_SIDE] is None and other[_PLACE] is None and _has_place(units[number], midline):
            for column in (_SIDE, _PLACE):
                if column in columns:
                    other[column] = source[column]
        elif other[_SIDE] is None and _SIDE in columns and tie != "reading":
            other[_SIDE] = source[_SIDE]
        for column in (_SEVERITY, _CHANGE):
            if column in columns and other[column] is None:
                other[column] = source[column]
                units[number + 1].before[column] = other[column]
        for column in (_SIDE, _PLACE):
            if units[number + 1].after[column] is None:
                units[number + 1].before[column] = other[column]
    for number in range(len(ties) - 1, -1, -1):
        one, after = values[number], units[number + 1].after
        if ties[number] in {"and", "or"} and one[_SIDE] is None and one[_PLACE] is None:
            one[_SIDE], one[_PLACE] = after[_SIDE], after[_PLACE]
            units[number].after[_SIDE], units[number].after[_PLACE] = after[_SIDE], after[_PLACE]
        if one[_CHANGE] is None and (
            ties[number] in {"and", "or"} or _speaks_of_all(units, number, words, clause, small)
        ):
            one[_CHANGE] = units[number].after[_CHANGE] = after[_CHANGE]


def _has_place(unit: _Unit, midline: Sequence[bool]) -> bool:
    return not all(midline[member] for member in unit.members)


def _tie(
    one: _Unit,
    other: _Unit,
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
    units: list[_Unit],
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
