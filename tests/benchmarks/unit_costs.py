"""What a report, an image and a vector cost, and what 100 million reports would.

Measured, each in a fresh process:

- ingest, label and link of recombined OpenI reports (`report_corpus`), at two sizes: a unit's cost
  is the difference of the two divided by the difference in reports, so that what a start costs
  falls out. Core-seconds are those of this process and the processes it started; memory is the
  greatest of a single process, so its growth says what a report holds on to.
- index and cache of DICOM files of full size (2,500 x 2,048, 12 of 16 bits, uncompressed, drawn
  from NIH images with noise), at two sizes as well; embed of the 1,199 NIH images, from the cache,
  by a model of the road's settings after a training cut short (which model changes no cost), and
  by the untrained network, which the road keeps beside it for comparison.
- a gallery index of 100,000 vectors of 128: seconds to build, memory, milliseconds of one search.

Then prints the products for 100 million reports and 50 million images. They are products, not
measurements: nothing of that size was ever run. Assumed is that cost is proportional to the number
of units (exact search too), that IVF, with lists as many as the square root of the gallery,
searches in time proportional to that root and is built in time proportional to the gallery times
it, and one core as measured here.

    RADSIM_DATA=FOLDER python -m tests.benchmarks.unit_costs [--part reports|images|vectors]
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tests.benchmarks.report_corpus import ReportCorpus, openi_folder

REPORT_SIZES = (50_000, 250_000)
DICOM_SIZES = (10, 70)
DICOM_SHAPE = (2_500, 2_048)
VECTORS, DIM, SEARCHES = 100_000, 128, 200
MANY_REPORTS, MANY_IMAGES = 100_000_000, 50_000_000
ROOT = Path(__file__).resolve().parents[2]


def size_of(folder: Path) -> int:
    """Return the bytes of a folder's files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def core_seconds() -> float:
    """Return the processor time of this process and of those it started that have ended."""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(usage.ru_utime + usage.ru_stime for usage in used)


