"""Releases that were withdrawn because a patient of theirs was forgotten, and their models."""

import json

from pipeline.lake import Lake

WITHDRAWN = "withdrawn"


def withdrawn_releases(lake: Lake) -> set[int]:
    """Return the numbers of the manifests that `radsim forget` has withdrawn."""
    told = (json.loads(text) for text in lake.runs()["parameters"].to_pylist())
    return {number for parameters in told for number in parameters.get(WITHDRAWN, ())}


def models_of_withdrawn(lake: Lake) -> list[str]:
    """Return the ids of the models that were trained on a withdrawn manifest, in their order."""
    gone = withdrawn_releases(lake)
    models = lake.read("models", ["model_id", "manifest_version"]).to_pylist() if gone else []
    return sorted({row["model_id"] for row in models if row["manifest_version"] in gone})
