"""Embed image files without any lake: a Parquet file of path and embedding."""

import time
from errno import EISDIR
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from pipeline.csv_cells import plain_table
from pipeline.engine import map_chunks, workers_of
from pipeline.flaky_reads import read_again
from pipeline.image_files import image_files
from pipeline.images import ImageRules, UnusableImage, describe_image
from pipeline.models import MODEL_FILE
from pipeline.settings import ImageSettings, Settings
from pipeline.stage_summary import Progress, StageSummary, silent
from pipeline.stages.index import image_rules
from pipeline.user_error import UserError

IMAGES_A_CHUNK = 64
# Below this many images a pool of processes costs more than it gives.
POOL_FROM = 200
# Lines that a person reads; the rest stands in the file.
_LINES = 10


def embed_image_files(
    images: Path, model: Path, out: Path, settings: Settings, *, progress: Progress = silent
) -> StageSummary:
    """Embed the image files of a folder, or those that a CSV names, with a model.

    `images` is a folder of DICOM, PNG or JPEG files, or a CSV with a column `path`, relative to
    its own folder. `model` is a model's file or the folder it lies in. An image goes the way it
    goes into a lake: the rules of [images], a square of the size that the model was trained on
    ([cache] size where the model does not tell), the model's input size.

    `out` gets columns path (as named, or relative to the folder) and embedding (fixed-size list
    of float32, unit length), with the model's id and the SHA-256 of its file in the schema's
    metadata. Images that cannot be used are listed beside it with the reason: in
    ``embeddings.quarantine.csv`` for ``embeddings.parquet``.

    Raises
    ------
    UserError
        The images or the model cannot be read, `out` cannot be written, or no image can be used.
    """
    started = time.monotonic()
    root, names = _named(images)
    network, size, metadata = _model(model, settings.cache.size)
    _make_room(out)
    schema = pa.schema(
        [("path", pa.string()), ("embedding", pa.list_(pa.float32(), network.dim))],
        metadata=metadata,
    )
    chunks = [names[at : at + IMAGES_A_CHUNK] for at in range(0, len(names), IMAGES_A_CHUNK)]
    workers = workers_of(settings.engine, many=len(names) >= POOL_FROM)
    decode = partial(_decode, root=root, rules=image_rules(settings.images), size=size)
    decoded = map_chunks(decode, chunks, workers)
    rejected: list[tuple[str, str]] = []
    done = 0
    try:
        with pq.ParquetWriter(_partial(out), schema, compression="zstd") as writer:
            for squares, lost in decoded:
                if squares:
                    writer.write_table(_embedded(network, squares, schema))
                rejected += lost
                done += len(squares) + len(lost)
                progress(done, len(names), "images embedded")
        notes = _quarantine(rejected, out)
        if len(rejected) == len(names):
            raise UserError(
                "; ".join([f"{images}: none of its {len(names):,} images can be used", *notes])
            )
        _partial(out).replace(out)
    except OSError as error:
        raise _unwritable(out, error) from None
    finally:
        _partial(out).unlink(missing_ok=True)
    return StageSummary(
        stage="embed",
        outcome="committed",
        counts={
            "in": len(names),
            "embedded": len(names) - len(rejected),
            "quarantined": len(rejected),
        },
        parts=("embedded", "quarantined"),
        seconds=time.monotonic() - started,
        notes=(f"embeddings by {metadata['model_id']} are in {out}", *notes),
    )


def _named(images: Path) -> tuple[Path, list[str]]:
    """Return a folder and the paths of the images, relative to it or absolute."""
    if images.is_dir():
        root = images.resolve()
        found = image_files(ImageSettings(path=images))["path"]
        return root, [str(Path(path).relative_to(root)) for path in found]
    if not images.is_file():
        raise UserError(f"{images}: no such folder of images or CSV file")
    try:
        rows = pd.read_csv(images, dtype=str, keep_default_na=False)
    except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError):
        raise UserError(
            f"{images}: not a CSV file in UTF-8; name a folder, or a CSV with a column path"
        ) from None
    if "path" not in rows:
        raise UserError(f"{images}: the CSV file has no column path")
    if rows.empty:
        raise UserError(f"{images}: the CSV file names no image")
    return images.resolve().parent, list(rows["path"])


def _model(model: Path, default_size: int) -> tuple[Any, int, dict[str, str]]:
    """Return the network, the square it was trained on, and what the embeddings' metadata says."""
    from training import load_model
    from training.checkpoint import file_digest

    file = model / MODEL_FILE if model.is_dir() else model
    try:
        network, told = load_model(file)
    except (FileNotFoundError, ValueError) as error:
        raise UserError(f"{error}; see --model") from None
    digest = file_digest(file)
    name = told.get("model_id") or f"model-{digest[:12]}"
    size = int(told.get("square_size") or default_size)
    said = {"model_id": str(name), "model_sha256": digest, "square_size": str(size)}
    return network, size, said


def _decode(
    names: list[str], root: Path, rules: ImageRules, size: int
) -> tuple[list[tuple[str, np.ndarray]], list[tuple[str, str]]]:
    """Return (name, uint8 square) of the images that can be used, (name, reason) of the others."""
    from pipeline.images.decoding import read_pixels
    from pipeline.images.square import to_square

    squares: list[tuple[str, np.ndarray]] = []
    rejected: list[tuple[str, str]] = []
    for name in names:
        path = root / name
        if not path.is_file():
            rejected.append((name, "unreadable: no such file"))
            continue
        described = describe_image(path, rules)
        if not described["usable"]:
            rejected.append((name, described["reason"]))
            continue
        try:
            squares.append((name, to_square(read_again(read_pixels, path), size)))
        except UnusableImage as error:
            rejected.append((name, str(error)))
        except OSError as error:
            rejected.append((name, f"unreadable: the file cannot be read ({error.strerror})"))
    return squares, rejected


def _embedded(network: Any, squares: list[tuple[str, np.ndarray]], schema: pa.Schema) -> pa.Table:
    from training.embed import embed

    vectors = embed(network, np.stack([square for _, square in squares]))
    flat = pa.array(vectors.reshape(-1), pa.float32())
    columns = [
        pa.array([name for name, _ in squares], pa.string()),
        pa.FixedSizeListArray.from_arrays(flat, vectors.shape[1]),
    ]
    return pa.Table.from_arrays(columns, schema=schema)


def _quarantine(rejected: list[tuple[str, str]], out: Path) -> tuple[str, ...]:
    """Write the images that cannot be used beside `out`; return a line an image, up to ten."""
    place = out.with_name(f"{out.stem}.quarantine.csv")
    place.unlink(missing_ok=True)
    if not rejected:
        return ()
    paths, reasons = zip(*rejected, strict=True)
    rows = pa.table({"path": list(paths), "reason": list(reasons)})
    pa_csv.write_csv(plain_table(rows), place)
    lines = [f"{path}: {reason}" for path, reason in rejected[:_LINES]]
    if len(rejected) > _LINES:
        lines.append(f"and {len(rejected) - _LINES:,} more")
    return (*lines, f"images that cannot be used are in {place}")


def _make_room(out: Path) -> None:
    """Find out before the work, not after it, that `out` cannot be written."""
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        if out.is_dir():
            raise IsADirectoryError(EISDIR, "it is a folder")
        _partial(out).touch()
    except OSError as error:
        raise _unwritable(out, error) from None


def _partial(out: Path) -> Path:
    return out.with_name(f".{out.name}.partial")


def _unwritable(place: Path, error: OSError) -> UserError:
    return UserError(f"{place}: cannot be written ({error.strerror or 'the disk refuses'})")