def most_memory() -> int:
    """Return the greatest memory of this process so far, in bytes (Linux gives kilobytes)."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def told_of(lake: Path, names: tuple[str, ...], settings: Any) -> dict[str, float]:
    """Run stages; return the core-seconds of each and the memory after it."""
    from pipeline.road import stage

    told = {}
    for name in names:
        if name == "link":
            sys.path.insert(0, str(Path(__file__).parent))
            from road_speed import write_images

            write_images(lake)
        began = core_seconds()
        stage(name)(settings)
        told[f"{name} core-seconds"] = core_seconds() - began
        told[f"{name} memory"] = most_memory()
    return told


def reports_part(reports: int, folder: Path) -> dict[str, float]:
    """Return what ingest, label and link of that many reports cost."""
    from pipeline.lake import Lake
    from pipeline.settings import LakeSettings, ReportSettings, Settings

    source, root = folder / "reports.csv", folder / "lake"
    ReportCorpus(openi_folder(), reports).write_csv(source)
    settings = Settings(
        lake=LakeSettings(root=str(root)),
        reports=ReportSettings(path=source, text=["findings", "impression"]),
    )
    told = told_of(root, ("ingest", "label", "link"), settings)
    for table in ("reports", "mentions", "labels"):
        told[f"{table} bytes"] = size_of(root / "tables" / table)
    told["manifest bytes"] = size_of(root / "manifests")
    told["source bytes"] = source.stat().st_size
    told["mentions"] = Lake(root).read("mentions", ["exam_id"]).num_rows
    return told


def write_dicoms(folder: Path, count: int) -> None:
    """Write radiographs of full size that no two are alike, each an exam of its own."""
    import numpy as np
    from PIL import Image

    from pipeline.demo.phantom_dicom import phantom_dataset

    folder.mkdir()
    sources = sorted(Path(os.environ["RADSIM_DATA"], "nih", "images").glob("*.png"))
    random = np.random.default_rng(0)
    for number, source in enumerate(sources[:count]):
        dataset = phantom_dataset(f"E{number}", ["normal"])
        enlarged = Image.open(source).convert("L").resize(DICOM_SHAPE[::-1])
        noise = random.normal(0, 8, DICOM_SHAPE)
        pixels = np.clip(np.asarray(enlarged) * 16 + noise, 0, 4095).astype(np.uint16)
        dataset.Rows, dataset.Columns = DICOM_SHAPE
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = 16, 12, 11
        dataset.PixelData = pixels.tobytes()
        dataset["PixelData"].VR = "OW"
        for window in ("WindowCenter", "WindowWidth"):
            if window in dataset:
                del dataset[window]
        dataset.save_as(folder / f"{number}.dcm", enforce_file_format=True)


def dicoms_part(images: int, folder: Path) -> dict[str, float]:
    """Return what index and cache of that many files of full size cost."""
    from pipeline.lake import Lake
    from pipeline.settings import ImageSettings, LakeSettings, Settings

    write_dicoms(folder / "images", images)
    settings = Settings(
        lake=LakeSettings(root=str(folder / "lake")), images=ImageSettings(path=folder / "images")
    )
    told = told_of(folder / "lake", ("index", "cache"), settings)
    usable = Lake(folder / "lake").read("images", ["usable"])["usable"].to_pylist()
    assert usable == [True] * images
    told["images bytes"] = size_of(folder / "lake" / "tables" / "images")
    told["pixels bytes"] = size_of(folder / "lake" / "state")
    told["file bytes"] = size_of(folder / "images")
    return told


def embed_part(folder: Path) -> dict[str, float]:
    """Return what embedding the NIH images from their cache costs."""
    from pipeline.lake import Lake
    from pipeline.settings_file import load_settings

    cut_short = {"head_epochs": 1, "head_least_steps": 0, "finetune_epochs": 0}
    settings = load_settings(
        ROOT / "examples" / "nih.toml", {"lake": {"root": str(folder)}, "train": cut_short}
    )
    names = ("ingest", "label", "index", "cache", "link", "train", "embed")
    told = told_of_road(names, settings)
    told["images"] = len(set(Lake(folder).read("embeddings", ["image_id"])["image_id"].to_pylist()))
    told["embeddings bytes"] = size_of(folder / "tables" / "embeddings")
    return told


def told_of_road(names: tuple[str, ...], settings: Any) -> dict[str, float]:
    """Run stages; return the core-seconds of the last."""
    from pipeline.road import stage

    for name in names[:-1]:
        stage(name)(settings)
    began, memory = core_seconds(), most_memory()
    stage(names[-1])(settings)
    return {"core-seconds": core_seconds() - began, "memory": most_memory(), "before": memory}


def vectors_part(kind: str, folder: Path) -> dict[str, float]:
    """Return what a gallery index of 100,000 vectors costs."""
    import faiss
    import numpy as np

    from tests.benchmarks.index_speed import mixture
    from training.gallery_index import GalleryIndex

    faiss.omp_set_num_threads(1)
    vectors, queries = mixture(VECTORS, DIM), mixture(SEARCHES, DIM, seed=1)
    began = core_seconds()
    index = GalleryIndex.build(vectors, [str(n) for n in range(VECTORS)], "model", kind)
    built = core_seconds() - began
    assert index.kind == kind
    seconds = []
    for query in queries:
        started = time.perf_counter()
        index.search(np.ascontiguousarray(query[None]), 10)
        seconds.append(time.perf_counter() - started)
    index.save(folder)
    told = {"build": built, "search ms": float(np.median(seconds)) * 1000, "recall": index.recall}
    return {**told, "bytes": (folder / "gallery.faiss").stat().st_size}


def apart(part: str, argument: str = "0") -> dict[str, float]:
    """Run a part in a process of its own, in an empty folder; return what it tells."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "tests.benchmarks.unit_costs", "--part", part]
        found = subprocess.run(
            [*command, "--argument", argument, "--folder", folder],
            stdout=subprocess.PIPE,
            check=True,
            cwd=ROOT,
        )
    return json.loads(found.stdout.splitlines()[-1])


