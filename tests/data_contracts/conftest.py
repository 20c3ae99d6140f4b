"""Small tables that satisfy their contracts."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa
import pytest

from data_contracts.column_types import schema_of

NOW = datetime(2024, 5, 1, tzinfo=UTC)
FINDINGS = ("edema", "pleural_effusion", "no_finding")
CLASSES = ("No Finding", "Pleural Effusion")
COLUMNS = {"labels": FINDINGS, "manifest": CLASSES}
DIGEST = "0123456789abcdef" * 4


def _provenance() -> dict[str, Any]:
    return {"run_id": "r1", "source": "f.csv", "content_hash": "c1", "committed_at": NOW}


def _row(table: str, i: int) -> dict[str, Any]:
    state = (1, 0, -1, None)[i % 4]
    rows: dict[str, dict[str, Any]] = {
        "reports": {
            "exam_id": f"e{i}",
            "patient_id": f"p{i}" if i % 3 else None,
            "exam_time": datetime(1990 + i % 30, 1, 2, tzinfo=UTC) if i % 2 else None,
            "site": None,
            "status": ("final", "amended", "retracted")[i % 3],
            "sections": [
                {"kind": "findings", "text": "Heart size normal."},
                {"kind": "impression", "text": ""},
            ],
        },
        "delivered_files": {
            "file": f"{i:064x}",
            "size": i,
            "modified_ns": i,
            "read_as": "csv",
        },
        "gold": {"exam_id": "e1", "coding": "mesh", "code": f"Cardiomegaly/{i}"},
        "file_labels": {
            "exam_id": f"e{i}",
            "patient_id": None,
            "split": ("train_val_list", "test", None)[i % 3],
            "scheme": "nih14",
            "class": "Effusion",
            "state": state,
        },
        "mentions": {
            "exam_id": "e1",
            "mention_no": i,
            "section_no": 0,
            "start": 3 * i,
            "end": 3 * i + 1,
            "finding": "pleural_effusion",
            "assertion": "absent" if i % 2 else "present",
            "cue": "no" if i % 2 else None,
            "cue_start": 0 if i % 2 else None,
            "cue_end": 2 if i % 2 else None,
            "laterality": None,
            "location": None,
            "severity": None,
            "change": None,
        },
        "labels": {
            "exam_id": f"e{i}",
            "labeler": "rules 1",
            "vocabulary_hash": "v1",
            "edema": state,
            "pleural_effusion": None,
            "no_finding": 0,
        },
        "images": {
            "image_id": f"i{i}",
            "exam_id": f"e{i}" if i % 3 else None,
            "patient_id": None,
            "path": f"{i}.dcm",
            "format": "dicom",
            "view": "PA",
            "rows": 10 if i % 2 else None,
            "columns": 20 if i % 2 else None,
            "photometric": "MONOCHROME2",
            "pixel_digest": DIGEST if i % 2 else None,
            "usable": bool(i % 2),
            "reason": None if i % 2 else "no pixel data",
        },
        "pixels": {
            "image_id": f"i{i}",
            "pixel_digest": DIGEST,
            "size": 224,
            "shard": "s0.npy",
            "row": i,
        },
        "drift": {
            "scheme": "nih14",
            "class": f"class {i}",
            "vocabulary_hash": "v1",
            "reports_version": 2,
            "labels_version": 3,
            "measured_to": 2,
            "batch_exams": 300,
            "reference_exams": 900,
            "prevalence": 0.2,
            "low": 0.15,
            "high": 0.25,
            "reference_prevalence": 0.1,
            "reference_low": 0.08,
            "reference_high": 0.12,
            "uncertain": 0.0,
            "reference_uncertain": 0.01,
            "psi": 0.3,
            "psi_limit": 0.1,
            "drifted": True,
            "reason": "states",
        },
        "splits": {"patient_key": f"p{i}", "split": "val"},
        "manifest": {
            "exam_id": f"e{i // 2}",
            "image_id": f"i{i}",
            "patient_id": f"p{i // 4}" if i % 8 < 4 else None,
            "split": ("train", "val", "test")[i // 4 % 3],
            "view": "PA",
            "pixel_digest": DIGEST,
            "No Finding": 0,
            "Pleural Effusion": state,
            "label_source": "report",
        },
        "models": {
            "model_id": f"m{i}",
            "settings": '{"loss": "ml2"}',
            "manifest_version": 1 if i % 2 else None,
            "manifest_digest": "d1" if i % 2 else None,
            "seed": 0,
            "measures": "{}",
            "path": "m.safetensors",
        },
        "embeddings": {
            "model_id": f"m{i % 2}",
            "image_id": f"i{i}",
            "embedding": [0.6, 0.8] if i % 2 else [0.0, 1.0, 0.0],
        },
        "quarantine_decisions": {
            "decision_no": i + 1,
            "row_id": f"q{i}",
            "table": "reports",
            "key": None,
            "reference": f"reports.csv row {i}",
            "rule": "report_empty",
            "reason": "the report has no text",
            "decision": ("released", "discarded")[i % 2],
            "who": "operator",
        },
        "reviews": {
            "exam_id": f"e{i}",
            "scheme": "nih14",
            "class": "Edema",
            "reviewer": "ana",
            "time": NOW,
            "decision": "state",
            "state": state,
            "comment": "seen on the lateral view" if i % 2 else None,
        },
        "model_decisions": {
            "decision_no": i + 1,
            "model_id": "m1",
            "model_digest": "d1",
            "verdict": "refused",
            "decided_by": "gate",
            "who": None,
            "reason": "worse",
            "compared_with": "m0",
            "manifest_version": 1,
            "manifest_digest": "d1",
            "truth": "manifest",
            "split": "test",
            "measure": "nDCG@10",
            "value": 0.5,
            "compared_value": 0.49,
            "difference": 0.01,
            "low": 0.0,
            "high": 0.02,
            "tolerance": 0.02,
            "n_queries": 10,
        },
        "evaluations": {
            "model_id": "m1",
            "manifest_version": 1,
            "manifest_digest": "d1",
            "truth": "gold",
            "split": "test",
            "measure": f"ndcg@{i}",
            "queries": "all",
            "value": 0.5 if i % 2 else None,
            "low": 0.4 if i % 2 else None,
            "high": 0.6 if i % 2 else None,
            "n_queries": 10,
            "left_out": 0,
        },
        "quarantine": {
            "row_id": f"q{i}",
            "table": "reports",
            "key": None,
            "reference": f"f.csv line {i}",
            "rule": "text_not_empty",
            "reason": "the report has no text",
        },
    }
    return {**rows[table], **_provenance()}


@pytest.fixture(scope="session")
def good_rows() -> Callable[[str, int], list[dict[str, Any]]]:
    """Rows of a table, each of them and all together within the table's contract."""
    return lambda table, n: [_row(table, i) for i in range(n)]


@pytest.fixture(scope="session")
def as_table() -> Callable[[str, list[dict[str, Any]]], pa.Table]:
    """Turn rows into an Arrow table with the table's schema."""
    return lambda table, rows: pa.Table.from_pylist(
        rows, schema=schema_of(table, COLUMNS.get(table, ()))
    )
