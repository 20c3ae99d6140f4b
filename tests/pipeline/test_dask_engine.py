"""Fan-out on a Dask cluster: equal to this machine's, dead workers' chunks redone, errors told."""

import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from pipeline import dask_engine
from pipeline.engine import map_chunks
from pipeline.settings import Settings
from pipeline.settings_file import load_settings
from pipeline.stages import label as label_stage
from pipeline.stages.ingest import ingest
from pipeline.stages.label import label
from pipeline.user_error import UserError

distributed = pytest.importorskip("distributed")


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    """Return a cluster of two worker processes on this machine."""
    with distributed.LocalCluster(
        n_workers=2, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    ) as started:
        yield started


def test_results_are_in_order_and_equal_to_those_of_this_process(cluster: Any) -> None:
    here = [_words_of_uneven_length(n) for n in range(30)]
    there = map_chunks(_words_of_uneven_length, range(30), cluster.scheduler_address)
    assert list(there) == here


def test_chunks_are_taken_as_they_are_needed(cluster: Any) -> None:
    taken = []

    def chunks() -> Iterator[str]:
        for number in range(100):
            taken.append(number)
            yield str(number)

    results = map_chunks(int, chunks(), cluster.scheduler_address)
    assert next(results) == 0
    assert len(taken) <= 8
    results.close()  # type: ignore[attr-defined]


def test_an_error_in_a_chunk_reaches_the_caller(cluster: Any) -> None:
    results = map_chunks(partial(int, base=10), ["1", "x"], cluster.scheduler_address)
    with pytest.raises(ValueError, match="invalid literal"):
        list(results)


def test_the_chunks_of_a_worker_that_dies_are_done_again(cluster: Any, tmp_path: Path) -> None:
    die = partial(_die_once, str(tmp_path / "died"))
    assert list(map_chunks(die, range(12), cluster.scheduler_address)) == list(range(12))
    assert (tmp_path / "died").exists()


def test_labels_are_equal_on_the_cluster_and_here(
    cluster: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(label_stage, "POOL_FROM", 1)
    monkeypatch.setattr(label_stage, "REPORTS_A_CHUNK", 7)
    file = tmp_path / "reports.csv"
    texts = ["No pleural effusion.", "Large right pleural effusion.", "Possible pneumonia."]
    rows = [f"E{n},{texts[n % 3]}" for n in range(40)]
    file.write_text("\n".join(["exam_id,text", *rows]))
    tables = []
    for engine in (
        {"workers": 1},
        {"kind": "dask", "scheduler": cluster.scheduler_address},
    ):
        settings: Settings = load_settings(
            None,
            {
                "lake": {"root": str(tmp_path / f"lake{len(tables)}")},
                "reports": {"path": file},
                "engine": engine,
            },
        )
        ingest(settings)
        assert label(settings).counts["labelled"] == 40
        tables.append([_content(settings, name) for name in ("labels", "mentions")])
    assert tables[0] == tables[1]


def test_a_scheduler_that_does_not_answer_is_told_in_a_line(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(dask_engine, "CONNECT", 0.5)
    with pytest.raises(UserError, match=r"scheduler tcp://127\.0\.0\.1:9: does not answer") as told:
        list(map_chunks(int, ["1"], "tcp://127.0.0.1:9"))
    assert "\n" not in str(told.value)


def test_a_scheduler_that_is_lost_is_told_in_a_line() -> None:
    started = distributed.LocalCluster(
        n_workers=1, threads_per_worker=1, host="127.0.0.1", dashboard_address=None
    )
    try:
        results = map_chunks(int, (str(n) for n in range(100)), started.scheduler_address)
        assert next(results) == 0
        started.close()
        with pytest.raises(UserError, match="the connection was lost") as told:
            list(results)
        assert "\n" not in str(told.value)
    finally:
        started.close()


def test_a_cluster_without_an_address_is_refused() -> None:
    with pytest.raises(UserError, match="needs scheduler"):
        load_settings(None, {"engine": {"kind": "dask"}})


def _content(settings: Settings, name: str) -> list[dict[str, Any]]:
    from pipeline.lake import Lake

    table = Lake.of(settings).read(name)
    kept = [c for c in table.column_names if c not in ("run_id", "committed_at")]
    rows: list[dict[str, Any]] = table.select(kept).to_pylist()
    # A Delta merge keeps no order.
    return sorted(rows, key=lambda row: (row["exam_id"], row.get("mention_no", 0)))


def _die_once(mark: str, number: int) -> int:
    if number == 5 and not Path(mark).exists():
        Path(mark).touch()
        os._exit(1)
    time.sleep(0.01)
    return number


def _words_of_uneven_length(number: int) -> str:
    return "word " * (1 if number % 3 else 20_000) + str(number)
