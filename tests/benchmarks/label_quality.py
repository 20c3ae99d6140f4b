"""Label quality on the dev gold: precision, recall and F1 a class, micro and macro.

Reads `$RADSIM_DATA/openi/reports.csv` (findings and impression; indication and comparison as
sections that give no labels; the human MeSH columns are never an input) and compares with
`gold_nih.csv` or the classes of `gold_mesh.csv`. Reports of identical text stay in the same half.

    python tests/benchmarks/label_quality.py [--gold nih|mesh] [--half a|b] [--errors CLASS]
"""

import argparse
import csv
import hashlib
import os
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from labelers import RuleLabeler, load_scheme

SECTIONS = ("indication", "comparison", "findings", "impression")
# Classes of gold_mesh.csv as unions of findings.
MESH_CLASSES = {
    "Cardiomegaly_broad": ["cardiomegaly"],
    "Pleural_Effusion": ["pleural_effusion"],
    "Pulmonary_Congestion": ["pulmonary_congestion"],
    "COPD_Hyperinflation": ["hyperinflation", "chronic_obstructive_pulmonary_disease"],
    "Nodule_Mass": ["pulmonary_nodule", "lung_mass"],
    "Airspace_Disease": ["airspace_disease"],
    "Infiltrate_Airspace": ["airspace_disease", "infiltrate"],
    "Fracture": ["fracture"],
    "Hiatal_Hernia": ["hiatal_hernia"],
    "Hernia": ["hernia", "hiatal_hernia"],
    "Scarring": ["scarring"],
    "Medical_Device": ["support_device"],
    "Surgical_Material": ["surgical_material"],
    "Scoliosis": ["scoliosis"],
    "Granuloma": ["granulomatous_disease", "granuloma", "calcified_granuloma"],
    "Calcified_Granuloma": ["calcified_granuloma"],
    "Degenerative_Spine": ["degenerative_spine"],
    "Aortic_Atherosclerosis": ["aortic_atherosclerosis"],
    "Aorta_Tortuous": ["aortic_tortuosity"],
}


def read_reports(folder: Path) -> tuple[pa.Table, dict[str, str]]:
    """Return the reports as exam_id and sections, and the half each belongs to."""
    ids, sections, half = [], [], {}
    with (folder / "reports.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            ids.append(row["uid"])
            sections.append([{"kind": kind, "text": row[kind]} for kind in SECTIONS if row[kind]])
            text = (row["findings"] + row["impression"]).encode()
            half[row["uid"]] = "ab"[hashlib.sha256(text).digest()[0] % 2]
    kind = pa.list_(pa.struct([("kind", pa.string()), ("text", pa.string())]))
    return pa.table({"exam_id": ids, "sections": pa.array(sections, kind)}), half


def read_gold(path: Path) -> dict[str, dict[str, str]]:
    """Return the gold rows by exam."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = {row["uid"]: row for row in csv.DictReader(file)}
    return {uid: row for uid, row in rows.items() if row.get("no_indexing") != "1"}


def states_by_class(labels: pa.Table, gold: str) -> dict[str, list[int | None]]:
    """Return the state of each exam for each class of the gold."""
    if gold == "nih":
        scheme = load_scheme("nih14")
        table = scheme.project(labels)
        wanted = [c for c in scheme.classes if c not in ("Hernia", scheme.normal_class)]
        states = {name: table[name].to_pylist() for name in wanted}
        states["normal"] = table[scheme.normal_class].to_pylist()
        return states
    found = {}
    for name, findings in MESH_CLASSES.items():
        columns = [labels[finding].to_pylist() for finding in findings]
        found[name] = [_union(values) for values in zip(*columns, strict=True)]
    return found


def _union(values: tuple[int | None, ...]) -> int | None:
    return next((state for state in (1, -1, 0) if state in values), None)


def figures(true: np.ndarray, said: np.ndarray) -> tuple[float, float, float]:
    """Return precision, recall and F1 in percent."""
    hits = float((true & said).sum())
    precision = hits / max(said.sum(), 1)
    recall = hits / max(true.sum(), 1)
    f1 = 2 * hits / max(true.sum() + said.sum(), 1)
    return 100 * precision, 100 * recall, 100 * f1


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--gold", choices=["nih", "mesh"], default="nih")
    parser.add_argument("--half", choices=["a", "b"])
    parser.add_argument("--uncertain", choices=["negative", "positive"], default="negative")
    parser.add_argument("--errors", help="print the reports where this class is wrong")
    options = parser.parse_args()
    folder = Path(os.environ["RADSIM_DATA"]) / "openi"
    reports, half = read_reports(folder)
    gold = read_gold(folder / f"gold_{options.gold}.csv")
    labeler = RuleLabeler()
    labeler.label("warm up")
    began = time.perf_counter()
    labelled = labeler.label_reports(reports)
    seconds = time.perf_counter() - began
    ids = reports["exam_id"].to_pylist()
    kept = [
        n for n, uid in enumerate(ids) if uid in gold and half[uid] == (options.half or half[uid])
    ]
    print(f"{len(kept)} exams scored; {len(ids) / seconds:.0f} reports/s, {labeler.name}")
    print(f"{'class':24s} {'n':>5s} {'P':>6s} {'R':>6s} {'F1':>6s} {'unc':>5s}")
    total = np.zeros(3)
    scores = []
    for name, states in states_by_class(labelled.labels, options.gold).items():
        true = np.array([gold[ids[n]][name] == "1" for n in kept])
        uncertain = np.array([states[n] == -1 for n in kept])
        said = np.array([states[n] == 1 for n in kept])
        if options.uncertain == "positive":
            said |= uncertain
        precision, recall, f1 = figures(true, said)
        print(
            f"{name:24s} {true.sum():5d} {precision:6.1f} {recall:6.1f} {f1:6.1f} "
            f"{uncertain.sum():5d}"
        )
        if name != "normal":
            total += [(true & said).sum(), said.sum(), true.sum()]
            scores.append(f1)
        if options.errors == name:
            _print_errors(reports, labelled.mentions, kept, true, said)
    print(f"micro F1 {200 * total[0] / (total[1] + total[2]):.1f}, macro F1 {np.mean(scores):.1f}")


def _print_errors(
    reports: pa.Table, mentions: pa.Table, kept: list[int], true: np.ndarray, said: np.ndarray
) -> None:
    by_exam: dict[str, list[str]] = {}
    for row in mentions.select(["exam_id", "finding", "assertion", "cue"]).to_pylist():
        found = f"{row['finding']}:{row['assertion']}({row['cue']})"
        by_exam.setdefault(row["exam_id"], []).append(found)
    for place, n in enumerate(kept):
        if true[place] == said[place]:
            continue
        row = reports.slice(n, 1).to_pylist()[0]
        print(
            "MISSED" if true[place] else "WRONGLY", row["exam_id"], *by_exam.get(row["exam_id"], [])
        )
        for section in row["sections"][:]:
            if section["kind"] in ("findings", "impression"):
                print(f"    {section['kind']}: {section['text']}")


if __name__ == "__main__":
    main()
