"""The demo's list of exams follows its rule, and every one of them is coded."""

import csv
import hashlib
import re
from pathlib import Path

import pytest

from pipeline.demo.road import phantom_exams
from pipeline.gold_coding import matches, parse_code

LIST = Path(__file__).parents[3] / "pipeline" / "demo" / "phantom_exams.txt"
PER_GROUP = 44
NORMALS = 300


def groups() -> list[tuple[tuple[str, frozenset[str]], ...]]:
    """Read the groups of headings from the list's own explanation."""
    comment = " ".join(
        line.lstrip("# ") for line in LIST.read_text("utf-8").splitlines() if line.startswith("#")
    )
    said = re.search(r"fewer: (.*) An exam may", comment)
    assert said is not None
    # Hernia headings hold a comma of their own, as does that of catheters and of lung diseases.
    own_comma = r", (?!Hiatal|Diaphragmatic|Indwelling|Interstitial)"
    return [
        tuple(parse_code(heading) for heading in re.split(own_comma, group))
        for group in said[1].split(" | ")
    ]


def test_exams_are_listed_once_in_order() -> None:
    exams = phantom_exams()
    assert len(exams) == len(set(exams)) == 813
    assert exams == sorted(exams, key=lambda exam: int(exam.removeprefix("CXR")))


@pytest.mark.real_data
def test_the_list_follows_its_rule(real_data: Path) -> None:
    with (real_data / "openi" / "reports.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    left_out = (parse_code("No Indexing"), parse_code("Technical Quality of Image Unsatisfactory"))
    coded = {
        row["uid"]: [parse_code(code) for code in row["mesh_major"].split(";")]
        for row in rows
        if row["mesh_major"] and (row["findings"] + row["impression"]).strip()
    }
    coded = {
        exam: codes
        for exam, codes in coded.items()
        if not any(matches(code, left_out) for code in codes)
    }
    order = sorted(coded, key=lambda exam: hashlib.sha256(exam.encode()).hexdigest())
    normal = [exam for exam in order if coded[exam] == [parse_code("normal")]]
    wanted = set(normal[:NORMALS])
    for group in groups():
        members = [exam for exam in order if any(matches(code, group) for code in coded[exam])]
        assert len(members) > 10
        wanted |= set(members[:PER_GROUP])
    assert set(phantom_exams()) == wanted
    assert 0.35 <= NORMALS / len(wanted) <= 0.40
