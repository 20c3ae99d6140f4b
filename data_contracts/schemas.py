"""The columns of every working table and release, declared once as pyarrow schemas.

`CONTRACTS.md` of the project says what the columns mean; the suites beside this module say what
their values must satisfy. Two tables have columns that depend on data: `labels` has one column
for each finding of the vocabulary, a manifest one for each class of its label scheme.
"""

from collections.abc import Sequence

import pyarrow as pa

TIMESTAMP = pa.timestamp("us", tz="UTC")

# Which run wrote the row, from which input, with which content, and when.
PROVENANCE = [
    pa.field("run_id", pa.string(), nullable=False),
    pa.field("source", pa.string(), nullable=False),
    pa.field("content_hash", pa.string(), nullable=False),
    pa.field("committed_at", TIMESTAMP, nullable=False),
]

# One cut of a report: its kind (indication, comparison, findings, impression, body ...) and its
# untouched text.
SECTIONS = pa.list_(pa.struct([pa.field("kind", pa.string()), pa.field("text", pa.string())]))

REPORTS = pa.schema(
    [
        pa.field("exam_id", pa.string(), nullable=False),
        pa.field("patient_id", pa.string()),
        pa.field("exam_time", TIMESTAMP),
        pa.field("site", pa.string()),
        pa.field("status", pa.string(), nullable=False),
        pa.field("sections", SECTIONS, nullable=False),
        # When its source told it, where messages say it: which of two versions was told last.
        pa.field("told_at", TIMESTAMP),
        *PROVENANCE,
    ]
)

# Files of a drop folder that were read. `file` is a hash of its name, which may hold identifiers;
# `content_hash` is of its bytes, `read_as` of the settings that said what its columns mean.
DELIVERED_FILES = pa.schema(
    [
        pa.field("file", pa.string(), nullable=False),
        pa.field("size", pa.int64(), nullable=False),
        pa.field("modified_ns", pa.int64(), nullable=False),
        pa.field("read_as", pa.string(), nullable=False),
        *PROVENANCE,
    ]
)

# Human codes of an exam (MeSH headings, reviewers' codes): the truth to measure against, never an
# input of labelling.
GOLD = pa.schema(
    [
        pa.field("exam_id", pa.string(), nullable=False),
        pa.field("coding", pa.string(), nullable=False),
        pa.field("code", pa.string(), nullable=False),
        *PROVENANCE,
    ]
)

# States that came in a label file, in the words of the file's own scheme.
FILE_LABELS = pa.schema(
    [
        pa.field("exam_id", pa.string(), nullable=False),
        pa.field("patient_id", pa.string()),
        pa.field("split", pa.string()),
        pa.field("scheme", pa.string(), nullable=False),
        pa.field("class", pa.string(), nullable=False),
        pa.field("state", pa.int8()),
        *PROVENANCE,
    ]
)

MENTIONS = pa.schema(
    [
        pa.field("exam_id", pa.string(), nullable=False),
        pa.field("mention_no", pa.int32(), nullable=False),
        pa.field("section_no", pa.int32(), nullable=False),
        pa.field("start", pa.int32(), nullable=False),
        pa.field("end", pa.int32(), nullable=False),
        pa.field("finding", pa.string(), nullable=False),
        pa.field("assertion", pa.string(), nullable=False),
        pa.field("cue", pa.string()),
        pa.field("cue_start", pa.int32()),
        pa.field("cue_end", pa.int32()),
        pa.field("laterality", pa.string()),
        pa.field("location", pa.string()),
        pa.field("severity", pa.string()),
        pa.field("change", pa.string()),
        *PROVENANCE,
    ]
)

IMAGES = pa.schema(
    [
        pa.field("image_id", pa.string(), nullable=False),
        pa.field("exam_id", pa.string()),
        pa.field("patient_id", pa.string()),
        pa.field("path", pa.string(), nullable=False),
        pa.field("format", pa.string()),
        pa.field("view", pa.string()),
        pa.field("rows", pa.int32()),
        pa.field("columns", pa.int32()),
        pa.field("photometric", pa.string()),
        pa.field("pixel_digest", pa.string()),
        pa.field("usable", pa.bool_(), nullable=False),
        pa.field("reason", pa.string()),
        *PROVENANCE,
    ]
)

# Where the pixel cache holds an image: row `row` of the memory-mapped array `shard`.
PIXELS = pa.schema(
    [
        pa.field("image_id", pa.string(), nullable=False),
        pa.field("pixel_digest", pa.string(), nullable=False),
        pa.field("size", pa.int32(), nullable=False),
        pa.field("shard", pa.string(), nullable=False),
        pa.field("row", pa.int32(), nullable=False),
        *PROVENANCE,
    ]
)

