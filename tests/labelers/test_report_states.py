"""Report-level states: precedence over sentences and sections, hierarchy, normality."""

import pytest

from labelers import RuleLabeler


@pytest.mark.parametrize(
    ("sections", "finding", "state"),
    [
        ([("findings", "Small left effusion. No right effusion.")], "pleural_effusion", 1),
        ([("findings", "Possible effusion. Small effusion.")], "pleural_effusion", 1),
        ([("findings", "Effusion."), ("impression", "No effusion.")], "pleural_effusion", 0),
        ([("findings", "Effusion."), ("impression", "No large effusion.")], "pleural_effusion", 1),
        ([("findings", "No effusion."), ("impression", "Effusion.")], "pleural_effusion", 1),
        ([("findings", "Possible mass."), ("impression", "No mass.")], "lung_mass", 0),
        ([("findings", "Mass."), ("impression", "Possible mass.")], "lung_mass", 1),
        ([("findings", "History of pneumonia.")], "pneumonia", None),
        ([("findings", "No new infiltrate.")], "infiltrate", None),
        ([("findings", "The pneumothorax has resolved.")], "pneumothorax", 0),
        ([("findings", "Pneumonia.")], "lung_opacity", 1),
        ([("findings", "Possible pneumonia.")], "lung_opacity", -1),
        ([("findings", "No pneumonia.")], "lung_opacity", None),
        ([("findings", "No opacity.")], "pulmonary_nodule", None),
        ([("findings", "No fracture.")], "rib_fracture", 0),
        ([("findings", "No fracture. Rib fracture.")], "fracture", 1),
        ([("findings", "Heart size is normal.")], "cardiomegaly", 0),
        ([("findings", "Lungs are clear. Small nodule.")], "pulmonary_nodule", 1),
        ([("findings", "Sharp costophrenic angles.")], "pleural_effusion", 0),
    ],
)
def test_state(
    labeler: RuleLabeler, sections: list[tuple[str, str]], finding: str, state: int | None
) -> None:
    assert labeler.label_sections(sections).states.get(finding) == state
