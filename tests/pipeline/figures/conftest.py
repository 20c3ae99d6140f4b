"""A lake of six labelled reports of three months, one of them quarantined, for pages to show."""

from pathlib import Path

import pytest

from pipeline.road import stage
from pipeline.settings import Settings
from pipeline.settings_file import load_settings

REPORTS = """\
exam_id,patient_id,time,site,text
E1,P1,2026-01-05,North,"Heart size normal. No effusion, but possible left lower lobe pneumonia."
E2,P2,2026-01-20,North,Large right pleural effusion and cardiomegaly. No pneumothorax.
E3,P3,2026-02-03,South,
E4,P4,2026-02-10,South,The heart is enlarged. Small left pleural effusion.
E5,P5,2026-03-01,South,No acute cardiopulmonary abnormality.
E6,P6,,South,"Suspicious for pneumonia <script>alert('x')</script> & edema."
"""


@pytest.fixture(scope="package")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return the settings of the lake, ingested and labelled."""
    folder = tmp_path_factory.mktemp("labelled")
    (folder / "reports.csv").write_text(REPORTS, encoding="utf-8")
    settings = settings_in(folder)
    for name in ("ingest", "label"):
        stage(name)(settings)
    return settings


def settings_in(folder: Path) -> Settings:
    """Return settings of a lake in a folder whose reports are in ``reports.csv`` there."""
    file = folder / "site.toml"
    file.write_text(
        '[lake]\nroot = "lake"\n[engine]\nworkers = 1\n'
        '[reports]\npath = "reports.csv"\npatient_id = "patient_id"\nexam_time = "time"\n'
        'site = "site"\n',
        encoding="utf-8",
    )
    return load_settings(file)
