"""The matches of a sentence by role, overlaps resolved: the longest phrase counts."""

from labelers.assertion import FoundCue
from labelers.matching import Match
from labelers.modifiers import FoundModifiers
from labelers.predicates import Term

_PUNCTUATION = frozenset(".,;:!)")


class SentenceParts:
    """What was found in a sentence, by role, in order.

    Findings, anatomies and predicates share their tokens out, so do cues and pseudo-cues, and each
    column of modifiers; a finding's tokens hold no cue.

    Attributes
    ----------
    findings
        Matches that name findings.
    anatomies, predicates
        Terms for `predicates.join`.
    cues
        Cues that count where they stand.
    modifiers
        Tokens and value of each modifier, by column.
    """

    def __init__(self, matches: list[Match], words: list[str]) -> None:
        self.findings: list[Match] = []
        self.anatomies: list[Term] = []
        self.predicates: list[Term] = []
        self.cues: list[FoundCue] = []
        self.modifiers: FoundModifiers = {}
        terminators: list[Match] = []
        naming: set[int] = set()
        inside: set[int] = set()  # tokens of findings
        cueing: set[int] = set()
        modifying: dict[str, set[int]] = {}
        matches.sort(key=lambda match: (match.start - match.end, match.start))
        for match in matches:
            span = range(match.start, match.end)
            if match.meaning.naming and naming.isdisjoint(span):
                naming.update(span)
                self._add_named(match)
                if match.meaning.findings:
                    inside.update(span)
        for match in matches:
            start, end, meaning = match
            span = range(start, end)
            if meaning.cues or meaning.pseudo:
                found = meaning.cues
                if meaning.final and any(word not in _PUNCTUATION for word in words[end:]):
                    found = tuple(cue for cue in found if not cue.final)
                # «No increased markings» denies: «increased» is the finding's own word.
                swallows = meaning.pseudo and not inside.isdisjoint(span)
                if (found or (meaning.pseudo and not swallows)) and cueing.isdisjoint(span):
                    cueing.update(span)
                    for cue in found:
                        self.cues.append(FoundCue(start, end, cue))
            if meaning.terminator:
                terminators.append(match)
            for column, value in meaning.modifiers:
                taken = modifying.setdefault(column, set())
                if taken.isdisjoint(span):
                    taken.update(span)
                    self.modifiers.setdefault(column, []).append((start, end, value))
        if inside:
            self.cues = [c for c in self.cues if inside.isdisjoint(range(c.start, c.end))]
        self._ends = self._clause_ends(terminators, inside) if terminators else set()
        self.findings.sort(key=lambda match: match.start)
        self.anatomies.sort()
        self.predicates.sort()
        self.cues.sort(key=lambda found: found.start)
        for values in self.modifiers.values():
            values.sort()

    def _add_named(self, match: Match) -> None:
        start, end, meaning = match
        if meaning.findings:
            self.findings.append(match)
        for name in meaning.anatomies:
            self.anatomies.append(Term(start, end, name))
        for name in meaning.predicates:
            self.predicates.append(Term(start, end, name))

    def _clause_ends(self, terminators: list[Match], inside: set[int]) -> set[int]:
        held = {token for cue in self.cues for token in range(cue.start + 1, cue.end)} | inside
        # A hedge reaches over the terminator right after it: «may be compatible with».
        hedged = {
            found.end
            for found in self.cues
            if found.cue.category == "uncertain" and found.cue.direction == "forward"
        }
        for match in terminators:
            if match.start in hedged:
                held.update(range(match.start, match.end))
        return {match.start for match in terminators} - held

    def clauses(self, length: int) -> list[int]:
        """Return the number of the clause of each of `length` tokens."""
        if not self._ends:
            return [0] * length
        clause, number = [], 0
        for token in range(length):
            number += token in self._ends
            clause.append(number)
        return clause
