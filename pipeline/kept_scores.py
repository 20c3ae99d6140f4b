"""Scores of a lake's labels that `radsim score` keeps for the dashboard: figures, never text."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pipeline.lake import Lake
from pipeline.user_error import UserError

FOLDER = "scores"


def keep_score(lake: Lake, record: dict[str, Any]) -> Path:
    """Write a score (`Score.record`) into the lake's state folder and return the file.

    Of the gold file only its name is kept, not where it lies.

    Raises
    ------
    UserError
        The folder cannot be written.
    """
    now = datetime.now(UTC)
    kept = {**record, "gold": Path(record["gold"]).name, "at": now.isoformat()}
    path = lake.state_folder / FOLDER / f"{now:%Y%m%dT%H%M%S%f}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part = path.with_suffix(".part")
        part.write_text(json.dumps(kept, indent=2) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise UserError(
            f"{path.parent}: the score cannot be kept ({error.strerror or 'the disk refuses'})"
        ) from None
    return path


def kept_scores(lake: Lake) -> list[dict[str, Any]]:
    """Return the last score by each gold file, the newest first; what cannot be read is passed."""
    last: dict[str, dict[str, Any]] = {}
    for path in sorted((lake.state_folder / FOLDER).glob("*.json"), reverse=True):
        try:
            score = json.loads(path.read_text(encoding="utf-8"))
            last.setdefault(str(score["gold"]), score)
        except (OSError, ValueError, KeyError, TypeError):
            continue
    return list(last.values())
