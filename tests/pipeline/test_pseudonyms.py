"""Pseudonyms: HMAC-SHA-256 with the site's key, and where the key comes from."""

import hashlib
import hmac
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.pseudonyms import KEY_VARIABLE, Pseudonymiser
from pipeline.settings_file import load_settings
from pipeline.user_error import UserError

KEY = "a key of sixteen bytes or more"


def of_site(**privacy: object) -> Pseudonymiser:
    return Pseudonymiser.of(load_settings(None, {"privacy": privacy}))


def test_a_pseudonym_is_the_known_answer_of_rfc_4231() -> None:
    # RFC 4231, test case 1.
    known = "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"
    assert Pseudonymiser(b"\x0b" * 20).one("Hi There") == known


def test_nulls_of_a_column_stay_null_and_equal_ids_equal() -> None:
    pseudonymiser = Pseudonymiser(KEY.encode())
    column = pseudonymiser.column(pa.chunked_array([["A1", None], ["A1", "Ä2"]]))
    first, missing, again, other = column.to_pylist()
    assert missing is None
    assert first == again == pseudonymiser.one("A1")
    assert other == hmac.new(KEY.encode(), "Ä2".encode(), hashlib.sha256).hexdigest()


def test_another_key_gives_another_pseudonym() -> None:
    assert Pseudonymiser(b"one" * 6).one("A1") != Pseudonymiser(b"two" * 6).one("A1")


def test_without_a_key_identifiers_stay_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "")
    pseudonymiser = of_site()
    assert not pseudonymiser.active
    assert pseudonymiser.one("A1") == "A1"
    assert pseudonymiser.column(pa.array(["A1", None])).to_pylist() == ["A1", None]


def test_the_key_file_goes_before_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, "the key of the environment")
    assert of_site().one("A1") == Pseudonymiser(b"the key of the environment").one("A1")
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    assert of_site(key_file=file).one("A1") == Pseudonymiser(KEY.encode()).one("A1")


@pytest.mark.parametrize("content", ["", "fifteen bytes.."])
def test_a_short_or_empty_key_file_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, content: str
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    file = tmp_path / "key"
    file.write_text(content)
    with pytest.raises(UserError, match="16 bytes") as caught:
        of_site(key_file=file)
    assert "fifteen" not in str(caught.value)


def test_a_missing_key_file_is_named_and_nothing_is_kept_in_the_clear(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="the pseudonym key cannot be read"):
        of_site(key_file=tmp_path / "absent")
