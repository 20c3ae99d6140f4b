"""How a table is split by its contract, and when the contract is broken instead."""

import json
import logging
import socket
import subprocess
import sys
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from data_contracts import contract, expectations, schemas, suite_file
from data_contracts.contract import ContractBroken, check
from data_contracts.result_page import write_result_page
from data_contracts.suite_file import SuiteError

NOW = datetime(2024, 5, 1, tzinfo=UTC)
FINDINGS = ("edema", "pleural_effusion", "no_finding")
SECRET = "Mrs Planted of 7 Sentence Lane has cardiomegaly"


@pytest.fixture
def suite(tmp_path, monkeypatch):
    """Put a suite of one's own in place of the one for splits."""

    def put(*rules: tuple[str, str, str, dict]) -> None:
        listed = [
            {"type": kind, "kwargs": kwargs, "meta": {"rule": name, "level": level, "reason": "no"}}
            for name, level, kind, kwargs in rules
        ]
        text = json.dumps({"name": "splits", "expectations": listed, "meta": {}})
        (tmp_path / "splits.json").write_text(text)
        monkeypatch.setattr(suite_file, "SUITES", tmp_path)
        suite_file.read_suite.cache_clear()

    yield put
    suite_file.read_suite.cache_clear()


def pairs(checked):
    return list(
        zip(checked.rejected["row"].to_pylist(), checked.rejected["rule"].to_pylist(), strict=True)
    )


def test_rows_that_share_a_key_are_all_rejected(good_rows, as_table):
    rows = good_rows("reports", 5)
    rows[3]["exam_id"] = rows[1]["exam_id"]
    given = as_table("reports", rows)
    checked = check("reports", given, now=NOW)
    assert pairs(checked) == [(1, "key_unique"), (3, "key_unique")]
    assert checked.kept.equals(given.take([0, 2, 4]))


def test_row_that_breaks_several_rules_is_rejected_under_the_first(good_rows, as_table):
    rows = good_rows("reports", 3)
    rows[1].update(status="draft", sections=[], patient_id=" ")
    checked = check("reports", as_table("reports", rows), now=NOW)
    assert pairs(checked) == [(1, "patient_id_not_blank")]
    failed = {r["rule"]: r["failed"] for r in checked.results if not r["success"]}
    assert failed == {
        "patient_id_not_blank": 1,
        "status_known": 1,
        "sections_given": 1,
        "text_not_empty": 1,
    }


def test_rule_left_out_is_not_asked(good_rows, as_table):
    rows = good_rows("reports", 2)
    rows[1]["exam_id"] = rows[0]["exam_id"]
    checked = check("reports", as_table("reports", rows), without=("key_unique",), now=NOW)
    assert checked.rejected.num_rows == 0
    assert "key_unique" not in [result["rule"] for result in checked.results]


def test_retracted_report_may_have_no_text(good_rows, as_table):
    rows = good_rows("reports", 1)
    rows[0].update(status="retracted", sections=[{"kind": "body", "text": ""}])
    assert check("reports", as_table("reports", rows), now=NOW).kept.num_rows == 1


def test_failing_finding_is_named_and_its_row_counted_once(good_rows, as_table):
    rows = good_rows("labels", 4)
    rows[2].update(edema=5, no_finding=-7)
    checked = check("labels", as_table("labels", rows), FINDINGS)
    assert pairs(checked) == [(2, "state_known")]
    (result,) = [r for r in checked.results if r["rule"] == "state_known"]
    assert (result["columns"], result["failed"], result["checked"]) == (
        ["edema", "no_finding"],
        1,
        4,
    )


def test_embeddings_of_one_model_have_one_length_among_the_rows_kept(good_rows, as_table):
    rows = good_rows("embeddings", 4)
    rows[3]["embedding"] = [3.0]
    checked = check("embeddings", as_table("embeddings", rows))
    assert pairs(checked) == [(3, "embedding_unit_norm")]


