"""A small site whose five reports show what the dashboard's figures and pages have to show."""

from pathlib import Path

from pipeline.road import stage
from pipeline.settings_file import load_settings

# E3 has no text and is quarantined; E6 has no time, and markup in its text.
REPORTS = """\
exam_id,patient_id,time,site,text
E1,P1,2026-01-05,North,"Heart size normal. No effusion, but possible left lower lobe pneumonia."
E2,P2,2026-01-20,North,Large right pleural effusion and cardiomegaly. No pneumothorax.
E3,P3,2026-02-03,South,
E4,P4,2026-02-10,South,The heart is enlarged. Small left pleural effusion.
E5,P5,2026-03-01,South,No acute cardiopulmonary abnormality.
E6,P6,,South,"Suspicious for pneumonia <script>document.title='run'</script> & edema."
"""

SETTINGS = """\
[lake]
root = "lake"
[engine]
workers = 1
[reports]
path = "reports.csv"
patient_id = "patient_id"
exam_time = "time"
site = "site"
"""


def labelled_site(folder: Path) -> Path:
    """Make the site in a folder, ingested, labelled, drift measured; return its settings file."""
    (folder / "reports.csv").write_text(REPORTS, encoding="utf-8")
    file = folder / "site.toml"
    file.write_text(SETTINGS, encoding="utf-8")
    for name in ("ingest", "label", "drift"):
        stage(name)(load_settings(file))
    return file
