"""Whether a learned labeler helps the rules: F1 on the half of the dev gold it was not taught.

The learned labeler is taught on half a of the OpenI development reports (reports of identical text
share a half), once by rule labels alone and once with the gold of half a; both are scored on the
gold of half b, beside the rules and the consensus, with -1 counted negative. Then the review queue
of half b: how many of its first hundred entries are errors of the rules, against the share of
errors among exams and classes drawn at random.

    RADSIM_DATA=FOLDER python tests/benchmarks/learned_quality.py
"""

import csv
import hashlib
import os
import time
from pathlib import Path

import numpy as np
import pyarrow as pa

from labelers import RuleLabeler, load_scheme
from labelers.aggregation import NOT_MENTIONED
from labelers.learned.consensus import consensus, review_queue
from labelers.learned.training import Parts, train

SECTIONS = ("indication", "comparison", "findings", "impression")


def read(folder: Path) -> tuple[pa.Table, np.ndarray, list[dict[str, str] | None]]:
    """Return the reports, which are in half b, and the gold row of each."""
    with (folder / "gold_nih.csv").open(newline="", encoding="utf-8") as file:
        gold = {row["uid"]: row for row in csv.DictReader(file)}
    ids, sections, second = [], [], []
    with (folder / "reports.csv").open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            ids.append(row["uid"])
            sections.append([{"kind": kind, "text": row[kind]} for kind in SECTIONS if row[kind]])
            told = (row["findings"] + row["impression"]).encode()
            second.append(hashlib.sha256(told).digest()[0] % 2 == 1)
    kind = pa.list_(pa.struct([("kind", pa.string()), ("text", pa.string())]))
    reports = pa.table({"exam_id": ids, "sections": pa.array(sections, kind)})
    return reports, np.array(second), [gold.get(uid) for uid in ids]


def f1(truth: np.ndarray, said: np.ndarray) -> str:
    """Return micro and macro F1 in percent."""
    hits, total = (truth & said).sum(axis=0), truth.sum(axis=0) + said.sum(axis=0)
    return f"micro {200 * hits.sum() / total.sum():.1f}, macro {np.mean(200 * hits / total):.1f}"


def main() -> None:
    """Print the figures."""
    reports, second, rows = read(Path(os.environ["RADSIM_DATA"]) / "openi")
    scheme = load_scheme("nih14")
    labeler = RuleLabeler()
    classes = scheme.classes
    columns = ["normal" if name == scheme.normal_class else name for name in classes]
    gold = np.array(
        [
            [int(row[name]) if row and name in row else int(NOT_MENTIONED) for name in columns]
            for row in rows
        ],
        np.int8,
    )
    projected = scheme.project(labeler.label_reports(reports).labels)
    rule = np.stack(
        [projected[name].fill_null(int(NOT_MENTIONED)).to_numpy() for name in classes], axis=1
    ).astype(np.int8)
    scored = [n for n, c in enumerate(columns) if c != "normal" and (gold[:, n] == 1).any()]
    judged = second & (gold[:, 0] != NOT_MENTIONED)
    truth = gold[judged][:, scored] == 1
    first = ~second
    calibrated = first & (np.arange(len(first)) % 5 == 0)
    parts = Parts(first & ~calibrated, calibrated, second)
    print(f"{judged.sum()} exams of half b, {len(scored)} classes, -1 counted negative")
    print(f"rules: {f1(truth, rule[judged][:, scored] == 1)}")
    for name, taught in (("rule labels", None), ("rule labels and gold", gold)):
        began = time.perf_counter()
        known = None if taught is None else np.where(first[:, None], gold, NOT_MENTIONED)
        learned = train(labeler, scheme, reports, known, parts)
        seconds = time.perf_counter() - began
        probability = learned.probabilities(reports)
        said = probability[judged][:, scored] >= 0.5
        both = consensus(rule, probability)[judged][:, scored] == 1
        print(f"taught by {name}, {seconds:.0f} s: learned alone {f1(truth, said)}")
        print(f"    consensus {f1(truth, both)}")
        states = rule[judged][:, scored]
        queue = review_queue(
            pa.array(np.flatnonzero(judged)),
            [classes[n] for n in scored],
            states,
            probability[judged][:, scored],
        )
        wrong = (states == 1) != truth
        at = {int(exam): n for n, exam in enumerate(np.flatnonzero(judged))}
        which = {classes[n]: k for k, n in enumerate(scored)}
        top = queue.slice(0, 100).to_pylist()
        errors = sum(bool(wrong[at[row["exam_id"]], which[row["class"]]]) for row in top)
        print(
            f"    queue: {errors} of its first {len(top)} are errors of the rules; "
            f"{100 * wrong.mean():.1f} % of all exams and classes are"
        )


if __name__ == "__main__":
    main()
