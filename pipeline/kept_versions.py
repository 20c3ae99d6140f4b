"""Which table versions and releases a vacuum spares.

The ledger names every version that any run ever left, so «named by a run» cannot mean any run, or a
lake would only grow. Our reading: what is kept is

- what is current;
- what runs of the last days (`keep_days`) read or wrote, and the releases published in them;
- releases that a model was trained on or an evaluation was made on, however old, and the newest
  release; with each, the table versions that it was made from;
- beside a version kept, what the same run wrote, so that labels keep their mentions.

A release's own file stays in any case: it holds its rows itself. Of a release that is not kept, the
versions of working tables behind it go.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta

from pipeline.lake import Lake
from pipeline.manifests import releases
from pipeline.run_history import FinishedRun, finished_runs

MANIFEST = "manifest"


def kept_versions(lake: Lake, keep_days: float, now: datetime | None = None) -> dict[str, set[int]]:
    """Return the versions that are kept of each table (table -> versions), `manifest` among them.

    Parameters
    ----------
    lake
        The lake.
    keep_days
        Runs of how many last days keep what they read and wrote.
    now
        The end of those days; the present by default.
    """
    runs = finished_runs(lake)
    since = (now or datetime.now(UTC)) - timedelta(days=keep_days)
    kept: dict[str, set[int]] = {}
    _keep(kept, lake.versions())
    for run in runs:
        if run.at > since:
            _keep(kept, run.inputs)
            _keep(kept, run.outputs)
    trained = lake.read("models", ["run_id", "manifest_version"]).to_pylist()
    measured = lake.read("evaluations", ["manifest_version"]).to_pylist()
    published = [release.version for release in releases(lake)][-1:]
    pinned = {row["manifest_version"] for row in (*trained, *measured)} | set(published)
    makers = {row["run_id"] for row in trained}
    for run in runs:
        if run.outputs.get(MANIFEST) in pinned | kept.get(MANIFEST, set()) or run.run_id in makers:
            _keep(kept, run.inputs)
            _keep(kept, run.outputs)
    _keep_beside(kept, runs)
    return kept


def _keep(kept: dict[str, set[int]], versions: Mapping[str, int]) -> None:
    for table, version in versions.items():
        kept.setdefault(table, set()).add(version)


def _keep_beside(kept: dict[str, set[int]], runs: Iterable[FinishedRun]) -> None:
    """Keep the mentions that were written with labels that are kept."""
    for run in runs:
        if run.outputs.get("labels", -1) in kept.get("labels", set()):
            _keep(kept, run.outputs)
