"""Known vulnerabilities of the packages of requirements.lock, by a copy of OSV's advisories.

    python tools/offline_audit.py all.zip       # `make audit ADVISORIES=all.zip` does so in .venv

For a machine without internet: `all.zip` is what
https://osv-vulnerabilities.storage.googleapis.com/PyPI/all.zip gives where there is one, a JSON
file an advisory in the OSV format (https://ossf.github.io/osv-schema/). A version is affected as
that schema says under «Evaluation»: it is listed, or lies in a range. Prints a line a finding and
ends with 1 where there is one. The copy ages: the date of its newest advisory is printed.
"""

import argparse
import json
import sys
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"


def locked(lock: Path) -> dict[str, Version]:
    """Return the version of each package of a lock, by its normalised name."""
    lines = (line.strip() for line in lock.read_text(encoding="utf-8").splitlines())
    requirements = [Requirement(line) for line in lines if line and not line.startswith("#")]
    return {
        canonicalize_name(found.name): Version(next(iter(found.specifier)).version)
        for found in requirements
    }


def advisories(copy: Path) -> Iterator[dict[str, Any]]:
    """Yield the advisories of a copy that are about packages of PyPI."""
    with zipfile.ZipFile(copy) as archive:
        for name in archive.namelist():
            if name.endswith(".json"):
                advisory = json.loads(archive.read(name))
                told = advisory.get("affected", ())
                if any(one.get("package", {}).get("ecosystem") == "PyPI" for one in told):
                    yield advisory


def affects(advisory: Mapping[str, Any], name: str, version: Version) -> bool:
    """Say whether an advisory is about this version of a package of PyPI."""
    return not advisory.get("withdrawn") and any(
        str(version) in affected.get("versions", ())
        or any(
            _in_range(version, told["events"])
            for told in affected.get("ranges", ())
            if told["type"] == "ECOSYSTEM"
        )
        for affected in advisory.get("affected", ())
        if affected.get("package", {}).get("ecosystem") == "PyPI"
        and canonicalize_name(affected["package"]["name"]) == name
    )


def _in_range(version: Version, events: list[dict[str, str]]) -> bool:
    """Say whether a version lies after an event that introduces and before one that ends it."""
    vulnerable = False
    for event in sorted(events, key=_at):
        kind, at = next(iter(event)), _at(event)
        if kind == "introduced" and version >= at:
            vulnerable = True
        if (kind == "fixed" and version >= at) or (kind == "last_affected" and version > at):
            vulnerable = False
    return vulnerable


def _at(event: dict[str, str]) -> Version:
    told = next(iter(event.values()))
    try:
        return Version(told)
    except InvalidVersion:
        # Older than PEP 440, which all of the lock keep to: before every one of these.
        return Version("0.dev0")


def main(arguments: list[str] | None = None) -> int:
    """Print the findings; return 1 where there is one, 2 where the copy cannot be read."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("copy", type=Path, help="OSV's all.zip of PyPI")
    parser.add_argument("--lock", type=Path, default=LOCK)
    given = parser.parse_args(arguments)
    packages = locked(given.lock)
    found, read, newest = [], 0, ""
    try:
        for advisory in advisories(given.copy):
            read += 1
            newest = max(newest, advisory.get("modified", ""))
            names = {
                canonicalize_name(told.get("package", {}).get("name", ""))
                for told in advisory.get("affected", ())
            }
            for name in sorted(names & packages.keys()):
                if affects(advisory, name, packages[name]):
                    told = advisory.get("summary") or "see osv.dev"
                    found.append(f"{name} {packages[name]}: {advisory['id']}: {told}")
    except (
        OSError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
        zipfile.BadZipFile,
    ) as error:
        print(f"{given.copy}: not a copy of OSV's advisories ({type(error).__name__})")
        return 2
    if not read:
        print(f"{given.copy}: holds no advisory about a package of PyPI, so nothing was audited")
        return 2
    print("\n".join(sorted(found)) or "no advisory is about a locked version")
    print(
        f"{len(packages)} packages, {read:,} advisories, the newest of {newest[:10] or 'no date'}"
    )
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
