"""Human codes of an exam read as label states of a scheme.

The mapping is a YAML file with the fields `coding` (which coding of the gold table is read),
`not_coded` (codes that say an exam was not coded) and `classes` (class -> entries). An entry is a
heading, or a heading with qualifiers, ``Thickening/pleura``.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import yaml

from pipeline.user_error import UserError

_FIELDS = ("coding", "not_coded", "classes")

# One entry of the mapping: the heading, and the qualifiers a code must have; all in lower case.
Entry = tuple[str, frozenset[str]]


@dataclass(frozen=True)
class GoldCoding:
    """Which human codes mean which classes.

    Attributes
    ----------
    coding
        The coding that is read, as the gold table names it.
    not_coded
        Entries of codes that say that nobody coded the exam.
    classes
        Class -> entries, any of which makes it positive.
    """

    coding: str
    not_coded: tuple[Entry, ...]
    classes: dict[str, tuple[Entry, ...]]

    def states(self, gold: pa.Table) -> pa.Table:
        """Read codes as states.

        Parameters
        ----------
        gold
            Columns `exam_id`, `coding` and `code`, one row a code, in any order.

        Returns
        -------
        One row for each exam with codes of `coding`, in order of `exam_id`: `exam_id`, and one
        int8 column a class: 1 where a code says it, else 0. Exams that were not coded are left
        out.
        """
        rows = np.flatnonzero(_texts(gold, "coding") == self.coding)
        exams, exam_of = np.unique(_texts(gold, "exam_id")[rows], return_inverse=True)
        codes, code_of = np.unique(_texts(gold, "code")[rows], return_inverse=True)
        parsed = [parse_code(code) for code in codes]

        def said(entries: tuple[Entry, ...]) -> np.ndarray:
            meant = np.array([matches(code, entries) for code in parsed], dtype=bool)
            found = np.zeros(len(exams), dtype=np.int8)
            found[exam_of[meant[code_of]]] = 1
            return found

        coded = said(self.not_coded) == 0
        columns = {name: said(entries)[coded] for name, entries in self.classes.items()}
        return pa.table({"exam_id": pa.array(exams[coded], pa.string()), **columns})


def parse_code(code: str) -> Entry:
    """Split a code into its heading and its set of qualifiers, in lower case."""
    heading, *qualifiers = (part.strip().lower() for part in code.split("/"))
    return heading, frozenset(qualifiers)


def matches(code: Entry, entries: tuple[Entry, ...]) -> bool:
    """Tell whether a code has an entry's heading and all its qualifiers, for any entry."""
    heading, qualifiers = code
    return any(heading == entry and needed <= qualifiers for entry, needed in entries)


def load_gold_coding(path: Path) -> GoldCoding:
    """Read a mapping from human codes to classes.

    Raises
    ------
    UserError
        The file cannot be read, is no YAML, or lacks or misspells a field.
    """
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise UserError(f"{path}: the gold coding cannot be read ({error.strerror})") from None
    except UnicodeDecodeError:
        raise UserError(f"{path}: the gold coding is not UTF-8 text") from None
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark else ""
        raise UserError(f"{path}{place}: the gold coding is not valid YAML") from None
    if not isinstance(content, dict) or set(content) != set(_FIELDS):
        raise UserError(f"{path}: a gold coding has the fields {', '.join(_FIELDS)} and no others")
    coding, classes = content["coding"], content["classes"]
    if not isinstance(coding, str) or not coding:
        raise UserError(f"{path}: `coding` must name a coding of the gold table")
    if not isinstance(classes, dict) or not classes:
        raise UserError(f"{path}: `classes` must map each class to its codes")
    if not all(isinstance(name, str) for name in classes) or "exam_id" in classes:
        raise UserError(f"{path}: `classes` holds a name that is no class name")
    return GoldCoding(
        coding,
        _entries(path, "not_coded", content["not_coded"] or []),
        {name: _entries(path, name, codes) for name, codes in classes.items()},
    )


def _entries(path: Path, name: str, codes: Any) -> tuple[Entry, ...]:
    good = isinstance(codes, list) and all(isinstance(code, str) and code for code in codes)
    if not good or (not codes and name != "not_coded"):
        raise UserError(f"{path}: `{name}` must be a list of codes")
    return tuple(parse_code(code) for code in codes)


def _texts(table: pa.Table, column: str) -> np.ndarray:
    return np.asarray(table[column].to_pylist(), dtype=object)