# The split a patient was given on first sight; never reshuffled.
SPLITS = pa.schema(
    [
        pa.field("patient_key", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        *PROVENANCE,
    ]
)

MODELS = pa.schema(
    [
        pa.field("model_id", pa.string(), nullable=False),
        pa.field("settings", pa.string(), nullable=False),
        pa.field("manifest_version", pa.int32()),
        pa.field("manifest_digest", pa.string()),
        pa.field("seed", pa.int64(), nullable=False),
        pa.field("measures", pa.string(), nullable=False),
        pa.field("path", pa.string(), nullable=False),
        *PROVENANCE,
    ]
)

# Which model is current, and why: the last row with verdict `current` says it. A row of the gate
# has the figures of the model and of the one that was current, over the same queries of one
# manifest's evaluation split, and their paired difference with its interval; a row made by hand
# has who.
MODEL_DECISIONS = pa.schema(
    [
        pa.field("decision_no", pa.int64(), nullable=False),
        pa.field("model_id", pa.string(), nullable=False),
        pa.field("model_digest", pa.string(), nullable=False),
        pa.field("verdict", pa.string(), nullable=False),
        pa.field("decided_by", pa.string(), nullable=False),
        pa.field("who", pa.string()),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("compared_with", pa.string()),
        pa.field("manifest_version", pa.int32()),
        pa.field("manifest_digest", pa.string()),
        pa.field("truth", pa.string()),
        pa.field("split", pa.string()),
        pa.field("measure", pa.string()),
        pa.field("value", pa.float64()),
        pa.field("compared_value", pa.float64()),
        pa.field("difference", pa.float64()),
        pa.field("low", pa.float64()),
        pa.field("high", pa.float64()),
        pa.field("tolerance", pa.float64()),
        pa.field("n_queries", pa.int64()),
        *PROVENANCE,
    ]
)

EMBEDDINGS = pa.schema(
    [
        pa.field("model_id", pa.string(), nullable=False),
        pa.field("image_id", pa.string(), nullable=False),
        pa.field("embedding", pa.list_(pa.float32()), nullable=False),
        *PROVENANCE,
    ]
)

# One figure of one model: `value` with its bootstrap interval [low, high]. `queries` says over
# which queries (all, abnormal, certain ...), `left_out` how many had no relevant candidate.
EVALUATIONS = pa.schema(
    [
        pa.field("model_id", pa.string(), nullable=False),
        pa.field("manifest_version", pa.int32(), nullable=False),
        pa.field("manifest_digest", pa.string(), nullable=False),
        pa.field("truth", pa.string(), nullable=False),
        pa.field("split", pa.string(), nullable=False),
        pa.field("measure", pa.string(), nullable=False),
        pa.field("queries", pa.string(), nullable=False),
        pa.field("value", pa.float64()),
        pa.field("low", pa.float64()),
        pa.field("high", pa.float64()),
        pa.field("n_queries", pa.int64(), nullable=False),
        pa.field("left_out", pa.int64(), nullable=False),
        *PROVENANCE,
    ]
)

# One class of a scheme, in the new batch of exams and in the reference window before it: share
# positive with its interval [low, high], share uncertain, population stability index with the
# limit above which it is flagged. Null where a side has no exam. Exams that came up to version
# `measured_to` of the reports are no new batch any more.
DRIFT = pa.schema(
    [
        pa.field("scheme", pa.string(), nullable=False),
        pa.field("class", pa.string(), nullable=False),
        pa.field("vocabulary_hash", pa.string(), nullable=False),
        pa.field("reports_version", pa.int64(), nullable=False),
        pa.field("labels_version", pa.int64(), nullable=False),
        pa.field("measured_to", pa.int64(), nullable=False),
        pa.field("batch_exams", pa.int64(), nullable=False),
        pa.field("reference_exams", pa.int64(), nullable=False),
        pa.field("prevalence", pa.float64()),
        pa.field("low", pa.float64()),
        pa.field("high", pa.float64()),
        pa.field("reference_prevalence", pa.float64()),
        pa.field("reference_low", pa.float64()),
        pa.field("reference_high", pa.float64()),
        pa.field("uncertain", pa.float64()),
        pa.field("reference_uncertain", pa.float64()),
        pa.field("psi", pa.float64()),
        pa.field("psi_limit", pa.float64()),
        pa.field("drifted", pa.bool_(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        *PROVENANCE,
    ]
)

# A row that could not be used: where it came from and why, never its text.
QUARANTINE = pa.schema(
    [
        pa.field("row_id", pa.string(), nullable=False),
        pa.field("table", pa.string(), nullable=False),
        pa.field("key", pa.string()),
        pa.field("reference", pa.string(), nullable=False),
        pa.field("rule", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        *PROVENANCE,
    ]
)

# What a person decided of a row in quarantine, with all that quarantine said of it: `released` rows
# were taken in (or replaced by a row with another rule) when their source was read again, and have
# left quarantine; `discarded` ones stay there and count as open no more.
QUARANTINE_DECISIONS = pa.schema(
    [
        pa.field("decision_no", pa.int64(), nullable=False),
        pa.field("row_id", pa.string(), nullable=False),
        pa.field("table", pa.string(), nullable=False),
        pa.field("key", pa.string()),
        pa.field("reference", pa.string(), nullable=False),
        pa.field("rule", pa.string(), nullable=False),
        pa.field("reason", pa.string(), nullable=False),
        pa.field("decision", pa.string(), nullable=False),
        pa.field("who", pa.string(), nullable=False),
        *PROVENANCE,
    ]
)

# A reviewer's decision on one class of an exam, appended and never changed: `state` sets the state
# (null is not mentioned), `skip` leaves it open, `undo` takes back that reviewer's last decision on
# the class that is not taken back yet.
REVIEWS = pa.schema(
    [
        pa.field("exam_id", pa.string(), nullable=False),
        pa.field("scheme", pa.string(), nullable=False),
        pa.field("class", pa.string(), nullable=False),
        pa.field("reviewer", pa.string(), nullable=False),
        pa.field("time", TIMESTAMP, nullable=False),
        pa.field("decision", pa.string(), nullable=False),
        pa.field("state", pa.int8()),
        pa.field("comment", pa.string()),
        *PROVENANCE,
    ]
)

# The ledger: a row is one finished run and names, as JSON objects, what it read and wrote
# (table -> version) and its counts. What no row names does not exist for readers.
RUNS = pa.schema(
    [
        pa.field("run_id", pa.string(), nullable=False),
        pa.field("stage", pa.string(), nullable=False),
        pa.field("parameters", pa.string(), nullable=False),
        pa.field("inputs", pa.string(), nullable=False),
        pa.field("outputs", pa.string(), nullable=False),
        pa.field("counts", pa.string(), nullable=False),
        pa.field("seconds", pa.float64(), nullable=False),
        pa.field("outcome", pa.string(), nullable=False),
        pa.field("radsim_version", pa.string(), nullable=False),
        pa.field("committed_at", TIMESTAMP, nullable=False),
    ]
)


def labels(findings: Sequence[str]) -> pa.Schema:
    """Return the schema of the labels table for a vocabulary's finding ids.

    Each finding is a nullable int8 column: 1 positive, 0 negative, -1 uncertain, null not
    mentioned.
    """
    return pa.schema(
        [
            pa.field("exam_id", pa.string(), nullable=False),
            pa.field("labeler", pa.string(), nullable=False),
            pa.field("vocabulary_hash", pa.string(), nullable=False),
            *(pa.field(finding, pa.int8()) for finding in findings),
            *PROVENANCE,
        ]
    )


def manifest(classes: Sequence[str]) -> pa.Schema:
    """Return the schema of a manifest for a scheme's class names.

    A row is one image of one labelled exam; `label_source` is report, file or review.
    """
    return pa.schema(
        [
            pa.field("exam_id", pa.string(), nullable=False),
            pa.field("image_id", pa.string(), nullable=False),
            pa.field("patient_id", pa.string()),
            pa.field("split", pa.string(), nullable=False),
            pa.field("view", pa.string()),
            pa.field("pixel_digest", pa.string(), nullable=False),
            *(pa.field(name, pa.int8()) for name in classes),
            pa.field("label_source", pa.string(), nullable=False),
            *PROVENANCE,
        ]
    )


# The key of each table: no two rows of its current version agree on these columns.
KEYS: dict[str, tuple[str, ...]] = {
    "reports": ("exam_id",),
    "delivered_files": ("file",),
    "gold": ("exam_id", "coding", "code"),
    "file_labels": ("exam_id", "class"),
    "mentions": ("exam_id", "mention_no"),
    "labels": ("exam_id",),
    "drift": ("scheme", "class", "reports_version", "labels_version"),
    "images": ("image_id",),
    "pixels": ("image_id",),
    "splits": ("patient_key",),
    "manifest": ("exam_id", "image_id"),
    "models": ("model_id",),
    "model_decisions": ("decision_no",),
    "embeddings": ("model_id", "image_id"),
    "evaluations": ("model_id", "manifest_version", "truth", "split", "measure", "queries"),
    "quarantine": ("row_id",),
    "quarantine_decisions": ("decision_no",),
    "reviews": ("exam_id", "scheme", "class", "reviewer", "time"),
    "runs": ("run_id",),
}

# Schemas of the tables whose columns do not depend on data.
FIXED: dict[str, pa.Schema] = {
    "reports": REPORTS,
    "delivered_files": DELIVERED_FILES,
    "gold": GOLD,
    "file_labels": FILE_LABELS,
    "mentions": MENTIONS,
    "drift": DRIFT,
    "images": IMAGES,
    "pixels": PIXELS,
    "splits": SPLITS,
    "models": MODELS,
    "model_decisions": MODEL_DECISIONS,
    "embeddings": EMBEDDINGS,
    "evaluations": EVALUATIONS,
    "quarantine": QUARANTINE,
    "quarantine_decisions": QUARANTINE_DECISIONS,
    "reviews": REVIEWS,
    "runs": RUNS,
}
