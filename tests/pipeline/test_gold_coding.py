"""Human codes become label states as the mapping says."""

import csv
from pathlib import Path

import pyarrow as pa
import pytest

from pipeline.gold_coding import GoldCoding, load_gold_coding
from pipeline.user_error import UserError

MAPPING = Path(__file__).parents[2] / "pipeline" / "demo" / "mesh_nih14.yaml"

GOOD = """\
coding: mesh_major
not_coded: [No Indexing]
classes:
  Effusion: [Pleural Effusion]
  Pleural_Thickening: [Thickening/pleura]
  No_Finding: [normal]
"""


def gold_table(*rows: tuple[str, str, str]) -> pa.Table:
    names = ("exam_id", "coding", "code")
    return pa.table({name: [row[at] for row in rows] for at, name in enumerate(names)})


def coding_of(folder: Path, text: str) -> GoldCoding:
    file = folder / "coding.yaml"
    file.write_text(text, encoding="utf-8")
    return load_gold_coding(file)


def test_a_heading_matches_whatever_its_qualifiers(tmp_path: Path) -> None:
    gold = gold_table(
        ("b", "mesh_major", "Pleural Effusion/left/small"), ("a", "mesh_major", "normal")
    )
    states = coding_of(tmp_path, GOOD).states(gold)
    assert states.to_pylist() == [
        {"exam_id": "a", "Effusion": 0, "Pleural_Thickening": 0, "No_Finding": 1},
        {"exam_id": "b", "Effusion": 1, "Pleural_Thickening": 0, "No_Finding": 0},
    ]
    assert {states.schema.field(name).type for name in states.column_names[1:]} == {pa.int8()}


def test_an_entry_with_a_qualifier_asks_for_it_in_any_place(tmp_path: Path) -> None:
    gold = gold_table(
        ("a", "mesh_major", "Thickening/apex/pleura"), ("b", "mesh_major", "Thickening/bronchi")
    )
    states = coding_of(tmp_path, GOOD).states(gold)
    assert states["Pleural_Thickening"].to_pylist() == [1, 0]


def test_machine_codes_are_not_read(tmp_path: Path) -> None:
    gold = gold_table(
        ("a", "mesh_automatic", "Pleural Effusion"),
        ("b", "mesh_major", "normal"),
        ("b", "mesh_automatic", "Pleural Effusion"),
    )
    states = coding_of(tmp_path, GOOD).states(gold)
    assert states["exam_id"].to_pylist() == ["b"]
    assert states["Effusion"].to_pylist() == [0]


def test_an_exam_that_was_not_coded_has_no_states(tmp_path: Path) -> None:
    gold = gold_table(("a", "mesh_major", "No Indexing"), ("b", "mesh_major", "Spine"))
    assert coding_of(tmp_path, GOOD).states(gold)["exam_id"].to_pylist() == ["b"]


def test_no_codes_give_no_states(tmp_path: Path) -> None:
    empty = gold_table(("a", "mesh_automatic", "normal")).slice(0, 0)
    states = coding_of(tmp_path, GOOD).states(empty)
    assert states.num_rows == 0
    assert states.column_names == ["exam_id", "Effusion", "Pleural_Thickening", "No_Finding"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("classes: [\n", "not valid YAML"),
        ("- a\n", "has the fields"),
        (GOOD + "extra: 1\n", "has the fields"),
        (GOOD.replace("mesh_major", "3"), "`coding`"),
        (GOOD.replace("[normal]", "normal"), "`No_Finding`"),
        (GOOD.replace("[normal]", "[]"), "`No_Finding`"),
        (GOOD.replace("[normal]", "[1]"), "`No_Finding`"),
        (GOOD.replace("No_Finding", "exam_id"), "no class name"),
        ("coding: m\nnot_coded: []\nclasses: []\n", "`classes`"),
    ],
)
def test_a_bad_mapping_is_named_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        coding_of(tmp_path, text)
    assert "coding.yaml" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_missing_mapping_is_named(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be read"):
        load_gold_coding(tmp_path / "none.yaml")


def test_the_demos_mapping_gives_nih14_classes() -> None:
    assert list(load_gold_coding(MAPPING).classes) == [
        *("Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule"),
        *("Pneumonia", "Pneumothorax", "Consolidation", "Edema", "Emphysema", "Fibrosis"),
        *("Pleural_Thickening", "Hernia", "No_Finding"),
    ]


@pytest.mark.real_data
def test_the_demos_mapping_agrees_with_the_negbio_gold(real_data: Path) -> None:
    with (real_data / "openi" / "reports.csv").open(encoding="utf-8", newline="") as file:
        rows = [
            (row["uid"], "mesh_major", code)
            for row in csv.DictReader(file)
            for code in row["mesh_major"].split(";")
            if code
        ]
    states = load_gold_coding(MAPPING).states(gold_table(*rows)).to_pylist()
    ours = {row["exam_id"]: row for row in states}
    compared = 0
    with (real_data / "openi" / "gold_nih.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            exam = ours.get(row.pop("uid"))
            if exam is None:
                assert set(row.values()) == {"0"}
                continue
            exam["normal"] = exam["No_Finding"]
            assert {name: int(state) for name, state in row.items()} == {
                name: exam[name] for name in row
            }
            compared += 1
    assert compared > 3000
