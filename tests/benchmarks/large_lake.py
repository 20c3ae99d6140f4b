"""A lake of as many exams as asked for, by the road's own stages, for measuring pages and history.

Reports are of `report_corpus`, over some two years; they are ingested and labelled as every night's
are, and their last tenth is a second delivery, so that drift is measured. Images are rows without
files (`road_speed.write_images`).

    RADSIM_DATA=FOLDER python tests/benchmarks/large_lake.py LAKE [--exams 1000000]
"""

import argparse
import csv
import tempfile
from itertools import islice
from pathlib import Path

from report_corpus import COLUMNS, ReportCorpus, openi_folder
from road_speed import write_images


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


def main() -> None:
    """Make the lake that the arguments ask for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lake", type=Path)
    parser.add_argument("--exams", type=int, default=1_000_000)
    arguments = parser.parse_args()
    write_lake(arguments.lake, arguments.exams)


if __name__ == "__main__":
    main()
