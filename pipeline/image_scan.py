"""What the headers of image files say, many files at a time, and what their rows depend on."""

import dataclasses
import hashlib
import os
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from data_contracts import schemas
from pipeline.engine import map_chunks, workers_of
from pipeline.image_files import UNREAD, file_references
from pipeline.images import ImageRules, describe_image
from pipeline.pseudonyms import Pseudonymiser
from pipeline.settings import EngineSettings
from pipeline.stage_summary import Progress

FILES_A_CHUNK = 128
# Below this many files a pool of processes costs more than it gives.
POOL_FROM = 2_000
_DESCRIBED = [f.name for f in schemas.IMAGES if f not in schemas.PROVENANCE]


def signatures(files: pd.DataFrame, rules: ImageRules, pseudonymiser: Pseudonymiser) -> list[str]:
    """Return a hash a file of all that its row depends on, without opening it; keyed if ids are."""
    told = "\x1f".join(str(value) for value in dataclasses.astuple(rules))
    if pseudonymiser.active:
        # A row whose path is not sealed yet is made again.
        told += "\x1fsealed"
    hashes = []
    for path, exam, patient, view in files.itertuples(index=False, name=None):
        try:
            status = os.stat(path)
            state = (status.st_size, status.st_mtime_ns)
        except OSError:
            # A broken link, or a file that went away: describing it will say so.
            state = (0, 0)
        looked_at = (path, *state, exam, patient, view, told)
        text = "\x1f".join(str(value) for value in looked_at)
        digest = hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()
        hashes.append(pseudonymiser.one(digest))
    return hashes


def described(
    files: pd.DataFrame,
    rules: ImageRules,
    engine: EngineSettings,
    pseudonymiser: Pseudonymiser,
    progress: Progress,
) -> pd.DataFrame:
    """Return a row a file: the columns of `images`, content_hash, and reference for quarantine.

    Identifiers are as the lake keeps them.
    """
    paths = list(files["path"])
    chunks = [paths[at : at + FILES_A_CHUNK] for at in range(0, len(paths), FILES_A_CHUNK)]
    workers = workers_of(engine, many=len(paths) >= POOL_FROM)
    rows: list[dict[str, Any]] = []
    for part in map_chunks(partial(_describe, rules=rules), chunks, workers):
        rows += part
        progress(len(rows), len(paths), "images indexed")
    frame = pd.DataFrame(rows, columns=_DESCRIBED)
    listed = files.set_index("path")
    for name in ("exam_id", "patient_id", "view"):
        told = frame["path"].map(listed[name])
        frame[name] = told.where(told.notna(), frame[name])
    frame["content_hash"] = frame["path"].map(listed["content_hash"])
    # Looked at again by every run, since it need not change to become readable.
    unread = frame["reason"].str.startswith("unreadable:").eq(True)
    frame["content_hash"] = frame["content_hash"].mask(unread, UNREAD)
    frame = _ruled_by_list(frame, rules)
    for name in ("image_id", "exam_id", "patient_id"):
        column = pa.array(frame[name], pa.string(), from_pandas=True)
        kind = {"exam_id": "exam", "patient_id": "patient"}.get(name)
        frame[name] = pseudonymiser.column(column, kind).to_pandas()
    frame["reference"] = file_references(frame["path"], pseudonymiser).to_pandas()
    return frame


def _describe(paths: list[str], rules: ImageRules) -> list[dict[str, Any]]:
    return [{**describe_image(Path(path), rules), "path": path} for path in paths]


def _ruled_by_list(described: pd.DataFrame, rules: ImageRules) -> pd.DataFrame:
    """Hold images to what only the list says: whose they are, and their view."""
    usable = described["usable"].astype(bool)
    ownerless = usable & described["exam_id"].isna()
    described.loc[ownerless, "reason"] = (
        "no_exam: neither the file nor an image list names its exam"
    )
    wrong = described["view"].notna() & ~described["view"].isin(rules.views)
    other_view = usable & ~ownerless & wrong
    described.loc[other_view, "reason"] = "view: not " + " or ".join(rules.views)
    described["usable"] = usable & ~ownerless & ~other_view
    return described
