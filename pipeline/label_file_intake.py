"""A file of ready labels into the lake: the same keys, contract and quarantine as reports."""

import hashlib

import numpy as np
import pyarrow as pa

from pipeline.delivery import Delivery
from pipeline.labelling import label_scheme
from pipeline.lake_run import Run
from pipeline.pseudonyms import Pseudonymiser
from pipeline.readers import read_label_file
from pipeline.scratch import scratch_folder
from pipeline.settings import Settings
from pipeline.stage_summary import Progress


def take_in_label_file(
    run: Run, settings: Settings, pseudonymiser: Pseudonymiser, progress: Progress
) -> tuple[dict[str, int], tuple[str, ...]]:
    """Read the label file and write the exams that are new or changed into table file_labels.

    Returns
    -------
    Exams by what became of them, and a line a reason of quarantine.
    """
    assert settings.label_file.path is not None
    scheme = label_scheme(settings.manifest.scheme, settings.label.vocabulary)
    size = len(scheme.classes)
    with scratch_folder(run.lake, "intake") as folder:
        source = settings.label_file.path.name
        delivery = Delivery(run, "file_labels", source, folder, rows_an_exam=size)
        for batch in read_label_file(
            settings.label_file.path,
            settings.label_file.format,
            scheme=scheme.name,
            classes=scheme.classes,
        ):
            keys = pseudonymiser.column(batch.rejected["key"], "exam")
            at = batch.rejected.column_names.index("key")
            delivery.reject(batch.rejected.set_column(at, "key", keys))
            labels = batch.labels
            if labels.num_rows:
                for name, kind in (("exam_id", "exam"), ("patient_id", "patient")):
                    at = labels.column_names.index(name)
                    labels = labels.set_column(at, name, pseudonymiser.column(labels[name], kind))
                hashes = np.repeat(_state_hashes(labels, size), size)
                delivery.add(labels.append_column("content_hash", pa.array(hashes)))
            progress(delivery.exams_in, 0, "labelled exams read")
        counts, notes = delivery.settle()
    progress(counts["in"], counts["in"], "labelled exams read")
    return counts, notes


def _state_hashes(labels: pa.Table, size: int) -> np.ndarray:
    """Return the SHA-256 of each exam's states, in the order of the scheme's classes, in hex."""
    states = labels["state"].to_pandas().fillna(2).astype("int8").to_numpy().reshape(-1, size)
    scheme = labels["scheme"][0].as_py().encode()
    return np.array([hashlib.sha256(scheme + row.tobytes()).hexdigest() for row in states])
