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


def test_classes_are_the_schemes_own_in_order() -> None:
    assert scheme_names() == ["chexpert14", "nih14"]
    assert load_scheme("chexpert14").classes == _CHEXPERT
    assert load_scheme("nih14").classes == _NIH


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


def test_an_unknown_scheme_or_finding_is_named(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="unknown label scheme 'nih15'; known: chexpert14, nih14"):
        load_scheme("nih15")
    path = tmp_path / "mine.yaml"
    path.write_text("name: mine\nnormal_class: N\nclasses:\n  N: []\n  A: [efusion]\n")
    with pytest.raises(VocabularyError, match=r"mine\.yaml, line 5: unknown finding 'efusion'"):
        load_scheme(str(path))
