"""Schemes: exact classes, unions of findings, and the normal class."""

from pathlib import Path

import pyarrow as pa
import pytest

from labelers import RuleLabeler, VocabularyError, load_scheme, scheme_names

_CHEXPERT = (
    *("No Finding", "Enlarged Cardiomediastinum", "Cardiomegaly", "Lung Opacity", "Lung Lesion"),
    *("Edema", "Consolidation", "Pneumonia", "Atelectasis", "Pneumothorax", "Pleural Effusion"),
    *("Pleural Other", "Fracture", "Support Devices"),
)
_NIH = (
    *("Atelectasis", "Cardiomegaly", "Effusion", "Infiltration", "Mass", "Nodule", "Pneumonia"),
    *("Pneumothorax", "Consolidation", "Edema", "Emphysema", "Fibrosis", "Pleural_Thickening"),
    *("Hernia", "No_Finding"),
)
_ANNARUMMA = (
    *("Abnormal other", "Airspace opacification", "Bone abnormality", "Cardiomegaly", "Collapse"),
    *("Hiatus hernia", "Interstitial shadowing", "Intra-abdominal pathology", "Object", "Normal"),
    *("Paratracheal or hilar enlargement", "Parenchymal lesion", "Pleural abnormality"),
    *("Pneumomediastinum", "Pneumothorax", "Subcutaneous emphysema"),
)


def test_classes_are_the_schemes_own_in_order() -> None:
    assert scheme_names() == ["annarumma", "chexpert14", "nih14"]
    assert load_scheme("chexpert14").classes == _CHEXPERT
    assert load_scheme("nih14").classes == _NIH
    assert load_scheme("annarumma").classes == _ANNARUMMA


def test_device_and_normal_classes() -> None:
    scheme = load_scheme("chexpert14")
    assert scheme.normal_class == "No Finding"
    assert scheme.device_classes == ("Support Devices",)
    assert "pneumonia" in scheme.findings("Lung Opacity")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Lungs are clear.", {"No Finding": 1, "Lung Opacity": 0}),
        ("Left lower lobe collapse.", {"No Finding": 0}),
        ("Right lower lobe atelectasis.", {"Atelectasis": 1, "Lung Opacity": 1, "No Finding": 0}),
        ("Possible pneumonia.", {"Pneumonia": -1, "Lung Opacity": -1, "No Finding": 0}),
        ("Right PICC. Lungs are clear.", {"Support Devices": 1, "No Finding": 1}),
        ("Scoliosis.", {"No Finding": 0, "Pneumonia": None}),
        ("No hydropneumothorax.", {"Pneumothorax": None, "Pleural Effusion": None}),
        ("No pneumothorax.", {"Pneumothorax": 0, "No Finding": 1}),
        ("No focal opacity.", {"Lung Opacity": 0, "Lung Lesion": None}),
        ("Right lower lobe collapse.", {"Atelectasis": 1, "Lung Opacity": 1, "Pneumonia": None}),
        ("Old rib fracture.", {"No Finding": 0, "Fracture": 1}),
        ("Possible left pleural effusion.", {"No Finding": 0, "Pleural Effusion": -1}),
        ("", {"No Finding": 1, "Edema": None}),
    ],
)
def test_class_states(labeler: RuleLabeler, text: str, expected: dict[str, int | None]) -> None:
    classes = labeler.label(text, "findings").classes("chexpert14")
    assert {name: classes[name] for name in expected} == expected


