"""What each page says of a small lake, and of an empty one."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from urllib.parse import parse_qsl

import numpy as np
import pytest
from streamlit.testing.v1 import AppTest
from typer.testing import CliRunner

from flows.command_line import app
from pipeline.similar import Nearest
from tests.similar_site import similar_site

PageOf = Callable[[str, Path], AppTest]


def words(page: AppTest) -> str:
    """Return what a page says outside tables and charts."""
    assert not page.exception
    kinds = (page.title, page.subheader, page.caption, page.info, page.warning, page.markdown)
    return "\n".join(str(element.value) for kind in kinds for element in kind)


def confirm(page: AppTest) -> None:
    """Tick the last box of a page."""
    page.checkbox[-1].check().run()


@pytest.fixture
def ran(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Return the words of the commands that pages ran, which do nothing here."""
    commands: list[list[str]] = []

    class Done:
        returncode, stdout, stderr = 0, "label: nothing changed", ""

    def run(words: list[str], **options: object) -> Done:
        commands.append(words[3:])  # after the interpreter and the entry
        return Done()

    monkeypatch.setattr("subprocess.run", run)
    return commands


def test_runs_are_listed_the_newest_first_with_what_became_of_their_rows(
    page_of: PageOf, site: Path
) -> None:
    page = page_of("runs", site)
    rows = page.dataframe[0].value
    assert list(rows["stage"]) == ["drift", "drift", "label", "ingest"]
    ingest = rows.iloc[3]
    assert (ingest["in"], ingest["kept"], ingest["quarantined"]) == (6, 5, 1)
    assert "The last 4 runs" in words(page)
    contracts = page.dataframe[2].value
    of_reports = contracts[contracts["table"] == "reports"].iloc[0]
    assert (of_reports["kept"], of_reports["quarantined"]) == (5, 1)
    assert of_reports["rules"] > 5
    page.checkbox("refused-only").check().run()
    assert list(page.dataframe[2].value["stage"]) == ["ingest"]


def test_a_stage_is_run_again_only_when_confirmed_and_by_the_command_line(
    page_of: PageOf, site: Path, ran: list[list[str]]
) -> None:
    page = page_of("runs", site)
    assert page.button("run").disabled
    page.selectbox("stage").select("label").run()
    confirm(page)
    page.button("run").click().run()
    assert ran == [["label", "--config", str(site)]]
    assert "nothing changed" in page.code[-1].value


def test_label_quality_says_how_many_exams_its_charts_rest_on(page_of: PageOf, site: Path) -> None:
    said = words(page_of("label_quality", site))
    assert "Prevalence: share of exams positive, by class" in said
    assert "5 exams with the class positive" in said
    assert "Conflict: of those that assert it" in said
    assert "made with one vocabulary" in said


def test_a_drifted_class_leads_to_its_reports(page_of: PageOf, site: Path) -> None:
    said = words(page_of("label_quality", site))
    assert "**Pneumonia** (states): 20.0% before, 60.0% now" in said
    asked = "class=Pneumonia&state=positive&since=2025-12-31&until=2026-03-01"
    assert f"(evidence?{asked})" in said
    page = page_of("evidence", site)
    for name, value in parse_qsl(asked):
        page.query_params[name] = value
    page.run()
    assert "No report has all of this" in words(page)
    assert page.selectbox("class").value == "Pneumonia"
    assert page.date_input("days").value == (date(2025, 12, 31), date(2026, 3, 1))
    page.selectbox("state").select("uncertain").run()
    assert page.selectbox("exam").options == ["E1 · 2026-01-05 · North"]


def test_a_score_that_was_kept_is_shown(page_of: PageOf, site: Path, tmp_path: Path) -> None:
    said = words(page_of("label_quality", site))
    assert "nothing to hold the labels against" in said
    gold = tmp_path / "gold.csv"
    gold.write_text("exam_id,Pneumonia\nE1,0\nE2,0\nE6,1\n", encoding="utf-8")
    command = ["score", "--gold", str(gold), "--config", str(site), "--draws", "20"]
    ran = CliRunner().invoke(app, [*command, "--uncertain", "positive"])
    assert ran.exit_code == 0, ran.stderr
    assert "kept for the dashboard" in ran.stdout
    page = page_of("label_quality", site)
    assert "gold file gold.csv" in words(page)
    assert "uncertain counted as positive" in words(page)
    [kept] = (site.parent / "lake" / "state" / "scores").glob("*.json")
    assert str(tmp_path) not in kept.read_text()
    kept.unlink()


