"""The README's Python examples run as they stand."""

import re
from pathlib import Path
from typing import Any

import pytest

README = Path(__file__).parent.parent / "README.md"
EXAMPLES = re.findall(r"```python\n(.*?)```", README.read_text(encoding="utf-8"), re.DOTALL)


@pytest.fixture(scope="module")
def lake_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a small lake of the name the examples use."""
    import numpy as np
    from PIL import Image

    from pipeline.road import stage
    from pipeline.settings_file import load_settings

    folder = tmp_path_factory.mktemp("readme")
    (folder / "images").mkdir()
    (folder / "reports.csv").write_text("exam_id,text\nE1,No effusion.\nE2,Large effusion.\n")
    (folder / "images.csv").write_text("path,exam_id\nE1.png,E1\nE2.png,E2\n")
    for number, name in enumerate(("E1", "E2")):
        noise = np.random.default_rng(number).integers(0, 255, (40, 40)).astype(np.uint8)
        Image.fromarray(noise).save(folder / "images" / f"{name}.png")
    settings = load_settings(
        None,
        {
            "lake": {"root": str(folder / "radsim-lake")},
            "reports": {"path": folder / "reports.csv"},
            "images": {"path": folder / "images", "list_file": folder / "images.csv"},
        },
    )
    for name in ("ingest", "label", "index", "link"):
        stage(name)(settings)
    return folder


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_runs(
    number: int, lake_folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(lake_folder)
    exec(compile(EXAMPLES[number], f"README example {number}", "exec"), {})


def test_there_are_examples_of_labelling_and_of_training() -> None:
    assert any("RuleLabeler" in example for example in EXAMPLES)
    assert any("ml2plus" in example for example in EXAMPLES)
