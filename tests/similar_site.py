"""A site whose model tells effusions well, with its figures; its network is never needed."""

from pathlib import Path
from typing import Any

import pyarrow as pa

from data_contracts import schemas
from pipeline.lake import Lake
from pipeline.lake_run import Run
from pipeline.settings import Settings
from tests.pipeline.stages.conftest import Site
from tests.pipeline.stages.linked_site import link_site, told, trained

MODEL = "model-1"


def similar_site(folder: Path) -> Settings:
    """Make the site: 60 exams, every second with an effusion, the others normal."""
    site = Site(folder)
    link_site(site)
    trained(site, MODEL, 1.0)
    settings = told(site)
    _measured(Lake.of(settings))
    return settings


def _measured(lake: Lake) -> None:
    """Commit figures as stage evaluate would, of the model and of chance."""
    rows: list[dict[str, Any]] = [
        {
            "model_id": model_id,
            "manifest_version": 1,
            "manifest_digest": "d",
            "truth": "manifest",
            "split": "test",
            "measure": measure,
            "queries": queries,
            "value": value,
            "low": value - 0.05,
            "high": value + 0.05,
            "n_queries": n,
            "left_out": 0,
        }
        for model_id, value in ((MODEL, 0.9), ("chance", 0.3))
        for measure, queries, n in (
            ("nDCG@5", "all", 40),
            ("nDCG@5", "certain", 38),
            ("class nDCG@5", "Effusion", 20),
            ("class nDCG@5", "mean of classes", 20),
        )
    ]
    bare = pa.schema([f for f in schemas.EVALUATIONS if f not in schemas.PROVENANCE])
    with Run(lake, "evaluate", {}) as run:
        run.append("evaluations", run.stamped(pa.Table.from_pylist(rows, bare), "f", "h"))
        run.commit({})
