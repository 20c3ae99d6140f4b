"""What a selection is, and what is said of a wrong one."""

from datetime import date

import pytest

from pipeline.pseudonyms import Pseudonymiser
from pipeline.road import STAGES, stage_of_selection
from pipeline.selection import EVERYTHING, Selection, read_selection, selection_model
from pipeline.user_error import UserError

OPEN, KEYED = Pseudonymiser(None), Pseudonymiser(b"a key of sixteen bytes or more")
ACCESSION = "ACC-2024-0007"
FIELDS = {"since": date(2024, 1, 1), "until": date(2024, 1, 2), "exams": ("E1",), "version": 1}


def test_with_a_key_an_exam_may_be_named_as_the_source_writes_it() -> None:
    pseudonym = KEYED.one(ACCESSION)
    asked = {"exams": [ACCESSION, pseudonym]}
    assert read_selection(asked, KEYED).exams == (pseudonym, pseudonym)
    assert read_selection(asked, OPEN).exams == (ACCESSION, pseudonym)


@pytest.mark.parametrize(
    ("asked", "told"),
    [
        ({"since": ACCESSION}, "--since: "),
        ({"since": "2024-02-01", "until": "2024-01-01"}, "selection: since is later than until"),
        ({"exam": [ACCESSION]}, "a selection has since, until, exams, version; did you mean exams"),
        ({"exams": [ACCESSION, ""]}, "--exam: "),
        ({"version": ACCESSION}, "--version: "),
    ],
)
def test_a_wrong_selection_is_told_in_a_line_without_its_values(
    asked: dict[str, object], told: str
) -> None:
    with pytest.raises(UserError) as caught:
        read_selection(asked, OPEN)
    message = str(caught.value)
    assert message.startswith(told)
    assert ACCESSION not in message
    assert "\n" not in message


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_takes_what_its_form_shows_and_refuses_the_rest_in_a_line(stage: str) -> None:
    form = selection_model(stage)
    shown = set(form.model_fields) if form else set()
    for name, value in FIELDS.items():
        selection = Selection(**{name: value})  # type: ignore[arg-type]
        if name in shown:
            stage_of_selection(stage, selection)
            continue
        with pytest.raises(UserError, match=f"^{stage} cannot be limited by --") as caught:
            stage_of_selection(stage, selection)
        assert "\n" not in str(caught.value)
    stage_of_selection(stage, EVERYTHING)


def test_the_ledger_is_told_of_many_exams_their_number() -> None:
    assert EVERYTHING.told() == {}
    few, many = Selection(exams=("E1", "E2")), Selection(exams=tuple(str(n) for n in range(30)))
    assert few.told() == {"selection": {"exams": ["E1", "E2"]}}
    assert many.told() == {"selection": {"exams": 30}}
    dated = Selection(since=date(2024, 1, 1), version=2)
    assert dated.told() == {"selection": {"since": "2024-01-01", "version": 2}}
