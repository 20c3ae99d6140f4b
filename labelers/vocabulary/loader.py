"""The vocabulary: findings with their hierarchy and phrases, cues, modifiers, section headings."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from labelers.vocabulary.cue_terms import Cue, read_cues
from labelers.vocabulary.echoes import Echoes, read_echoes
from labelers.vocabulary.extension import extend, read_additions
from labelers.vocabulary.located_yaml import Mapping, Text, VocabularyError, place_of, read
from labelers.vocabulary.modifier_terms import MODIFIERS, read_modifiers, read_words
from labelers.vocabulary.patterns import expand

PRIORITIES = ("critical", "urgent", "non_urgent", "normal")
ASSERTIONS = ("present", "absent", "uncertain", "historical", "hypothetical", "resolved")
FILES = ("findings", "cues", "grammar", "modifiers", "sections", "echoes")
GRAMMAR = ("restart", "seen", "choice", "plural", "copula", "joining", "bridge")

# What a phrase stands for: a role and its value (a finding id, an anatomy name, a cue number ...).
Entry = tuple[str, str | int]


@dataclass(frozen=True)
class Finding:
    """One finding of the vocabulary.

    Attributes
    ----------
    id, name
        Its identifier in tables and its name for readers.
    parents
        Ids of the more general findings: each is positive whenever this one is.
    priority
        Reporting priority: critical, urgent, non_urgent or normal.
    device
        A device or surgical material: never an abnormality of the patient.
    normal
        A statement of normality; `excludes` are the findings it negates.
    umbrella
        A negation of this finding says nothing of the findings under it.
    persists
        «Old» and «healed» do not take it away: a scar, a healed fracture, a calcified granuloma.
    """

    id: str
    name: str
    parents: tuple[str, ...] = ()
    priority: str = "non_urgent"
    device: bool = False
    normal: bool = False
    umbrella: bool = False
    persists: bool = False
    excludes: tuple[str, ...] = ()


@dataclass(frozen=True)
class Rule:
    """An anatomy with a predicate («heart … enlarged») names a finding, with an assertion."""

    anatomy: str
    predicate: str
    finding: str
    assertion: str


@dataclass(frozen=True)
class RunOn:
    """How a section that gives no labels is told from findings without a heading.

    Attributes
    ----------
    kinds
        Section kinds that findings may follow without a heading.
    organs, says
        Words of which a sentence of findings has one each.
    """

    kinds: frozenset[str]
    organs: frozenset[str]
    says: frozenset[str]


@dataclass(frozen=True)
class Vocabulary:
    """What the labeler knows, as plain data.

    Attributes
    ----------
    findings
        In the order of the labels table's columns.
    phrases
        Folded phrase to what it stands for.
    rules
        Anatomy-with-predicate rules.
    cues
        The cues that the `cue` entries of `phrases` number.
    grammar
        Part to its small words, as grammar.yaml describes them.
    modifier_words
        Part to the small words that modifiers.yaml lists for it.
    midline
        Ids of the findings that have neither side nor place.
    echoes
        Whole sentences that speak of the finding in the sentence before them.
    headings
        Folded section heading to section kind.
    context_kinds
        Section kinds that give no labels (indication, comparison, technique …).
    run_on
        How findings without a heading are found after such a section.
    hash
        SHA-256 (hex) over the canonical content of every data file and NegEx's terms.
    """

    findings: tuple[Finding, ...]
    phrases: dict[str, tuple[Entry, ...]]
    rules: tuple[Rule, ...]
    cues: tuple[Cue, ...]
    grammar: dict[str, frozenset[str]]
    modifier_words: dict[str, frozenset[str]]
    midline: frozenset[str]
    echoes: Echoes
    headings: dict[str, str]
    context_kinds: frozenset[str]
    run_on: RunOn
    hash: str

    @cached_property
    def finding_ids(self) -> tuple[str, ...]:
        """The ids in column order."""
        return tuple(finding.id for finding in self.findings)

    @cached_property
    def by_id(self) -> dict[str, Finding]:
        """The findings by id."""
        return {finding.id: finding for finding in self.findings}

    def ancestors(self, finding: str) -> tuple[str, ...]:
        """Return the ids above a finding, nearest first; raise `KeyError` for an unknown id."""
        above: list[str] = []
        queue = list(self.by_id[finding].parents)
        while queue:
            parent = queue.pop(0)
            if parent not in above:
                above.append(parent)
                queue += self.by_id[parent].parents
        return tuple(above)

    def descendants(self, finding: str) -> tuple[str, ...]:
        """Return the ids under a finding, in column order."""
        if finding not in self.by_id:
            raise KeyError(finding)
        return tuple(f.id for f in self.findings if finding in self.ancestors(f.id))


def load_vocabulary(
    folder: str | Path | None = None, *, site: str | Path | None = None
) -> Vocabulary:
    """Load and check a vocabulary folder; by default the one that comes with the package.

    Parameters
    ----------
    folder
        Holds findings.yaml, cues.yaml, grammar.yaml, modifiers.yaml, sections.yaml and echoes.yaml.
    site
        A folder with some of these files, which add to those of `folder` (`extension.py`).

    Raises
    ------
    VocabularyError
        At the first mistake, named by file and line.
    """
    home = Path(folder) if folder is not None else Path(__file__).parent
    files = {n: read(home / f"{n}.yaml") for n in FILES}
    if site is not None:
        for name, added in read_additions(Path(site), FILES).items():
            files[name] = extend(files[name], added)
    phrases = _Phrases()
    findings = _read_findings(files["findings"], phrases)
    rules = _read_rules(files["findings"], findings, phrases)
    cues, negex_terms = read_cues(files["cues"], phrases)
    modifier_words, midline = read_modifiers(
        files["modifiers"], {finding.id for finding in findings}, phrases
    )
    headings, context_kinds, run_on = _read_sections(files["sections"])
    content = json.dumps([files, negex_terms], sort_keys=True, ensure_ascii=False)
    return Vocabulary(
        findings=findings,
        phrases={phrase: tuple(entries) for phrase, entries in phrases.items()},
        rules=rules,
        cues=cues,
        grammar=read_words(files["grammar"], GRAMMAR),
        modifier_words=modifier_words,
        midline=midline,
        echoes=read_echoes(files["echoes"], {*files["modifiers"].mapping("change"), "resolved"}),
        headings=headings,
        context_kinds=context_kinds,
        run_on=run_on,
        hash=hashlib.sha256(content.encode()).hexdigest(),
    )


class _Phrases(dict[str, list[Entry]]):
    """What each phrase stands for, and where the pattern that first says so stands."""

    def __init__(self) -> None:
        super().__init__()
        self.places: dict[tuple[str, Entry], str] = {}


def _add(phrases: _Phrases, phrase: str, entry: Entry, pattern: Text) -> None:
    entries = phrases.setdefault(phrase, [])
    role, value = entry
    for other_role, other in entries:
        if {role, other_role} <= {"finding", "exclusion"} and (role, value) != (other_role, other):
            raise VocabularyError(
                f"{place_of(pattern)}: '{phrase}' already stands for {other_role} '{other}' "
                f"({phrases.places[phrase, (other_role, other)]})"
            )
    if entry not in entries:
        phrases.places[phrase, entry] = place_of(pattern)
        entries.append(entry)


def _read_findings(file: Mapping, phrases: _Phrases) -> tuple[Finding, ...]:
    file.allow("terms", "findings", "anatomy", "predicates", "rules")
    terms = {str(name): str(value) for name, value in file.mapping("terms").items()}
    entries = file.mappings("findings")
    ids: set[str] = set()
    for entry in entries:
        identifier = entry.text("id")
        if not identifier.isidentifier() or identifier != identifier.lower():
            raise VocabularyError(f"{identifier.place}: id '{identifier}' is not snake_case")
        if identifier in ids:
            raise VocabularyError(f"{identifier.place}: finding '{identifier}' appears twice")
        ids.add(identifier)
    findings = []
    for entry in entries:
        entry.allow(
            *("id", "name", "parents", "priority", "phrases", "exclusions", "excludes"),
            *("device", "normal", "umbrella", "persists"),
        )
        findings.append(_read_finding(entry, ids))
        for pattern in entry.texts("phrases"):
            for phrase in expand(pattern, terms):
                _add(phrases, phrase, ("finding", str(entry["id"])), pattern)
        for pattern in entry.texts("exclusions"):
            for phrase in expand(pattern, terms):
                _add(phrases, phrase, ("exclusion", ""), pattern)
    _check_hierarchy(findings, entries)
    return tuple(findings)


def _read_finding(entry: Mapping, ids: set[str]) -> Finding:
    for key in ("parents", "excludes"):
        for other in entry.texts(key):
            if other not in ids:
                raise VocabularyError(f"{other.place}: unknown finding '{other}' in {key}")
    priority = entry.text("priority", "non_urgent")
    if priority not in PRIORITIES:
        raise VocabularyError(f"{priority.place}: priority must be one of {', '.join(PRIORITIES)}")
    return Finding(
        id=str(entry.text("id")),
        name=str(entry.text("name")),
        parents=tuple(map(str, entry.texts("parents"))),
        priority=str(priority),
        device=entry.flag("device"),
        normal=entry.flag("normal"),
        umbrella=entry.flag("umbrella"),
        persists=entry.flag("persists"),
        excludes=tuple(map(str, entry.texts("excludes"))),
    )


def _check_hierarchy(findings: Sequence[Finding], entries: Sequence[Mapping]) -> None:
    parents = {finding.id: finding.parents for finding in findings}
    for finding, entry in zip(findings, entries, strict=True):
        seen: set[str] = set()
        queue = list(finding.parents)
        while queue:
            parent = queue.pop()
            if parent == finding.id:
                raise VocabularyError(f"{entry.place}: '{finding.id}' is its own ancestor")
            if parent not in seen:
                seen.add(parent)
                queue += parents[parent]


def _read_rules(
    file: Mapping, findings: tuple[Finding, ...], phrases: _Phrases
) -> tuple[Rule, ...]:
    terms = {str(name): str(value) for name, value in file.mapping("terms").items()}
    ids = {finding.id for finding in findings}
    known: dict[str, Mapping] = {}
    for role, key in (("anatomy", "anatomy"), ("predicate", "predicates")):
        known[role] = file.mapping(key)
        for name in known[role]:
            for pattern in known[role].texts(name):
                for phrase in expand(pattern, terms):
                    _add(phrases, phrase, (role, str(name)), pattern)
    rules = []
    for entry in file.mappings("rules"):
        entry.allow("anatomy", "predicate", "finding", "assertion")
        predicate, finding = entry.text("predicate"), entry.text("finding")
        assertion = entry.text("assertion", "present")
        if predicate not in known["predicate"]:
            raise VocabularyError(f"{predicate.place}: unknown predicate '{predicate}'")
        if finding not in ids:
            raise VocabularyError(f"{finding.place}: unknown finding '{finding}'")
        if assertion not in ASSERTIONS:
            raise VocabularyError(f"{assertion.place}: unknown assertion '{assertion}'")
        for anatomy in entry.texts("anatomy"):
            if anatomy not in known["anatomy"]:
                raise VocabularyError(f"{anatomy.place}: unknown anatomy '{anatomy}'")
            rules.append(Rule(str(anatomy), str(predicate), str(finding), str(assertion)))
    return tuple(rules)


def _read_sections(file: Mapping) -> tuple[dict[str, str], frozenset[str], RunOn]:
    file.allow("context", "run_on", "headings")
    kinds = file.mapping("headings")
    headings: dict[str, str] = {}
    places: dict[str, str] = {}
    for kind in kinds:
        for pattern in kinds.texts(kind):
            for phrase in expand(pattern):
                if headings.setdefault(phrase, str(kind)) != kind:
                    raise VocabularyError(
                        f"{place_of(pattern)}: heading '{phrase}' is also {headings[phrase]} "
                        f"({places[phrase]})"
                    )
                places.setdefault(phrase, place_of(pattern))
    for kind in file.texts("context"):
        if kind not in kinds:
            raise VocabularyError(f"{kind.place}: unknown section kind '{kind}'")
    words = file.mapping("run_on")
    words.allow("kinds", "organs", "says")
    run_on = RunOn(*(frozenset(map(str, words.texts(k))) for k in ("kinds", "organs", "says")))
    return headings, frozenset(map(str, file.texts("context"))), run_on


__all__ = [
    "ASSERTIONS",
    "MODIFIERS",
    "PRIORITIES",
    "Entry",
    "Finding",
    "Rule",
    "Vocabulary",
    "load_vocabulary",
]
