"""Labelling speed beside the practitioner's pipeline, in one run on one core.

The practitioner's pipeline is spaCy's blank English with sentencizer, `EntityRuler` holding the
same finding phrases, and negspacy's `negex`, through `nlp.pipe`; it gives negated entities only.
RadSim's figures are for its full output: mentions with offsets, cues and modifiers, and labels.

Three corpora: `report_corpus` (the rival reads a sample, its time being linear; RadSim reads 10,000
reports, 100,000 and all, each with a new labeler); the OpenI texts as they are; and these with a
letter code of its own in every sentence, so that no sentence is like another even with digits and
case folded. Seconds are of the processor.

    RADSIM_DATA=FOLDER python tests/benchmarks/label_speed.py [--reports 745000] [--sample 20000]
"""

import argparse
import csv
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

import pyarrow as pa
from negspacy.negation import Negex  # noqa: F401  (registers the component)
from report_corpus import FULL, SECTIONS, ReportCorpus, openi_folder, shares

import labelers.rule_labeler
from labelers import RuleLabeler, load_vocabulary
from labelers.sentence_reader import SentenceReader
from labelers.sentence_store import SentenceStore
from labelers.sentences import split_sentences

SIZES = (10_000, 100_000)


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


def openi_texts() -> list[str]:
    """Return findings and impression of each OpenI report as one text."""
    with (openi_folder() / "reports.csv").open(newline="", encoding="utf-8") as file:
        return [f"{row['findings']} {row['impression']}".strip() for row in csv.DictReader(file)]


def table_of(texts: Iterable[str]) -> pa.Table:
    """Return the texts as reports of one findings section."""
    sections = [[{"kind": "findings", "text": text}] for text in texts]
    ids = pa.array([f"exam{n}" for n in range(len(sections))])
    return pa.table({"exam_id": ids, "sections": pa.array(sections, SECTIONS)})


def made_unique(texts: list[str]) -> list[str]:
    """Return the texts with a letter code of its own in every sentence."""
    unique, number = [], 0
    for text in texts:
        sentences = []
        for start, end in split_sentences(text):
            number += 1
            code = "".join(chr(ord("a") + number // 26**place % 26) for place in range(4))
            sentences.append(f"{text[start:end].rstrip('.')} image q{code}.")
        unique.append(" ".join(sentences))
    return unique


def rivals_speed(texts: list[str]) -> float:
    """Return the pipeline's reports a second."""
    nlp = practitioners_pipeline()
    list(nlp.pipe(texts[:200]))
    began = time.process_time()
    for doc in nlp.pipe(texts):
        [entity._.negex for entity in doc.ents]
    return len(texts) / (time.process_time() - began)


def radsims_speed(tables: Iterable[pa.Table]) -> tuple[float, Counter[str]]:
    """Return the reports a second of a new labeler, and its seconds by stage."""
    labeler = RuleLabeler()
    labeler.label("warm up")
    STAGES.clear()
    reports, seconds = 0, 0.0
    for table in tables:
        began = time.process_time()
        labeler.label_reports(table)
        seconds += time.process_time() - began
        reports += table.num_rows
    STAGES["sentences"] -= STAGES["reading"]
    STAGES["columns"] = seconds - STAGES.total()
    return reports / seconds, Counter(STAGES)


STAGES: Counter[str] = Counter()


def timed(stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
    """Return the function, adding the seconds it takes to a stage."""

    def run(*arguments: Any) -> Any:
        began = time.process_time()
        try:
            return function(*arguments)
        finally:
            STAGES[stage] += time.process_time() - began

    return run


def watch_stages() -> None:
    """Time the stages of labelling: sentence splitting with look-up, reading, gathering, states."""
    for home, name, stage in (
        (RuleLabeler, "_sentences", "sentences"),
        (SentenceReader, "read", "reading"),
        (SentenceStore, "gather", "gathering"),
        (labelers.rule_labeler, "aggregate", "states"),
    ):
        setattr(home, name, timed(stage, getattr(home, name)))


def compare(name: str, texts: list[str]) -> None:
    """Print both speeds on the same texts, each the best of three rounds, and their ratio."""
    rounds = [(rivals_speed(texts), radsims_speed([table_of(texts)])[0]) for _ in range(3)]
    rival, speed = (max(speeds) for speeds in zip(*rounds, strict=True))
    print(
        f"{name}: practitioner's pipeline {rival:,.0f} reports/s, RadSim {speed:,.0f}, "
        f"ratio {speed / rival:.2f}",
        flush=True,
    )


def main() -> None:
    """Print reports per second of both, by size and stage, and their ratios."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--reports", type=int, default=FULL)
    parser.add_argument("--sample", type=int, default=20_000)
    options = parser.parse_args()
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    watch_stages()

    corpus = ReportCorpus(openi_folder(), options.reports)
    said, distinct, folded = shares(corpus)
    print(
        f"{options.reports:,} reports, {said:,} sentences: {distinct / said:.1%} distinct "
        f"({folded / said:.1%} with digits and case folded)"
    )
    sample = [f"{row[3]} {row[4]}".strip() for row in islice(corpus, options.sample)]
    rival = rivals_speed(sample)
    print(f"practitioner's pipeline, {len(sample):,} reports: {rival:,.0f} reports/s", flush=True)
    for size in (*(n for n in SIZES if n < options.reports), options.reports):
        speed, stages = radsims_speed(first(corpus, size))
        shown = ", ".join(f"{stage} {taken:.1f} s" for stage, taken in stages.items())
        print(
            f"RadSim, {size:,} reports: {speed:,.0f} reports/s, ratio {speed / rival:.2f}; {shown}",
            flush=True,
        )
    texts = openi_texts()
    compare("OpenI as it is, three times", texts * 3)
    compare("OpenI, all sentences unique", made_unique(texts))


def first(corpus: ReportCorpus, reports: int) -> Iterator[pa.Table]:
    """Yield the first reports of a corpus as tables."""
    return ReportCorpus(openi_folder(), reports, corpus.settings).tables()


if __name__ == "__main__":
    main()
