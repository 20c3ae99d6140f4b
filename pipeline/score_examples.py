"""The worst disagreements of a score, with the words of the report that decided them."""

from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from labelers.agreement_examples import disagreements, sentence_of
from pipeline.label_states import Labels
from pipeline.report_texts import ReportTexts
from pipeline.scoring import Compared
from pipeline.user_error import UserError


def worst(
    compared: Compared,
    labels: Labels,
    reports: ReportTexts,
    uncertain: str,
    most: int,
    classes: Iterable[str] = (),
) -> list[dict[str, Any]]:
    """Return the worst disagreements with the words that decided them.

    A dict each: class, exam, kind (`labelers.agreement_examples.KINDS`), gold, labels, finding,
    assertion, cue and sentence of the deciding mention; where no mention decided, `sentence` is
    the whole of what the report says. These hold report text: they are for the user who asked.

    Raises
    ------
    UserError
        One of `classes` is none that is compared.
    """
    asked = set(classes) or set(compared.classes)
    for name in sorted(asked - set(compared.classes)):
        raise UserError(f"--class {name}: not compared; compared are {', '.join(compared.classes)}")
    decisions = compared.decisions(uncertain)
    chosen = [
        (compared.exam_ids[found.exam].as_py(), found)
        for found in disagreements(compared.gold, compared.said, decisions)
        if compared.classes[found.label_class] in asked
    ][:most]
    ids = pa.array(sorted({exam_id for exam_id, _ in chosen}), pa.string())
    texts = reports.sections(ids.to_pylist())
    mentions: dict[str, list[dict[str, Any]]] = {}
    if labels.mentions is not None:
        some = labels.mentions.filter(pc.is_in(labels.mentions["exam_id"], value_set=ids))
        for row in some.to_pylist():
            mentions.setdefault(row["exam_id"], []).append(row)
    rows = []
    for exam_id, (exam, column, kind) in chosen:
        state = int(compared.said[exam, column])
        targets = compared.targets[column]
        mention = labels.deciding(mentions.get(exam_id, []), targets, state)
        sections = texts.get(exam_id, ())
        sentence = sentence_of(sections, mention) if mention else None
        rows.append(
            {
                "class": compared.classes[column],
                "exam": exam_id,
                "kind": kind,
                "gold": int(compared.gold[exam, column]),
                "labels": state,
                "finding": mention and mention["finding"],
                "assertion": mention and mention["assertion"],
                "cue": mention and mention["cue"],
                "sentence": sentence or _whole(sections, labels),
            }
        )
    return rows


def _whole(sections: tuple[tuple[str, str], ...], labels: Labels) -> str:
    said = (text for kind, text in sections if kind not in labels.vocabulary.context_kinds)
    return " ".join(" ".join(said).split())
