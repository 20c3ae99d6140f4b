"""Exam and patient as public collections write them into file names and ids.

Label files and image lists of one collection must give an exam the same id, so both come here.
"""

import pyarrow as pa
import pyarrow.compute as pc

from pipeline.readers.row_chunk import trimmed

# .../train/patient00001/study1/view1_frontal.jpg
_CHEXPERT_PATH = (
    r"(?:^|/)(?:(?P<split>train|valid|test)/)?(?P<exam>(?P<patient>patient\d+)/study\d+)/[^/]+$"
)


def nih_exam_id(image_index: pa.Array) -> pa.Array:
    """Return the image index without folder and ending: an image is an exam of its own there."""
    name = pc.replace_substring_regex(image_index, r"^.*/", "")
    return trimmed(pc.replace_substring_regex(name, r"\.[A-Za-z]+\s*$", ""))


def chexpert_keys(path: pa.Array) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Return exam (`patient00001/study1`), patient and split; null where the path has another form.

    The split is named as the path does (train, valid, test), null where it names none.
    """
    found = pc.extract_regex(path, _CHEXPERT_PATH)
    exam, patient, split = (
        trimmed(pc.struct_field(found, name)) for name in ("exam", "patient", "split")
    )
    return exam, patient, split


def mimic_keys(subject_id: pa.Array, study_id: pa.Array) -> tuple[pa.Array, pa.Array]:
    """Return exam (the study's number) and patient (the subject's number)."""
    return trimmed(study_id), trimmed(subject_id)
