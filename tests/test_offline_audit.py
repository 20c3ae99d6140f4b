"""The audit without a network: which advisories are about a locked version."""

import json
import zipfile
from pathlib import Path
from typing import Any

import pytest
from packaging.version import Version

from tools.offline_audit import LOCK, affects, locked, main


def advisory(
    name: str = "Some_Package", events: Any = (), versions: Any = (), **more: Any
) -> dict[str, Any]:
    affected = {
        "package": {"ecosystem": "PyPI", "name": name},
        "ranges": [{"type": "ECOSYSTEM", "events": list(events)}],
        "versions": list(versions),
    }
    return {"id": "X-1", "modified": "2026-11-01T00:00:00Z", "affected": [affected], **more}


FIXED = ({"introduced": "1.2"}, {"fixed": "1.10"}, {"introduced": "2.0"})


@pytest.mark.parametrize(
    ("version", "events", "affected"),
    [
        ("1.1", FIXED, False),
        ("1.2", FIXED, True),
        ("1.9.9", FIXED, True),
        ("1.10", FIXED, False),
        ("2.1", FIXED, True),
        ("0.1", ({"introduced": "0"}, {"last_affected": "1.0"}), True),
        ("1.0", ({"introduced": "0"}, {"last_affected": "1.0"}), True),
        ("1.0.1", ({"introduced": "0"}, {"last_affected": "1.0"}), False),
    ],
)
def test_a_range_begins_where_introduced_and_ends_where_fixed(
    version: str, events: Any, affected: bool
) -> None:
    assert affects(advisory(events=events), "some-package", Version(version)) is affected


def test_a_listed_version_is_affected_and_another_package_is_not() -> None:
    assert affects(advisory(versions=["3.1"]), "some-package", Version("3.1"))
    assert not affects(advisory(versions=["3.1"]), "some-package", Version("3.2"))
    assert not affects(advisory(versions=["3.1"]), "other-package", Version("3.1"))


def test_every_line_of_the_lock_is_read() -> None:
    lines = [line for line in LOCK.read_text().splitlines() if line and line[0] != "#"]
    assert len(locked(LOCK)) == len(lines)


def test_findings_fail_the_audit_and_a_withdrawn_one_does_not(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lock = tmp_path / "lock"
    lock.write_text("some-package==1.5\nsafe==2 ; python_version > '3.10'\n")

    def audit(*found: dict[str, Any]) -> tuple[int, str]:
        copy = tmp_path / "all.zip"
        with zipfile.ZipFile(copy, "w") as archive:
            for number, one in enumerate(found):
                archive.writestr(f"{number}.json", json.dumps(one))
        return main([str(copy), "--lock", str(lock)]), capsys.readouterr().out

    status, said = audit(advisory(events=FIXED, summary="Opens the door."))
    assert (status, said.splitlines()[0]) == (1, "some-package 1.5: X-1: Opens the door.")
    withdrawn = advisory(events=FIXED, withdrawn="2026-01-01T00:00:00Z")
    status, said = audit(withdrawn, advisory("elsewhere", events=FIXED))
    assert (status, said.splitlines()) == (
        0,
        [
            "no advisory is about a locked version",
            "2 packages, 2 advisories, the newest of 2026-11-01",
        ],
    )
    # A copy that is not of PyPI's advisories proves nothing.
    assert audit()[0] == 2
    elsewhere = advisory(events=FIXED)
    elsewhere["affected"][0]["package"]["ecosystem"] = "npm"
    assert audit(elsewhere)[0] == 2
    status, said = audit([])  # type: ignore[arg-type]
    assert (status, "not a copy of OSV's advisories" in said) == (2, True)
    (tmp_path / "no.zip").write_text("no zip")
    assert main([str(tmp_path / "no.zip"), "--lock", str(lock)]) == 2
    assert "not a copy of OSV's advisories" in capsys.readouterr().out