def test_projection_has_one_nullable_int8_a_class(labeler: RuleLabeler) -> None:
    sections = pa.list_(pa.struct([("kind", pa.string()), ("text", pa.string())]))
    reports = pa.table(
        {
            "exam_id": ["a", "b"],
            "sections": pa.array([[{"kind": "body", "text": "No effusion."}], []], sections),
        }
    )
    table = load_scheme("nih14").project(labeler.label_reports(reports).labels)
    assert table.column_names == ["exam_id", *_NIH]
    assert {table.schema.field(name).type for name in _NIH} == {pa.int8()}
    assert table["Effusion"].to_pylist() == [0, None]
    assert table["No_Finding"].to_pylist() == [1, 1]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Left basilar opacity.", {"Airspace opacification"}),
        ("Bibasilar atelectasis.", {"Abnormal other"}),
        ("Right upper lobe collapse.", {"Collapse"}),
        ("Pneumomediastinum.", {"Pneumomediastinum"}),
        ("Mediastinal mass.", {"Abnormal other"}),
        ("Nodule in the left lung.", {"Parenchymal lesion"}),
        ("Small effusion and cardiomegaly.", {"Pleural abnormality", "Cardiomegaly"}),
        ("Scoliosis.", {"Abnormal other"}),
        ("Calcified granuloma.", {"Abnormal other"}),
        ("Hiatal hernia.", {"Hiatus hernia"}),
        ("Free air under the diaphragm.", {"Intra-abdominal pathology"}),
        ("Right PICC.", {"Object", "Normal"}),
        ("Lungs are clear.", {"Normal"}),
    ],
)
def test_classes_of_annarumma(labeler: RuleLabeler, text: str, expected: set[str]) -> None:
    classes = labeler.label(text, "findings").classes("annarumma")
    assert {name for name, state in classes.items() if state == 1} == expected


@pytest.mark.parametrize(("name", "normal"), [("nih14", "No_Finding"), ("annarumma", "Normal")])
def test_no_finding_needs_that_nothing_abnormal_is_stated(
    labeler: RuleLabeler, name: str, normal: str
) -> None:
    def is_normal(text: str) -> bool:
        return labeler.label(text, "findings").classes(name)[normal] == 1

    assert is_normal("No pneumothorax.")
    assert is_normal("Sternotomy wires and pacemaker.")
    assert not is_normal("Possible pneumothorax.")
    assert not is_normal("Osteopenia.")


def test_every_abnormal_finding_has_a_class_of_annarumma(labeler: RuleLabeler) -> None:
    scheme = load_scheme("annarumma")
    taken = {finding for union in scheme.members.values() for finding in union}
    assert set(scheme.abnormal) <= taken


def test_an_unknown_scheme_or_finding_is_named(tmp_path: Path) -> None:
    with pytest.raises(
        ValueError, match="unknown label scheme 'nih15'; known: annarumma, chexpert14, nih14"
    ):
        load_scheme("nih15")


_GOOD = """\
name: mine
normal_class: N
other_class: O
classes:
  N: []
  A: [pleural_effusion]
  O: []
priorities:
  N: normal
  A: urgent
  O: non_urgent
"""


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("pleural_effusion", "efusion"), r"line 6: unknown finding 'efusion'"),
        (("normal_class: N", "normal_class: M"), r"line 2: 'M' is not one of the classes"),
        (("other_class: O", "other_class: P"), r"line 3: 'P' is not one of the classes"),
        (("other_class", "others_class"), r"line 3: unknown key 'others_class'"),
        (("A: [pleural_effusion]", "A: []"), r"line 5: class 'A' lists no finding"),
        (("  A: urgent", "  A: soon"), r"line 10: priority must be one of critical, urgent"),
        (("  A: urgent\n", ""), r"line 9: 'A' is missing"),
        (("  A: urgent", "  A: urgent\n  B: urgent"), r"line 11: 'B' is not one of the classes"),
        (("  O: []", "  O: []\nalone: [opacity]"), r"line 8: unknown finding 'opacity'"),
    ],
)
def test_a_mistake_in_a_scheme_file_is_named_with_its_line(
    tmp_path: Path, change: tuple[str, str], message: str
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(_GOOD.replace(*change, 1))
    with pytest.raises(VocabularyError, match=r"mine\.yaml, " + message):
        load_scheme(str(path))


def test_a_scheme_file_of_a_site_works_without_code(tmp_path: Path, labeler: RuleLabeler) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(_GOOD)
    labels = labeler.label("Left effusion. Scoliosis.", "findings")
    assert labels.classes(str(path)) == {"N": 0, "A": 1, "O": 1}
