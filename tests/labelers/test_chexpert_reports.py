"""Whole reports written without a look at the rules get the classes a radiologist gives them."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from labelers import RuleLabeler

_FILE = Path(__file__).with_name("chexpert_reports.yaml")
_REPORTS = yaml.safe_load(_FILE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("report", [pytest.param(r, id=str(n)) for n, r in enumerate(_REPORTS, 1)])
def test_classes(labeler: RuleLabeler, report: dict[str, Any]) -> None:
    either, gaps = report.get("either", {}), set(report.get("gap", ()))
    classes = labeler.label(report["text"]).classes("chexpert14")
    wrong = {
        name
        for name, state in classes.items()
        if state not in either.get(name, [report["states"].get(name)])
    }
    assert wrong == gaps
