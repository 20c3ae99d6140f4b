"""The demo: real OpenI reports, phantom radiographs, and the whole road over both.

The reports are the 3,955 Indiana University reports that the package torchxrayvision carries. The
images of that collection are in no package, so phantoms are drawn for some 800 exams, after the
*human* MeSH coding of the exam. What trains the embedding are RadSim's labels of the text; what
judges it is the human coding. The figures show that the road works and that similarity is learned
through noisy labels; they say nothing of how well it does on patients' radiographs.
"""

import importlib.util
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pipeline.labelling import prevalence
from pipeline.lake import Lake
from pipeline.manifests import current_release
from pipeline.models import current_model
from pipeline.road import STAGES, stage
from pipeline.settings import Settings
from pipeline.settings_file import load_settings
from pipeline.similar import similar
from pipeline.stage_summary import Progress, StageSummary
from pipeline.user_error import UserError

HERE = Path(__file__).parent
ARCHIVE = "data/NLMCXR_reports.tgz"
SHEET = "similar.png"
PHANTOMS = "phantoms"

_SHOWN = ("nDCG@10", "mAP@10", "Jaccard@10", "AUC k-NN")

_SETTINGS = """\
# Written by `radsim demo`: real OpenI reports, phantom radiographs.
# Run single stages with `radsim train --config {file}`, and so on.

[lake]
root = "lake"

[reports]
path = {reports}
format = "openi"

[images]
path = "{phantoms}"

[manifest]
scheme = "nih14"
train = 0.55
val = 0.1
test = 0.35

[evaluate]
split = "test"
truth = "gold"
gold_coding = {coding}
"""


def run_demo(folder: Path, progress_for: Callable[[str], Progress]) -> Iterator[StageSummary]:
    """Run the road in `folder`, drawing the phantoms on the way; yield each stage's summary.

    A second run changes nothing. The settings it used are in ``radsim.toml`` there.

    Raises
    ------
    UserError
        The package torchxrayvision is not installed, or the folder cannot be written.
    """
    settings = _settings(folder)
    for name in STAGES:
        if name == "index":
            yield _draw_phantoms(settings, folder / PHANTOMS, progress_for("phantoms"))
        yield stage(name)(settings, progress=progress_for(name))
    similar(settings, _asked(settings), 10, folder / SHEET)


def demo_figures(folder: Path) -> dict[str, Any]:
    """Return what the demo shows at its end.

    Keys: ``exams`` (in, kept, quarantined), ``prevalence`` and ``measures`` (rows), ``files``
    (name -> path).
    """
    from pipeline.stages.evaluate import measure_table

    settings = _settings(folder)
    lake = Lake.of(settings)
    ingests = [run for run in lake.runs().to_pylist() if run["stage"] == "ingest"]
    taken_in = json.loads(ingests[-1]["counts"])
    scheme = settings.manifest.scheme
    figures = measure_table(lake, settings)
    return {
        "exams": {
            "in": taken_in["in"],
            "kept": taken_in["in"] - taken_in["quarantined"],
            "quarantined": taken_in["quarantined"],
        },
        "prevalence": prevalence(lake.read("labels"), scheme),
        "measures": [row for row in figures if row["measure"] in _SHOWN],
        "files": {
            "settings": str(folder / "radsim.toml"),
            "phantoms": str(folder / PHANTOMS),
            "manifest": current_release(lake).path,
            "model": f"{lake.root}/{current_model(lake)['path']}",
            "similar exams": str(folder / SHEET),
        },
    }


def _settings(folder: Path) -> Settings:
    file = folder / "radsim.toml"
    if not file.is_file():
        text = _SETTINGS.format(
            file=file,
            reports=json.dumps(str(_reports())),
            phantoms=PHANTOMS,
            coding=json.dumps(str(HERE / "mesh_nih14.yaml")),
        )
        try:
            folder.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
        except OSError as error:
            raise UserError(f"{folder}: cannot be written ({error.strerror})") from None
    return load_settings(file)


def _reports() -> Path:
    """Return the archive of reports, found without importing its package (which needs torch)."""
    package = importlib.util.find_spec("torchxrayvision")
    if package is None or package.origin is None:
        raise UserError("the demo needs the package torchxrayvision: pip install 'radsim[demo]'")
    return Path(package.origin).parent / ARCHIVE


def phantom_exams() -> list[str]:
    """Return the ids of the exams that phantoms are drawn for."""
    lines = (HERE / "phantom_exams.txt").read_text(encoding="utf-8").splitlines()
    return [line.strip() for line in lines if line.strip() and not line.startswith("#")]


def _draw_phantoms(settings: Settings, folder: Path, progress: Progress) -> StageSummary:
    import time

    from pipeline.demo.phantom_dicom import write_phantoms

    started = time.monotonic()
    exams = phantom_exams()
    written = write_phantoms(Lake.of(settings).read("gold"), exams, folder, progress)
    return StageSummary(
        stage="phantoms",
        outcome="committed" if written else "unchanged",
        counts={"in": len(exams), "drawn": written, "unchanged": len(exams) - written},
        parts=("drawn", "unchanged"),
        seconds=time.monotonic() - started,
        notes=("images are phantoms, drawn after the human coding; no patient's image is used",),
    )


def _asked(settings: Settings) -> str:
    """Return the exam the demo asks about: the first of the test split with fluid and no more."""
    from pipeline.manifest_images import manifest_images

    images = manifest_images(Lake.of(settings), settings)
    rows = images.rows[images.rows["split"] == "test"]
    positive = rows[images.members] == 1
    chosen = rows[positive["Effusion"] & (positive.sum(axis=1) == 1)]
    return str(chosen["exam_id"].iloc[0])
