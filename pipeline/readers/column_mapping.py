"""Which columns of a source mean what."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from pipeline.readers.source_error import SourceError, printable, shown_columns

BODY = "body"

OPTIONAL = ("patient_id", "exam_time", "site", "status")


@dataclass(frozen=True)
class ResolvedColumns:
    """The columns of one file: a field of None is not in it; `kinds` go with `text`."""

    exam_id: str
    text: tuple[str, ...]
    kinds: tuple[str, ...]
    patient_id: str | None
    exam_time: str | None
    site: str | None
    status: str | None

    @property
    def names(self) -> tuple[str, ...]:
        """Every column that is read, once, the exam's id first."""
        optional = (getattr(self, field) for field in OPTIONAL)
        return tuple(dict.fromkeys([self.exam_id, *self.text, *(c for c in optional if c)]))


@dataclass(frozen=True)
class ColumnMapping:
    """The columns of a report source.

    Parameters
    ----------
    exam_id
        Column of the exam (accession number).
    text
        Column of the text, or one column a section, in order. A column named for a section
        (findings, history ...) becomes a section of that kind, any other one of kind body.
    patient_id, exam_time, site, status
        Column of the patient, of the exam's time, of the site, and of the report's status. None
        takes the column of that very name if the source has one; a column that is named must be
        there.
    """

    exam_id: str = "exam_id"
    text: tuple[str, ...] = ("text",)
    patient_id: str | None = None
    exam_time: str | None = None
    site: str | None = None
    status: str | None = None

    def resolve(self, columns: Sequence[str], path: Path) -> ResolvedColumns:
        """Find the mapped columns among `columns` of the file `path`.

        Raises
        ------
        SourceError
            If a column that is needed or named is missing or there twice.
        """
        require_column(columns, self.exam_id, path, "--id-column or reports.exam_id")
        for column in self.text:
            require_column(columns, column, path, "--text-column or reports.text")
        found: dict[str, str | None] = {}
        for field in OPTIONAL:
            named: str | None = getattr(self, field)
            if named is not None:
                require_column(columns, named, path, f"reports.{field}")
            found[field] = named or (field if field in columns else None)
        return ResolvedColumns(
            exam_id=self.exam_id,
            text=tuple(self.text),
            kinds=tuple(section_kind(column) for column in self.text),
            **found,
        )


def section_kind(column: str) -> str:
    """Return the kind of section that a column of this name holds (`section_columns.yaml`)."""
    name = column.strip().lower().replace(" ", "_").replace("-", "_")
    return _section_columns().get(name, BODY)


@cache
def _section_columns() -> dict[str, str]:
    import yaml

    return yaml.safe_load((Path(__file__).parent / "section_columns.yaml").read_text())


def require_column(
    columns: Sequence[str], column: str, path: Path, setting: str | None = None
) -> None:
    """Raise `SourceError` unless `columns` of the file `path` hold `column` exactly once.

    `setting` names what tells RadSim another name for the column.
    """
    count = list(columns).count(column)
    if count == 1:
        return
    name = printable(path)
    if count > 1:
        raise SourceError(
            f"{name}: column '{printable(column)}' is there {count} times; rename one"
        )
    advice = f"name the right one with {setting}" if setting else "check the format of the file"
    for separator, word in (("\t", "tabs"), (";", "semicolons"), ("|", "bars")):
        if len(columns) == 1 and separator in columns[0]:
            advice = f"it seems to be separated by {word}: use csv (commas) or tsv (tabs)"
            columns = columns[0].split(separator)
    raise SourceError(
        f"{name}: no column '{printable(column)}'; {shown_columns(columns)}; {advice}"
    )