def test_evidence_shows_why_an_exam_is_labelled_as_it_is(page_of: PageOf, site: Path) -> None:
    page = page_of("evidence", site)
    page.selectbox("class").select("Pneumonia")
    page.selectbox("state").select("uncertain").run()
    assert page.selectbox("exam").options == ["E1 · 2026-01-05 · North", "E6 · no time · South"]
    page.selectbox("exam").select("E1").run()
    reasons = page.dataframe[0].value.set_index("class")
    assert tuple(reasons.loc["Pneumonia"]) == (
        "uncertain",
        "«possible»: «pneumonia»",
        "pneumonia",
    )
    assert reasons.loc["Cardiomegaly", "words"] == "«Heart size normal»"
    page.text_input("text").set_value("no such words").run()
    assert "No report has all of this" in words(page)


def test_quarantine_tells_rule_and_place_of_what_was_refused(page_of: PageOf, site: Path) -> None:
    page = page_of("quarantine", site)
    assert "Waiting here with their reason: 1 row;" in words(page)
    counts, rows = page.dataframe[-2].value, page.dataframe[-1].value
    assert list(counts["rows"]) == [1]
    assert list(rows["key"]) == ["E3"]


def test_a_refused_row_is_released_or_discarded_when_confirmed_and_by_the_command_line(
    page_of: PageOf, site: Path, ran: list[list[str]]
) -> None:
    page = page_of("quarantine", site)
    assert page.button("quarantine").disabled
    confirm(page)
    page.button("quarantine").click().run()
    page.radio("what").set_value("Discard").run()
    assert page.button("quarantine").disabled  # what was confirmed was another command
    [row] = page.multiselect("chosen").options
    page.multiselect("chosen").select(row).run()
    confirm(page)
    page.button("quarantine").click().run()
    settings = ["--config", str(site)]
    rule = page.selectbox("rule").value[1]
    of_rule = ["--table", "reports", "--rule", rule]
    row_id = row.rpartition("(")[2].rstrip(")")
    assert ran == [
        ["quarantine", "release", *of_rule, "--yes", *settings],
        ["quarantine", "discard", row_id, "--yes", *settings],
    ]


def test_who_decides_on_refused_rows_is_who_the_proxy_names(
    page_of: PageOf, site: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = tmp_path / "site.toml"
    told = site.read_text(encoding="utf-8").replace('"lake"', f'"{site.parent / "lake"}"')
    config.write_text(told + '[dashboard]\nuser_header = "X-User"\n', encoding="utf-8")
    monkeypatch.setattr("flows.dashboard.pages.quarantine.reviewer", lambda: "ada")
    page = page_of("quarantine", config)
    assert "--by ada --yes" in page.code[0].value


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("runs", "Nothing has run on this lake yet"),
        ("label_quality", "The lake has no labels yet"),
        ("evidence", "The lake has no reports yet"),
        ("quarantine", "Nothing is in quarantine"),
    ],
)
def test_an_empty_lake_has_pages_that_say_what_to_do(
    page_of: PageOf, tmp_path: Path, name: str, said: str
) -> None:
    config = tmp_path / "site.toml"
    config.write_text('[lake]\nroot = "none"\n', encoding="utf-8")
    assert said in words(page_of(name, config))


def test_similarity_shows_neighbours_with_what_they_share_and_what_the_metric_is_worth(
    page_of: PageOf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    similar_site(tmp_path)
    config = tmp_path / "site.toml"
    config.write_text(SIMILAR, encoding="utf-8")
    monkeypatch.setattr("flows.dashboard.pages.similarity.gallery", OpenedGallery)
    page = page_of("similarity", config)
    said = words(page)
    assert "Give one to see the 10 exams nearest to it." in said
    assert "nDCG@5 by class and model" in said
    assert "Each mark is one of 60 images (of 60), 30 of them with Effusion" in said
    assert "870 pairs share a class or are both normal, 900 do not" in said
    page.text_input("similar-exam").set_value("E1").run()
    table = next(frame.value for frame in page.dataframe if "shared" in frame.value)
    assert list(table["exam"]) == ["E3", "E4"]
    assert list(table["shared"]) == ["Effusion", ""]
    assert table["similarity"][0] == 1
    assert table["report"][0] == "evidence?exam=E3"
    assert "The ring is the exam asked about." in words(page)


def test_similarity_of_a_lake_without_embeddings_says_what_to_run(
    page_of: PageOf, site: Path
) -> None:
    assert "The lake has no embeddings yet" in words(page_of("similarity", site))


SIMILAR = """\
[lake]
root = "lake"
[manifest]
scheme = "ours.yaml"
[evaluate]
k = 5
"""


class OpenedGallery:
    """A gallery whose answer is known, in place of one that needs a trained network."""

    model_id = "model-1"

    def nearest(self, what: str, k: int) -> Nearest:
        assert (what, k) == ("E1", 10)
        found = [
            {"rank": 1, "exam_id": "E3", "distance": 0.1, "labels": ["Effusion"]},
            {"rank": 2, "exam_id": "E4", "distance": 0.2, "labels": []},
        ]
        return Nearest("E1", self.square(found[0]), ["Effusion"], found)

    def square(self, neighbour: dict) -> np.ndarray:
        return np.zeros((8, 8), np.uint8)