def test_column_of_numbers_in_other_widths_is_judged_by_its_values(good_rows, as_table):
    table = as_table("labels", good_rows("labels", 4))
    wide = table.set_column(3, "edema", pa.array([1, 300, -1, None], pa.int64()))
    wide = wide.set_column(4, "pleural_effusion", pa.nulls(4))
    wide = wide.set_column(1, "labeler", table["labeler"].dictionary_encode())
    wide = wide.set_column(0, "exam_id", table["exam_id"].cast(pa.large_string()))
    wide = wide.append_column("extra", pa.array(["a", "b", "c", "d"]))
    checked = check("labels", wide, FINDINGS)
    assert pairs(checked) == [(1, "state_known")]
    assert checked.kept.schema.equals(wide.schema)
    assert checked.kept["extra"].to_pylist() == ["a", "c", "d"]


def test_key_of_dictionary_with_repeated_entries_is_still_compared_by_value(good_rows, as_table):
    table = as_table("splits", good_rows("splits", 3))
    twice = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2]), pa.array(["a", "a", "b"]))
    checked = check("splits", table.set_column(0, "patient_key", twice))
    assert pairs(checked) == [(0, "key_unique"), (1, "key_unique")]


def test_rows_are_numbered_across_chunks(good_rows, as_table):
    table = as_table("reports", good_rows("reports", 9))
    empty = table.slice(0, 0)
    broken = as_table("reports", [{**good_rows("reports", 1)[0], "exam_id": "x", "sections": None}])
    chunked = pa.concat_tables([empty, table.slice(0, 4), broken, table.slice(4), empty])
    assert pairs(check("reports", chunked, now=NOW)) == [(4, "sections_given")]


def test_embedding_may_be_a_list_of_fixed_length(good_rows, as_table):
    table = as_table("embeddings", good_rows("embeddings", 4)).slice(1, 3)
    values = pa.array([1.0, 0.0, 0.6, 0.9, 0.0, -1.0], pa.float32())
    fixed = pa.FixedSizeListArray.from_arrays(values, 2)
    at = table.column_names.index("embedding")
    checked = check("embeddings", table.set_column(at, "embedding", fixed))
    assert pairs(checked) == [(1, "embedding_unit_norm")]


def test_table_without_rows_passes_without_great_expectations(monkeypatch):
    monkeypatch.setattr(contract, "evaluate", None)
    for table, schema in schemas.FIXED.items():
        if table != "runs":
            checked = check(table, schema.empty_table())
            assert checked.kept.num_rows == checked.rejected.num_rows == 0
            assert all(result["success"] for result in checked.results)
    nothing = schemas.manifest(["No Finding"]).empty_table()
    assert check("manifest", nothing, ["No Finding"]).kept.schema.equals(nothing.schema)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda t: t.drop_columns(["status"]), "column status is missing"),
        (
            lambda t: t.set_column(4, "status", pa.array([1, 2])),
            "column status is int64 and should be string",
        ),
        (lambda t: t.append_column("status", t["status"]), "column status stands twice"),
        (
            lambda t: t.set_column(0, "exam_id", t["exam_id"].cast(pa.string_view())),
            "column exam_id is string_view and should be string",
        ),
        (
            lambda t: t.set_column(2, "exam_time", pa.array([NOW.replace(tzinfo=None)] * 2)),
            "column exam_time is timestamp[us] and should be timestamp[us, tz=UTC]",
        ),
        (
            lambda t: t.set_column(5, "sections", pa.array([["a"], ["b"]])),
            "column sections is list<item: string> and should be "
            "list<item: struct<kind: string, text: string>>",
        ),
    ],
)
def test_table_of_other_columns_breaks_the_contract(change, reason, good_rows, as_table):
    with pytest.raises(ContractBroken) as broken:
        check("reports", change(as_table("reports", good_rows("reports", 2))), now=NOW)
    assert broken.value.reason == reason
    assert str(broken.value) == f"table reports breaks its contract: {reason} (rule schema)"
    assert [r["rule"] for r in broken.value.results] == ["schema"]


