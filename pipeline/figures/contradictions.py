"""Reports that contradict themselves: a finding asserted present and absent of the same side."""

import pyarrow as pa

from labelers import Scheme
from pipeline.figures.lake_queries import LakeQueries
from pipeline.figures.saved_figures import saved

# On which sides a mention speaks. Without a side a presence is somewhere, an absence everywhere.
_SOMEWHERE = "laterality is null"
_LEFT = "laterality in ('left', 'bilateral')"
_RIGHT = "laterality in ('right', 'bilateral')"
_PRESENT = {"somewhere": _SOMEWHERE, "left": _LEFT, "right": _RIGHT}
_ABSENT = {
    "somewhere": _SOMEWHERE,
    "left": f"({_SOMEWHERE} or {_LEFT})",
    "right": f"({_SOMEWHERE} or {_RIGHT})",
}


def contradictions(queries: LakeQueries) -> pa.Table:
    """Return exam_id and finding of each contradiction, counted once for a version of mentions.

    «No effusion; small right effusion» is one; «no left effusion; small right effusion» and «no
    focal opacity; basal atelectasis» are not (our reading).
    """
    said = ", ".join(
        f"bool_or(assertion = '{assertion}' and {where}) as {assertion}_{side}"
        for assertion, sides in (("present", _PRESENT), ("absent", _ABSENT))
        for side, where in sides.items()
    )
    both = " or ".join(f"(present_{side} and absent_{side})" for side in _PRESENT)
    query = (
        f"select exam_id, finding from (select exam_id, finding, {said} from mentions "
        f"where assertion in ('present', 'absent') group by exam_id, finding) where {both}"
    )
    made_of = {"mentions": queries.versions.get("mentions")}
    return saved(queries.lake, "contradictions", made_of, lambda: queries.table(query))


def contradicted_classes(queries: LakeQueries, scheme: Scheme) -> pa.Table:
    """Return exam_id and class of each exam whose report contradicts itself on one of its findings.

    The class of normality has no findings of its own and is left out.
    """
    members = [
        {"class": name, "finding": finding}
        for name in scheme.classes
        if name != scheme.normal_class
        for finding in scheme.findings(name)
    ]
    return queries.table(
        'select distinct exam_id, "class" from found join members using (finding)',
        beside={"found": contradictions(queries), "members": pa.Table.from_pylist(members)},
    )
