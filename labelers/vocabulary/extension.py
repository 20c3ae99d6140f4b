"""A site's own folder, whose YAML files add to those of the package.

Each file of the folder has the name and form of the package's (findings.yaml, cues.yaml ...) and
holds only what is added or changed:

- lists grow: phrases, exclusions, cues, rules, headings, and any other list;
- a finding whose id is known adds its lists to that finding, and replaces its other values (name,
  priority ...); one whose id is not known is a new finding, in the last column of the labels table;
- a single value (a named set of `terms`) is replaced.

What comes out is checked as the package's files are, and a mistake is named with the folder, file
and line in which it stands.
"""

from pathlib import Path
from typing import Any

from labelers.vocabulary.located_yaml import (
    Mapping,
    Sequence,
    Text,
    VocabularyError,
    place_of,
    read,
)


def read_additions(folder: Path, names: tuple[str, ...]) -> dict[str, Mapping]:
    """Return the files of a site's folder by name, without ending; each may be missing.

    Raises
    ------
    VocabularyError
        If there is no such folder, it holds none of the files, or a YAML file of another name.
    """
    known = ", ".join(f"{name}.yaml" for name in names)
    if not folder.is_dir():
        raise VocabularyError(f"{folder}: no such folder; it should hold some of {known}")
    files = sorted(path for path in folder.iterdir() if path.suffix in {".yaml", ".yml"})
    for path in files:
        if path.suffix != ".yaml" or path.stem not in names:
            raise VocabularyError(f"{path}: not a file of a vocabulary; they are {known}")
    if not files:
        raise VocabularyError(f"{folder}: holds none of {known}")
    return {path.stem: read(path, str(path)) for path in files}


def extend(known: Mapping, added: Mapping) -> Mapping:
    """Return `known` with what `added` holds; both stay as they are.

    Raises
    ------
    VocabularyError
        If a value of `added` is of another kind than the one it is added to.
    """
    result = Mapping(known.place)
    result.update(known)
    for key, value in added.items():
        result[key] = _joined(result[key], value, key) if key in result else value
    return result


def _joined(known: Any, added: Any, key: str) -> Any:
    if known is None or added is None:
        return known if added is None else added
    if isinstance(known, Mapping) and isinstance(added, Mapping):
        return extend(known, added)
    if isinstance(known, Sequence) and isinstance(added, Sequence):
        return _grown(known, added)
    if isinstance(known, Text) and isinstance(added, Text):
        return added
    kind = "a single value"
    if not isinstance(known, Text):
        kind = "a mapping" if isinstance(known, Mapping) else "a list"
    raise VocabularyError(f"{place_of(added)}: '{key}' must be {kind}")


def _grown(known: Sequence, added: Sequence) -> Sequence:
    items = list(known)
    at = {
        str(item["id"]): number
        for number, item in enumerate(items)
        if isinstance(item, Mapping) and "id" in item
    }
    once: set[str] = set()
    for item in added:
        identifier = str(item.get("id")) if isinstance(item, Mapping) else None
        if identifier in at and identifier not in once:
            once.add(identifier)
            items[at[identifier]] = extend(items[at[identifier]], item)
        elif not (isinstance(item, Text) and item in items):
            items.append(item)
    return Sequence(items, known.place)