def a_unit(part: str, sizes: tuple[int, int]) -> dict[str, float]:
    """Return the cost of one unit, from the difference of two sizes."""
    few, many = (apart(part, str(size)) for size in sizes)
    return {name: (many[name] - few[name]) / (sizes[1] - sizes[0]) for name in many}


def print_reports() -> None:
    """Measure reports and print a unit's cost and its product."""
    unit = a_unit("reports", REPORT_SIZES)
    print(f"a report (from {REPORT_SIZES[0]:,} to {REPORT_SIZES[1]:,}; times {MANY_REPORTS:,}):")
    for name, value in unit.items():
        product = value * MANY_REPORTS
        if name.endswith("core-seconds"):
            print(f"  {name}: {value * 1e6:,.0f} microseconds; {product / 3600:,.1f} core-hours")
        elif name == "mentions":
            print(f"  {name}: {value:.2f}; {unit['mentions bytes'] / value:,.1f} bytes a mention")
        else:
            print(f"  {name}: {value:,.0f} bytes; {product / 1e9:,.1f} GB")


def print_images() -> None:
    """Measure images and print a unit's cost and its product."""
    unit = a_unit("dicoms", DICOM_SIZES)
    embedded = apart("embed")
    count = embedded["images"]
    unit["embed core-seconds"] = embedded["core-seconds"] / count
    unit["embeddings bytes"] = embedded["embeddings bytes"] / count
    print(f"an image (times {MANY_IMAGES:,}; embed of {count:,} with its start):")
    for name, value in unit.items():
        if name.endswith("memory"):
            continue  # Of so few files it is what a start and a chunk hold.
        product = value * MANY_IMAGES
        if name.endswith("core-seconds"):
            print(f"  {name}: {value * 1e3:,.1f} milliseconds; {product / 3600:,.0f} core-hours")
        else:
            print(f"  {name}: {value:,.0f} bytes; {product / 1e12:,.3f} TB")


def print_vectors() -> None:
    """Measure gallery indexes and print their costs, and those of the large gallery."""
    times = MANY_IMAGES / VECTORS
    print(f"a gallery of {VECTORS:,} vectors of {DIM}, one core (and of {MANY_IMAGES:,}):")
    for kind in ("exact", "ivf", "hnsw"):
        told = apart("vectors", kind)
        slower = times**0.5 if kind == "ivf" else times
        large = f"{told['search ms'] * slower:,.0f} ms" if kind != "hnsw" else "not extrapolated"
        hours = told["build"] * times**1.5 / 3600
        building = f" ({hours:.1f} core-hours)" if kind == "ivf" else ""
        print(
            f"  {kind}: built in {told['build']:.1f} core-seconds{building}, "
            f"{told['bytes'] / 1e6:.0f} MB ({told['bytes'] * times / 1e9:.0f} GB), "
            f"a search {told['search ms']:.2f} ms ({large}), recall@10 {told['recall']:.3f}"
        )


def main() -> None:
    """Measure everything, or one part of it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=("reports", "images", "vectors", "dicoms", "embed"))
    parser.add_argument("--argument", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.folder is None:
        printed = {"reports": print_reports, "images": print_images, "vectors": print_vectors}
        for name in [options.part] if options.part else printed:
            printed[name]()
        return
    if options.part == "reports":
        told = reports_part(int(options.argument), options.folder)
    elif options.part == "dicoms":
        told = dicoms_part(int(options.argument), options.folder)
    elif options.part == "embed":
        told = embed_part(options.folder)
    else:
        told = vectors_part(options.argument, options.folder)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
