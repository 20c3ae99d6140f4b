"""Which column of a gold file means which class of the labels.

A YAML file::

    scheme: nih14                       # optional: the scheme whose classes are meant
    leave_out: {no_indexing: 1}         # optional: exams where a gold column has this value
    classes:
      normal: No_Finding                # gold column: class of the labels
      Hernia: [hernia, hiatal_hernia]   # gold column: union of classes or findings

Without a `classes` every other entry of the file is one of its entries. Or a CSV file with the
columns `gold` and `class`, several rows of one gold column being a union.
"""

import csv
from dataclasses import dataclass, field
from pathlib import Path

from labelers.vocabulary.located_yaml import Mapping, Sequence, Text, VocabularyError, read
from pipeline.readers.delimited_rows import delimiter_of
from pipeline.readers.source_error import SourceError, printable, source_errors

_SETTINGS = ("scheme", "leave_out")


@dataclass(frozen=True)
class GoldMap:
    """A map; every name is a `Text` that knows its file and line.

    Attributes
    ----------
    classes
        Gold column -> the classes or findings whose union it is.
    leave_out
        Gold column -> the value of it with which an exam is not scored.
    scheme
        The label scheme whose classes are meant, if the map names one.
    """

    classes: dict[Text, tuple[Text, ...]] = field(default_factory=dict)
    leave_out: dict[Text, Text] = field(default_factory=dict)
    scheme: Text | None = None


def read_gold_map(path: Path) -> GoldMap:
    """Read a map.

    Raises
    ------
    SourceError
        The file cannot be read, or a CSV file has a mistake (with its line).
    VocabularyError
        A YAML file has a mistake (with its line).
    """
    with source_errors(path):
        try:
            path.open("rb").close()
            if path.suffix.lower() in (".yaml", ".yml"):
                return _read_yaml(path)
            return _read_csv(path)
        except UnicodeDecodeError:
            raise SourceError(f"{printable(path)}: is not UTF-8; save it as UTF-8") from None


def _read_yaml(path: Path) -> GoldMap:
    file = read(path)
    if "classes" in file:
        file.allow(*_SETTINGS, "classes")
        entries = file.mapping("classes")
    else:
        entries = Mapping(file.place)
        entries.update({name: value for name, value in file.items() if name not in _SETTINGS})
    if not entries:
        raise VocabularyError(f"{file.place}: the map names no class")
    classes: dict[Text, tuple[Text, ...]] = {}
    for name, value in entries.items():
        assert isinstance(name, Text)
        targets = entries.texts(name) if isinstance(value, Sequence) else [entries.text(name)]
        if not targets or not all(targets):
            raise VocabularyError(f"{name.place}: '{name}' names no class of the labels")
        classes[name] = tuple(targets)
    conditions = file.mapping("leave_out")
    leave_out = {name: conditions.text(name) for name in conditions if isinstance(name, Text)}
    return GoldMap(classes, leave_out, file.text("scheme") if "scheme" in file else None)


def _read_csv(path: Path) -> GoldMap:
    name = printable(path.name)
    classes: dict[Text, tuple[Text, ...]] = {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        rows = csv.reader(file, delimiter=delimiter_of(path))
        header = [cell.strip() for cell in next(rows, [])]
        if header != ["gold", "class"]:
            raise SourceError(f"{name}, line 1: a map in CSV has the columns gold and class")
        for row in rows:
            cells = [Text(cell.strip(), f"{name}, line {rows.line_num}") for cell in row]
            if not any(cells):
                continue
            if len(cells) != 2 or not all(cells):
                raise SourceError(
                    f"{name}, line {rows.line_num}: a row of a map has a gold column and a class"
                )
            classes[cells[0]] = (*classes.get(cells[0], ()), cells[1])
    if not classes:
        raise SourceError(f"{name}: the map names no class")
    return GoldMap(classes)
