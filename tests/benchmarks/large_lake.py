"""A lake of as many exams as asked for, by the road's own stages, for measuring pages and history.

Reports are of `report_corpus`, over some two years; they are ingested and labelled as every night's
are, and their last tenth is a second delivery, so that drift is measured. Images are rows without
files (`road_speed.write_images`). With `--embeddings` a release is linked, and each image has a
unit vector drawn at random, of a model that was never trained: for what pages cost, not say.

    RADSIM_DATA=FOLDER python tests/benchmarks/large_lake.py LAKE [--exams 1000000] [--embeddings]
"""

import argparse
import csv
import tempfile
from itertools import islice
from pathlib import Path

import numpy as np
import pyarrow as pa
from report_corpus import COLUMNS, ReportCorpus, openi_folder
from road_speed import write_images

MODEL = "model-of-chance"
CHUNK = 200_000  # images


def write_lake(lake: Path, exams: int) -> None:
    """Make the lake; the folder must not exist."""
    from pipeline.road import stage
    from pipeline.settings import LakeSettings, ReportSettings, Settings

    with tempfile.TemporaryDirectory() as folder:
        rows = iter(ReportCorpus(openi_folder(), exams))
        for delivery, count in enumerate((exams - exams // 10, exams // 10)):
            path = Path(folder) / f"{delivery}.csv"
            with path.open("w", newline="", encoding="utf-8") as file:
                writer = csv.writer(file)
                writer.writerow(COLUMNS)
                writer.writerows(islice(rows, count))
            settings = Settings(
                lake=LakeSettings(root=str(lake)),
                reports=ReportSettings(
                    path=path,
                    text=["findings", "impression"],
                    patient_id="patient_id",
                    exam_time="exam_time",
                ),
            )
            for name in ("ingest", "label", "drift"):
                summary = stage(name)(settings)
                print(f"{name} {summary.seconds:.1f} s", flush=True)
            path.unlink()
    write_images(lake)


def write_embeddings(lake: Path) -> None:
    """Link a release of the lake's images, and embed them at random."""
    from data_contracts import schemas
    from pipeline.lake import Lake
    from pipeline.lake_run import Run
    from pipeline.manifests import current_release
    from pipeline.road import stage
    from pipeline.settings import LakeSettings, Settings, TrainSettings

    settings = Settings(lake=LakeSettings(root=str(lake)))
    print(f"link {stage('link')(settings).seconds:.1f} s", flush=True)
    release = current_release(Lake(lake))
    width = TrainSettings().dim
    generator = np.random.default_rng(0)
    with Run(Lake(lake), "embed", {}) as run:
        model = {
            "model_id": MODEL,
            "settings": "{}",
            "manifest_version": release.version,
            "manifest_digest": release.digest,
            "seed": 0,
            "measures": "{}",
            "path": "none",
        }
        bare = pa.schema([field for field in schemas.MODELS if field.name in model])
        row = pa.Table.from_pylist([model], bare)
        run.append("models", run.stamped(row, release.path, "a" * 64))
        images = run.read("images", ["image_id"])["image_id"]
        for start in range(0, len(images), CHUNK):
            ids = images.slice(start, CHUNK)
            vectors = generator.standard_normal((len(ids), width), np.float32)
            vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
            offsets = pa.array(np.arange(0, len(ids) * width + 1, width, np.int32))
            told = {
                "model_id": pa.repeat(MODEL, len(ids)),
                "image_id": ids,
                "embedding": pa.ListArray.from_arrays(offsets, pa.array(vectors.ravel())),
            }
            run.append("embeddings", run.stamped(pa.table(told), release.path, "b" * 64))
        run.commit({"in": len(images)})


def main() -> None:
    """Make the lake that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lake", type=Path)
    parser.add_argument("--exams", type=int, default=1_000_000)
    parser.add_argument("--embeddings", action="store_true")
    arguments = parser.parse_args()
    write_lake(arguments.lake, arguments.exams)
    if arguments.embeddings:
        write_embeddings(arguments.lake)


if __name__ == "__main__":
    main()
