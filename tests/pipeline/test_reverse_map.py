"""The file of what pseudonyms stand for: if asked for, its owner's alone, never in the lake."""

import json
import stat
from pathlib import Path
from typing import Any

import pytest

from pipeline.forget import forget
from pipeline.pseudonyms import KEY_VARIABLE, Pseudonymiser
from pipeline.reverse_map import ReverseMap
from pipeline.stages.ingest import ingest
from pipeline.user_error import UserError
from tests.pipeline.stages.conftest import Site

KEY = "a key of sixteen bytes or more"


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Site:
    monkeypatch.setenv(KEY_VARIABLE, KEY)
    site = Site(tmp_path)
    site.deliver([{"exam_id": "E1", "patient_id": "P1", "text": "Clear lungs."}])
    return site


def pairs(file: Path) -> list[tuple[str, str, str]]:
    told = [json.loads(line) for line in file.read_text().splitlines()]
    return sorted((pair["kind"], pair["original"], pair["pseudonym"]) for pair in told)


def test_every_pseudonym_of_the_lake_is_in_it_once(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "map.jsonl"
    settings = site.settings(privacy={"reverse_map": file})
    ingest(settings)
    one = Pseudonymiser(KEY.encode()).one
    first = [("exam", "E1", one("E1")), ("patient", "P1", one("P1"))]
    assert pairs(file) == first
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    site.deliver(
        [{"exam_id": exam, "patient_id": "P1", "text": "Clear lungs."} for exam in ("E1", "E2")]
    )
    ingest(settings)
    assert pairs(file) == sorted([*first, ("exam", "E2", one("E2"))])


def test_none_is_written_unless_asked_for(site: Site, tmp_path: Path) -> None:
    before = set(tmp_path.iterdir())
    ingest(site.settings())
    assert set(tmp_path.iterdir()) - before == {tmp_path / "lake"}


@pytest.mark.parametrize("place", ["lake/map", "lake/state/map", "beside/../lake/map"])
def test_a_place_inside_the_lake_is_refused(site: Site, tmp_path: Path, place: str) -> None:
    (tmp_path / "beside").mkdir()
    with pytest.raises(UserError, match="may not be inside the lake"):
        ingest(site.settings(privacy={"reverse_map": tmp_path / place}))


def test_a_link_into_the_lake_is_refused(site: Site, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UserError, match="may not be a link"):
        ingest(site.settings(privacy={"reverse_map": tmp_path / "link"}))


def test_a_file_that_others_may_read_is_refused_and_nothing_is_committed(
    site: Site, tmp_path: Path
) -> None:
    file = tmp_path / "map.jsonl"
    file.touch(0o644)
    with pytest.raises(UserError, match="chmod 600"):
        ingest(site.settings(privacy={"reverse_map": file}))
    assert site.lake.read("reports").num_rows == 0


def test_it_needs_a_key(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE)
    with pytest.raises(UserError, match="reverse_map needs a key"):
        ingest(site.settings(privacy={"reverse_map": tmp_path / "map"}))


def test_a_line_cut_short_is_written_anew(tmp_path: Path) -> None:
    file = tmp_path / "map"
    whole = ReverseMap(file, "lake")
    whole.note("exam", ["E1", None], ["a1", None])
    assert whole.save() == 1
    with file.open("a") as opened:
        opened.write('{"kind": "exam", "pseudo')
    again: Any = ReverseMap(file, "lake")
    again.note("exam", ["E1", "E2"], ["a1", "b2"])
    assert again.save() == 1
    assert pairs(file) == [("exam", "E1", "a1"), ("exam", "E2", "b2")]


def test_a_forgotten_patient_is_not_in_it_any_more(site: Site, tmp_path: Path) -> None:
    file = tmp_path / "map"
    settings = site.settings(privacy={"reverse_map": file})
    site.deliver(
        [{"exam_id": f"E{n}", "patient_id": f"P{n}", "text": "Clear lungs."} for n in range(2)]
    )
    ingest(settings)
    forget(settings, ["P0"])
    assert [pair[:2] for pair in pairs(file)] == [("exam", "E1"), ("patient", "P1")]
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
