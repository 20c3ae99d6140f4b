"""Counts of label states by month, class and pair, and where they are kept."""

import datetime

import pyarrow.parquet as pq
import pytest

from labelers import load_scheme
from pipeline.figures.class_months import class_months
from pipeline.figures.cooccurrence import cooccurrence
from pipeline.figures.lake_queries import LakeQueries
from pipeline.figures.quarantine_counts import quarantine_counts, quarantined_rows
from pipeline.figures.saved_figures import saved
from pipeline.figures.state_shares import exams_without_time, shares_by_class, shares_by_month
from pipeline.lake import Lake
from pipeline.settings import Settings

SCHEME = load_scheme("chexpert14")


def of_class(rows: list[dict], name: str) -> dict:
    return next(row for row in rows if row["class"] == name)


def test_each_class_is_counted_over_all_labelled_exams(labelled: Settings) -> None:
    shares = shares_by_class(class_months(LakeQueries(Lake.of(labelled)), SCHEME))
    rows = shares.to_dict("records")
    assert list(shares["class"]) == list(SCHEME.classes)
    effusion = of_class(rows, "Pleural Effusion")
    assert effusion["exams"] == 5
    assert effusion["positive"] == pytest.approx(2 / 5)
    assert effusion["negative"] == pytest.approx(1 / 5)
    assert effusion["low"] < 0.4 < effusion["high"]
    pneumonia = of_class(rows, "Pneumonia")
    assert pneumonia["uncertain"] == pytest.approx(2 / 5)
    for row in rows:
        four = sum(row[name] for name in ("positive", "uncertain", "negative", "missing"))
        assert four == pytest.approx(1)


def test_months_are_those_of_the_exams_and_exams_without_time_are_told(labelled: Settings) -> None:
    months = class_months(LakeQueries(Lake.of(labelled)), SCHEME)
    rows = shares_by_month(months)
    cardiomegaly = rows[rows["class"] == "Cardiomegaly"]
    told = [(row.month.date(), row.exams, row.positive) for row in cardiomegaly.itertuples()]
    assert told == [
        (datetime.date(2026, 1, 1), 2, 0.5),
        (datetime.date(2026, 2, 1), 1, 1.0),
        (datetime.date(2026, 3, 1), 1, 0.0),
    ]
    assert exams_without_time(months) == 1


def test_classes_positive_together_are_counted_both_ways_round(labelled: Settings) -> None:
    pairs = cooccurrence(LakeQueries(Lake.of(labelled)), SCHEME).set_index(["row", "column"])
    assert pairs.loc[("Pleural Effusion", "Cardiomegaly"), "exams"] == 2
    assert pairs.loc[("Cardiomegaly", "Pleural Effusion"), "jaccard"] == 1
    assert pairs.loc[("Cardiomegaly", "Fracture"), "exams"] == 0
    assert "No Finding" not in pairs.index.get_level_values("row")


def test_figures_are_kept_until_what_they_are_made_of_changes(labelled: Settings) -> None:
    lake = Lake.of(labelled)
    made: list[int] = []

    def make() -> "object":
        made.append(1)
        return class_months(LakeQueries(lake), SCHEME)

    for made_of in ({"labels": 0}, {"labels": 0}, {"labels": 1}):
        saved(lake, "kept", made_of, make)
    assert len(made) == 2
    kept = pq.read_table(lake.state_folder / "figures" / "kept.parquet")
    assert set(kept["class"].to_pylist()) == set(SCHEME.classes)
    (lake.state_folder / "figures" / "kept.parquet").write_bytes(b"PAR1 damaged")
    assert saved(lake, "kept", {"labels": 1}, make).num_rows == kept.num_rows


def test_an_empty_lake_has_figures_without_rows(tmp_path) -> None:
    queries = LakeQueries(Lake(tmp_path / "lake"))
    assert class_months(queries, SCHEME).num_rows == 0
    assert shares_by_class(class_months(queries, SCHEME)).empty
    assert quarantine_counts(queries).empty


def test_what_is_refused_is_counted_by_rule_and_its_place_is_told(labelled: Settings) -> None:
    queries = LakeQueries(Lake.of(labelled))
    counts = quarantine_counts(queries)
    assert list(counts["rows"]) == [1]
    rows = quarantined_rows(queries, counts["table"][0], counts["rule"][0])
    assert list(rows["key"]) == ["E3"]
