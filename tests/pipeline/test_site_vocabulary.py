"""A site's folder of additions, named in the settings, is what every stage labels with."""

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipeline.file_labelling import label_reports_file
from pipeline.labelling import label_chunks, rule_labeler, site_vocabulary
from pipeline.readers.column_mapping import ColumnMapping
from pipeline.settings_file import load_settings
from pipeline.stages.ingest import ingest
from pipeline.stages.label import label
from pipeline.user_error import UserError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder: a site that knows one more finding, a scheme over it, and reports."""
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "findings.yaml").write_text(
        "findings:\n  - id: pneumatocele\n    name: Pneumatocele\n"
        "    parents: [lung_lesion]\n    phrases: [pneumatoceles?]\n"
    )
    (tmp_path / "ours.yaml").write_text(
        "name: ours\nnormal_class: Normal\nclasses:\n  Normal: []\n  Pneumatocele: [pneumatocele]\n"
    )
    (tmp_path / "reports.csv").write_text("exam_id,text\nE1,Left pneumatocele.\nE2,No effusion.\n")
    (tmp_path / "radsim.toml").write_text(
        '[reports]\npath = "reports.csv"\n[lake]\nroot = "lake"\n[label]\nvocabulary = "site"\n'
    )
    return tmp_path


def test_a_file_is_labelled_in_the_classes_of_the_site(folder: Path) -> None:
    out = folder / "labels.parquet"
    mapping, scheme, site = ColumnMapping(), str(folder / "ours.yaml"), folder / "site"
    label_reports_file(
        folder / "reports.csv", mapping, "auto", scheme, out, vocabulary=site, workers=1
    )
    table = pq.read_table(out)
    assert table["Pneumatocele"].to_pylist() == [1, None]
    assert table["Normal"].to_pylist() == [0, 1]
    assert table.schema.metadata[b"vocabulary"].decode() == site_vocabulary(site).hash
    with pytest.raises(UserError, match=r"ours\.yaml, line 5: unknown finding 'pneumatocele'"):
        label_reports_file(folder / "reports.csv", mapping, "auto", scheme, out, workers=1)


def test_the_priority_of_an_exam_goes_with_a_scheme_that_sets_priorities(folder: Path) -> None:
    out = folder / "labels.parquet"
    for scheme, expected in (("annarumma", ["urgent", "normal"]), ("nih14", None)):
        label_reports_file(
            folder / "reports.csv", ColumnMapping(), "auto", scheme, out, vocabulary=folder / "site"
        )
        table = pq.read_table(out)
        assert ("priority" in table.column_names) == (expected is not None)
        if expected is not None:
            assert table["priority"].to_pylist() == expected


def test_a_change_of_the_sites_vocabulary_relabels_every_exam(folder: Path) -> None:
    settings = load_settings(folder / "radsim.toml")
    assert settings.label.vocabulary == folder / "site"
    ingest(settings)
    assert label(settings).counts["labelled"] == 2
    assert label(settings).outcome == "unchanged"
    package = load_settings(folder / "radsim.toml", {"label": {"vocabulary": None}})
    assert label(package).counts["labelled"] == 2


def test_worker_processes_label_with_it_too(folder: Path) -> None:
    site = folder / "site"
    reports = {"exam_id": ["E1"], "sections": [[{"kind": "findings", "text": "Pneumatocele."}]]}
    chunk = pa.table(reports)
    for workers in (1, 2):
        ((mentions, _),) = label_chunks([chunk], workers, site)
        assert mentions["finding"].to_pylist() == ["pneumatocele"]
    assert rule_labeler(site).vocabulary_hash != rule_labeler().vocabulary_hash


def test_a_mistake_is_one_line_with_its_place(folder: Path) -> None:
    broken = folder / "broken"
    broken.mkdir()
    (broken / "findings.yaml").write_text("findings:\n  - id: a\n    nmae: A\n")
    with pytest.raises(UserError, match=r"broken/findings\.yaml, line 3: unknown key 'nmae'"):
        site_vocabulary(broken)
