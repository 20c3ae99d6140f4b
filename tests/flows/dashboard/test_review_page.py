"""Page Review: the queue, a decision by button, and undo."""

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest
from streamlit.testing.v1 import AppTest

from flows.dashboard import session
from pipeline.lake import Lake
from pipeline.review_decisions import standing
from pipeline.reviewing import decisions
from pipeline.settings_file import load_settings
from pipeline.user_error import UserError


def test_a_decision_moves_to_the_next_and_undo_brings_it_back(
    page_of: Callable[[str, Path], AppTest], site: Path
) -> None:
    lake = Lake.of(load_settings(site))
    # Other tests decide on this site too, and take it back.
    before = decisions(lake).num_rows
    page = page_of("review", site)
    assert not page.exception
    first = page.text[0].value
    assert "the report leaves it uncertain" in first
    assert page.text[1].value.startswith("The labels say uncertain: ")
    page.text_input[0].set_value("<script>document.title='run'</script>").run()
    page.button(key="Positive").click().run()
    assert not page.exception
    assert page.text[0].value != first
    (row,) = standing(decisions(lake)).to_pylist()
    assert (row["state"], row["comment"][:8]) == (1, "<script>")
    page.button(key="undo").click().run()
    assert page.text[0].value == first
    assert standing(decisions(lake)).num_rows == 0
    assert decisions(lake).num_rows == before + 2


def test_the_user_comes_from_the_header_that_the_settings_name_and_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def told(header: str, headers: dict[str, str]) -> str:
        given = load_settings(None, {"dashboard": {"user_header": header}})
        monkeypatch.setattr(session, "settings", lambda: given)
        monkeypatch.setattr(session.st, "context", SimpleNamespace(headers=headers))
        return session.reviewer()

    monkeypatch.setattr(session, "local_account", lambda: "account")
    assert told("", {"X-User": "eve"}) == "account"
    assert told("X-User", {"X-User": " ada "}) == "ada"
    with pytest.raises(UserError, match="the proxy names nobody in header X-User"):
        told("X-User", {"X-Other": "eve"})
