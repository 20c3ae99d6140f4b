"""Sentence boundaries in report text, as dictated: lists, missing spaces, doubled periods.

A boundary is: a newline, unless it only wraps a line; `.`, `!` or `?` (one or more) before white
space or the end; a period between a lower-case word and a capital («seen.No»); the number of a list
(«1.», «2)») stands at the start of its sentence. Not a boundary: a question mark that asks for what
follows it («? effusion»), a decimal point, the period of an abbreviation («Dr.», «approx.»), an
initial. A sentence longer than `LONGEST` code points is cut at white space, which bounds the time
any text can take.
"""

import re

LONGEST = 1500

_NEWLINES = "\n\r\v\f\x1c\x1d\x1e\x85\u2028\u2029"

# A mark or newline at which a sentence ends, with the white space after it.
_BREAK = re.compile(
    rf"""
    [ ](?=\d{{1,2}}\)[ ]+[A-Z])                # before « 2) »
  | [.!?;:{_NEWLINES}]
    (?: (?<=[{_NEWLINES}])\s*
      | (?<=[a-z)];)(?=[A-Za-z])               # semicolon, no space
      | (?<=[.!?])[ \t\u00a0]+(?=\S)         # end mark, space
      | (?<=[a-z)\]][.!?])(?=[A-Z])           # end mark, no space, capital
      | (?<=[a-z)\]]\.\.)(?=[A-Z])           # «effusion..Heart»
      | (?<=[a-z]{{4}}\.)(?=[a-z]{{2}})         # «effusion.the»
      | (?<=[.;:])(?=\d{{1,2}}[.)][ A-Z])      # «. 2.» without a space before the number
    )
    """,
    re.VERBOSE,
)
# A period that ends no sentence.
_NO_END = re.compile(
    r"(?:^|[\s(])(?:dr|mr|mrs|ms|vs|approx|ca|cf|fig|e\.g|i\.e|resp)[.]$",
    re.IGNORECASE,
)
# What a wrapped line may end with: before any word, and before a word in lower case.
_LEADS_ON = re.compile(
    r"(?:^|[\s(])(?:an?|the|of|no|not|or|and|with|without|for|to|in|at|by|from|is|are|was|were|be|"
    r"been|has|have|may|which|that|on|than|into|within|any)$",
    re.IGNORECASE,
)
_DESCRIBES = re.compile(
    r"(?:^|[\s(])(?:left|right|upper|lower|middle|small|large|mild|moderate|focal|acute|pleural|"
    r"pulmonary|new|definite|bilateral|evidence|minimal|stable|there)$",
    re.IGNORECASE,
)
_FULL_LINE = 50  # code points: a line as long that has no end mark may be wrapped
_LIST_NUMBER = re.compile(r"\s*\(?\d{1,2}\.")


def split_sentences(text: str, start: int = 0, end: int | None = None) -> list[tuple[int, int]]:
    """Return [start, end) of each sentence of `text[start:end]`, in order, in code points.

    Sentences hold no white space at either end, are never empty and never overlap.
    """
    stop = len(text) if end is None else end
    sentences: list[tuple[int, int]] = []
    begin = start
    for match in _BREAK.finditer(text, start, stop):
        left, right = match.span()
        if text[left] in _NEWLINES:
            if _wrapped(text, left, right):
                continue
        else:
            left += 1
            if right > left and text[left - 1] == ".":
                if left - begin <= 4 and _LIST_NUMBER.fullmatch(text, begin, left):
                    continue
                if _NO_END.search(text, max(begin, left - 8), left):
                    continue
            elif text[left - 1] == "?" and _asks(text, begin, left, right):
                continue
        if 0 < left - begin <= LONGEST and not (text[begin].isspace() or text[left - 1].isspace()):
            sentences.append((begin, left))
        else:
            _append(text, begin, left, sentences)
        begin = right
    _append(text, begin, stop, sentences)
    return sentences


def _wrapped(text: str, left: int, right: int) -> bool:
    """Whether a newline only wraps a line: «No evidence of | pneumothorax»."""
    gap = text[left:right]
    following = text[right : right + 1]
    if not following.isalpha() or gap.count("\n") > 1 or gap.count("\r") > 1:
        return False
    start = max(0, left - 200)
    line = text[max(start, text.rfind("\n", start, left) + 1) : left].rstrip()
    if _LEADS_ON.search(line):
        return True
    if not following.islower() or not line or not (line[-1].isalnum() or line[-1] == ","):
        return False
    return len(line) >= _FULL_LINE or line[-1] == "," or _DESCRIBES.search(line) is not None


def _asks(text: str, begin: int, left: int, right: int) -> bool:
    """Whether a question mark asks for what follows it: «? effusion», «widening ? nodal»."""
    if left - begin <= 4 and not text[begin:left].strip(" ?"):
        return True
    return left > 1 and text[left - 2] == " " and text[right : right + 1].islower()


def _append(text: str, begin: int, end: int, sentences: list[tuple[int, int]]) -> None:
    if end - begin <= LONGEST:
        piece = text[begin:end]
        begin += len(piece) - len(piece.lstrip())
        end = begin + len(piece.strip())
        if end > begin:
            sentences.append((begin, end))
        return
    while begin < end:
        cut = min(begin + LONGEST, end)
        if cut < end:
            space = text.rfind(" ", begin + LONGEST // 2, cut)
            cut = space if space > 0 else cut
        piece = text[begin:cut]
        left = begin + len(piece) - len(piece.lstrip())
        right = left + len(piece.strip())
        if right > left:
            sentences.append((left, right))
        begin = cut
