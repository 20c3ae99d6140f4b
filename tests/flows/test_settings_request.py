"""Settings asked for on the command line."""

from pathlib import Path

import pytest

from flows.settings_request import DEFAULT_FILE, parse_assignment, settings_request
from pipeline.user_error import UserError


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("train.seed=7", 7),
        ("manifest.train=0.5", 0.5),
        ("evaluate.same_patient=true", True),
        ('images.views=["PA"]', ["PA"]),
        ("reports.path=/data/a=b.csv", "/data/a=b.csv"),
        ("schedule.cron=0 2 * * *", "0 2 * * *"),
    ],
)
def test_a_value_keeps_its_type(text: str, value: object) -> None:
    assert parse_assignment(text) == (text.split("=")[0], value)


@pytest.mark.parametrize("text", ["train.seed", "seed=7", ".seed=7", "=7"])
def test_another_form_is_refused(text: str) -> None:
    with pytest.raises(UserError, match=r"section\.name=value"):
        parse_assignment(text)


def test_a_flag_wins_over_an_assignment_and_that_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text("[train]\nseed = 1\ndim = 8\nuncertain = 0.1\n", encoding="utf-8")
    request = settings_request(file, "the-lake", ["train.seed=2", "train.dim=9"], {"train.seed": 3})
    settings = request.load()
    assert (settings.train.seed, settings.train.dim, settings.train.uncertain) == (3, 9, 0.1)
    assert settings.lake.root == "the-lake"


def test_flags_that_were_not_given_leave_the_file_alone(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text("[train]\nseed = 1\n", encoding="utf-8")
    assert settings_request(file, None, None, {"train.seed": None}).load().train.seed == 1


def test_the_working_folders_file_is_taken_by_default(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    assert settings_request(None).config is None
    DEFAULT_FILE.write_text("[train]\nseed = 5\n", encoding="utf-8")
    assert settings_request(None).load().train.seed == 5


def test_its_words_ask_for_the_same_settings_again(tmp_path: Path) -> None:
    file = tmp_path / "site.toml"
    file.write_text("", encoding="utf-8")
    flags = {
        "reports.text": ["findings", "impression"],
        "evaluate.same_patient": True,
        "reports.site": "7",
    }
    request = settings_request(file, None, ["schedule.cron=0 3 * * *"], flags)
    words = request.arguments()
    assert words[:2] == ["--config", str(file)]
    again = settings_request(file, None, words[3::2])
    assert again.load().model_dump() == request.load().model_dump()


def test_a_wrong_setting_is_named() -> None:
    with pytest.raises(UserError, match="did you mean 'train'"):
        settings_request(None, None, ["trian.seed=1"]).load()


def test_the_words_do_not_repeat_the_keys_of_an_object_store() -> None:
    request = settings_request(None, None, ["lake.storage_options.AWS_SECRET_ACCESS_KEY=planted"])
    assert request.load().lake.storage_options == {"AWS_SECRET_ACCESS_KEY": "planted"}
    assert "planted" not in " ".join(request.arguments())
