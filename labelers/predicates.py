"""Anatomy with a predicate: «heart size is mildly enlarged», «blunting of the left angle».

A predicate that directly precedes an anatomy belongs to it («enlarged heart», «blunting of the
costophrenic angle»); otherwise it belongs to the nearest anatomy before it and to those listed with
that («heart size and mediastinal contours are normal»); failing that, to the next one after it.
Nothing is joined across the start of a clause or across another predicate.
"""

from collections.abc import Sequence
from typing import NamedTuple

from labelers.vocabulary.loader import Rule

_PAUSES = frozenset([",", "and", "or", "with", "without", "but", "no", ":", "/", "is", "are"])
_SIZES = frozenset(["large", "small", "increased", "decreased", "low", "diminished", "reduced"])
_REACH = 12  # tokens between an anatomy and the predicate after it
_AFTER = 5  # tokens between a predicate and the anatomy after it
_BRIDGED = 8  # the same with small words alone: «fractures of the left sixth and seventh ribs»


class Term(NamedTuple):
    """Tokens [start, end) of an anatomy or predicate, with its name."""

    start: int
    end: int
    name: str


class Joined(NamedTuple):
    """An anatomy with its predicate and the rule that reads them."""

    anatomy: Term
    predicate: Term
    rule: Rule


RuleTable = dict[tuple[str, str], tuple[Rule, ...]]  # (anatomy, predicate) to rules


def rule_table(rules: Sequence[Rule]) -> RuleTable:
    """Return the rules by anatomy and predicate."""
    table: dict[tuple[str, str], list[Rule]] = {}
    for rule in rules:
        table.setdefault((rule.anatomy, rule.predicate), []).append(rule)
    return {key: tuple(values) for key, values in table.items()}


def join(
    words: list[str],
    anatomies: list[Term],
    predicates: list[Term],
    findings: list[int],
    clause: list[int],
    table: RuleTable,
    grammar: dict[str, frozenset[str]],
) -> list[Joined]:
    """Return the anatomies with predicates of a sentence that a rule reads.

    `anatomies` and `predicates` are in order, each without overlaps; `findings` are the tokens at
    which findings that have phrases of their own begin; `clause` numbers the clause of
    each token; `grammar` holds the small words of the vocabulary.
    """
    joined: list[Joined] = []
    for place, predicate in enumerate(predicates):
        fitting = [
            anatomy
            for anatomy in anatomies
            if (anatomy.name, predicate.name) in table
            and clause[anatomy.start] == clause[predicate.start]
            and (anatomy.end <= predicate.start or anatomy.start >= predicate.end)
        ]
        if not fitting:
            continue
        chosen = _attributive(words, predicate, fitting, grammar)
        if not chosen and _describes_finding(words, predicate, findings):
            continue
        if not chosen:
            chosen = _before(words, predicate, fitting, predicates[:place], grammar["joining"])
        if not chosen:
            chosen = _after(words, predicate, fitting, predicates[place + 1 :], findings)
        for anatomy in chosen:
            for rule in table[anatomy.name, predicate.name]:
                joined.append(Joined(anatomy, predicate, rule))
    return joined


def _describes_finding(words: list[str], predicate: Term, findings: list[int]) -> bool:
    """Whether a predicate is the adjective of a finding: «because of the large left effusion»."""
    if words[predicate.start] not in _SIZES:
        return False
    return any(
        predicate.end <= start <= predicate.end + 2
        and _PAUSES.isdisjoint(words[predicate.end : start])
        for start in findings
    )


def _attributive(
    words: list[str], predicate: Term, fitting: list[Term], grammar: dict[str, frozenset[str]]
) -> list[Term]:
    following = next((a for a in fitting if a.start >= predicate.end), None)
    if following is None or (
        predicate.start > 0 and words[predicate.start - 1] in grammar["copula"]
    ):
        return []
    between = words[predicate.end : following.start]
    if len(between) > _BRIDGED or not all(word in grammar["bridge"] for word in between):
        return []
    if between and between[0] == "and":
        return []
    chosen = [following]
    for anatomy in fitting:
        if anatomy.start >= chosen[-1].end:
            link = words[chosen[-1].end : anatomy.start]
            if (
                len(link) <= 3
                and link
                and link[0] in {"and", ",", "or"}
                and predicate.name == "normal"
            ):
                chosen.append(anatomy)
            else:
                break
    return chosen


def _before(
    words: list[str],
    predicate: Term,
    fitting: list[Term],
    earlier: list[Term],
    joining: frozenset[str],
) -> list[Term]:
    barrier = -1
    right = predicate.start
    for other in reversed(earlier):
        if all(word in joining for word in words[other.end : right]):
            right = other.start
            continue
        barrier = other.start
        break
    chosen: list[Term] = []
    for anatomy in reversed(fitting):
        if anatomy.end > predicate.start:
            continue
        if anatomy.start < barrier:
            break
        if not chosen:
            if predicate.start - anatomy.end > _REACH:
                break
            chosen.append(anatomy)
            continue
        if anatomy.end > chosen[-1].start:  # two readings of the same words
            chosen.append(anatomy)
            continue
        link = words[anatomy.end : chosen[-1].start]
        if len(link) > 6 or not any(word in {",", "and", "or", "/"} for word in link):
            break
        chosen.append(anatomy)
    return chosen


def _after(
    words: list[str],
    predicate: Term,
    fitting: list[Term],
    later: list[Term],
    findings: list[int],
) -> list[Term]:
    following = next((a for a in fitting if a.start >= predicate.end), None)
    if following is None:
        return []
    between = words[predicate.end : following.start]
    barred = any(predicate.end <= other.start < following.start for other in later) or any(
        predicate.end <= start < following.start for start in findings
    )
    if len(between) > _AFTER or "," in between or "and" in between or barred:
        return []
    return [following]
