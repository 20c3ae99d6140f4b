"""The map from columns of a gold to classes of the labels."""

from pathlib import Path

import pytest

from labelers import VocabularyError
from pipeline.gold_map import read_gold_map
from pipeline.user_error import UserError

EXAMPLES = Path(__file__).parents[2] / "examples"


def written(folder: Path, text: str, name: str = "map.yaml") -> Path:
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_yaml_with_conditions_and_scheme(tmp_path: Path) -> None:
    text = (
        "scheme: nih14\nleave_out: {no_indexing: 1}\n"
        "classes:\n  normal: No_Finding\n  Hernia: [hernia, hiatal_hernia]\n"
    )
    found = read_gold_map(written(tmp_path, text))
    assert found.scheme == "nih14"
    assert found.leave_out == {"no_indexing": "1"}
    assert found.classes == {"normal": ("No_Finding",), "Hernia": ("hernia", "hiatal_hernia")}


def test_yaml_of_classes_alone(tmp_path: Path) -> None:
    found = read_gold_map(written(tmp_path, "normal: No_Finding\nHernia: [hernia]\n"))
    assert found.classes == {"normal": ("No_Finding",), "Hernia": ("hernia",)}


def test_csv_with_a_union_over_rows(tmp_path: Path) -> None:
    text = "gold,class\nnormal,No_Finding\nHernia,hernia\n\nHernia,hiatal_hernia\n"
    found = read_gold_map(written(tmp_path, text, "map.csv"))
    assert found.classes == {"normal": ("No_Finding",), "Hernia": ("hernia", "hiatal_hernia")}
    assert [name.place for name in found.classes] == ["map.csv, line 2", "map.csv, line 3"]


@pytest.mark.parametrize("name", ["openi_nih.yaml", "openi_mesh.yaml"])
def test_the_maps_of_openi_can_be_read(name: str) -> None:
    assert read_gold_map(EXAMPLES / name).classes


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("map.yaml", "classes:\n  Hernia: []\n", "map.yaml, line 2: 'Hernia' names no class"),
        ("map.yaml", "classes:\n  a: b\nclass: c\n", "map.yaml, line 3: unknown key 'class'"),
        ("map.yaml", "Hernia: {a: b}\n", "map.yaml, line 1: 'Hernia' must be a single value"),
        ("map.yaml", "scheme: nih14\n", "names no class"),
        ("map.yaml", "a: [b\n", "map.yaml, line 2: not YAML"),
        ("map.yaml", "a: b\na: c\n", "map.yaml, line 2: 'a' appears twice"),
        ("map.csv", "gold,label\na,b\n", "map.csv, line 1: .* columns gold and class"),
        ("map.csv", "gold,class\na,b\nc,\n", "map.csv, line 3: a row of a map has"),
        ("map.csv", "gold,class\n", "map.csv: the map names no class"),
    ],
)
def test_a_mistake_is_named_with_file_and_line(
    name: str, text: str, message: str, tmp_path: Path
) -> None:
    with pytest.raises((VocabularyError, UserError), match=message):
        read_gold_map(written(tmp_path, text, name))


def test_a_map_that_is_missing_or_not_utf8(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file"):
        read_gold_map(tmp_path / "none.yaml")
    for name in ("map.yaml", "map.csv"):
        (tmp_path / name).write_bytes(b"gold,class\n\xe4: b\n")
        with pytest.raises(UserError, match="not UTF-8"):
            read_gold_map(tmp_path / name)
