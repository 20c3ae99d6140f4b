"""The settings a command asks for: a file, and values given on the command line."""

import json
import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipeline.user_error import UserError

if TYPE_CHECKING:
    from pipeline.settings import Settings

DEFAULT_FILE = Path("radsim.toml")


@dataclass(frozen=True)
class SettingsRequest:
    """Where settings come from.

    Attributes
    ----------
    config
        The settings file, None for none.
    assignments
        (``section.name``, value) in the order given; a later one wins.
    """

    config: Path | None
    assignments: tuple[tuple[str, Any], ...] = ()

    def load(self) -> "Settings":
        """Return the settings.

        Raises
        ------
        UserError
            The file is missing or wrong, or a value does not suit its setting.
        """
        # Here, because pydantic would double the time of `radsim --help`.
        from pipeline.settings_file import load_settings

        overrides: dict[str, Any] = {}
        for name, value in self.assignments:
            *sections, last = name.split(".")
            place = overrides
            for section in sections:
                place = place.setdefault(section, {})
            place[last] = value
        return load_settings(self.config, overrides)

    def arguments(self, *, to_show: bool = True) -> list[str]:
        """Return the command line's words that ask for the same settings again.

        Options of an object store may be secrets: their values are left out, unless the words are
        to be run and not shown.
        """
        words = [] if self.config is None else ["--config", str(self.config)]
        for name, value in self.assignments:
            secret = to_show and name.startswith("lake.storage_options")
            words += ["--set", f"{name}={'...' if secret else _as_toml(value)}"]
        return words


def settings_request(
    config: Path | None,
    lake: str | None = None,
    assignments: Iterable[str] | None = None,
    flags: dict[str, Any] | None = None,
) -> SettingsRequest:
    """Return the request of a command's options.

    `config` defaults to ``radsim.toml`` of the working folder if there is one. `assignments` are
    ``section.name=value``; `flags` maps ``section.name`` to the value of an option of its own,
    None where it was not given, and wins over an assignment.

    Raises
    ------
    UserError
        An assignment is not of that form.
    """
    if config is None and DEFAULT_FILE.is_file():
        config = DEFAULT_FILE
    given = [parse_assignment(text) for text in assignments or ()]
    every_flag = {"lake.root": lake, **(flags or {})}
    given += [(name, value) for name, value in every_flag.items() if value not in (None, [])]
    return SettingsRequest(config, tuple(given))


def parse_assignment(text: str) -> tuple[str, Any]:
    """Return the name and value of ``section.name=value``.

    The value is read as TOML, so that numbers, truth values and lists keep their type; what is
    not TOML is a string.

    Raises
    ------
    UserError
        The text has another form.
    """
    name, equals, value = text.partition("=")
    name = name.strip()
    if not equals or "." not in name or not all(name.split(".")):
        raise UserError("--set takes section.name=value, such as --set train.seed=7")
    try:
        return name, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return name, value.strip()


def _as_toml(value: Any) -> str:
    """Return what `parse_assignment` reads as the value."""
    if isinstance(value, str) and parse_assignment(f"a.b={value}")[1] == value:
        return value
    # JSON writes truth values, numbers, strings and lists of them as TOML does.
    return json.dumps(value, ensure_ascii=False)
