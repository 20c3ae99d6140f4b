"""The findings, cues and section headings as data, and the loader that checks them."""

from labelers.vocabulary.located_yaml import VocabularyError
from labelers.vocabulary.loader import Vocabulary, load_vocabulary

__all__ = ["Vocabulary", "VocabularyError", "load_vocabulary"]
