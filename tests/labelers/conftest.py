import pytest

from labelers import RuleLabeler


@pytest.fixture(scope="session")
def labeler() -> RuleLabeler:
    return RuleLabeler()
