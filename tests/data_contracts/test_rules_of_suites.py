"""Every rule of every suite, each with a row that breaks it and nothing before it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pytest

from data_contracts.contract import ContractBroken, check
from data_contracts.suite_file import SUITES, rules

NOW = datetime(2024, 5, 1, tzinfo=UTC)
COLUMNS = {
    "labels": ("edema", "pleural_effusion", "no_finding"),
    "manifest": ("No Finding", "Pleural Effusion"),
}
TABLES = sorted(path.stem for path in SUITES.glob("*.json"))
ROW_RULES = [(t, r.name) for t in TABLES for r in rules(t) if r.level == "row"]
TABLE_RULES = [(t, r.name) for t in TABLES for r in rules(t) if r.level == "table"]
TEXT = {"kind": "findings", "text": "Clear lungs."}
NAN, INF = float("nan"), float("inf")

# What to change in a good row so that it breaks the rule. Row 0 of a table is left as it is, for
# the rows that take its key.
BREAKING: dict[tuple[str, str], dict[str, Any]] = {
    ("reports", "key_unique"): {"exam_id": "e0"},
    ("reports", "exam_time_after_1895"): {"exam_time": datetime(1895, 11, 7, tzinfo=UTC)},
    ("reports", "exam_time_not_in_future"): {"exam_time": NOW + timedelta(hours=25)},
    ("reports", "status_known"): {"status": "preliminary"},
    ("reports", "sections_given"): {"sections": []},
    ("reports", "sections_whole"): {"sections": [TEXT, {"kind": None, "text": "Clear."}]},
    ("reports", "text_not_empty"): {
        "sections": [{"kind": "body", "text": " \n"}],
        "status": "final",
    },
    ("reports", "text_not_oversized"): {"sections": [TEXT, {"kind": "a", "text": "x" * 1_000_000}]},
    ("delivered_files", "key_unique"): {"file": f"{0:064x}"},
    ("delivered_files", "file_hashed"): {"file": "MRN12.hl7"},
    ("delivered_files", "size_not_negative"): {"size": -1},
    ("gold", "key_unique"): {"code": "Cardiomegaly/0"},
    ("file_labels", "key_unique"): {"exam_id": "e0"},
    ("file_labels", "state_known"): {"state": 2},
    ("mentions", "key_unique"): {"mention_no": 0},
    ("mentions", "mention_no_not_negative"): {"mention_no": -1},
    ("mentions", "section_no_not_negative"): {"section_no": -1},
    ("mentions", "start_not_negative"): {"start": -1},
    ("mentions", "start_before_end"): {"start": 5, "end": 5},
    ("mentions", "finding_is_id"): {"finding": "Pleural Effusion"},
    ("mentions", "assertion_known"): {"assertion": "possible"},
    ("mentions", "cue_end_with_start"): {"cue": "no", "cue_start": 1, "cue_end": None},
    ("mentions", "cue_start_with_end"): {"cue": "no", "cue_start": None, "cue_end": 1},
    ("mentions", "cue_with_offsets"): {"cue": None, "cue_start": 0, "cue_end": 2},
    ("mentions", "cue_start_not_negative"): {"cue": "no", "cue_start": -1, "cue_end": 2},
    ("mentions", "cue_start_before_end"): {"cue": "no", "cue_start": 2, "cue_end": 2},
    ("labels", "key_unique"): {"exam_id": "e0"},
    ("labels", "state_known"): {"pleural_effusion": 3},
    ("labels", "one_vocabulary"): {"vocabulary_hash": "v2"},
    ("drift", "key_unique"): {"class": "class 0"},
    **{
        ("drift", f"{name}_not_negative"): {name: -1}
        for name in (
            "reports_version",
            "labels_version",
            "measured_to",
            "batch_exams",
            "reference_exams",
            "psi",
            "psi_limit",
        )
    },
    **{
        ("drift", f"{side}{name}_is_share"): {f"{side}{name}": 1.01}
        for side in ("", "reference_")
        for name in ("prevalence", "low", "high", "uncertain")
    },
    ("images", "key_unique"): {"image_id": "i0"},
    ("images", "rows_positive"): {"rows": 0},
    ("images", "columns_positive"): {"columns": -4},
    ("images", "pixel_digest_is_sha256"): {"pixel_digest": "0123"},
    ("images", "usable_has_rows"): {"usable": True, "rows": None, "columns": 9},
    ("images", "usable_has_columns"): {"usable": True, "rows": 9, "columns": None},
    ("images", "unusable_has_reason"): {"usable": False, "reason": None},
    ("pixels", "key_unique"): {"image_id": "i0"},
    ("pixels", "pixel_digest_is_sha256"): {"pixel_digest": "G" * 64},
    ("pixels", "size_positive"): {"size": 0},
    ("pixels", "row_not_negative"): {"row": -1},
    ("pixels", "place_unique"): {"row": 0},
    ("splits", "key_unique"): {"patient_key": "p0"},
    ("splits", "split_known"): {"split": "dev"},
    ("manifest", "key_unique"): {"exam_id": "e0", "image_id": "i0"},
    ("manifest", "split_known"): {"split": "TRAIN"},
    ("manifest", "pixel_digest_is_sha256"): {"pixel_digest": "0" * 65},
    ("manifest", "state_known"): {"Pleural Effusion": 7},
    ("manifest", "label_source_known"): {"label_source": "guess"},
    ("manifest", "patient_in_one_split"): {"patient_id": "p0", "exam_id": "e9", "split": "test"},
    ("manifest", "exam_in_one_split"): {"patient_id": None, "exam_id": "e0", "split": "test"},
    ("models", "key_unique"): {"model_id": "m0"},
    ("models", "settings_is_json"): {"settings": "{loss}"},
    ("models", "manifest_version_positive"): {"manifest_version": 0, "manifest_digest": "d"},
    ("models", "manifest_digest_with_version"): {"manifest_version": 1, "manifest_digest": None},
    ("models", "manifest_version_with_digest"): {"manifest_version": None, "manifest_digest": "d"},
    ("models", "manifest_digest_not_blank"): {"manifest_version": 1, "manifest_digest": ""},
    ("models", "seed_not_negative"): {"seed": -1},
    ("models", "measures_is_json"): {"measures": "0.5;"},
    ("quarantine_decisions", "key_unique"): {"decision_no": 1},
    ("quarantine_decisions", "decision_no_positive"): {"decision_no": 0},
    ("quarantine_decisions", "decision_known"): {"decision": "later"},
    ("reviews", "key_unique"): {"exam_id": "e0"},
    ("reviews", "decision_known"): {"decision": "later"},
    ("reviews", "state_known"): {"state": 2},
    ("model_decisions", "key_unique"): {"decision_no": 1},
    ("model_decisions", "decision_no_positive"): {"decision_no": 0},
    ("model_decisions", "verdict_known"): {"verdict": "maybe"},
    ("model_decisions", "decided_by_known"): {"decided_by": "chance"},
    ("model_decisions", "manifest_version_positive"): {"manifest_version": 0},
    ("model_decisions", "tolerance_not_negative"): {"tolerance": -0.1},
    ("model_decisions", "n_queries_not_negative"): {"n_queries": -1},
    ("model_decisions", "low_not_above_difference"): {"low": 0.02},
    ("model_decisions", "high_not_below_difference"): {"high": -0.02},
    ("embeddings", "key_unique"): {"model_id": "m0", "image_id": "i0"},
    ("embeddings", "embedding_not_empty"): {"embedding": []},
    ("embeddings", "embedding_finite"): {"embedding": [0.6, 0.8, NAN]},
    ("embeddings", "embedding_unit_norm"): {"embedding": [0.6, 0.7]},
    ("embeddings", "embedding_one_length"): {"model_id": "m0", "embedding": [1.0]},
    ("evaluations", "key_unique"): {"measure": "ndcg@0"},
    ("evaluations", "manifest_version_positive"): {"manifest_version": 0},
    ("evaluations", "split_known"): {"split": "all"},
    ("evaluations", "figures_finite"): {"value": 0.5, "low": 0.4, "high": INF},
    ("evaluations", "low_not_above_value"): {"value": 0.5, "low": 0.51, "high": 0.6},
    ("evaluations", "high_not_below_value"): {"value": 0.5, "low": 0.4, "high": 0.49},
    ("evaluations", "high_with_low"): {"value": 0.5, "low": 0.4, "high": None},
    ("evaluations", "low_with_high"): {"value": 0.5, "low": None, "high": 0.6},
    ("evaluations", "value_with_interval"): {"value": None, "low": 0.4, "high": 0.6},
    ("evaluations", "n_queries_not_negative"): {"n_queries": -1},
    ("evaluations", "left_out_not_negative"): {"left_out": -1},
    ("quarantine", "key_unique"): {"row_id": "q0"},
    ("quarantine", "table_known"): {"table": "patients"},
    ("quarantine", "reason_one_line"): {"reason": "one\ntwo"},
}


def breaking(table: str, rule: str) -> dict[str, Any]:
    """Return the change that breaks a rule; `given` and `not_blank` break alike everywhere."""
    if (table, rule) in BREAKING:
        return BREAKING[table, rule]
    if rule.endswith("_given"):
        return {rule.removesuffix("_given"): None}
    if rule.endswith("_not_blank"):
        return {rule.removesuffix("_not_blank"): " \t"}
    raise AssertionError(f"{table}: no row here breaks the rule {rule}")


@pytest.fixture(scope="session")
def rule_of_row(good_rows, as_table):
    """Return the rule under which each row is rejected, where row n breaks rule n of a table."""
    found: dict[str, dict[int, str]] = {}

    def of(table: str) -> dict[int, str]:
        if table not in found:
            names = [rule for owner, rule in ROW_RULES if owner == table]
            rows = good_rows(table, len(names) + 5)
            for number, rule in enumerate(names, start=1):
                rows[number].update(breaking(table, rule))
            # Table rules are not asked here: some rows break them too.
            without = [rule for owner, rule in TABLE_RULES if owner == table]
            checked = check(
                table, as_table(table, rows), COLUMNS.get(table, ()), without=without, now=NOW
            )
            pairs = zip(checked.rejected["row"], checked.rejected["rule"], strict=True)
            found[table] = {row.as_py(): rule.as_py() for row, rule in pairs}
        return found[table]

    return of


@pytest.mark.parametrize(("table", "rule"), ROW_RULES)
def test_row_that_breaks_a_rule_is_rejected_under_it(table, rule, rule_of_row):
    names = [name for owner, name in ROW_RULES if owner == table]
    assert rule_of_row(table)[1 + names.index(rule)] == rule


@pytest.mark.parametrize("table", TABLES)
def test_rows_that_break_nothing_are_kept(table, rule_of_row):
    names = [name for owner, name in ROW_RULES if owner == table]
    # Row 0 is rejected with the row that took its key.
    expected = {0, *range(1, len(names) + 1)}
    assert set(rule_of_row(table)) == expected
    assert rule_of_row(table)[0] == "key_unique"


@pytest.mark.parametrize(("table", "rule"), TABLE_RULES)
def test_table_that_breaks_a_table_rule_is_refused(table, rule, good_rows, as_table):
    rows = good_rows(table, 9)
    rows[7].update(breaking(table, rule))
    others = [r.name for r in rules(table) if r.name != rule]
    with pytest.raises(ContractBroken) as broken:
        check(table, as_table(table, rows), COLUMNS.get(table, ()), without=others, now=NOW)
    assert (broken.value.table, broken.value.rule) == (table, rule)


@pytest.mark.parametrize("table", TABLES)
def test_good_table_passes_whole(table, good_rows, as_table):
    given = as_table(table, good_rows(table, 12))
    checked = check(table, given, COLUMNS.get(table, ()), now=NOW)
    assert checked.kept is given
    assert checked.rejected.num_rows == 0
    assert [result["rule"] for result in checked.results] == [rule.name for rule in rules(table)]
    assert all(result["success"] and result["failed"] in (0, None) for result in checked.results)


def test_every_breaking_example_belongs_to_a_rule():
    assert set(BREAKING) <= {*ROW_RULES, *TABLE_RULES}


def test_every_table_but_the_ledger_has_a_suite():
    from data_contracts.schemas import KEYS

    assert set(TABLES) == set(KEYS) - {"runs"}


@pytest.mark.parametrize("table", TABLES)
def test_key_of_the_suite_is_the_key_of_the_schema(table):
    from data_contracts.schemas import KEYS
    from data_contracts.suite_file import domain_columns

    (key,) = [rule for rule in rules(table) if rule.name == "key_unique"]
    assert tuple(domain_columns(key.kwargs[""])) == KEYS[table]


@pytest.mark.parametrize("table", TABLES)
def test_suite_names_only_columns_that_exist(table):
    from data_contracts.column_types import schema_of
    from data_contracts.derived_columns import DERIVED
    from data_contracts.suite_file import condition_columns, domain_columns, read_suite

    explained = read_suite(table)["meta"].get("derived", {})
    assert set(explained) == set(DERIVED.get(table, {}))
    schema = schema_of(table, COLUMNS.get(table, ()))
    known = {*schema.names, *explained, *COLUMNS.get(table, ())}
    for rule in rules(table, COLUMNS.get(table, ())):
        for kwargs in rule.kwargs.values():
            assert {*domain_columns(kwargs), *condition_columns(kwargs)} <= known, rule.name
    # Nested columns may hold report text and are never judged themselves.
    nested = {field.name for field in schema if pa.types.is_nested(field.type)}
    judged = {
        column
        for rule in rules(table, COLUMNS.get(table, ()))
        for kwargs in rule.kwargs.values()
        for column in domain_columns(kwargs)
    }
    assert not judged & nested


@pytest.mark.parametrize("table", TABLES)
def test_great_expectations_reads_the_suite_file_itself(table):
    from great_expectations.core.expectation_suite import ExpectationSuite

    from data_contracts.suite_file import read_suite

    suite = ExpectationSuite(**read_suite(table))
    assert [each.type for each in suite.expectation_configurations] == [
        rule.expectation for rule in rules(table)
    ]
