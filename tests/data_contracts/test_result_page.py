"""The result page: complete, escaped, and closed to the network."""

import re
from html.parser import HTMLParser

import pytest

from data_contracts.result_page import write_result_page


def result(**changed):
    return {
        "rule": "status_known",
        "level": "row",
        "reason": "the status is none of final, amended and retracted",
        "expectation": "expect_column_values_to_be_in_set",
        "columns": [],
        "checked": 1200,
        "failed": 0,
        "success": True,
        "error": None,
        **changed,
    }


class Cells(HTMLParser):
    """The text of each body row's cells."""

    def __init__(self):
        super().__init__()
        self.rows, self.within = [], False

    def handle_starttag(self, tag, attrs):
        if tag == "tr":
            self.rows.append([])
        elif tag == "td":
            self.rows[-1].append("")
        self.within = tag == "td" or (self.within and tag in ("code", "small", "br"))

    def handle_endtag(self, tag):
        self.within = self.within and tag != "td"

    def handle_data(self, data):
        if self.within:
            self.rows[-1][-1] += data


def rows_of(page: str) -> list[list[str]]:
    cells = Cells()
    cells.feed(page)
    return [row for row in cells.rows if row]


def test_each_rule_has_its_row(tmp_path):
    results = [
        result(),
        result(rule="key_unique", reason="another row", failed=1100, success=False),
        result(rule="state_known", failed=3, success=False, columns=["edema", "hernia"]),
        result(rule="one_vocabulary", level="table", failed=None),
    ]
    path = write_result_page("reports", results, tmp_path / "pages", "run-1")
    assert path == tmp_path / "pages" / "reports-run-1.html"
    page = path.read_text(encoding="utf-8")
    assert rows_of(page) == [
        ["pass", "status_known", result()["reason"], "row", "1,200", "0"],
        ["fail", "key_unique", "another row", "row", "1,200", "1,100"],
        ["fail", "state_known", result()["reason"] + "in edema, hernia", "row", "1,200", "3"],
        ["pass", "one_vocabulary", result()["reason"], "table", "1,200", "–"],
    ]
    assert "2 of 4 rules have failing rows; the other rows go on." in page


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({}, "All 1 rules hold."),
        (
            {"level": "table", "success": False},
            "The contract is broken (status_known): the stage stops.",
        ),
        (
            {"error": "TypeError", "success": False},
            "The contract is broken (status_known): the stage stops.",
        ),
    ],
)
def test_page_says_what_came_of_it(changed, line, tmp_path):
    page = write_result_page("reports", [result(**changed)], tmp_path, "r").read_text()
    assert f'<p class="outcome">{line}</p>' in page
    assert ("could not be evaluated: TypeError" in page) == ("error" in changed)


def test_page_asks_nothing_of_the_network(tmp_path):
    page = write_result_page("reports", [result()], tmp_path, "r").read_text()
    policy = re.search(r'http-equiv="Content-Security-Policy"\s+content="([^"]*)"', page)
    assert policy is not None
    assert "default-src 'none'" in policy[1]
    assert not re.search(r"https?:|src=|href=|url\(|@import|<script", page)


def test_text_is_escaped(tmp_path):
    page = write_result_page(
        "reports",
        [result(rule="<b>", reason='<script>"&', columns=["<i>"], error="<u>", success=False)],
        tmp_path,
        "r",
    ).read_text()
    assert not re.search(r"<b>|<script|<i>|<u>", page)
    assert rows_of(page)[0][1] == "<b>"


@pytest.mark.parametrize("name", ["", "../up", "a/b", "a b", "."])
def test_name_that_is_no_file_name_is_refused(name, tmp_path):
    with pytest.raises(ValueError, match="letters, digits"):
        write_result_page("reports", [result()], tmp_path, name)
    with pytest.raises(ValueError, match="letters, digits"):
        write_result_page(name, [result()], tmp_path, "r")
