"""Chest-radiograph report text to labels: sections, mentions, assertions, report-level states.

Nothing is imported until a name is asked for, so `import labelers` costs nothing; spaCy is loaded
by the first report that is labelled.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labelers.rule_labeler import LabelledReports, Labelling, Mention, RuleLabeler
    from labelers.schemes import Scheme, load_scheme, scheme_names
    from labelers.vocabulary import Vocabulary, VocabularyError, load_vocabulary

__all__ = [
    "LabelledReports",
    "Labelling",
    "Mention",
    "RuleLabeler",
    "Scheme",
    "Vocabulary",
    "VocabularyError",
    "load_scheme",
    "load_vocabulary",
    "scheme_names",
]

_HOMES = {
    "LabelledReports": "labelers.rule_labeler",
    "Labelling": "labelers.rule_labeler",
    "Mention": "labelers.rule_labeler",
    "RuleLabeler": "labelers.rule_labeler",
    "Scheme": "labelers.schemes",
    "load_scheme": "labelers.schemes",
    "scheme_names": "labelers.schemes",
    "Vocabulary": "labelers.vocabulary",
    "VocabularyError": "labelers.vocabulary",
    "load_vocabulary": "labelers.vocabulary",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'labelers' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
