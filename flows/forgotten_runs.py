"""Exams that were named in Prefect's form, out of what its server keeps of runs."""

import json
import sqlite3
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

from pipeline.user_error import UserError

FORGOTTEN = "forgotten"
# Seconds until who else has the database open must let go.
PATIENCE = 60.0


def forget_in_runs(state_folder: Path, exams: Iterable[str]) -> int:
    """Take exams out of the parameters of runs in a lake's own Prefect database.

    Prefect has no call that changes the parameters of a run, and deleting runs would take their
    history with them; so the column is changed in its SQLite file, whether its server runs or not.
    A run that named such an exam names «forgotten» instead, which no lake holds, so that it cannot
    be repeated for all exams by mistake.

    Parameters
    ----------
    state_folder
        The lake's state folder; without a database in it there is nothing to do.
    exams
        Ids as the lake keeps them.

    Returns
    -------
    How many runs were changed.

    Raises
    ------
    UserError
        The database cannot be written, or another process keeps its log from being emptied.
    """
    file = state_folder / "prefect" / "prefect.db"
    if not file.is_file():
        return 0
    gone = set(exams)
    try:
        with closing(sqlite3.connect(file, timeout=PATIENCE)) as database:
            # What is overwritten is to be gone from the file, too.
            database.execute("PRAGMA secure_delete = ON")
            with database:
                runs = database.execute(
                    "SELECT id, parameters FROM flow_run"
                    " WHERE json_type(parameters, '$.selection.exams') = 'array'"
                ).fetchall()
                changed = [
                    (json.dumps(told), run) for run, text in runs if (told := _without(text, gone))
                ]
                database.executemany("UPDATE flow_run SET parameters = ? WHERE id = ?", changed)
            # Told in a row, not raised: while another reads, the log keeps what was overwritten.
            busy, *_ = database.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.Error as error:
        raise UserError(
            f"{file}: Prefect's database cannot be changed ({type(error).__name__}); stop "
            "`radsim serve` and forget again"
        ) from None
    if busy:
        raise UserError(
            f"{file}: another process reads Prefect's database, whose log still holds what was "
            "overwritten; stop `radsim serve` and forget again"
        )
    return len(changed)


def _without(parameters: str, gone: set[str]) -> dict[str, object] | None:
    """Return a run's parameters without these exams, None where they name none of them."""
    told = json.loads(parameters)
    exams = told["selection"]["exams"]
    if gone.isdisjoint(exams):
        return None
    told["selection"]["exams"] = [exam for exam in exams if exam not in gone] + [FORGOTTEN]
    return dict(told)
