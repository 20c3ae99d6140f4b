"""Night after night on one lake: what came late, was amended or taken back, and the releases."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from pipeline.manifests import releases
from pipeline.stage_summary import StageSummary
from pipeline.stages.index import index
from pipeline.stages.ingest import ingest
from pipeline.stages.label import label
from pipeline.stages.link import link


class Hospital:
    """A site with a drop folder of reports and a growing folder of images."""

    def __init__(self, site: Any) -> None:
        self.lake = site.lake
        self.drop = site.folder / "drop"
        self.images = site.folder / "images"
        self.list_file = site.folder / "images.csv"
        for folder in (self.drop, self.images):
            folder.mkdir()
        self.list_file.write_text("path,exam_id,patient_id,view\n")
        self.settings = site.settings(
            reports={"path": self.drop, "status": "status"},
            images={"path": self.images, "list_file": self.list_file},
            manifest={"scheme": "nih14"},
        )

    def report(self, exam: str, text: str, status: str = "final") -> None:
        file = self.drop / f"{len(list(self.drop.iterdir()))}.csv"
        file.write_text(f"exam_id,text,status\n{exam},{text},{status}\n")

    def image(self, exam: str, number: int = 0) -> None:
        name = f"{exam}-{number}.png"
        drawn = np.random.default_rng(sum(map(ord, name))).integers(0, 255, (32, 32))
        Image.fromarray(drawn.astype(np.uint8)).save(self.images / name)
        with self.list_file.open("a") as file:
            file.write(f"{name},{exam},P{exam},PA\n")

    def night(self) -> dict[str, StageSummary]:
        return {stage.__name__: stage(self.settings) for stage in (ingest, label, index, link)}

    def released(self, column: str = "exam_id") -> list[Any]:
        return pd.read_parquet(releases(self.lake)[-1].path)[column].tolist()


CHANGES = ("new exams", "late images", "exams amended", "exams retracted", "exams gone")


def changes(summary: StageSummary) -> dict[str, int]:
    return {name: count for name in CHANGES if (count := summary.counts.get(name, 0))}


@pytest.fixture
def hospital(site: Any) -> Hospital:
    """Return a hospital after its first night: three reports, images of E1 and E2."""
    hospital = Hospital(site)
    hospital.report("E1", "Large right pleural effusion.")
    hospital.report("E2", "Large cardiac silhouette.")
    hospital.report("E3", "No pleural effusion.")
    hospital.image("E1")
    hospital.image("E2")
    hospital.night()
    return hospital


def test_late_images_are_linked_when_they_come(hospital: Hospital) -> None:
    assert hospital.released() == ["E1", "E2"]
    hospital.image("E1", 1)
    hospital.image("E3")
    hospital.image("E4")
    hospital.report("E4", "Clear lungs.")
    linked = hospital.night()["link"]
    assert changes(linked) == {"new exams": 1, "late images": 2}
    assert hospital.released() == ["E1", "E1", "E2", "E3", "E4"]
    # A night on which nothing comes.
    assert {summary.outcome for summary in hospital.night().values()} == {"unchanged"}
    assert len(releases(hospital.lake)) == 2


def test_amended_and_retracted_reports_lead_to_a_new_release_and_are_counted(
    hospital: Hospital,
) -> None:
    assert hospital.released("Effusion")[0] == 1
    hospital.report("E1", "No pleural effusion.", "amended")
    hospital.report("E2", "Large cardiac silhouette.", "retracted")
    night = hospital.night()
    assert changes(night["link"]) == {"exams amended": 1, "exams retracted": 1}
    assert (night["ingest"].counts["amended"], night["ingest"].counts["retracted"]) == (1, 1)
    assert (hospital.released(), hospital.released("Effusion")) == (["E1"], [0])
    (hospital.images / "E1-0.png").write_bytes(b"torn")
    hospital.image("E3")
    assert changes(hospital.night()["link"]) == {"late images": 1, "exams gone": 1}
    assert len(releases(hospital.lake)) == 3
