"""Laterality, location, severity and change of a mention, where its sentence gives them."""

from labelers.assertion import Head

_BEFORE = 7  # tokens
_AFTER = 9

# For each column: (start, end, value) of its words in the sentence, in order.
FoundModifiers = dict[str, list[tuple[int, int, str]]]


def modifier_of(
    found: list[tuple[int, int, str]],
    number: int,
    heads: list[Head],
    clause: list[int],
) -> str | None:
    """Return the value that belongs to mention `number`, or None.

    The nearest value before the mention (or inside it) and after the mention before it wins;
    otherwise the nearest after it and before the next mention; always in the same clause.
    """
    head = heads[number]
    left = heads[number - 1].end if number else 0
    right = heads[number + 1].start if number + 1 < len(heads) else len(clause)
    best: str | None = None
    for start, end, value in found:
        if end <= head.end and start >= max(left, head.subject - _BEFORE):
            if clause[start] == clause[head.start]:
                best = value
        elif (
            best is None
            and head.end <= start <= head.end + _AFTER
            and end <= right
            and clause[start] == clause[head.start]
        ):
            return value
    return best
