"""What indexing a folder tree of DICOM files costs, from nothing and again, and after a kill.

Files are small (a header of the usual kind and 40 × 40 pixels of 16 bits), a hundred to a folder,
each an exam of its own. Stage `index` runs in a process of its own: once over all of them, once
more when nothing has changed, and on a second lake where it is killed (SIGKILL) when half of the
files are described, and then run again. Told are files a second, the peak memory of the process
without its workers, and how many files the run after the kill described anew. Both lakes must hold
the same images, provenance aside.

    python tests/benchmarks/index_scale.py [--files 100000]
"""

import argparse
import io
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

_UID, _EXAM = "1.2.826.0.1.3680043.10.1000000000", "ACC000000000"


def template() -> bytes:
    """Return a small chest radiograph as a DICOM file, with a UID and an exam to be replaced."""
    import pydicom
    from pydicom.uid import ExplicitVRLittleEndian

    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID, dataset.SOPInstanceUID = "1.2.840.10008.5.1.4.1.1.1", _UID
    dataset.AccessionNumber, dataset.PatientID = _EXAM, _EXAM
    dataset.Modality, dataset.ViewPosition = "CR", "PA"
    dataset.BodyPartExamined, dataset.StudyDate = "CHEST", "20260101"
    dataset.Manufacturer, dataset.StationName = "Invented", "ROOM1"
    dataset.Rows = dataset.Columns = 40
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation, dataset.SamplesPerPixel = 15, 0, 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    dataset.PixelData = np.arange(1600, dtype=np.uint16).tobytes()
    stream = io.BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    return stream.getvalue()


def write_tree(root: Path, files: int) -> None:
    """Write the tree."""
    whole = template()
    for number in range(files):
        folder = root / f"{number // 10_000:03d}" / f"{number // 100 % 100:02d}"
        if number % 100 == 0:
            folder.mkdir(parents=True)
        told = whole.replace(_UID.encode(), f"{_UID[:-9]}{number:09d}".encode())
        told = told.replace(_EXAM.encode(), f"ACC{number:09d}".encode())
        # Pixels of their own, since one digest for all would be one image.
        pixels = number.to_bytes(8, "little") * 2
        (folder / f"{number:09d}.dcm").write_bytes(told[: -len(pixels)] + pixels)


def run_index(lake: Path, images: Path) -> None:
    """Index, saying how far it is, and at the end its seconds, memory and counts."""
    from pipeline.road import stage
    from pipeline.settings_file import load_settings

    def progress(done: int, total: int, note: str = "") -> None:
        print(json.dumps({"done": done, "total": total}), flush=True)

    given = {"lake": {"root": str(lake)}, "images": {"path": str(images)}}
    began = time.monotonic()
    summary = stage("index")(load_settings(None, given), progress=progress)
    told = {
        "seconds": time.monotonic() - began,
        # Linux gives kilobytes.
        "gb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6,
        "counts": summary.counts,
    }
    print(json.dumps(told), flush=True)


def indexed(lake: Path, images: Path, kill_at: float = 2.0) -> tuple[Any, int]:
    """Index in a process of its own, killed at a share; return what it told, and how far it was."""
    words = [sys.executable, __file__, "--lake", str(lake), "--images", str(images)]
    told: Any = {}
    done = 0
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            told = json.loads(line)
            done = told.get("done", done)
            if told.get("done", 0) >= kill_at * told.get("total", 1):
                process.send_signal(signal.SIGKILL)
                break
    assert process.returncode == (0 if kill_at > 1 else -signal.SIGKILL), process.returncode
    return told, done


def held(lake: Path) -> list[dict[str, Any]]:
    """Return the images of a lake without which run wrote them and when."""
    from pipeline.lake import Lake

    rows = Lake(lake).read("images").sort_by("image_id")
    return rows.drop_columns(["run_id", "committed_at"]).to_pylist()


def measure(files: int) -> None:
    """Do all of it and print the figures."""
    with tempfile.TemporaryDirectory(prefix="index-scale-") as name:
        folder = Path(name)
        images = folder / "images"
        write_tree(images, files)
        for title in ("from nothing", "again"):
            told, _ = indexed(folder / "lake", images)
            rate = files / told["seconds"]
            print(
                f"{title:<13} {told['seconds']:7.1f} s, {rate:8,.0f} files/s, {told['gb']:.2f} GB, "
                f"{told['counts']}",
                flush=True,
            )
        _, done = indexed(folder / "killed", images, kill_at=0.5)
        told, _ = indexed(folder / "killed", images)
        print(
            f"killed at {done:,}; the next run described {told['counts']['indexed']:,} anew in "
            f"{told['seconds']:.1f} s",
            flush=True,
        )
        assert held(folder / "lake") == held(folder / "killed"), "the lakes differ"
        print(f"equal: {files:,} images", flush=True)


def main() -> None:
    """Measure, or run one index of the measurement."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--files", type=int, default=100_000)
    for option in ("--lake", "--images"):
        parser.add_argument(option, type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.lake:
        run_index(given.lake, given.images)
    else:
        measure(given.files)


if __name__ == "__main__":
    os.environ["OMP_NUM_THREADS"] = "1"
    main()
