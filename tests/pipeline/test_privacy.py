"""What a report or a header says of a patient stands where it must and nowhere else."""

import csv
import logging
import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from pipeline.lake import Lake
from pipeline.pseudonyms import KEY_VARIABLE
from pipeline.settings import Settings
from pipeline.settings_file import load_settings
from pipeline.stages.cache import cache
from pipeline.stages.index import index
from pipeline.stages.ingest import ingest
from pipeline.stages.label import label
from pipeline.stages.link import link
from pipeline.user_error import UserError

SENTENCE = "Xanthippe's lighthouse keeper saw a large pleural effusion"
NAME, MRN, ACCESSION = "QUIXOTE", "MRN5550123", "ACC7771"
IDENTIFIERS = (NAME, MRN, ACCESSION)
PLANTED = ("Xanthippe", "lighthouse", *IDENTIFIERS)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return settings of a site with a key, whose every source holds what must not be told."""
    monkeypatch.setenv(KEY_VARIABLE, "a key of sixteen bytes or more")
    columns = ["exam_id", "patient_id", "exam_time", "status", "text"]
    good = [f"{ACCESSION}0", f"{MRN}0", "2020-01-01", "final", f"{SENTENCE}."]
    rows = [
        good,
        good,
        [f"{ACCESSION}1", f"{MRN}1", "2020-01-01", "final", f"{SENTENCE} now."],
        [f"{ACCESSION}2", f"{MRN}2", "2020-01-01", "final", f"{SENTENCE} on the left."],
        [f"{ACCESSION}2", f"{MRN}2", "2020-01-01", "final", f"{SENTENCE} on the right."],
        [f"{ACCESSION}3", f"{MRN}3", "2020-01-01", "final", ""],
        [f"{ACCESSION}4", f"{MRN}4", "yesterday", "final", f"{SENTENCE}."],
        [f"{ACCESSION}5", f"{MRN}5", "2020-01-01", f"dictated by {NAME}", f"{SENTENCE}."],
        # Readable, but its contract refuses a time before the discovery of X-rays.
        [f"{ACCESSION}6", f"{MRN}6", "1850-01-01", "final", f"{SENTENCE}."],
    ]
    with (tmp_path / "reports.csv").open("w", newline="", encoding="utf-8") as opened:
        csv.writer(opened).writerows([columns, *rows])
    images = tmp_path / "images"
    images.mkdir()
    write_dicom(images / f"{ACCESSION}0.dcm", 0)
    write_dicom(images / f"{ACCESSION}1.dcm", 1)
    # Cannot be used: another view, cut short, damaged, a picture of nobody, a letter.
    write_dicom(images / f"{ACCESSION}2.dcm", 2, ViewPosition="LL")
    content = (images / f"{ACCESSION}0.dcm").read_bytes()
    (images / f"{ACCESSION}3.dcm").write_bytes(content[:-100])
    write_dicom(images / f"{ACCESSION}4.dcm", 4, Rows="QUIXOTE")
    Image.fromarray(np.zeros((40, 40), np.uint8)).save(images / f"{NAME}.png")
    (images / f"letter {NAME}.dcm").write_text(f"{SENTENCE} {MRN}")
    return load_settings(
        None,
        {
            "lake": {"root": str(tmp_path / "lake")},
            "reports": {"path": tmp_path / "reports.csv"},
            "images": {"path": images},
            "cache": {"size": 32},
            "engine": {"workers": 1},
        },
    )


def write_dicom(file: Path, number: int, **header: str) -> None:
    """Write a radiograph whose header names a patient; `header` may hold wrong values."""
    import pydicom
    from pydicom.uid import ExplicitVRLittleEndian

    from pipeline.images.pydicom_silence import silent_pydicom

    dataset = pydicom.Dataset()
    dataset.file_meta = pydicom.dataset.FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.1"
    dataset.SOPInstanceUID = f"1.2.3.{number}"
    dataset.PatientName, dataset.PatientID = f"{NAME}^DON", f"{MRN}{number}"
    dataset.AccessionNumber = f"{ACCESSION}{number}"
    with silent_pydicom():
        # Against the standard, so that a reader has something to warn of.
        dataset.PatientBirthDate, dataset.StudyDate = NAME, MRN
    dataset.Modality, dataset.BodyPartExamined, dataset.ViewPosition = "CR", "CHEST", "PA"
    dataset.Rows = dataset.Columns = 40
    dataset.BitsAllocated = dataset.BitsStored = 16
    dataset.HighBit, dataset.PixelRepresentation, dataset.SamplesPerPixel = 15, 0, 1
    dataset.PhotometricInterpretation = "MONOCHROME2"
    pixels = np.random.default_rng(number).integers(0, 4000, (40, 40), np.uint16)
    dataset.PixelData = pixels.tobytes()
    for name, value in header.items():
        if name == "Rows":
            dataset["Rows"] = pydicom.DataElement(0x00280010, "LO", value)
        else:
            setattr(dataset, name, value)
    with silent_pydicom():
        dataset.save_as(file, enforce_file_format=True)


def planted_in(told: str) -> list[str]:
    return [word for word in PLANTED if word.lower() in told.lower()]


def test_nothing_planted_is_told_by_any_stage(
    site: Settings,
    capfd: pytest.CaptureFixture[str],
    caplog: pytest.LogCaptureFixture,
    recwarn: pytest.WarningsRecorder,
) -> None:
    progress: list[str] = []
    with caplog.at_level(logging.DEBUG):
        summaries = [
            run(site, progress=lambda done, total, note="": progress.append(note))
            for run in (ingest, label, index, cache, link)
        ]
    taken, labelled, indexed, cached, linked = summaries
    # Every kind of row was there.
    assert (taken.counts["new"], taken.counts["unchanged"]) == (2, 1)
    assert taken.counts["quarantined"] == 6
    assert labelled.counts["labelled"] == linked.counts["in"] == 2
    assert (indexed.counts["indexed"], indexed.counts["quarantined"]) == (2, 5)
    assert (cached.counts["cached"], linked.counts["linked"]) == (2, 2)

    assert planted_in(str(summaries)) == []
    assert planted_in(str(progress)) == []
    out, err = capfd.readouterr()
    assert planted_in(out + err) == []
    assert planted_in(str([str(warning.message) for warning in recwarn])) == []
    assert caplog.records
    assert planted_in(caplog.text) == []


def test_text_stands_in_reports_alone_and_identifiers_nowhere(site: Settings) -> None:
    for run in (ingest, label, index, cache, link):
        run(site)
    lake = Lake.of(site)
    assert planted_in(str(lake.read("reports")["sections"].to_pylist())) == PLANTED_TEXT
    versions = lake.versions()
    assert {"reports", "labels", "mentions", "images", "quarantine", "manifest"} <= set(versions)
    for name in {*versions, "runs"} - {"manifest"}:
        rows = lake.runs() if name == "runs" else lake.read(name)
        rows = rows.drop_columns([c for c in ("sections",) if c in rows.column_names])
        assert rows.num_rows, name
        assert (name, planted_in(str(rows.to_pylist()))) == (name, [])
    # The files themselves, whatever they are: only those of one table may tell.
    root = Path(lake.root)
    files = [file for file in root.rglob("*") if file.is_file()]
    assert any(file.name == "manifest.parquet" for file in files)
    for file in files:
        place = file.relative_to(root).as_posix()
        told = planted_in(file.read_bytes().decode("latin-1") + place)
        assert not told or place.startswith("tables/reports/"), place


PLANTED_TEXT = ["Xanthippe", "lighthouse"]


def test_without_a_key_quarantine_names_the_file(
    site: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(KEY_VARIABLE)
    index(site)
    assert f"{NAME}.png" in Lake.of(site).read("quarantine")["reference"].to_pylist()


def test_with_a_key_a_file_that_cannot_be_decoded_is_not_named_either(
    site: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipeline.images import UnusableImage

    def undecodable(path: Path) -> None:
        raise UnusableImage("damaged", "the pixel data cannot be decoded")

    monkeypatch.setattr("pipeline.images.decoding.read_pixels", undecodable)
    index(site)
    assert cache(site).counts["quarantined"] == 2
    rows = Lake.of(site).read("quarantine")
    assert rows.num_rows == 7
    assert planted_in(str(rows.to_pylist())) == []


@pytest.mark.parametrize("table", ["reports", "images"])
def test_a_broken_contract_tells_no_values(
    site: Settings, table: str, break_contract: Callable[[str], None]
) -> None:
    ingest(site)
    if table == "reports":
        with (site.reports.path or Path()).open("a", encoding="utf-8") as opened:
            opened.write(f"{ACCESSION}9,{MRN}9,2020-01-01,final,{SENTENCE} at last.\n")
    break_contract(table)
    with pytest.raises(UserError, match="breaks its contract") as caught:
        {"reports": ingest, "images": index}[table](site)
    (page,) = (Lake.of(site).state_folder / "contracts").glob("*.html")
    assert planted_in(str(caught.value) + page.read_text()) == []


def test_paths_are_sealed_with_the_key_and_found_again(
    site: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    index(site)
    paths = Lake.of(site).read("images")["path"].to_pylist()
    assert all(path.startswith("sealed:") for path in paths)
    assert index(site).outcome == "unchanged"
    monkeypatch.setenv(KEY_VARIABLE, "another key of sixteen bytes")
    with pytest.raises(UserError, match="sealed with another key"):
        cache(site)
    monkeypatch.delenv(KEY_VARIABLE)
    with pytest.raises(UserError, match="sealed with the site's key"):
        cache(site)


def test_paths_of_a_lake_without_a_key_are_sealed_when_one_is_set(
    site: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = os.environ[KEY_VARIABLE]
    monkeypatch.delenv(KEY_VARIABLE)
    index(site)
    assert ACCESSION in str(Lake.of(site).read("images")["path"].to_pylist())
    monkeypatch.setenv(KEY_VARIABLE, key)
    index(site)
    assert planted_in(str(Lake.of(site).read("images")["path"].to_pylist())) == []
    assert cache(site).counts["cached"] == 2


@pytest.mark.parametrize("name", ["MRN5550123.csv", "MRN5550123 row 2.csv"])
def test_a_file_of_a_folder_is_told_by_its_pseudonym(site: Settings, name: str) -> None:
    folder = (site.reports.path or Path()).parent / "drop"
    folder.mkdir()
    (folder / name).write_text(f"exam_id,text\n{ACCESSION},\n")
    settings = site.model_copy(update={"reports": site.reports.model_copy(update={"path": folder})})
    summary = ingest(settings)
    (reference,) = Lake.of(site).read("quarantine")["reference"].to_pylist()
    assert planted_in(reference + str(summary)) == []
    assert reference.startswith("drop ")
    assert reference.endswith(" row 1")
    (folder / name).write_text(f"{MRN}, {SENTENCE}")
    with pytest.raises(UserError, match="first line") as caught:
        ingest(settings)
    assert planted_in(str(caught.value)) == []
