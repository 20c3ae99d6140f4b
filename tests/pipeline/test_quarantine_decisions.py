"""Rows of quarantine released after a fix, or discarded, by the command and its functions."""

import csv
from pathlib import Path

import pytest
from typer.testing import CliRunner

from flows.command_line import app
from pipeline.figures.lake_queries import LakeQueries
from pipeline.figures.quarantine_counts import discarded_rows, quarantine_counts
from pipeline.forget import forget
from pipeline.lake import Lake
from pipeline.local_account import local_account
from pipeline.quarantine_decisions import discard, release
from pipeline.quarantine_rows import DISCARDED, RELEASED, chosen_rows, decided_rows, open_rows
from pipeline.settings import Settings
from pipeline.settings_file import load_settings
from pipeline.stages.ingest import ingest
from pipeline.user_error import UserError


def settings_of(tmp_path: Path, reports: str, **privacy: str) -> Settings:
    given = {
        "lake": {"root": str(tmp_path / "lake")},
        "reports": {"path": tmp_path / reports},
        "privacy": privacy,
    }
    return load_settings(None, given)


def write(file: Path, *rows: tuple[str, str]) -> None:
    file.parent.mkdir(exist_ok=True)
    with file.open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows([("exam_id", "text"), *rows])


def still_open(settings: Settings) -> list[tuple[str | None, str]]:
    rows = open_rows(Lake.of(settings)).to_pylist()
    return sorted(((row["key"], row["rule"]) for row in rows), key=str)


def decided(settings: Settings, decision: str) -> list[str | None]:
    return decided_rows(Lake.of(settings), decision)["key"].to_pylist()


def test_a_mended_row_is_released_and_one_that_is_not_stays(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "reports.csv")
    write(tmp_path / "reports.csv", ("E1", ""), ("E2", ""), ("", "No id."))
    ingest(settings)
    write(tmp_path / "reports.csv", ("E1", "Clear lungs."), ("E2", ""), ("E3", "No id."))
    rows = chosen_rows(Lake.of(settings), rule=None)
    assert rows.num_rows == 3
    *_, last = release(settings, rows)
    assert last.counts == {"in": 3, "released": 2, "quarantined": 1}
    assert still_open(settings) == [("E2", "report_empty")]
    assert sorted(decided(settings, RELEASED), key=str) == ["E1", None]
    assert Lake.of(settings).read("reports")["exam_id"].to_pylist() == ["E1", "E3"]
    *_, again = release(settings, chosen_rows(Lake.of(settings)))
    assert (again.outcome, again.counts["quarantined"]) == ("unchanged", 1)


def test_a_row_that_another_rule_refuses_now_stands_under_that_rule_alone(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "reports.csv")
    write(tmp_path / "reports.csv", ("E1", ""))
    ingest(settings)
    write(tmp_path / "reports.csv", ("E1", "Clear lungs."), ("E1", "Large effusion."))
    release(settings, chosen_rows(Lake.of(settings)))
    assert {rule for _, rule in still_open(settings)} == {"conflict"}


def test_files_of_a_drop_folder_are_read_again_for_a_release(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "drop")
    write(tmp_path / "drop" / "a.csv", ("E1", "Clear lungs."))
    write(tmp_path / "drop" / "b.csv", ("", "No id."), ("E2", "Effusion."))
    ingest(settings)
    [(key, rule)] = still_open(settings)
    assert key is None
    unmended = release(settings, chosen_rows(Lake.of(settings), rule=rule))[-1]
    assert unmended.counts["released"] == 0
    write(tmp_path / "drop" / "b.csv", ("E3", "No id."), ("E2", "Effusion."))
    release(settings, chosen_rows(Lake.of(settings), rule=rule))
    assert still_open(settings) == []


def test_a_discarded_row_is_on_record_and_never_open_again(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "reports.csv")
    write(tmp_path / "reports.csv", ("E1", ""), ("E2", "Clear lungs."))
    ingest(settings)
    lake = Lake.of(settings)
    discard(settings, chosen_rows(lake, table="reports"))
    write(tmp_path / "reports.csv", ("E1", ""), ("E2", "Clear lungs."), ("E3", "Effusion."))
    counts = ingest(settings).counts
    assert counts["in"] == counts["new"] + counts["unchanged"] + counts["quarantined"] == 3
    assert still_open(settings) == []
    assert quarantine_counts(LakeQueries(lake)).empty
    [row] = decided_rows(lake, DISCARDED).to_pylist()
    assert (row["key"], row["rule"]) == ("E1", "report_empty")
    assert row["who"] == local_account()
    assert list(discarded_rows(LakeQueries(lake))["key"]) == ["E1"]
    assert lake.read("quarantine").num_rows == 1
    with pytest.raises(UserError, match="no open row"):
        chosen_rows(lake)
    forget(settings, ["exam:E1"])
    assert decided(settings, DISCARDED) == []


def test_labels_cannot_be_released_where_no_text_is_kept(tmp_path: Path) -> None:
    settings = settings_of(tmp_path, "reports.csv", keep_text="none")
    write(tmp_path / "reports.csv", ("E1", ""))
    ingest(settings)
    rows = chosen_rows(Lake.of(settings))
    at = rows.column_names.index("table")
    of_labels = rows.set_column(at, rows.schema.field(at), [["labels"]])
    with pytest.raises(UserError, match="keeps no text"):
        release(settings, of_labels)


def test_the_command_lists_releases_and_discards(tmp_path: Path) -> None:
    write(tmp_path / "reports.csv", ("E1", ""), ("E2", ""))
    config = tmp_path / "site.toml"
    config.write_text('[lake]\nroot = "lake"\n[reports]\npath = "reports.csv"\n', encoding="utf-8")
    settings = load_settings(config)
    ingest(settings)

    def run(*words: str, answer: str = "") -> str:
        ran = CliRunner().invoke(app, ["quarantine", *words, "--config", str(config)], input=answer)
        return ran.stdout + ran.stderr

    assert "report_empty" in run("list")
    rows = {row["key"]: row["row_id"][:10] for row in open_rows(Lake.of(settings)).to_pylist()}
    assert "name the rows" in run("discard")
    assert "no open row" in run("discard", "zz", "--yes")
    assert "Aborted" in run("discard", rows["E1"], answer="n\n")
    assert len(still_open(settings)) == 2
    run("discard", rows["E1"], "--by", "ada", "--yes")
    write(tmp_path / "reports.csv", ("E1", ""), ("E2", "Clear lungs."))
    assert "1 released" in run("release", "--rule", "report_empty", "--yes")
    assert "no row waits in quarantine" in run("list")
    told = run("list", "--discarded")
    assert rows["E1"] in told
    assert "ada" in told
    [released] = decided_rows(Lake.of(settings), RELEASED).to_pylist()
    assert released["who"] == local_account()
