"""The findings, cues and section headings as data, and the loader that checks them."""

from labelers.vocabulary.loader import Vocabulary, load_vocabulary
from labelers.vocabulary.located_yaml import VocabularyError

__all__ = ["Vocabulary", "VocabularyError", "load_vocabulary"]
