"""One sentence to its mentions: phrases, anatomy with predicate, assertion, modifiers.

Everything here is decided inside the sentence, so the result can be kept per distinct sentence.
"""

from typing import NamedTuple

from labelers.assertion import Decision, Head, decide
from labelers.matching import PhraseFinder, Tokens
from labelers.modifiers import modifiers_of
from labelers.predicates import join, rule_table
from labelers.sentence_parts import SentenceParts
from labelers.vocabulary import Vocabulary


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


class SentenceReader:
    """Reads single sentences with a vocabulary; not picklable, cheap to make again."""

    def __init__(self, vocabulary: Vocabulary) -> None:
        self._vocabulary = vocabulary
        self._finder = PhraseFinder(vocabulary)
        self._rules = rule_table(vocabulary.rules)
        self._by_id = vocabulary.by_id
        self._midline = vocabulary.midline
        # What may be one of several diagnoses, as devices and statements of normality are not.
        self._choice = {f.id: not (f.device or f.normal) for f in vocabulary.findings}
        self._describes = {f.id: f.umbrella for f in vocabulary.findings}

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
        parts = SentenceParts(matches, tokens.words)
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

    def _named(self, tokens: Tokens, parts: SentenceParts, clause: list[int]) -> list[_Named]:
        named = []
        for match in parts.findings:
            start, end, meaning = match
            for name in meaning.findings:
                head = Head(start, end, start, self._choice[name], self._describes[name])
                named.append(_Named(start, end, head, name, "present"))
        if parts.anatomies and parts.predicates:
            joined = self._joined(tokens, parts, clause)
            # A joined mention covers a bare one of its predicate («T12 … collapse»).
            covered = {(one.head.start, one.head.end) for one in joined}
            named = [one for one in named if (one.start, one.end) not in covered] + joined
        if len(named) > 1:
            named.sort(key=lambda one: (one.head.start, one.start, one.finding))
        return named

    def _joined(self, tokens: Tokens, parts: SentenceParts, clause: list[int]) -> list[_Named]:
        """Return what anatomies with predicates name, once where two rules read the same words."""
        found: dict[_Named, None] = {}
        for anatomy, predicate, rule in join(
            tokens.words,
            parts.anatomies,
            parts.predicates,
            [match.start for match in parts.findings],
            clause,
            self._rules,
            self._vocabulary.grammar,
        ):
            start, end = min(anatomy.start, predicate.start), max(anatomy.end, predicate.end)
            subject = min(anatomy.start, predicate.start)
            head = Head(predicate.start, predicate.end, subject, self._choice[rule.finding])
            found[_Named(start, end, head, rule.finding, rule.assertion)] = None
        return list(found)
