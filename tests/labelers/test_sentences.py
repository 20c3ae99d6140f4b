"""Sentence boundaries as reports are really typed."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from labelers.sentences import LONGEST, split_sentences


@pytest.mark.parametrize(
    ("text", "sentences"),
    [
        ("Lungs clear. No effusion.", ["Lungs clear.", "No effusion."]),
        ("No effusion.. Heart normal.", ["No effusion..", "Heart normal."]),
        ("1. Cardiomegaly. 2. No edema.", ["1. Cardiomegaly.", "2. No edema."]),
        ("1.Cardiomegaly.2.No edema.", ["1.Cardiomegaly.", "2.No edema."]),
        ("Lungs clear\nNo effusion", ["Lungs clear", "No effusion"]),
        ("No effusion.Heart normal.", ["No effusion.", "Heart normal."]),
        ("A 4.9 cm mass. Stable.", ["A 4.9 cm mass.", "Stable."]),
        ("Per Dr. XXXX the mass is old.", ["Per Dr. XXXX the mass is old."]),
        ("Discussed with XXXX. No edema.", ["Discussed with XXXX.", "No edema."]),
        ("No effusion..Heart normal.", ["No effusion..", "Heart normal."]),
        ("No evidence of\npneumothorax.", ["No evidence of\npneumothorax."]),
        ("Effusion on the left\nHeart normal", ["Effusion on the left", "Heart normal"]),
        ("no effusion\nno edema", ["no effusion", "no edema"]),
        ("No mass or\n\neffusion", ["No mass or", "effusion"]),
        (
            "There is a moderate effusion on the left side with adjacent\natelectasis. Stable.",
            [
                "There is a moderate effusion on the left side with adjacent\natelectasis.",
                "Stable.",
            ],
        ),
        ("? effusion. Wide hilum ? nodal.", ["? effusion.", "Wide hilum ? nodal."]),
        ("  \n ", []),
    ],
)
def test_boundaries(text: str, sentences: list[str]) -> None:
    assert [text[start:end] for start, end in split_sentences(text)] == sentences


@settings(deadline=None, max_examples=50, derandomize=True)
@given(st.text(alphabet="ab .\n1?XÉ\u2028", max_size=80))
def test_sentences_cover_the_text_without_overlap(text: str) -> None:
    last = 0
    covered = ""
    for start, end in split_sentences(text):
        assert last <= start < end
        assert text[start:end] == text[start:end].strip()
        covered += text[start:end]
        last = end
    assert "".join(covered.split()) == "".join(text.split())


def test_no_sentence_is_longer_than_the_bound() -> None:
    sentences = split_sentences("opacity " * 2000)
    assert max(end - start for start, end in sentences) <= LONGEST
