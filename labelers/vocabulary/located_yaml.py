"""YAML whose values remember their line, so that a mistake can be named by file and line."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import yaml

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


class VocabularyError(ValueError):
    """A mistake in a vocabulary file; the message names file, line and what to do."""


class Text(str):
    """A YAML scalar as written, with its file and line (counted from 1)."""

    place: str

    def __new__(cls, value: str, place: str) -> "Text":
        """Make a scalar read at `place`."""
        text = super().__new__(cls, value)
        text.place = place
        return text


class Sequence(list[Any]):
    """A YAML sequence with its file and line."""

    def __init__(self, values: Iterable[Any], place: str) -> None:
        super().__init__(values)
        self.place = place


class Mapping(dict[str, Any]):
    """A YAML mapping with its file and line; its readers check type and presence."""

    def __init__(self, place: str) -> None:
        super().__init__()
        self.place = place

    def allow(self, *keys: str) -> None:
        """Raise `VocabularyError` for a key that is not one of `keys`."""
        for key in self:
            if key not in keys:
                raise VocabularyError(
                    f"{place_of(key)}: unknown key '{key}'; expected one of {', '.join(keys)}"
                )

    def text(self, key: str, default: str | None = None) -> Text:
        """Return a scalar; raise if it is missing and has no default, or is not a scalar."""
        value = self.get(key)
        if value is None and default is not None:
            return Text(default, self.place)
        if value is None:
            raise VocabularyError(f"{self.place}: '{key}' is missing")
        if not isinstance(value, Text):
            raise VocabularyError(f"{value.place}: '{key}' must be a single value")
        return value

    def flag(self, key: str) -> bool:
        """Return a true/false value, false if absent."""
        value = self.text(key, "false")
        if value not in ("true", "false"):
            raise VocabularyError(f"{value.place}: '{key}' must be true or false, not '{value}'")
        return value == "true"

    def texts(self, key: str) -> list[Text]:
        """Return a sequence of scalars, empty if absent."""
        value = self.get(key)
        if value is None:
            return []
        if not isinstance(value, Sequence) or not all(isinstance(v, Text) for v in value):
            raise VocabularyError(f"{value.place}: '{key}' must be a list of single values")
        return list(value)

    def mapping(self, key: str) -> "Mapping":
        """Return a mapping, empty if absent."""
        value = self.get(key)
        if value is None:
            return Mapping(self.place)
        if not isinstance(value, Mapping):
            raise VocabularyError(f"{value.place}: '{key}' must be a mapping")
        return value

    def mappings(self, key: str) -> list["Mapping"]:
        """Return a sequence of mappings, empty if absent."""
        value = self.get(key)
        if value is None:
            return []
        if not isinstance(value, Sequence) or not all(isinstance(v, Mapping) for v in value):
            raise VocabularyError(f"{value.place}: '{key}' must be a list of mappings")
        return list(value)


def place_of(value: Any) -> str:
    """Return «file, line n» of a located value."""
    return str(getattr(value, "place", "unknown place"))


def read(path: Path, shown: str | None = None) -> Mapping:
    """Read a YAML file whose top is a mapping; messages call it `shown`, by default by its name.

    Raises
    ------
    VocabularyError
        If the file is missing, is not YAML, repeats a key, or its top is not a mapping.
    """
    name = shown or path.name
    try:
        node = yaml.compose(path.read_text(encoding="utf-8"), Loader=_Loader)
    except OSError as error:
        raise VocabularyError(f"{path}: cannot be read ({error.strerror})") from None
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise VocabularyError(f"{name}, line {line}: not YAML ({error.problem})") from None
    value = _located(node, name)
    if not isinstance(value, Mapping):
        raise VocabularyError(f"{name}, line 1: the file must be a mapping")
    return value


def _located(node: Any, name: str) -> Any:
    if node is None:
        return None
    place = f"{name}, line {node.start_mark.line + 1}"
    if isinstance(node, yaml.ScalarNode):
        return Text(node.value, place)
    if isinstance(node, yaml.SequenceNode):
        return Sequence((_located(item, name) for item in node.value), place)
    mapping = Mapping(place)
    for key_node, value_node in node.value:
        key = _located(key_node, name)
        if not isinstance(key, Text):
            raise VocabularyError(f"{place}: a key must be a single value")
        if key in mapping:
            raise VocabularyError(f"{key.place}: '{key}' appears twice")
        mapping[key] = _located(value_node, name)
    return mapping