@pytest.mark.parametrize(
    "kwargs",
    [
        {"column": "split", "min_value": 5},
        {"column": "split", "min_value": "z", "max_value": "a"},
        {"column": "split", "no_such_argument": 1},
        {"column": "split", "max_value": {"$PARAMETER": "unknown"}},
    ],
)
def test_expectation_that_raises_breaks_the_contract(kwargs, suite, good_rows, as_table, caplog):
    suite(
        ("first", "row", "expect_column_values_to_not_be_null", {"column": "split"}),
        ("raises", "row", "expect_column_values_to_be_between", kwargs),
    )
    rows = good_rows("splits", 2)
    rows[0]["split"] = SECRET
    with caplog.at_level(logging.DEBUG), pytest.raises(ContractBroken) as broken:
        check("splits", as_table("splits", rows))
    assert broken.value.rule == "raises"
    first, raises = broken.value.results
    assert first["success"] is True
    assert raises["success"] is False
    assert raises["error"].isidentifier()
    assert raises["error"] in str(broken.value)
    assert "\n" not in str(broken.value)
    assert SECRET not in str(broken.value) + json.dumps(broken.value.results) + caplog.text


def test_exception_is_told_by_its_kind_alone(suite, good_rows, as_table):
    between = {"column": "split", "min_value": 5}
    suite(("raises", "row", "expect_column_values_to_be_between", between))
    with pytest.raises(ContractBroken, match=r"could not be evaluated \(TypeError\)"):
        check("splits", as_table("splits", good_rows("splits", 2)))


def test_expectation_unknown_to_great_expectations_breaks_the_contract(suite, good_rows, as_table):
    suite(("odd", "row", "expect_column_to_please_everybody", {"column": "split"}))
    with pytest.raises(ContractBroken, match="ExpectationNotFoundError"):
        check("splits", as_table("splits", good_rows("splits", 1)))


def test_row_level_expectation_about_a_whole_column_breaks_the_contract(suite, good_rows, as_table):
    count = {"column": "split", "max_value": 5}
    suite(("count", "row", "expect_column_unique_value_count_to_be_between", count))
    with pytest.raises(ContractBroken, match="NotARowRule"):
        check("splits", as_table("splits", good_rows("splits", 1)))


def test_table_rule_is_asked_of_the_rows_kept_only(good_rows, as_table):
    rows = good_rows("manifest", 6)
    rows[5].update(patient_id="p0", exam_id="e9", split="test", label_source="guess")
    classes = ("No Finding", "Pleural Effusion")
    assert pairs(check("manifest", as_table("manifest", rows), classes)) == [
        (5, "label_source_known")
    ]
    rows[5]["label_source"] = "file"
    with pytest.raises(ContractBroken, match=r"a patient is in two splits; .*; 5 of 6 rows"):
        check("manifest", as_table("manifest", rows), classes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "splits.json, line 1: not JSON"),
        ('{"expectations": []}', "has no expectation"),
        ('{"expectations": [{"type": "t", "kwargs": {}, "meta": {"rule": "r"}}]}', "expectation 1"),
    ],
)
def test_suite_file_that_cannot_be_used_is_named(text, message, suite, tmp_path):
    suite()
    (tmp_path / "splits.json").write_text(text)
    with pytest.raises(SuiteError, match=message):
        check("splits", schemas.SPLITS.empty_table())


def test_two_rules_of_one_name_are_refused(suite):
    rule = ("same", "row", "expect_column_values_to_not_be_null", {"column": "split"})
    suite(rule, rule)
    with pytest.raises(SuiteError, match="two expectations have the rule same"):
        check("splits", schemas.SPLITS.empty_table())


