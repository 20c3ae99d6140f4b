"""Manifests: numbered releases of labelled exams with their images, immutable once published.

A release is one plain Parquet file, ``<lake>/manifests/<version>/manifest.parquet``, that anyone
can copy and read with pandas alone; its schema metadata (key ``radsim``, JSON) says what made it.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.lake import Lake
from pipeline.lake_run import Run
from pipeline.scratch import whole_file
from pipeline.user_error import UserError
from pipeline.withdrawals import withdrawn_releases

METADATA_KEY = b"radsim"


@dataclass(frozen=True)
class Release:
    """A published manifest.

    Attributes
    ----------
    version
        Its number, from 1.
    digest
        SHA-256 of its file, in hex.
    path
        The file, as a path or object-store URL.
    scheme, rows, exams, created_at
        What it holds, and when it was published.
    """

    version: int
    digest: str
    path: str
    scheme: str
    rows: int
    exams: int
    created_at: datetime


def releases(lake: Lake) -> list[Release]:
    """Return the published manifests that are not withdrawn, oldest first."""
    found = []
    withdrawn = withdrawn_releases(lake)
    for run in lake.runs().to_pylist():
        version = json.loads(run["outputs"]).get("manifest")
        if version is None or version in withdrawn:
            continue
        told = json.loads(run["parameters"])
        found.append(
            Release(
                version=version,
                digest=told["digest"],
                path=f"{lake.root}/{_place(version)}",
                scheme=told["scheme"],
                rows=told["rows"],
                exams=told["exams"],
                created_at=run["committed_at"],
            )
        )
    return sorted(found, key=lambda release: release.version)


def current_release(lake: Lake) -> Release:
    """Return the newest manifest.

    Raises
    ------
    UserError
        None is published yet.
    """
    published = releases(lake)
    if not published:
        raise UserError("the lake has no manifest; run `radsim link` first")
    return published[-1]


def release_of(lake: Lake, version: int) -> Release:
    """Return a release by its number.

    Raises
    ------
    UserError
        There is none of that number.
    """
    published = {release.version: release for release in releases(lake)}
    if version in withdrawn_releases(lake):
        raise UserError(
            f"manifest {version} was withdrawn: `radsim forget` has removed a patient of it"
        )
    if version not in published:
        raise UserError(
            f"{lake.root} has no manifest {version}; its manifests are "
            f"{', '.join(str(number) for number in published) or 'none yet'}"
        )
    return published[version]


def read_manifest(lake: Lake, release: Release) -> pa.Table:
    """Return a release's rows, with its schema metadata.

    Raises
    ------
    UserError
        The file is missing or is not the one that was published.
    """
    filesystem, root = lake.files()
    try:
        with (
            lake.reached(),
            filesystem.open_input_file(f"{root}/{_place(release.version)}") as file,
        ):
            content = file.read()
    except FileNotFoundError:
        raise UserError(f"{release.path}: manifest {release.version} is missing") from None
    if hashlib.sha256(content).hexdigest() != release.digest:
        raise UserError(
            f"{release.path}: not the file that was published as manifest {release.version}; "
            "run `radsim link --force` to publish a new one"
        )
    return pq.read_table(pa.BufferReader(content))


def manifest_metadata(manifest: pa.Table) -> dict:
    """Return what a manifest says of itself: scheme, classes, vocabulary hash, source versions."""
    told: dict = json.loads(manifest.schema.metadata[METADATA_KEY])
    return told


def split_sizes(manifest: pa.Table) -> list[dict[str, Any]]:
    """Return a row a split of a manifest: its exams and images."""
    frame = manifest.select(["split", "exam_id", "image_id"]).to_pandas()
    sizes = frame.groupby("split").agg(exams=("exam_id", "nunique"), images=("image_id", "size"))
    return [
        {"split": name, **{key: int(value) for key, value in row.items()}}
        for name, row in sizes.iterrows()
    ]


def publish_manifest(run: Run, rows: pa.Table, told: dict) -> Release:
    """Write the next release and note it in the run; it is current once the run commits.

    Raises
    ------
    UserError
        Another run has committed meanwhile, and may have published a release of this number.
    """
    version = run.current.get("manifest", 0) + 1
    told = {"version": version, **told, "run_id": run.run_id, "created_at": run.now.isoformat()}
    table = rows.replace_schema_metadata({METADATA_KEY: json.dumps(told).encode()})
    sink = pa.BufferOutputStream()
    pq.write_table(table, sink, compression="zstd")
    content = sink.getvalue()
    filesystem, root = run.lake.files()
    place = f"{root}/{_place(version)}"
    run.refuse_if_overtaken()
    with run.lake.reached():
        if run.lake.is_local:
            with whole_file(Path(place)) as partial:
                partial.write_bytes(content)
        else:
            with filesystem.open_output_stream(place) as file:
                file.write(content)
    release = Release(
        version=version,
        digest=hashlib.sha256(content).hexdigest(),
        path=f"{run.lake.root}/{_place(version)}",
        scheme=told["scheme"],
        rows=table.num_rows,
        exams=len(table["exam_id"].unique()),
        created_at=run.now,
    )
    run.parameters |= {
        "scheme": release.scheme,
        "digest": release.digest,
        "rows": release.rows,
        "exams": release.exams,
    }
    run.publish("manifest", version)
    return release


def _place(version: int) -> str:
    return f"manifests/{version:06d}/manifest.parquet"
