"""Index: image files to rows of table images, each with what its header says and whether it counts."""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from data_contracts import schemas
from data_contracts.contract import check
from pipeline.engine import map_chunks, processes
from pipeline.image_files import listed_files
from pipeline.images.image_rules import ImageRules
from pipeline.lake import Lake
from pipeline.lake_run import Run
from pipeline.pseudonyms import Pseudonymiser
from pipeline.quarantine import file_away, rejected_rows
from pipeline.settings import Settings
from pipeline.stage_summary import Progress, StageSummary, silent

FILES_A_CHUNK = 128
# Below this many new files a pool of processes costs more than it gives.
POOL_FROM = 2_000


def index(settings: Settings, *, progress: Progress = silent, force: bool = False) -> StageSummary:
    """Describe the image files that are new or changed; decode nothing.

    Reads the image folder and, if there is one, the list that says which file is whose; writes
    images and quarantine. A file that cannot be used keeps its row, with the reason, and stands
    in quarantine too. Files seen before with the same size and time are not opened again, unless
    `force` or the rules have changed.

    Raises
    ------
    UserError
        There is no image folder, or no file in it.
    ContractBroken
        The rows break their contract as a whole.
    """
    rules = ImageRules(
        views=tuple(settings.images.views),
        keep_unknown_view=settings.images.keep_unknown_view,
        modalities=tuple(settings.images.modalities),
        body_parts=tuple(settings.images.body_parts),
    )
    pseudonymiser = Pseudonymiser.of(settings)
    with Run(Lake.of(settings), "index", {"force": force}) as run:
        files = listed_files(settings.images)
        files["content_hash"] = _signatures(files, rules)
        known = run.read("images", ["image_id", "path", "content_hash", "usable"]).to_pandas()
        seen = files["path"].map(known.set_index("path")["content_hash"]) == files["content_hash"]
        fresh = files if force else files[~seen]
        described = _described(fresh, rules, settings, pseudonymiser, progress)
        rows, rejected, repeated = _sorted_out(run, described)
        counts = {
            "in": len(files),
            "indexed": int(rows["usable"].sum()),
            "unchanged": int((seen & ~files["path"].isin(fresh["path"])).sum()) + repeated,
        }
        before = known[known["path"].isin(files["path"]) & ~known["path"].isin(fresh["path"])]
        known_bad = int((~before["usable"]).sum())
        counts["unchanged"] -= known_bad
        counts["quarantined"] = len(files) - sum(list(counts.values())[1:])
        _commit(run, rows)
        _, notes = file_away(run, rejected)
        run.commit(counts)
        if known_bad:
            notes = (*notes, f"{known_bad:,} files are in quarantine from earlier runs")
        return StageSummary(
            stage="index",
            run_id=run.run_id if run.changed else "",
            outcome="committed" if run.changed else "unchanged",
            counts=counts,
            parts=("indexed", "unchanged", "quarantined"),
            inputs=run.inputs,
            outputs=run.outputs,
            seconds=run.seconds,
            notes=notes,
        )
