"""Fan-out on a Dask cluster: equal to this machine's, dead workers' chunks redone, errors told."""

import os
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from pipeline import dask_engine
from pipeline.dask_engine import map_on_cluster
from pipeline.engine import map_chunks
from pipeline.lake import Lake
from pipeline.road import stage
from pipeline.settings import Settings
from pipeline.settings_file import load_settings
from pipeline.user_error import UserError
from tests.benchmarks.small_hospital import deliver, road_settings

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


ON_ENGINE = ("ingest", "label", "index", "cache", "embed")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the folder of a small hospital that delivers its reports in several files."""
    folder = tmp_path_factory.mktemp("hospital")
    deliver(folder, 1)
    whole = folder / "delivery" / "reports.csv"
    head, *rows = whole.read_text(encoding="utf-8").splitlines()
    (folder / "delivery" / "reports").mkdir()
    for number in range(5):
        part = "\n".join([head, *rows[number::5]])
        (folder / "delivery" / "reports" / f"{number}.csv").write_text(part, encoding="utf-8")
    whole.unlink()
    return folder


def on_engine(site: Path, **engine: object) -> Settings:
    """Return the site's settings with a lake and engine of its own."""
    return road_settings(
        site,
        lake={"root": str(site / f"lake-{engine.get('kind', 'local')}")},
        reports={"path": str(site / "delivery" / "reports")},
        train={"head_epochs": 1, "finetune_epochs": 0},
        engine=engine,
    )


def walked(settings: Settings) -> dict[str, int]:
    """Walk the road to the embeddings; return how many chunks each stage gave to a cluster."""
    chunks = {}
    for name in ("ingest", "label", "index", "cache", "link", "train", "embed"):
        with pytest.MonkeyPatch.context() as patch:
            seen: list[Any] = []

            def counted(
                function: Any, given: Any, *rest: Any, seen: Any = seen, **more: Any
            ) -> Any:
                taken = (seen.append(1) or chunk for chunk in given)
                return map_on_cluster(function, taken, *rest, **more)

            patch.setattr("pipeline.engine.map_on_cluster", counted)
            for module in ("labelling", "stages.label", "image_scan", "stages.cache"):
                patch.setattr(f"pipeline.{module}.POOL_FROM", 0)
            patch.setattr("pipeline.dropped_reading.POOL_FROM", 0)
            patch.setattr("pipeline.dropped_reading.FILES_A_CHUNK", 2)
            stage(name)(settings)
        chunks[name] = len(seen)
    return chunks


def test_every_stage_is_equal_on_the_cluster_and_here(cluster: Any, site: Path) -> None:
    here = on_engine(site, workers=1)
    walked(here)
    there = on_engine(site, kind="dask", scheduler=cluster.scheduler_address)
    chunks = walked(there)
    assert {name for name, count in chunks.items() if count} == set(ON_ENGINE), chunks
    for table in ("reports", "mentions", "labels", "images", "pixels", "quarantine"):
        assert _content(there, table) == _content(here, table), table
    vectors, others = _embeddings(here), _embeddings(there)
    assert vectors.keys() == others.keys()
    for key, vector in vectors.items():
        np.testing.assert_allclose(vector, others[key], atol=1e-4)


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


def _counting(seen: list[Any], function: Any, chunks: Any, *given: Any, **named: Any) -> Any:
    """Map chunks on the cluster as ever, and keep count of them."""
    counted = (seen.append(chunk) or chunk for chunk in chunks)  # type: ignore[func-returns-value]
    return map_on_cluster(function, counted, *given, **named)


def _content(settings: Settings, name: str) -> list[str]:
    """Return the rows of a table without when and by which run they were written, and where to."""
    aside = ("run_id", "committed_at", "row_id", "shard", "row")
    rows = Lake.of(settings).read(name).to_pylist()
    # A Delta merge keeps no order.
    return sorted(str({k: v for k, v in row.items() if k not in aside}) for row in rows)


def _embeddings(settings: Settings) -> dict[tuple[bool, str], list[float]]:
    """Return an image's embedding, and its features by the untrained network.

    A model's id comes of its manifest, which is another lake's.
    """
    rows = Lake.of(settings).read("embeddings").to_pylist()
    return {
        (row["model_id"].startswith("untrained"), row["image_id"]): row["embedding"] for row in rows
    }


def _die_once(mark: str, number: int) -> int:
    if number == 5 and not Path(mark).exists():
        Path(mark).touch()
        os._exit(1)
    time.sleep(0.01)
    return number


def _words_of_uneven_length(number: int) -> str:
    return "word " * (1 if number % 3 else 20_000) + str(number)
