"""Reviews as a CSV file that a spreadsheet opens without harm."""

from pathlib import Path

import pyarrow.csv as pa_csv

from pipeline.csv_cells import plain_table
from pipeline.lake import Lake
from pipeline.review_decisions import standing
from pipeline.reviewing import decisions
from pipeline.user_error import UserError


def write_reviews(lake: Lake, file: Path) -> int:
    """Write the decisions that stand, a row a reviewer, exam and class; return how many.

    Exams are named as the lake holds them. `state` is 1, 0, -1 or empty (not mentioned, or a
    skip: `decision` tells).

    Raises
    ------
    UserError
        The file cannot be written.
    """
    rows = standing(decisions(lake)).sort_by(
        [(name, "ascending") for name in ("exam_id", "scheme", "class", "reviewer")]
    )
    try:
        pa_csv.write_csv(plain_table(rows), file)
    except OSError as error:
        raise UserError(
            f"{file}: cannot be written ({error.strerror or 'the disk refuses'})"
        ) from None
    return rows.num_rows
