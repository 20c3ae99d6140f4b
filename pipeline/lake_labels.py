"""The labels of a lake at a version, with the mentions that the same run wrote."""

import json
from collections.abc import Iterable
from pathlib import Path

import pyarrow.compute as pc

from pipeline.label_files import MENTION_COLUMNS, labels_of_table
from pipeline.label_states import Labels
from pipeline.lake import Lake, require
from pipeline.lake_privacy import NO_TEXT
from pipeline.report_texts import ReportTexts
from pipeline.settings_file import load_settings
from pipeline.user_error import UserError


def labels_of_lake(
    root: str,
    scheme: str | None,
    wanted: Iterable[str],
    version: int | None = None,
    site: Path | None = None,
) -> Labels:
    """Return the labels of a lake.

    Parameters
    ----------
    root
        Folder or URL of the lake.
    scheme, wanted, site
        As in `pipeline.label_files.labels_of_file`.
    version
        Of table labels, as a run's summary tells it; the current one by default.

    Raises
    ------
    UserError
        The lake has no labels, or no run left that version.
    """
    lake = Lake.of(load_settings(None, {"lake": {"root": root}}))
    current = lake.versions().get("labels")
    if current is None:
        raise UserError(f"{root}: the lake has no labels yet; run `radsim label` first")
    version = current if version is None else version
    at = mention_version(lake, version)
    labels = lake.read("labels", version=version)
    mentions = None if at is None else lake.read("mentions", list(MENTION_COLUMNS), version=at)
    return labels_of_table(labels, f"{root} labels v{version}", scheme, wanted, mentions, site)


def mention_version(lake: Lake, version: int) -> int | None:
    """Return the version of table mentions that goes with a version of labels.

    Raises
    ------
    UserError
        No run left that version of labels.
    """
    known: dict[int, int | None] = {}
    for outputs in lake.runs()["outputs"].to_pylist():
        written = json.loads(outputs)
        if "labels" in written:
            known[written["labels"]] = written.get("mentions")
    if version not in known:
        versions = ", ".join(str(number) for number in sorted(known))
        raise UserError(f"{lake.root}: no run left labels v{version}; those left are {versions}")
    return known[version]


def reports_of_lake(root: str) -> ReportTexts:
    """Return the current reports of a lake.

    Raises
    ------
    UserError
        It has none, or keeps no text.
    """
    lake = Lake.of(load_settings(None, {"lake": {"root": root}}))
    reports = lake.read("reports", ["exam_id", "patient_id", "sections"])
    require(reports, "reports", "ingest")
    if pc.all(
        pc.is_null(pc.list_flatten(reports["sections"]).combine_chunks().field("text"))
    ).as_py():
        raise UserError(f"{root}: {NO_TEXT}; name the file of the reports instead")
    return ReportTexts(reports, root)
