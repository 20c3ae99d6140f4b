"""The vocabulary loads, is checked, and names file and line of a mistake."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import labelers.vocabulary
from labelers import VocabularyError, load_vocabulary
from labelers.vocabulary.located_yaml import Text
from labelers.vocabulary.patterns import expand, fold

_HOME = Path(labelers.vocabulary.__file__).parent


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("findings", "cues", "grammar", "modifiers", "sections", "echoes"):
        shutil.copy(_HOME / f"{name}.yaml", tmp_path)
    return tmp_path


def test_a_pattern_stands_for_its_phrases() -> None:
    assert expand(Text("(pleural )?effusions?", "f, line 1")) == [
        "effusion",
        "effusions",
        "pleural effusion",
        "pleural effusions",
    ]
    assert expand(Text("X-{what}", "f, line 1"), {"what": "a|b"}) == ["x a", "x b"]


@pytest.mark.parametrize("text", ["İSTANBUL ŒDEMA", "T12 – L1", "___ No\teffusion’s", "ǅ ß ﬁ"])
def test_folding_keeps_the_length(text: str) -> None:
    assert len(fold(text)) == len(text)


def test_the_hash_follows_the_content(folder: Path) -> None:
    before = load_vocabulary(folder).hash
    assert before == load_vocabulary().hash
    text = (folder / "findings.yaml").read_text(encoding="utf-8")
    (folder / "findings.yaml").write_text(text.replace("- cabg", "- cabg"), encoding="utf-8")
    (folder / "findings.yaml").write_text("# a comment\n" + text, encoding="utf-8")
    assert load_vocabulary(folder).hash == before
    changed = text.replace("name: Pneumothorax", "name: Air in the pleura")
    (folder / "findings.yaml").write_text(changed, encoding="utf-8")
    assert load_vocabulary(folder).hash != before


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("  - id: Bad-Id\n    name: X\n", "line 2: id 'Bad-Id' is not snake_case"),
        ("  - id: a\n    nmae: X\n", "line 3: unknown key 'nmae'"),
        ("  - id: a\n    name: X\n    parents: [b]\n", "line 4: unknown finding 'b' in parents"),
        ('  - id: a\n    name: X\n    phrases: ["(x"]\n', "line 4: '(' is not closed"),
        ('  - id: a\n    name: X\n    phrases: ["{q} x"]\n', "line 4: unknown named set '{q}'"),
        ("  - id: a\n    name: X\n    priority: now\n", "line 4: priority must be one of"),
        ("  - id: a\n    name: X\n    device: yes\n", "line 4: 'device' must be true or false"),
        (
            "  - id: a\n    name: X\n    phrases: [x]\n  - id: b\n    name: Y\n    phrases: [x]\n",
            "line 7: 'x' already stands for finding 'a'",
        ),
        ("  - id: a\n    name: X\n    parents: [a]\n", "'a' is its own ancestor"),
        ("  - id: a\n  name: X\n", "not YAML"),
    ],
)
def test_a_mistake_is_named_with_its_line(folder: Path, entry: str, message: str) -> None:
    (folder / "findings.yaml").write_text("findings:\n" + entry, encoding="utf-8")
    with pytest.raises(VocabularyError, match=r"findings\.yaml") as caught:
        load_vocabulary(folder)
    assert message in str(caught.value)


def test_a_missing_file_is_named(folder: Path) -> None:
    (folder / "cues.yaml").unlink()
    with pytest.raises(VocabularyError, match=r"cues\.yaml: cannot be read"):
        load_vocabulary(folder)


def test_the_hierarchy_reaches_up_and_down() -> None:
    vocabulary = load_vocabulary()
    assert vocabulary.ancestors("hydropneumothorax") == ("pneumothorax", "pleural_effusion")
    assert "hydropneumothorax" in vocabulary.descendants("pleural_effusion")


def test_importing_labelers_does_not_load_spacy() -> None:
    code = "import sys, labelers, labelers.vocabulary; sys.exit('spacy' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
