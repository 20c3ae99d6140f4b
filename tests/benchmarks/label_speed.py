"""Labelling speed beside the practitioner's pipeline, in one run on one core.

The practitioner's pipeline is spaCy's blank English with sentencizer, `EntityRuler` holding the
same finding phrases, and negspacy's `negex`, through `nlp.pipe`; it gives negated entities only.
RadSim's figure is for its full output. Reports are the OpenI texts under `$RADSIM_DATA`, as they
are, and once more with every sentence made unique, so that no sentence is read twice.

    python tests/benchmarks/label_speed.py [--reports 10000]
"""

import argparse
import csv
import os
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
from negspacy.negation import Negex  # noqa: F401  (registers the component)

from labelers import RuleLabeler, load_vocabulary
from labelers.sentences import split_sentences


def practitioners_pipeline() -> Any:
    """Return the pipeline with the vocabulary's finding phrases."""
    import spacy

    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    ruler = nlp.add_pipe("entity_ruler", config={"phrase_matcher_attr": "LOWER"})
    phrases = load_vocabulary().phrases.items()
    ruler.add_patterns(
        [
            {"label": "FINDING", "pattern": phrase}
            for phrase, entries in phrases
            if any(role == "finding" for role, _ in entries)
        ]
    )
    nlp.add_pipe("negex", config={"ent_types": ["FINDING"]})
    return nlp


def texts_of(folder: Path) -> list[str]:
    """Return findings and impression of each report as one text."""
    with (folder / "reports.csv").open(newline="", encoding="utf-8") as file:
        return [f"{row['findings']} {row['impression']}".strip() for row in csv.DictReader(file)]


def table_of(texts: Iterable[str]) -> pa.Table:
    """Return the texts as reports of one findings section."""
    kind = pa.list_(pa.struct([("kind", pa.string()), ("text", pa.string())]))
    sections = [[{"kind": "findings", "text": text}] for text in texts]
    ids = pa.array([f"exam{n}" for n in range(len(sections))])
    return pa.table({"exam_id": ids, "sections": pa.array(sections, kind)})


def made_unique(texts: list[str]) -> list[str]:
    """Return the texts with a number of its own in every sentence."""
    unique, number = [], 0
    for text in texts:
        sentences = []
        for start, end in split_sentences(text):
            number += 1
            sentences.append(f"{text[start:end].rstrip('.')} image {number}.")
        unique.append(" ".join(sentences))
    return unique


def main() -> None:
    """Print reports per second of both, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reports", type=int, default=10_000)
    options = parser.parse_args()
    texts = texts_of(Path(os.environ["RADSIM_DATA"]) / "openi")
    repeated = (texts * (options.reports // len(texts) + 1))[: options.reports]
    nlp = practitioners_pipeline()
    list(nlp.pipe(texts[:100]))
    for name, corpus in (("as they are", repeated), ("all sentences unique", made_unique(texts))):
        began = time.perf_counter()
        for doc in nlp.pipe(corpus):
            [entity._.negex for entity in doc.ents]
        baseline = len(corpus) / (time.perf_counter() - began)
        reports = table_of(corpus)
        labeler = RuleLabeler()
        labeler.label("warm up")
        began = time.perf_counter()
        labeler.label_reports(reports)
        speed = len(corpus) / (time.perf_counter() - began)
        print(
            f"{name}: practitioner's pipeline {baseline:,.0f} reports/s, RadSim {speed:,.0f} "
            f"reports/s, ratio {speed / baseline:.2f}"
        )


if __name__ == "__main__":
    main()
