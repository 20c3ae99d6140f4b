"""The gate: a newer model takes the place of the current one only if it is shown to be no worse."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from PIL import Image

from data_contracts import schemas
from pipeline.lake_run import Run
from pipeline.manifest_images import manifest_images
from pipeline.model_decisions import decision_table, make_current, model_table
from pipeline.model_gate import verdict_of
from pipeline.models import (
    CURRENT,
    REFUSED,
    candidate_model,
    current_model,
    decisions,
    models_in_use,
    untrained_id,
)
from pipeline.settings import Settings
from pipeline.stages.cache import cache
from pipeline.stages.evaluate import evaluate
from pipeline.stages.gate import gate
from pipeline.stages.index import index
from pipeline.stages.ingest import ingest
from pipeline.stages.link import link
from pipeline.user_error import UserError

EXAMS = 60
SCHEME = (
    "name: ours\nnormal_class: Normal\nclasses:\n  Normal: []\n  Effusion: [pleural_effusion]\n"
)


def told(site: Any, **changes: Any) -> Settings:
    given: dict[str, Any] = {
        "reports": {"path": None},
        "label_file": {"path": site.folder / "labels.csv"},
        "images": {"path": site.folder / "images", "list_file": site.folder / "images.csv"},
        "cache": {"size": 32},
        "manifest": {
            "scheme": str(site.folder / "ours.yaml"),
            **{"train": 0.2, "val": 0.1, "test": 0.7},
        },
        "evaluate": {"k": 5, "resamples": 100},
    }
    return site.settings(**{**given, **changes})


@pytest.fixture
def linked(site: Any) -> Any:
    """Return a site with a manifest of exams, half of them with an effusion, and no model."""
    (site.folder / "ours.yaml").write_text(SCHEME)
    (site.folder / "images").mkdir()
    labels, images = ["exam_id,Effusion,Normal"], ["path,exam_id,patient_id,view"]
    for number in range(EXAMS):
        effusion = number % 2
        labels.append(f"E{number},{effusion},{1 - effusion}")
        images.append(f"E{number}.png,E{number},P{number},PA")
        noise = np.random.default_rng(number).integers(0, 255, (32, 32)).astype(np.uint8)
        Image.fromarray(noise).save(site.folder / "images" / f"E{number}.png")
    (site.folder / "labels.csv").write_text("\n".join(labels))
    (site.folder / "images.csv").write_text("\n".join(images))
    for stage in (ingest, index, cache, link):
        stage(told(site))
    return site


def trained(site: Any, model_id: str, knows: float, digest: str | None = None) -> None:
    """Commit a model and its embeddings, as training and embedding would.

    `knows` is how clearly its embedding tells effusions: 0 not at all, 1 well.
    """
    row = {
        "model_id": model_id,
        "settings": "{}",
        "manifest_version": 1,
        "manifest_digest": "d",
        "seed": 0,
        "measures": "{}",
        "path": f"models/{model_id}/model.safetensors",
    }
    bare = pa.schema([field for field in schemas.MODELS if field.name in row])
    with Run(site.lake, "train", {}) as run:
        table = run.stamped(pa.Table.from_pylist([row], bare), "f", digest or f"of {model_id}")
        run.delete("models", pa.table({"model_id": [model_id]}))
        run.append("models", table)
        run.commit({})
    embedded(site, model_id, knows)


def embedded(site: Any, model_id: str, knows: float) -> None:
    rows = manifest_images(site.lake, told(site)).rows
    vectors = np.random.default_rng(len(model_id)).standard_normal((len(rows), 4))
    vectors[:, 0] = 20 * knows * (2 * (rows["Effusion"] == 1) - 1) + vectors[:, 0]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    table = pa.table(
        {
            "model_id": [model_id] * len(rows),
            "image_id": pa.array(rows["image_id"], pa.string()),
            "embedding": pa.array(list(vectors.astype(np.float32)), pa.list_(pa.float32())),
        }
    )
    with Run(site.lake, "embed", {}) as run:
        run.append("embeddings", run.stamped(table, "f", "h"))
        run.commit({})


def current(site: Any) -> str:
    return str(current_model(site.lake)["model_id"])


def test_a_worse_model_is_refused_a_better_one_let_through_and_a_person_overrules(
    linked: Any, no_rows_added: Any
) -> None:
    settings = told(linked)
    with pytest.raises(UserError, match="no model yet; run `radsim train` first"):
        gate(settings)
    trained(linked, "first", 0.1)
    assert "there is no other model" in gate(settings).notes[0]

    trained(linked, "good", 1.0)
    # Not current before it is judged, though it is newer and embedded.
    assert current(linked) == "first"
    assert [model["model_id"] for model in models_in_use(linked.lake)] == ["first", "good"]
    summary = gate(settings)
    assert summary.counts == {"decided": 1, "made_current": 1}
    assert current(linked) == "good"
    assert candidate_model(linked.lake) is None

    trained(linked, "bad", 0.0)
    summary = gate(settings)
    assert summary.counts == {"decided": 1, "made_current": 0}
    assert "bad is refused: worse than the current model" in summary.notes[0]
    assert "good stays current" in summary.notes[1]
    assert current(linked) == "good"
    (row,) = [made for made in decisions(linked.lake) if made["model_id"] == "bad"]
    assert (row["compared_with"], row["measure"], row["manifest_version"]) == ("good", "nDCG@5", 1)
    assert row["difference"] == pytest.approx(row["value"] - row["compared_value"])
    assert row["low"] <= row["difference"] <= row["high"] < -row["tolerance"]
    assert 30 <= row["n_queries"] <= EXAMS

    before = no_rows_added(linked.lake)
    assert gate(settings).outcome == "unchanged"
    assert no_rows_added(linked.lake) == before

    make_current(settings, "bad")
    assert current(linked) == "bad"
    last = decisions(linked.lake)[-1]
    assert (last["decided_by"], last["verdict"]) == ("hand", CURRENT)
    assert last["who"]
    assert gate(settings).outcome == "unchanged"
    with pytest.raises(UserError, match="no model 'none'; its models are first, good, bad"):
        make_current(settings, "none")
    marked = {row["model"]: row["current"] for row in model_table(linked.lake)}
    assert marked == {"first": False, "good": False, "bad": True}
    assert [row["model"] for row in decision_table(linked.lake, 2)] == ["bad", "bad"]


def test_a_model_that_is_not_embedded_waits_and_the_tolerance_decides(linked: Any) -> None:
    settings = told(linked)
    trained(linked, "good", 1.0)
    gate(settings)
    trained(linked, "equal", 1.0)
    with Run(linked.lake, "embed", {}) as run:
        run.delete("embeddings", pa.table({"model_id": ["equal"]}))
        run.commit({})
    with pytest.raises(UserError, match="not embedded yet; run `radsim embed` first"):
        gate(settings)
    assert current(linked) == "good"
    embedded(linked, "equal", 0.0)
    assert gate(told(linked, gate={"tolerance": 1.0})).counts["made_current"] == 1
    assert gate(settings, force=True).counts["decided"] == 1


def test_evaluate_measures_the_candidate_beside_the_current_model(linked: Any) -> None:
    settings = told(linked)
    trained(linked, "first", 0.5)
    embedded(linked, untrained_id(settings), 0.0)
    gate(settings)
    evaluate(settings)
    trained(linked, "second", 0.0)
    summary = evaluate(settings)
    rows = {(row["measure"], row["queries"]): row for row in summary.figures["measures"]}
    row = rows["nDCG@5", "all"]
    assert float(row["trained"].split()[0]) < float(row["current"].split()[0])
    gate(settings)
    # Refused: the figures shown are again those of the current model, measured already.
    summary = evaluate(settings)
    assert summary.outcome == "unchanged"
    shown = {(row["measure"], row["queries"]): row for row in summary.figures["measures"]}
    assert shown["nDCG@5", "all"]["trained"] == row["current"]


@pytest.mark.parametrize(
    ("low", "high", "verdict", "why"),
    [
        (-0.02, 0.01, CURRENT, "not worse"),
        (0.01, 0.03, CURRENT, "not worse"),
        (-0.05, 0.05, REFUSED, "too few queries"),
        (-0.05, -0.03, REFUSED, "worse than"),
        (float("nan"), float("nan"), REFUSED, "nothing can be compared"),
    ],
)
def test_the_whole_interval_must_lie_above_minus_the_tolerance(
    low: float, high: float, verdict: str, why: str
) -> None:
    found, reason = verdict_of(low, high, 0.02)
    assert found == verdict
    assert why in reason


def test_before_any_decision_the_newest_model_is_current_whatever_the_clock_said(
    linked: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in lakes that are older than the gate."""
    trained(linked, "one", 1.0)
    stamped = Run.stamped

    def years_ago(run: Run, *arguments: Any) -> pa.Table:
        run.now = run.now.replace(year=2001)
        return stamped(run, *arguments)

    monkeypatch.setattr(Run, "stamped", years_ago)
    trained(linked, "two", 1.0)
    assert current(linked) == "two"
    gate(told(linked))
    assert decisions(linked.lake)[-1]["reason"] == "there is no other model to hold it against"
