"""One sentence to its mentions: phrases, anatomy with predicate, assertion, modifiers.

Everything here is decided inside the sentence, so the result can be kept per distinct sentence.
"""

from typing import NamedTuple

from labelers.assertion import Decision, FoundCue, Head, decide
from labelers.matching import Match, PhraseFinder, Tokens
from labelers.modifiers import FoundModifiers, modifiers_of
from labelers.predicates import Term, join, rule_table
from labelers.vocabulary import Vocabulary
from labelers.vocabulary.cue_terms import Cue
from labelers.vocabulary.loader import MODIFIERS

_PUNCTUATION = frozenset(".,;:!)")


class SentenceMention(NamedTuple):
    """A mention with offsets in code points of its sentence; -1 where there is no cue."""

    start: int
    end: int
    finding: str
    assertion: str
    cue_start: int
    cue_end: int
    laterality: str | None
    location: str | None
    severity: str | None
    change: str | None


class _Named(NamedTuple):
    """A finding at its place: tokens of the whole mention, and the head that cues act on."""

    start: int
    end: int
    head: Head
    finding: str
    assertion: str
    joined: bool  # of an anatomy and a predicate


class SentenceReader:
    """Reads single sentences with a vocabulary; not picklable, cheap to make again."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._finder = PhraseFinder(vocabulary)
        self._rules = rule_table(vocabulary.rules)
        self._by_id = vocabulary.by_id
        self._midline = vocabulary.midline
        # A joined mention covers a bare one of the same finding, or a more general one.
        self._covered = {f: {f, *vocabulary.ancestors(f)} for f in vocabulary.finding_ids}

    def read(self, sentence: str, context: bool = False) -> list[SentenceMention]:
        """Return the mentions of a sentence in order of their start.

        Parameters
        ----------
        sentence
            Its exact text.
        context
            True in sections that ask or tell the past (indication, comparison …): every mention is
            then hypothetical, or historical where the sentence says so.
        """
        tokens, matches = self._finder.find(sentence)
        if not matches:
            return []
        parts = _Parts(matches, tokens.words, self._vocabulary.cues)
        if not parts.findings and not parts.predicates:
            return []
        clause = parts.clauses(len(tokens.words))
        named = self._named(tokens, parts, clause)
        if not named:
            return []
        heads = [one.head for one in named]
        decisions = decide(tokens.words, heads, parts.cues, clause, self._vocabulary.grammar)
        modifiers = modifiers_of(
            parts.modifiers,
            [(one.start, one.end) for one in named],
            heads,
            [one.finding in self._midline for one in named],
            tokens.words,
            clause,
            self._vocabulary.modifier_words,
        )
        mentions = []
        for number, one in enumerate(named):
            decision = decisions[number]
            laterality, location, severity, change = modifiers[number]
            assertion = self._assertion(one, decision, context)
            cued = decision.start >= 0
            mentions.append(
                SentenceMention(
                    tokens.starts[one.start],
                    tokens.ends[one.end - 1],
                    one.finding,
                    assertion,
                    tokens.starts[decision.start] if cued else -1,
                    tokens.ends[decision.end - 1] if cued else -1,
                    laterality,
                    location,
                    severity,
                    "resolved" if assertion == "resolved" else change,
                )
            )
        return mentions

    def _assertion(self, one: _Named, decision: Decision, context: bool) -> str:
        assertion = decision.assertion
        if context:
            return "historical" if assertion == "historical" else "hypothetical"
        if assertion == "historical" and self._by_id[one.finding].persists:
            assertion = "present"
        if assertion == "present" and one.assertion != "present":
            return one.assertion
        return assertion

    def _named(self, tokens: Tokens, parts: "_Parts", clause: list[int]) -> list[_Named]:
        named = []
        for match in parts.findings:
            for role, value in match.entries:
                if role == "finding":
                    finding = self._by_id[str(value)]
                    choice = not (finding.device or finding.normal)
                    head = Head(match.start, match.end, match.start, choice)
                    named.append(_Named(match.start, match.end, head, finding.id, "present", False))
        for joined in join(
            tokens.words,
            parts.anatomies,
            parts.predicates,
            [match.start for match in parts.findings],
            clause,
            self._rules,
            self._vocabulary.grammar,
        ):
            anatomy, predicate, rule = joined
            finding = self._by_id[rule.finding]
            choice = not (finding.device or finding.normal)
            start, end = min(anatomy.start, predicate.start), max(anatomy.end, predicate.end)
            if predicate.start < anatomy.start:
                head = Head(predicate.start, predicate.end, predicate.start, choice)
            else:
                head = Head(predicate.start, predicate.end, anatomy.start, choice)
            named.append(_Named(start, end, head, finding.id, rule.assertion, True))
        joined_at = {(one.head.start, one.head.end): one.finding for one in named if one.joined}
        named = [
            one
            for one in named
            if one.joined
            or one.finding not in self._covered.get(joined_at.get((one.start, one.end), ""), ())
        ]
        named.sort(key=lambda one: (one.head.start, one.start, one.finding))
        return named


class _Parts:
    """The matches of a sentence by role, overlaps resolved: the longest phrase counts."""

    def __init__(self, matches: list[Match], words: list[str], cues: tuple[Cue, ...]) -> None:
        self.findings: list[Match] = []
        self.anatomies: list[Term] = []
        self.predicates: list[Term] = []
        self.cues: list[FoundCue] = []
        length = len(words)
        last = next((n for n in range(length, 0, -1) if words[n - 1] not in _PUNCTUATION), 0)
        terminators: list[Match] = []
        self.modifiers: FoundModifiers = {}
        matches.sort(key=lambda match: (match.start - match.end, match.start))
        naming: set[int] = set()
        cueing: set[int] = set()
        modifying: dict[str, set[int]] = {}
        for match in matches:
            roles = {role for role, _ in match.entries}
            found_cues = [
                FoundCue(match.start, match.end, cues[int(number)])
                for role, number in match.entries
                if role == "cue" and (match.end == last or not cues[int(number)].final)
            ]
            span = range(match.start, match.end)
            if roles & {"finding", "exclusion", "anatomy", "predicate"} and naming.isdisjoint(span):
                naming.update(span)
                self._add_named(match)
            if (found_cues or "pseudo" in roles) and cueing.isdisjoint(span):
                cueing.update(span)
                self.cues += found_cues
            if "terminator" in roles:
                terminators.append(match)
            for role, value in match.entries:
                if role in MODIFIERS:
                    taken = modifying.setdefault(role, set())
                    if taken.isdisjoint(span):
                        taken.update(span)
                        found = self.modifiers.setdefault(role, [])
                        found.append((match.start, match.end, str(value)))
        inside = {token for match in self.findings for token in range(match.start, match.end)}
        self.cues = [c for c in self.cues if inside.isdisjoint(range(c.start, c.end))]
        held = {t for c in self.cues for t in range(c.start + 1, c.end)} | inside
        # A hedge reaches over the terminator right after it: «may be compatible with».
        hedged = {
            found.end
            for found in self.cues
            if found.cue.category == "uncertain" and found.cue.direction == "forward"
        }
        for match in terminators:
            if match.start in hedged:
                held.update(range(match.start, match.end))
        self.ends = {match.start for match in terminators} - held
        self.findings.sort(key=lambda match: match.start)
        self.anatomies.sort()
        self.predicates.sort()
        self.cues.sort(key=lambda found: found.start)
        for found in self.modifiers.values():
            found.sort()

    def _add_named(self, match: Match) -> None:
        if any(role == "finding" for role, _ in match.entries):
            self.findings.append(match)
        for role, value in match.entries:
            if role == "anatomy":
                self.anatomies.append(Term(match.start, match.end, str(value)))
            elif role == "predicate":
                self.predicates.append(Term(match.start, match.end, str(value)))

    def clauses(self, length: int) -> list[int]:
        """Return the number of the clause of each token."""
        clause, number, marks = [], 0, self.ends
        for token in range(length):
            number += token in marks
            clause.append(number)
        return clause
