"""The licences of every package of requirements.lock, as `docs/LICENCES.md`.

    python tools/licences.py        # writes it anew; `make licences` does so in .venv

A licence is what the installed package's own metadata say: `License-Expression` (PEP 639), else
its classifiers, else the field `License`. A package of the lock that this system does not install
(its marker is false here) is listed without one.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[1]
LOCK = ROOT / "requirements.lock"
DOCUMENT = ROOT / "docs" / "LICENCES.md"

NOT_STATED = "not stated"
NOT_INSTALLED = "not installed on the system that wrote this"
_PROPRIETARY = re.compile(r"proprietary|nvidia|commercial|EULA", re.IGNORECASE)
_COPYLEFT = re.compile(r"\b[AL]?GPL|GNU |\bMPL|Mozilla|\bEPL|Eclipse|\bCDDL|\bEUPL", re.IGNORECASE)

# Groups in the order of the document: name, what to say of it.
GROUPS = {
    "Proprietary": (
        "Not free software. NVIDIA's CUDA libraries come with torch on Linux and may be used and "
        "passed on under NVIDIA's terms alone; RadSim runs without them on a processor (install "
        "torch from its index of CPU wheels). Whoever passes on a wheelhouse or a container passes "
        "these on as well."
    ),
    "Copyleft": (
        "Free software that asks something of whoever passes it on, alone or as one of several "
        "licences to choose from: file by file under the MPL, of the whole work under the GPL. "
        "Using them inside the hospital asks nothing."
    ),
    "Not stated": "The metadata name no licence; look into the package before passing it on.",
    "Permissive": "",
    "For other systems": "In the lock, but not installed where this list was made.",
}


@dataclass(frozen=True)
class LockedPackage:
    """A line of the lock: name, version, and the licence its metadata state."""

    name: str
    version: str
    licence: str

    @property
    def group(self) -> str:
        """The heading of `GROUPS` under which it is listed."""
        if self.licence in (NOT_STATED, NOT_INSTALLED):
            return "Not stated" if self.licence == NOT_STATED else "For other systems"
        if _PROPRIETARY.search(self.licence) and not _COPYLEFT.search(self.licence):
            return "Proprietary"
        return "Copyleft" if _COPYLEFT.search(self.licence) else "Permissive"

    @property
    def row(self) -> str:
        """Its row of the document's tables."""
        return f"| {self.name} | {self.version} | {self.licence} |"


def stated_licence(about: metadata.PackageMetadata) -> str:
    """Return the licence that a package's metadata state, on one line, or `NOT_STATED`."""
    if expressions := about.get_all("License-Expression"):
        return expressions[0]
    classifiers = [
        name.rsplit(" :: ", 1)[-1]
        for name in about.get_all("Classifier") or []
        if name.startswith("License :: ") and name != "License :: OSI Approved"
    ]
    if classifiers:
        return "; ".join(classifiers)
    # Some put the whole text of the licence into this field; its first line names it.
    first = "".join(about.get_all("License") or []).strip().partition("\n")[0].strip()
    return first if first and first != "UNKNOWN" else NOT_STATED


def locked_packages(lock: Path = LOCK) -> list[LockedPackage]:
    """Return the packages of a lock file in its order."""
    packages = []
    for line in lock.read_text().splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        requirement = Requirement(line)
        version = str(requirement.specifier).removeprefix("==")
        try:
            licence = stated_licence(metadata.metadata(requirement.name))
        except metadata.PackageNotFoundError:
            licence = NOT_INSTALLED
        packages.append(LockedPackage(requirement.name, version, licence))
    return packages


def document(packages: Iterable[LockedPackage]) -> str:
    """Return the Markdown text: one table a group, groups without packages left out."""
    packages = list(packages)
    parts = [
        "# Licences of the packages RadSim installs\n",
        "Written by `make licences` from the metadata of the installed packages; not legal advice. "
        "RadSim itself is under Apache-2.0.\n",
    ]
    for group, remark in GROUPS.items():
        members = [package for package in packages if package.group == group]
        if not members:
            continue
        parts.append(f"## {group} ({len(members)})\n")
        if remark:
            parts.append(f"{remark}\n")
        rows = "\n".join(package.row for package in members)
        parts.append(f"| package | version | licence |\n|---|---|---|\n{rows}\n")
    return "\n".join(parts)


if __name__ == "__main__":
    DOCUMENT.write_text(document(locked_packages()), encoding="utf-8")
