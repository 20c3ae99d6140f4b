"""Short reports written without a look at the rules are read as a radiologist reads them."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from labelers import RuleLabeler

_FILE = Path(__file__).with_name("written_reports.yaml")
_CASES = [
    pytest.param(
        case,
        id=f"{group} {number}",
        marks=[pytest.mark.xfail(strict=True, reason="a known gap")] if case.get("gap") else [],
    )
    for group, cases in yaml.safe_load(_FILE.read_text(encoding="utf-8")).items()
    for number, case in enumerate(cases, 1)
]


@pytest.mark.parametrize("case", _CASES)
def test_assertions_and_states(labeler: RuleLabeler, case: dict[str, Any]) -> None:
    labelling = labeler.label(case["text"], kind=case.get("kind", "findings"))
    vocabulary = labeler.vocabulary
    for finding, assertion in case.get("expect", {}).items():
        exact = {m.assertion for m in labelling.mentions if m.finding == finding}
        under = {
            m.assertion for m in labelling.mentions if finding in vocabulary.ancestors(m.finding)
        }
        if assertion == "none":
            assert not exact & {"present", "uncertain"}, finding
        elif assertion == "absent" and not exact | under:
            assert labelling.states.get(finding) == 0, finding  # denied by normality
        else:
            assert assertion in (exact or under), finding
            assert not (assertion == "absent" and "present" in (exact or under)), finding
    for finding, state in case.get("state", {}).items():
        assert labelling.states.get(finding) == state, finding
