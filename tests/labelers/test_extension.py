"""A site's folder adds findings, phrases, cues and headings to the package's, without code."""

from pathlib import Path

import pytest

from labelers import RuleLabeler, VocabularyError, load_scheme, load_vocabulary

_FINDINGS = """\
findings:
  - id: pneumatocele
    name: Pneumatocele
    parents: [lung_lesion]
    priority: urgent
    phrases: ["pneumatoc(ele|oele)s?"]
  - id: pleural_effusion
    phrases: [wet pleura]
    exclusions: [effusion of thanks]
  - id: scoliosis
    priority: urgent
"""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    (folder / "findings.yaml").write_text(_FINDINGS, encoding="utf-8")
    (folder / "cues.yaml").write_text(
        "cues:\n  - category: absent\n    direction: forward\n    phrases: [nowt of]\n",
        encoding="utf-8",
    )
    (folder / "sections.yaml").write_text(
        "headings:\n  impression:\n    - upshot\n  indication:\n    - why\n", encoding="utf-8"
    )
    (folder / "modifiers.yaml").write_text(
        "severity:\n  severe: [whopping]\nmidline: [pneumatocele]\n", encoding="utf-8"
    )
    return folder


@pytest.fixture(scope="module")
def site_labeler(site: Path) -> RuleLabeler:
    return RuleLabeler(load_vocabulary(site=site))


def test_a_new_finding_is_labelled_and_counts_for_its_parents(site_labeler: RuleLabeler) -> None:
    labelling = site_labeler.label("Left pneumatocele.", "findings")
    assert labelling.states["pneumatocele"] == labelling.states["lung_lesion"] == 1
    assert labelling.classes("chexpert14")["Lung Lesion"] == 1
    assert site_labeler.vocabulary.finding_ids[-1] == "pneumatocele"
    assert site_labeler.vocabulary.finding_ids[:-1] == load_vocabulary().finding_ids


def test_a_known_finding_has_more_phrases_and_keeps_its_own(site_labeler: RuleLabeler) -> None:
    for text in ("Wet pleura.", "Effusion."):
        assert site_labeler.label(text, "findings").states["pleural_effusion"] == 1
    assert "pleural_effusion" not in site_labeler.label("Effusion of thanks.", "findings").states
    assert site_labeler.vocabulary.by_id["scoliosis"].priority == "urgent"
    assert site_labeler.vocabulary.by_id["scoliosis"].name == "Scoliosis"


def test_cues_headings_and_modifiers_grow(site_labeler: RuleLabeler) -> None:
    mention = site_labeler.label("Nowt of pneumonia.", "findings").mentions[0]
    assert (mention.assertion, mention.cue) == ("absent", "Nowt of")
    assert site_labeler.label("Why: pneumonia.\nUpshot: whopping effusion.").states == {
        **site_labeler.label("Impression: large effusion.").states
    }
    effusion = site_labeler.label("Whopping left effusion.").mentions[0]
    assert (effusion.laterality, effusion.severity) == ("left", "severe")
    assert site_labeler.label("Left pneumatocele.").mentions[0].laterality is None


def test_the_hash_follows_the_site(site: Path, tmp_path: Path) -> None:
    assert load_vocabulary(site=site).hash != load_vocabulary().hash
    (tmp_path / "findings.yaml").write_text("findings: []\n", encoding="utf-8")
    assert load_vocabulary(site=tmp_path).hash == load_vocabulary().hash


def test_a_scheme_file_may_use_the_findings_of_the_site(site: Path, tmp_path: Path) -> None:
    path = tmp_path / "ours.yaml"
    path.write_text("name: ours\nnormal_class: N\nclasses:\n  N: []\n  P: [pneumatocele]\n")
    assert load_scheme(str(path), load_vocabulary(site=site)).findings("P") == ("pneumatocele",)
    with pytest.raises(VocabularyError, match=r"ours\.yaml, line 5: unknown finding"):
        load_scheme(str(path))


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        (
            "findings",
            "findings:\n  - id: a\n    name: A\n    parents: [b]\n",
            "line 4: unknown finding 'b' in parents",
        ),
        (
            "findings",
            "findings:\n  - id: a\n    name: A\n    phrases: [pneumonia]\n",
            "line 4: 'pneumonia' already stands for finding 'pneumonia'",
        ),
        ("findings", "findings:\n  - id: a\n    name: A\n  - id: a\n    name: B\n", "line 4: "),
        ("findings", "findings: pneumonia\n", "line 1: 'findings' must be a list"),
        ("findings", "finding: []\n", "line 1: unknown key 'finding'"),
        (
            "cues",
            "cues:\n  - {category: maybe, direction: forward}\n",
            "line 2: category is one of",
        ),
        ("modifiers", "severity:\n  severe: {a: b}\n", "line 2: 'severe' must be a list"),
        ("modifiers", "midline: [heart]\n", "line 1: unknown finding 'heart' in midline"),
        ("sections", "headings:\n  findings: [impression]\n", "line 2)"),
        ("findings", "findings: [\n", "not YAML"),
    ],
)
def test_a_mistake_is_named_with_folder_file_and_line(
    tmp_path: Path, name: str, text: str, message: str
) -> None:
    (tmp_path / f"{name}.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(VocabularyError) as caught:
        load_vocabulary(site=tmp_path)
    assert str(tmp_path / f"{name}.yaml") in str(caught.value)
    assert message in str(caught.value)


def test_a_folder_that_is_none_is_named(tmp_path: Path) -> None:
    with pytest.raises(VocabularyError, match="no such folder"):
        load_vocabulary(site=tmp_path / "nowhere")
    with pytest.raises(VocabularyError, match=r"holds none of findings\.yaml"):
        load_vocabulary(site=tmp_path)
    (tmp_path / "finding.yaml").write_text("findings: []\n")
    with pytest.raises(VocabularyError, match=r"finding\.yaml: not a file of a vocabulary"):
        load_vocabulary(site=tmp_path)
