"""Read `radsim.toml`, name its mistakes by line, and write a commented example of it."""

import difflib
import os
import re
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, InitSettingsSource, PydanticBaseSettingsSource

from pipeline.settings import Settings
from pipeline.user_error import UserError

_VARIABLE = re.compile(r"\$\{(?P<name>\w+)(?::-(?P<default>[^}]*))?\}")


def load_settings(file: Path | None = None, overrides: Mapping[str, Any] | None = None) -> Settings:
    """Return the settings of a file, under the environment and the call's own values.

    A path written in the file is relative to the file's folder; ``${NAME}`` and
    ``${NAME:-default}`` in it stand for an environment variable, whose value is relative to the
    working folder, as in the shell. `overrides` maps section names to values, or is nested as the
    file is.

    Raises
    ------
    UserError
        The file is missing or not TOML, or holds an unknown key or a wrong value; the message
        names the line.
    """
    text = ""
    values: dict[str, Any] = {}
    if file is not None:
        text, values = _read(file)

    class SettingsOfFile(Settings):
        @classmethod
        def settings_customise_sources(
            cls,
            settings_cls: type[BaseSettings],
            init_settings: PydanticBaseSettingsSource,
            env_settings: PydanticBaseSettingsSource,
            dotenv_settings: PydanticBaseSettingsSource,
            file_secret_settings: PydanticBaseSettingsSource,
        ) -> tuple[PydanticBaseSettingsSource, ...]:
            return (init_settings, env_settings, InitSettingsSource(settings_cls, values))

    try:
        return SettingsOfFile(**(overrides or {}))
    except ValidationError as error:
        raise UserError(_explain(error, file, text)) from None


def example_settings() -> str:
    """Return a settings file that holds every setting at its default, commented."""
    lines = ["# Settings of RadSim. Paths are relative to this file's folder."]
    for section, field in Settings.model_fields.items():
        model = _section_model(field)
        summary = (model.__doc__ or "").strip().splitlines()[0]
        lines += ["", f"# {summary}", f"[{section}]"]
        for name, setting in model.model_fields.items():
            lines.append(f"# {setting.description}")
            default = setting.get_default(call_default_factory=True)
            lines.append(f"# {name} =" if default is None else f"{name} = {_toml(default)}")
    return "\n".join(lines) + "\n"


def _read(file: Path) -> tuple[str, dict[str, Any]]:
    try:
        text = file.read_text(encoding="utf-8")
        values = tomllib.loads(text)
    except FileNotFoundError:
        raise UserError(f"{file}: no such settings file; `radsim init` writes one") from None
    except UnicodeDecodeError:
        raise UserError(f"{file}: not UTF-8 text; save it as UTF-8") from None
    except OSError as error:
        raise UserError(f"{file}: cannot be read ({error.strerror})") from None
    except tomllib.TOMLDecodeError as error:
        raise UserError(f"{file}: not valid TOML: {error}") from None
    return text, _with_paths_resolved(values, file.resolve().parent)


def _with_paths_resolved(values: dict[str, Any], folder: Path) -> dict[str, Any]:
    """Expand variables and make the paths of a file absolute, by the types of the settings."""
    resolved: dict[str, Any] = {}
    for section, content in values.items():
        field = Settings.model_fields.get(section)
        if field is None or not isinstance(content, dict):
            resolved[section] = content
            continue
        fields = _section_model(field).model_fields
        resolved[section] = {
            name: _resolve(value, folder)
            if isinstance(value, str) and name in fields and _is_place(section, name, fields[name])
            else value
            for name, value in content.items()
        }
    return resolved


def _is_place(section: str, name: str, field: FieldInfo) -> bool:
    return (section, name) == ("lake", "root") or field.annotation in (
        Path,
        Path | None,
        Path | str | None,
    )


def _resolve(value: str, folder: Path) -> str:
    from_shell = False

    def replace(match: re.Match[str]) -> str:
        nonlocal from_shell
        given = os.environ.get(match["name"])
        if given:
            from_shell = from_shell or match.start() == 0
            return given
        if match["default"] is None:
            raise UserError(
                f"the settings name ${{{match['name']}}}, which is not set; set it or write "
                f"${{{match['name']}:-default}}"
            )
        return match["default"]

    expanded = _VARIABLE.sub(replace, value)
    if not expanded or "://" in expanded:
        return expanded
    return str((Path.cwd() if from_shell else folder) / Path(expanded).expanduser())


def _explain(error: ValidationError, file: Path | None, text: str) -> str:
    """Turn pydantic's complaint into one line a mistake, with the line of the file."""
    lines = []
    for mistake in error.errors(include_url=False, include_input=False):
        path = [str(part) for part in mistake["loc"]]
        place = f"[{path[0]}]" + (f" {'.'.join(path[1:])}" if len(path) > 1 else "")
        number = _line_of(text, path)
        where = f"{file} line {number}: " if number else ""
        if mistake["type"] == "extra_forbidden":
            guess = difflib.get_close_matches(path[-1], _known(path[:-1]), n=1)
            hint = f"; did you mean {guess[0]!r}?" if guess else ""
            lines.append(f"{where}{place} is not a setting{hint}")
        else:
            lines.append(f"{where}{place}: {mistake['msg'].removeprefix('Value error, ')}")
    return "\n".join(lines)


def _known(path: list[str]) -> list[str]:
    if not path:
        return list(Settings.model_fields)
    field = Settings.model_fields.get(path[0])
    return list(_section_model(field).model_fields) if field else []


def _line_of(text: str, path: list[str]) -> int:
    """Return the line of the file where a setting stands, 0 where it does not."""
    section = ""
    for number, line in enumerate(text.splitlines(), start=1):
        stripped = line.strip()
        if stripped.startswith("["):
            section = stripped.strip("[]").strip().split(".")[0]
            if [section] == path:
                return number
        elif section == path[0] and len(path) > 1 and re.match(rf"{path[1]}\s*[=.]", stripped):
            return number
    return 0


def _section_model(field: FieldInfo) -> type[BaseModel]:
    annotation = field.annotation
    assert isinstance(annotation, type)
    assert issubclass(annotation, BaseModel)
    return annotation


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"')
        return f'"{escaped}"'
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + " }"
    return str(value)
