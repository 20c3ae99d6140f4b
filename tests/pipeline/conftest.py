"""What tests of the road share."""

from collections.abc import Callable, Sequence

import pytest

from data_contracts import contract
from data_contracts.suite_file import Rule

NEVER = "^no run is called so$"


@pytest.fixture
def break_contract(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return a function that adds a table rule to a contract, by default one that no rows keep."""
    return contract_breaker(monkeypatch)


def contract_breaker(patch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Return that function, its work undone with `patch`."""

    def broken(table: str, regex: str = NEVER) -> None:
        of_suite = contract.rules
        kwargs = {"": {"column": "run_id", "regex": regex}}
        added = Rule(
            "never_kept", "table", "nothing is right", "expect_column_values_to_match_regex", kwargs
        )

        def rules(name: str, columns: Sequence[str] = ()) -> list[Rule]:
            return [*of_suite(name, columns), *([added] if name == table else [])]

        patch.setattr(contract, "rules", rules)

    return broken