def test_wrong_arguments_are_refused():
    with pytest.raises(SuiteError, match="no suite"):
        check("patients", schemas.SPLITS.empty_table())
    with pytest.raises(ValueError, match="its suite has no rule key_uniqe"):
        check("splits", schemas.SPLITS.empty_table(), without=("key_uniqe",))
    with pytest.raises(ValueError, match="name its finding or class columns"):
        check("labels", schemas.labels(["edema"]).empty_table())
    with pytest.raises(ValueError, match="do not depend on findings"):
        check("splits", schemas.SPLITS.empty_table(), columns=("edema",))


def test_report_text_stays_away_from_great_expectations(
    good_rows, as_table, monkeypatch, tmp_path, capfd, caplog
):
    rows = good_rows("reports", 4)
    for row in rows:
        row["sections"] = [{"kind": "body", "text": SECRET}]
    rows[1]["status"] = SECRET
    rows[2]["exam_id"] = rows[3]["exam_id"] = "exam-of-planted"
    seen = []

    def watched(expectation, kwargs, frame, parameters):
        seen.append(frame.to_json())
        return expectations.evaluate(expectation, kwargs, frame, parameters)

    monkeypatch.setattr(contract, "evaluate", watched)
    with caplog.at_level(logging.DEBUG):
        checked = check("reports", as_table("reports", rows), now=NOW)
    assert checked.rejected.num_rows == 3
    # The planted status is judged by one rule and decides for another; no frame holds a text.
    assert sum(SECRET in frame for frame in seen) == 2
    assert not any("sections" in json.loads(frame) for frame in seen)
    page = write_result_page("reports", checked.results, tmp_path, "r1").read_text()
    printed = capfd.readouterr()
    told = json.dumps([checked.rejected.to_pylist(), checked.results]) + page
    for secret in (SECRET, "exam-of-planted"):
        assert secret not in told + printed.out + printed.err + caplog.text


def test_check_prints_nothing_writes_nothing_and_opens_no_connection(
    good_rows, as_table, monkeypatch, tmp_path, capfd
):
    def refuse(*_):
        raise AssertionError("a connection was opened")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    expectations._batch_definition.cache_clear()
    check("splits", as_table("splits", good_rows("splits", 3)))
    assert list(tmp_path.rglob("*")) == []
    assert capfd.readouterr() == ("", "")


def test_package_is_light_until_rows_are_checked():
    code = (
        "import sys, data_contracts; from data_contracts import check, schemas;"
        "print('pandas' in sys.modules);"
        "check('splits', schemas.SPLITS.empty_table());"
        "print('great_expectations' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]


def test_checks_from_several_threads_do_not_mix(good_rows, as_table):
    def rejected(n: int) -> list:
        rows = good_rows("splits", n + 1)
        rows[n]["split"] = "dev"
        return pairs(check("splits", as_table("splits", rows)))

    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(rejected, range(8))) == [[(n, "split_known")] for n in range(8)]


# Keys are few so that they collide.
SPLIT_ROWS = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "c", "d", "e", " ", "", None]),
        st.sampled_from(["train", "val", "test", "dev", None]),
    ),
    max_size=12,
)


@settings(
    deadline=None,
    max_examples=40,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(rows=SPLIT_ROWS)
def test_every_row_is_kept_or_rejected_in_order(rows, good_rows, as_table):
    base = good_rows("splits", 1)[0]
    table = as_table("splits", [{**base, "patient_key": k, "split": s} for k, s in rows])
    checked = check("splits", table)
    times = Counter(key for key, _ in rows)
    expected = []
    for number, (key, split) in enumerate(rows):
        if key is None:
            expected.append((number, "patient_key_given"))
        elif not key.strip():
            expected.append((number, "patient_key_not_blank"))
        elif times[key] > 1:
            expected.append((number, "key_unique"))
        elif split is None:
            expected.append((number, "split_given"))
        elif split == "dev":
            expected.append((number, "split_known"))
    assert pairs(checked) == expected
    rejected = {row for row, _ in expected}
    kept = [number for number in range(len(rows)) if number not in rejected]
    assert checked.kept.equals(table.take(pa.array(kept, pa.int64())))
    assert checked.kept.num_rows + checked.rejected.num_rows == table.num_rows
