"""Label quality on the OpenI dev gold: every setting, both halves, and the positives not reached.

What `radsim score` measures, for both codings in one go: F1 a class with bootstrap intervals
(«positive only»), micro and macro under each reading of uncertain states, half a (on which rules
were chosen)
and half b (on which they were confirmed; reports of identical text share a half). Then every gold
positive that the labels do not give, with the reason that the labels give for it. The human MeSH
columns of reports.csv are never an input.

    RADSIM_DATA=FOLDER python tests/benchmarks/label_quality.py [--no-missed]
"""

import argparse
import os
from collections import defaultdict
from pathlib import Path

import numpy as np

from labelers.agreement import MACRO, MICRO
from pipeline.gold_files import read_state_file
from pipeline.gold_map import read_gold_map
from pipeline.label_files import labels_of_reports
from pipeline.readers.column_mapping import ColumnMapping
from pipeline.report_texts import read_report_texts
from pipeline.scoring import Compared, compare, wanted_classes

EXAMPLES = Path(__file__).parents[2] / "examples"
SECTIONS = ("indication", "comparison", "findings", "impression")


def compared_with(gold_file: Path, map_file: Path, reports_file: Path) -> Compared:
    """Return the rule labels of the reports beside a gold."""
    gold, gold_map = read_state_file(gold_file, "uid"), read_gold_map(map_file)
    texts = read_report_texts(reports_file, ColumnMapping(exam_id="uid", text=SECTIONS))
    labels = labels_of_reports(texts, str(gold_map.scheme), wanted_classes(gold, gold_map))
    return compare(gold, gold_map, labels, key="uid", patient_column="patient_id", reports=texts)


def averages(compared: Compared, uncertain: str) -> str:
    """Return micro and macro F1 in percent with their intervals."""
    found = compared.measured(uncertain)
    text = []
    for name, row in (("micro", MICRO), ("macro", MACRO)):
        value, low, high = 100 * found.figures[row, 2]
        text.append(f"{name} F1 {value:.1f} [{low:.1f}, {high:.1f}]")
    return ", ".join(text)


def missed(compared: Compared) -> dict[tuple[str, str], list[str]]:
    """Return the exams of gold positives that the labels do not give, by class and reason."""
    reasons = {-1: "another hedge", 0: "denied by the text"}
    found = defaultdict(list)
    wanted = (compared.gold == 1) & (compared.said != 1) & compared.averaged
    ids = compared.exam_ids.to_pylist()
    for exam, column in zip(*np.nonzero(wanted), strict=True):
        reason = reasons.get(int(compared.said[exam, column]), "named in no sentence")
        if compared.alternatives is not None and compared.alternatives[exam, column]:
            reason = "one of several diagnoses («or», «versus»)"
        found[compared.classes[column], reason].append(ids[exam])
    return dict(sorted(found.items()))


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--no-missed", action="store_true", help="leave out the list of positives")
    options = parser.parse_args()
    folder = Path(os.environ["RADSIM_DATA"]) / "openi"
    for name in ("nih", "mesh"):
        compared = compared_with(
            folder / f"gold_{name}.csv", EXAMPLES / f"openi_{name}.yaml", folder / "reports.csv"
        )
        print(f"gold_{name}.csv: {len(compared.exam_ids)} exams")
        found = compared.measured("negative")
        for row, label_class in enumerate(found.classes):
            value, low, high = 100 * found.figures[row, 2]
            count = int((compared.gold[:, row] == 1).sum())
            print(f"  {label_class:24s} n {count:5d}  F1 {value:5.1f} [{low:.1f}, {high:.1f}]")
        for setting in compared.settings:
            print(f"uncertain {setting}: {averages(compared, setting)}")
            for half in ("a", "b"):
                print(f"    half {half}: {averages(compared.half(half), setting)}")
        if name == "nih" and not options.no_missed:
            print("gold positives that the labels do not give")
            for (label_class, reason), exams in missed(compared).items():
                print(f"  {label_class}, {reason}: {len(exams)}: {' '.join(exams)}")


if __name__ == "__main__":
    main()
