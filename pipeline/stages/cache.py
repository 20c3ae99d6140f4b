"""Cache: each usable image decoded once, to a square of training size."""

from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from data_contracts import schemas
from pipeline.contracts import whole
from pipeline.engine import map_chunks, workers_of
from pipeline.flaky_reads import read_again
from pipeline.image_files import UNREAD, file_references
from pipeline.images import UnusableImage
from pipeline.images.pixel_cache import write_shard
from pipeline.lake import Lake, require
from pipeline.lake_run import Run
from pipeline.manifest_images import cache_folder
from pipeline.pseudonyms import Pseudonymiser
from pipeline.quarantine import file_away, rejected_rows
from pipeline.sealed_paths import PathSeal
from pipeline.selection import EVERYTHING, Selection, exams_selected
from pipeline.settings import Settings
from pipeline.stage_summary import Progress, StageSummary, silent
from pipeline.user_error import UserError

IMAGES_A_CHUNK = 16
CHUNKS_A_SHARD = 128
# Below this many images a pool of processes costs more than it gives.
POOL_FROM = 200
_UNREAD = "unreadable: the file cannot be read"


def cache(
    settings: Settings,
    *,
    progress: Progress = silent,
    force: bool = False,
    selection: Selection = EVERYTHING,
) -> StageSummary:
    """Decode the usable images that the cache does not hold at this size.

    Reads images; writes pixels, shards in the cache folder, and quarantine. An image that cannot
    be decoded becomes unusable, with the reason, so that no manifest names it. `selection` limits
    it to the images of some exams.

    Raises
    ------
    UserError
        The lake has no images, the folder of images is not there, or a selected exam is not.
    """
    size = settings.cache.size
    selection.refuse_other_than("cache")
    told = {"force": force, "size": size, **selection.told()}
    with Run(Lake.of(settings), "cache", told) as run:
        images = require(run.read("images"), "images", "index").to_pandas()
        usable = images[images["usable"]]
        chosen = exams_selected(run, selection, images["exam_id"].dropna())
        if chosen is not None:
            usable = usable[usable["exam_id"].isin(chosen.to_pylist())]
        cached = run.read("pixels").to_pandas()
        cached = cached[cached["size"] == size]
        folder = cache_folder(settings, run.lake)
        on_disk = {name for name in cached["shard"].unique() if (folder / name).is_file()}
        held = cached[cached["shard"].isin(on_disk)]
        known = held.set_index("image_id")["pixel_digest"]
        same = usable["image_id"].map(known) == usable["pixel_digest"]
        stale = usable if force else usable[~same]
        workers = workers_of(settings.engine, many=len(stale) >= POOL_FROM)
        pseudonymiser = Pseudonymiser.of(settings)
        seal = PathSeal(pseudonymiser)
        failed = _decode_and_commit(run, stale, folder, size, workers, progress, seal)
        _refuse_lost_folder(stale, failed, seal)
        _, notes = file_away(run, [_set_unusable(run, images, failed, seal, pseudonymiser)])
        counts = {
            "in": len(usable),
            "cached": len(stale) - len(failed),
            "unchanged": len(usable) - len(stale),
            "quarantined": len(failed),
        }
        run.commit(counts)
        return run.summary(counts, parts=("cached", "unchanged", "quarantined"), notes=notes)


