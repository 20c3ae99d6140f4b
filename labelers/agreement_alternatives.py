"""Which uncertain states rest only on a choice between named diagnoses («a or b», «a versus b»)."""

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from labelers.vocabulary import Vocabulary


def rest_on_alternatives(
    mentions: pa.Table,
    exam_ids: pa.Array,
    members: Sequence[Sequence[str]],
    vocabulary: Vocabulary,
) -> NDArray[np.bool_]:
    """Return where every uncertain mention of a class has an alternative as its cue.

    Parameters
    ----------
    mentions
        Columns exam_id, finding, assertion and cue of the mentions table.
    exam_ids
        The exams, (n_exams,).
    members
        For each class the findings whose union it is, descendants included.
    vocabulary
        Whose words of choice (`choice` of grammar.yaml: or, versus, and/or ...) are alternatives.

    Returns
    -------
    bool (n_exams, n_classes); false where no mention of the class is uncertain.
    """
    doubtful = mentions.filter(pc.equal(mentions["assertion"], "uncertain"))
    row = pc.index_in(doubtful["exam_id"], value_set=exam_ids)
    doubtful = doubtful.filter(row.is_valid())
    exam = row.drop_null().to_numpy()
    cue = pc.utf8_lower(pc.utf8_trim_whitespace(doubtful["cue"]))
    choices = pa.array(sorted(vocabulary.grammar["choice"]), pa.string())
    choice = pc.is_in(cue, value_set=choices).to_numpy()
    result = np.zeros((len(exam_ids), len(members)), bool)
    for number, findings in enumerate(members):
        of_class = pc.is_in(
            doubtful["finding"], value_set=pa.array(list(findings), pa.string())
        ).to_numpy()
        result[exam[of_class & choice], number] = True
        result[exam[of_class & ~choice], number] = False
    return result
