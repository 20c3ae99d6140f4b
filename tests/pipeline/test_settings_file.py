from pathlib import Path

import pytest

from pipeline.settings import Settings
from pipeline.settings_file import example_settings, load_settings
from pipeline.user_error import UserError


def written(folder: Path, text: str) -> Path:
    file = folder / "radsim.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_the_example_is_a_valid_file_of_the_defaults(tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path, example_settings()))
    assert settings.train == Settings().train
    assert settings.manifest == Settings().manifest
    for section in Settings.model_fields:
        assert f"[{section}]" in example_settings()


def test_every_setting_is_documented() -> None:
    for section in Settings.model_fields.values():
        for name, field in section.annotation.model_fields.items():
            assert field.description, name


def test_a_typo_is_named_with_its_line_and_the_likely_meaning(tmp_path: Path) -> None:
    file = written(tmp_path, "[lake]\nroot = 'x'\n\n[train]\nhead_epoch = 3\n")
    with pytest.raises(UserError) as error:
        load_settings(file)
    assert f"{file} line 5" in str(error.value)
    assert "did you mean 'head_epochs'" in str(error.value)


def test_an_unknown_section_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"line 1: \[manifst\] is not a setting.*'manifest'"):
        load_settings(written(tmp_path, "[manifst]\nscheme = 'nih14'\n"))


def test_a_wrong_value_is_named_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"line 2: \[train\] seed"):
        load_settings(written(tmp_path, "[train]\nseed = 'seven'\n"))


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"[train\n", "not valid TOML"), (b"\xff\xfe[\x00", "not UTF-8")],
)
def test_a_broken_file_gives_one_clear_line(tmp_path: Path, content: bytes, said: str) -> None:
    file = tmp_path / "radsim.toml"
    file.write_bytes(content)
    with pytest.raises(UserError, match=said) as error:
        load_settings(file)
    assert "\n" not in str(error.value)


def test_a_missing_file_says_how_to_get_one(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="radsim init"):
        load_settings(tmp_path / "none.toml")


def test_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path, "[reports]\npath = 'in/reports.csv'\n"))
    assert settings.reports.path == tmp_path / "in" / "reports.csv"


def test_the_url_of_a_prefix_stays_as_it_is(tmp_path: Path) -> None:
    settings = load_settings(written(tmp_path, "[reports]\npath = 's3://bucket/drop'\n"))
    assert settings.reports.path == "s3://bucket/drop"


def test_a_variable_is_relative_to_the_shell(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = written(tmp_path, "[images]\npath = '${RADSIM_DATA:-../data}/nih'\n")
    monkeypatch.delenv("RADSIM_DATA", raising=False)
    assert load_settings(file).images.path == tmp_path / "../data/nih"
    monkeypatch.setenv("RADSIM_DATA", "here")
    assert load_settings(file).images.path == Path.cwd() / "here/nih"


def test_an_unset_variable_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="NOT_SET_ANYWHERE"):
        load_settings(written(tmp_path, "[images]\npath = '${NOT_SET_ANYWHERE}/x'\n"))


def test_call_beats_environment_beats_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = written(tmp_path, "[train]\nseed = 1\ndim = 16\nbatch_size = 8\n")
    monkeypatch.setenv("RADSIM_TRAIN__DIM", "32")
    monkeypatch.setenv("RADSIM_TRAIN__BATCH_SIZE", "12")
    train = load_settings(file, {"train": {"batch_size": 24}}).train
    assert (train.seed, train.dim, train.batch_size) == (1, 32, 24)


def test_splits_must_add_up(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="must add up to 1"):
        load_settings(written(tmp_path, "[manifest]\ntrain = 0.9\nval = 0.2\ntest = 0.1\n"))


def test_options_of_an_object_store_are_texts_and_are_not_shown(tmp_path: Path) -> None:
    file = written(tmp_path, "[lake.storage_options]\nAWS_ALLOW_HTTP = true\nKEY = 'secret-key'\n")
    lake = load_settings(file).lake
    assert lake.storage_options == {"AWS_ALLOW_HTTP": "true", "KEY": "secret-key"}
    assert "secret-key" not in repr(lake)
