"""docs/LICENCES.md lists what the lock installs, and names apart what is not permissive."""

import importlib.util
import sys
from email.message import Message
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SPEC = importlib.util.spec_from_file_location("licences", ROOT / "tools" / "licences.py")
licences = importlib.util.module_from_spec(SPEC)
sys.modules["licences"] = licences
SPEC.loader.exec_module(licences)


def headings_of_rows() -> dict[str, str]:
    """Return the document's rows with the heading each stands under."""
    found, heading = {}, ""
    for line in licences.DOCUMENT.read_text(encoding="utf-8").splitlines():
        if line.startswith("## "):
            heading = line.removeprefix("## ").rpartition(" (")[0]
        elif line.startswith("| "):
            found[line] = heading
    return found


def test_every_installed_package_of_the_lock_is_listed_under_its_kind_of_licence() -> None:
    rows = headings_of_rows()
    installed = [p for p in licences.locked_packages() if p.licence != licences.NOT_INSTALLED]
    assert len(installed) > 100
    # The lock holds some for another system or Python than the one that wrote the document.
    elsewhere = {row.split("|")[1].strip() for row in rows if licences.NOT_INSTALLED in row}
    wrong = [p.row for p in installed if rows.get(p.row) != p.group and p.name not in elsewhere]
    assert not wrong, "run `make licences`"


def test_the_document_lists_no_package_that_left_the_lock() -> None:
    listed = {row.split("|")[1].strip() for row in headings_of_rows()} - {"package"}
    assert listed == {package.name for package in licences.locked_packages()}


@pytest.mark.parametrize(
    ("fields", "licence", "group"),
    [
        ({"License-Expression": "MIT", "License": "GPL"}, "MIT", "Permissive"),
        ({"License-Expression": "MPL-2.0 AND MIT"}, "MPL-2.0 AND MIT", "Copyleft"),
        (
            {"Classifier": "License :: OSI Approved :: GNU General Public License v3 (GPLv3)"},
            "GNU General Public License v3 (GPLv3)",
            "Copyleft",
        ),
        ({"License": "LGPL-3.0-or-later\nand its text"}, "LGPL-3.0-or-later", "Copyleft"),
        (
            {"License-Expression": "LicenseRef-NVIDIA-Proprietary"},
            "LicenseRef-NVIDIA-Proprietary",
            "Proprietary",
        ),
        ({"License": "UNKNOWN"}, "not stated", "Not stated"),
        ({}, "not stated", "Not stated"),
    ],
)
def test_a_licence_is_read_from_metadata_and_sorted(fields, licence, group) -> None:
    about = Message()
    for name, value in fields.items():
        about[name] = value
    package = licences.LockedPackage("a", "1", licences.stated_licence(about))
    assert (package.licence, package.group) == (licence, group)