def _decode_and_commit(
    run: Run,
    images: pd.DataFrame,
    folder: Path,
    size: int,
    workers: int | str,
    progress: Progress,
    seal: PathSeal,
) -> dict[str, str]:
    """Decode images shard by shard and commit where they lie; return image id -> why not."""
    failed: dict[str, str] = {}
    run.delete("pixels", pa.table({"image_id": pa.array(images["image_id"], pa.string())}))
    chunks = [images.iloc[at : at + IMAGES_A_CHUNK] for at in range(0, len(images), IMAGES_A_CHUNK)]
    paths = [seal.opened(chunk["path"]) for chunk in chunks]
    squares: list[np.ndarray] = []
    rows: list[dict[str, Any]] = []
    shards = done = 0
    decoded = map_chunks(partial(_decode, size=size), paths, workers)
    for number, (chunk, (arrays, reasons)) in enumerate(zip(chunks, decoded, strict=True), 1):
        shard = f"{run.run_id}-{shards:04d}.npy"
        for image, square, reason in zip(chunk.itertuples(), arrays, reasons, strict=True):
            if square is None:
                failed[image.image_id] = reason
                continue
            rows.append(
                {
                    "image_id": image.image_id,
                    "pixel_digest": image.pixel_digest,
                    "size": size,
                    "shard": shard,
                    "row": len(squares),
                }
            )
            squares.append(square)
        done += len(chunk)
        progress(done, len(images), "images cached")
        if squares and (number % CHUNKS_A_SHARD == 0 or number == len(chunks)):
            write_shard(folder, shard, np.stack(squares))
            _commit(run, rows)
            squares, rows, shards = [], [], shards + 1
    return failed


def _decode(paths: list[str], size: int) -> tuple[list[np.ndarray | None], list[str]]:
    """Return a uint8 square, or None, for each file, and why there is none."""
    from pipeline.images.decoding import read_pixels
    from pipeline.images.square import to_square

    squares: list[np.ndarray | None] = []
    reasons: list[str] = []
    for path in paths:
        try:
            squares.append(to_square(read_again(read_pixels, Path(path)), size))
            reasons.append("")
        except UnusableImage as error:
            squares.append(None)
            reasons.append(str(error))
        except OSError as error:
            squares.append(None)
            reasons.append(f"{_UNREAD} ({error.strerror})")
    return squares, reasons


def _refuse_lost_folder(images: pd.DataFrame, failed: dict[str, str], seal: PathSeal) -> None:
    """Refuse to call images unusable because a drive or network folder went away."""
    unread = {image_id for image_id, reason in failed.items() if reason.startswith(_UNREAD)}
    for path in seal.opened(images.loc[images["image_id"].isin(unread), "path"]):
        folder = Path(path).parent
        if not folder.is_dir():
            raise UserError(
                f"{folder}: this folder of images is not there; bring it back and run "
                "`radsim cache` again"
            )


def _commit(run: Run, rows: list[dict[str, Any]]) -> None:
    table = pa.Table.from_pylist(rows)
    run.append("pixels", whole(run, "pixels", run.stamped(table, "images", table["pixel_digest"])))


def _set_unusable(
    run: Run,
    images: pd.DataFrame,
    failed: dict[str, str],
    seal: PathSeal,
    pseudonymiser: Pseudonymiser,
) -> pa.Table:
    """Mark images that could not be decoded, and return them in the shape of quarantine."""
    lost = images[images["image_id"].isin(failed)].copy()
    lost["usable"] = False
    lost["reason"] = lost["image_id"].map(failed)
    # The index looks again at a file that could not be read, even if it comes back as it was.
    unread = lost["reason"].str.startswith(_UNREAD)
    lost["content_hash"] = lost["content_hash"].mask(unread, UNREAD)
    ids = pa.array(lost["image_id"], pa.string())
    if len(lost):
        run.delete("images", pa.table({"image_id": ids}))
        # Said, not inferred: a null among integers has made them floats on the way here.
        bare = pa.schema([f for f in schemas.IMAGES if f not in schemas.PROVENANCE])
        table = run.stamped(
            pa.Table.from_pandas(lost[bare.names], schema=bare, preserve_index=False),
            pa.array(lost["source"], pa.string()),
            pa.array(lost["content_hash"], pa.string()),
        )
        run.append("images", whole(run, "images", table))
    parts = lost["reason"].astype("str").str.split(": ", n=1, expand=True).reindex(columns=[0, 1])
    return rejected_rows(
        "images",
        ids,
        file_references(pd.Series(seal.opened(lost["path"]), dtype="str"), pseudonymiser),
        pa.array(parts[0], pa.string()),
        pa.array(parts[1], pa.string()),
        pa.repeat(pa.scalar("images"), len(lost)),
        pa.array(lost["content_hash"], pa.string()),
    )
