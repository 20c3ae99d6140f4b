"""The learned labeler learns what rules and gold teach, and keeps nothing of the reports."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from labelers import RuleLabeler, load_scheme
from labelers.aggregation import NOT_MENTIONED
from labelers.learned.calibration import apply, brier, calibration_error, fit
from labelers.learned.consensus import consensus, review_queue
from labelers.learned.learned_labeler import LearnedLabeler
from labelers.learned.report_sentences import report_sentences
from labelers.learned.teaching import sentence_states, targets
from labelers.learned.training import Parts, parts_of, train

_SECTIONS = pa.list_(pa.struct([("kind", pa.string()), ("text", pa.string())]))
_SCHEME = load_scheme("nih14")


def _reports(texts: list[str], **columns: list[str]) -> pa.Table:
    sections = pa.array([[{"kind": "findings", "text": text}] for text in texts], _SECTIONS)
    ids = [f"e{number}" for number in range(len(texts))]
    return pa.table({"exam_id": ids, "sections": sections, **columns})


def _texts(count: int) -> list[str]:
    sides = ["left", "right", "bilateral"]
    stated = ["Small {} pleural effusion.", "No {} pleural effusion.", "Heart enlarged, {} hilum."]
    return [stated[n % 3].format(sides[n // 3 % 3]) + f" Image {n}." for n in range(count)]


@pytest.fixture(scope="module")
def learned(labeler: RuleLabeler) -> LearnedLabeler:
    return train(labeler, _SCHEME, _reports(_texts(200)), epochs=10)


def test_it_learns_what_the_rules_say(learned: LearnedLabeler) -> None:
    found = learned.label_reports(
        _reports(["Small left pleural effusion.", "No pleural effusion."])
    )
    present, absent = found["Effusion"].to_pylist()
    assert present > 0.5 > absent
    assert found.schema.field("Effusion").type == pa.float32()


def test_the_same_seed_gives_the_same_labeler(labeler: RuleLabeler) -> None:
    reports = _reports(_texts(60))
    first, second = (train(labeler, _SCHEME, reports, epochs=2) for _ in range(2))
    assert first.card == second.card
    assert np.array_equal(first.probabilities(reports), second.probabilities(reports))


def test_it_is_the_same_after_saving_and_keeps_no_word_of_a_report(
    labeler: RuleLabeler, tmp_path: Path
) -> None:
    reports = _reports([f"{text} Quixotic effusion." for text in _texts(60)])
    taught = train(labeler, _SCHEME, reports, epochs=2)
    taught.save(tmp_path)
    again = LearnedLabeler.load(tmp_path)
    assert again.card == taught.card
    assert np.array_equal(again.probabilities(reports), taught.probabilities(reports))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert not any(b"quixotic" in path.read_bytes().lower() for path in files)
    assert not any(path.suffix in (".pkl", ".pickle", ".pt") for path in files)


def test_a_folder_that_holds_none_is_said(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="holds no learned labeler"):
        LearnedLabeler.load(tmp_path)


def test_a_hedge_teaches_nothing_by_rule_and_what_gold_says_of_it(labeler: RuleLabeler) -> None:
    reports = _reports(["Possible effusion. Heart normal."])
    found = report_sentences(reports, labeler.vocabulary)
    read = sentence_states(labeler, _SCHEME, found)
    effusion = _SCHEME.classes.index("Effusion")
    gold = np.full((1, len(_SCHEME.classes)), NOT_MENTIONED, np.int8)
    taught = np.array([True])
    assert targets(found, read, gold, taught)[:, effusion].tolist() == [NOT_MENTIONED, 0]
    gold[0, effusion] = 1
    assert targets(found, read, gold, taught)[:, effusion].tolist() == [1, 0]
    gold[0, effusion] = 0
    assert targets(found, read, gold, taught)[:, effusion].tolist() == [0, 0]


def test_a_gold_positive_that_no_sentence_names_teaches_nothing(labeler: RuleLabeler) -> None:
    found = report_sentences(_reports(["Heart normal."]), labeler.vocabulary)
    read = sentence_states(labeler, _SCHEME, found)
    gold = np.ones((1, len(_SCHEME.classes)), np.int8)
    column = _SCHEME.classes.index("Effusion")
    assert targets(found, read, gold, np.array([True]))[:, column].tolist() == [NOT_MENTIONED]


def test_a_patient_is_in_one_part() -> None:
    texts = _texts(300)
    patients = [f"p{n % 40}" for n in range(300)]
    parts = parts_of(_reports(texts, patient_id=patients))
    assert (np.stack(parts).sum(axis=0) == 1).all()
    for part in parts:
        inside = {patients[n] for n in np.flatnonzero(part)}
        outside = {patients[n] for n in np.flatnonzero(~part)}
        assert part.any()
        assert not inside & outside


def test_context_sections_are_not_read(labeler: RuleLabeler) -> None:
    text = "INDICATION: Effusion. FINDINGS: Lungs clear at 5 cm."
    reports = pa.table(
        {"exam_id": ["a"], "sections": pa.array([[{"kind": "body", "text": text}]], _SECTIONS)}
    )
    assert report_sentences(reports, labeler.vocabulary).texts == ["lungs clear at 0 cm."]


def test_calibration_mends_overconfidence() -> None:
    order = np.random.default_rng(0)
    chance = order.uniform(0.05, 0.95, 4000)
    truth = order.random(4000) < chance
    odds = np.log(chance / (1 - chance))
    scores = (1 / (1 + np.exp(-3 * odds))).astype(np.float32)
    slope, offset = fit(scores, truth)
    mended = apply(scores[:, None], np.array([slope]), np.array([offset]))[:, 0]
    assert slope == pytest.approx(1 / 3, abs=0.05)
    assert brier(mended, truth) < brier(scores, truth)
    assert calibration_error(mended, truth) < 0.03 < calibration_error(scores, truth)
    assert fit(scores[:6], np.zeros(6, bool)) == (1.0, 0.0)


def test_the_queue_begins_with_the_planted_error_of_the_rules() -> None:
    rule = np.zeros((50, 2), np.int8)
    rule[:25, 0] = 1
    probability = np.where(rule == 1, 0.98, 0.02).astype(np.float32)
    probability[7] = [0.03, 0.97]
    queue = review_queue(
        pa.array([f"e{n}" for n in range(50)]), ("common", "rare"), rule, probability
    )
    first = queue.to_pylist()[0]
    assert (first["exam_id"], first["class"], first["reason"]) == ("e7", "rare", "disagreement")
    assert set(queue["exam_id"].to_pylist()) == {"e7"}
    assert queue.num_rows == 2


def test_the_consensus_decides_hedges_alone() -> None:
    rule = np.array([[1, 0, -1, -1, NOT_MENTIONED]], np.int8)
    probability = np.array([[0.1, 0.9, 0.9, 0.1, 0.9]], np.float32)
    assert consensus(rule, probability).tolist() == [[1, 0, 1, -1, int(NOT_MENTIONED)]]


def test_torch_is_not_loaded() -> None:
    code = (
        "import sys, pyarrow as pa, numpy as np;"
        "from labelers.learned.sentence_model import train_model, sentence_scores;"
        "m = train_model(['no effusion', 'effusion'], np.array([[0], [1]], np.int8), ['E'],"
        " epochs=1, seed=1);"
        "sentence_scores(m, ['effusion']); sys.exit('torch' in sys.modules)"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_parts_can_be_given(labeler: RuleLabeler) -> None:
    reports = _reports(_texts(30))
    first = np.arange(30) < 15
    card = train(labeler, _SCHEME, reports, None, Parts(first, ~first, ~first), epochs=1).card
    assert card.reports == 15
    with pytest.raises(ValueError, match="teaches"):
        train(labeler, _SCHEME, reports, None, Parts(first & False, ~first, ~first), epochs=1)
