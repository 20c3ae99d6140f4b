"""Where the noun phrase of a mention begins and how far the words after it speak of it.

`modifiers.py` says what is done with it. Tokens that modify something are `marked` with their
column; `small` are the small words of modifiers.yaml.
"""

from collections.abc import Sequence

from labelers.vocabulary.loader import MODIFIERS

SIDE, PLACE, SEVERITY, CHANGE = range(len(MODIFIERS))
REACH = 14  # tokens between a mention and its modifier


class Unit:
    """Mentions whose words overlap, and what is said of them.

    Attributes
    ----------
    start, end
        Tokens of the mentions.
    members
        Their numbers.
    first, last
        The stretch of the sentence in which its modifiers can stand.
    before, after
        The values found in or before the mentions, and after them, by column.
    """

    __slots__ = ("after", "before", "end", "first", "last", "members", "start")

    def __init__(self, start: int, end: int, member: int) -> None:
        self.start, self.end = start, end
        self.members = [member]
        self.first, self.last = 0, 0  # its own stretch of the sentence
        self.before: list[str | None] = [None] * len(MODIFIERS)
        self.after: list[str | None] = [None] * len(MODIFIERS)


def units_of(spans: Sequence[tuple[int, int]]) -> list[Unit]:
    """Return the mentions given by their tokens [start, end) as units, in order."""
    units: list[Unit] = []
    for member in sorted(range(len(spans)), key=lambda number: spans[number]):
        start, end = spans[member]
        if units and start < units[-1].end:
            units[-1].members.append(member)
            units[-1].end = max(units[-1].end, end)
        else:
            units.append(Unit(start, end, member))
    return units


def divide(
    units: list[Unit],
    words: Sequence[str],
    clause: Sequence[int],
    marked: dict[int, int],
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
    marked: dict[int, int],
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
            # «patchy left apical and right basilar opacities»
            opened = opened or all(
                any(marked.get(token) == SIDE for token in part)
                for part in (range(run, edge), range(edge + 1, start))
            )
        if not opened:
            break
        begin = run
        edge = run - 1
        if edge < low:
            break
    return begin


def _followed(
    unit: Unit,
    stop: int,
    words: Sequence[str],
    clause: Sequence[int],
    marked: dict[int, int],
    small: dict[str, frozenset[str]],
) -> int:
    """Return how far the words after a unit go on speaking of it."""
    boundary, filler, link = small["boundary"], small["filler"], small["link"]
    stop = min(stop, unit.end + REACH)
    token = unit.end
    while token < stop:
        word = words[token]
        if word in boundary or clause[token] != clause[token - 1]:
            ahead, accompanied = token, False
            while (
                ahead < stop
                and ahead not in marked
                and (words[ahead] in boundary or words[ahead] in filler)
            ):
                accompanied = accompanied or words[ahead] == "with"
                ahead += 1
            if ahead >= stop or ahead not in marked:
                return token
            if accompanied:  # «with interval improvement», but not «with mild loculation»
                last = ahead
                while last < len(words) and marked.get(last) == CHANGE:
                    last += 1
                if last == ahead or (last < len(words) and words[last] not in boundary):
                    return token
            token = ahead
        elif word in link and token not in marked:
            return token
        token += 1
    return stop
