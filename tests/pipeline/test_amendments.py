"""Which version of an exam's report stands (CONTRACTS.md, «Duplicates and amendments»)."""

import pandas as pd
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.amendments import Decision, Version, decide, decide_all, versions_frame


def version(
    text: str,
    *,
    time: int | None = None,
    status: int = 0,
    source: str = "a.csv",
    about: str = "",
    told: int | None = None,
) -> Version:
    return Version(text, about or f"{time}{status}", time, status, source, told)


def test_a_first_report_is_new() -> None:
    assert decide([version("one")], None) == Decision(("new",))


def test_the_same_text_again_is_unchanged() -> None:
    assert decide([version("one")], version("one")) == Decision(("unchanged",))
    assert decide([version("one", source="b.csv")], version("one")) == Decision(("unchanged",))


def test_a_repeated_row_counts_once() -> None:
    assert decide([version("one"), version("one")], None) == Decision(("new", "unchanged"))


def test_a_later_time_or_status_replaces() -> None:
    assert decide([version("two", time=2)], version("one", time=1)).delivered == ("amended",)
    assert decide([version("two", status=1, source="b")], version("one")).delivered == ("amended",)


def test_a_report_that_is_taken_back_is_retracted_once() -> None:
    gone = version("one", status=2, source="b")
    assert decide([gone], version("one")).delivered == ("retracted",)
    assert decide([gone], None).delivered == ("retracted",)
    assert decide([gone], gone).delivered == ("unchanged",)
    assert decide([version("two", time=2)], version("one", status=2, time=1)).delivered == (
        "amended",
    )


def test_an_older_version_that_comes_late_is_superseded() -> None:
    decided = decide([version("one", time=1, source="b")], version("two", time=2))
    assert decided == Decision(("superseded",))


def test_two_texts_without_order_are_both_held_back() -> None:
    assert decide([version("one"), version("two")], None) == Decision(("conflict", "conflict"))


def test_other_text_from_another_source_withdraws_the_current_one_too() -> None:
    decided = decide([version("two", source="b.csv")], version("one", source="a.csv"))
    assert decided == Decision(("conflict",), withdraw_current=True)


def test_a_mended_source_corrects_itself() -> None:
    decided = decide([version("two", source="a.csv")], version("one", source="a.csv"))
    assert decided == Decision(("amended",))


def test_of_two_nights_the_message_told_last_stands_in_whichever_order_they_come() -> None:
    first, second = version("one", told=1), version("two", told=2)
    assert decide([second], first, whole=False).delivered == ("amended",)
    assert decide([first], second, whole=False).delivered == ("superseded",)
    # Where one of the two was not told when, the one delivered last stands.
    assert decide([first], version("two"), whole=False).delivered == ("amended",)
    assert decide([version("two")], first, whole=False).delivered == ("amended",)


def test_what_stands_and_is_told_again_later_is_unchanged_but_its_time_is_noted() -> None:
    first = version("one", told=1)
    for told, outcome in ((2, "retold"), (1, "unchanged"), (0, "unchanged"), (None, "unchanged")):
        again = version("one", told=told)
        assert decide([again], first, whole=False).delivered == (outcome,)
        both = [frame([("x", one)]).reset_index(drop=True) for one in (again, first)]
        assert decide_all(*both, versions_frame([]), whole=False)["outcome"].tolist() == [outcome]
    other = version("one", told=2, source="b.csv")
    assert decide([other], first, whole=False).delivered == ("unchanged",)


def test_a_conflict_stays_until_its_other_side_is_mended() -> None:
    held = [("one", "a.csv"), ("two", "b.csv")]
    assert decide([version("two", source="b.csv")], None, held).delivered == ("conflict",)
    assert decide([version("one", source="b.csv")], None, held).delivered == ("new",)
    assert decide([version("two", status=1, source="b.csv")], None, held).delivered == ("new",)


def test_a_new_patient_from_the_same_source_is_an_amendment() -> None:
    old, new = version("one", about="P1"), version("one", about="P2")
    assert decide([new], old).delivered == ("amended",)


texts = st.sampled_from(["one", "two", "three"])
made = st.builds(
    Version,
    text=texts,
    about=st.just(""),
    time=st.one_of(st.none(), st.integers(1, 3)),
    rank=st.integers(0, 2),
    source=st.sampled_from(["a", "b"]),
    told=st.one_of(st.none(), st.integers(1, 3)),
)


def frame(rows: list[tuple[str, Version]]) -> pd.DataFrame:
    records = [
        {"exam_id": e, "text": v.text, "about": f"{v.time}{v.rank}", "time": v.time,
         "rank": v.rank, "source": v.source, "told": v.told}
        for e, v in rows
    ]  # fmt: skip
    if not records:
        return versions_frame([])
    return pd.DataFrame(records).astype({"time": "Int64", "told": "Int64"})


@settings(deadline=None, max_examples=50, derandomize=True)
@given(st.lists(st.tuples(st.sampled_from(["x", "y"]), made), max_size=6))
def test_each_delivered_row_gets_one_outcome_and_twice_changes_nothing(
    rows: list[tuple[str, Version]],
) -> None:
    delivered = frame(rows).reset_index(drop=True)
    nothing = versions_frame([])
    first = decide_all(delivered, nothing, nothing)
    outcomes = {"new", "retracted", "unchanged", "superseded", "conflict"}
    assert set(first["outcome"]) <= outcomes
    standing = first[first["outcome"].isin(["new", "retracted"])]
    assert not standing["exam_id"].duplicated().any()
    held = first[first["outcome"] == "conflict"]
    again = decide_all(delivered, standing.drop(columns=["outcome", "withdraw_current"]), held)
    assert not set(again["outcome"]) & {"new", "amended", "retracted"}
    assert not again["withdraw_current"].any()
