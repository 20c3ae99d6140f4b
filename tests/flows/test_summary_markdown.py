"""The markdown that a flow publishes."""

from flows.summary_markdown import summary_markdown
from pipeline.stage_summary import StageSummary

SUMMARY = StageSummary(
    stage="label",
    run_id="abc123",
    outcome="committed",
    counts={"in": 10, "labelled": 9, "quarantined": 1},
    parts=("labelled", "quarantined"),
    outputs={"labels": 2},
    seconds=1.25,
    notes=("quarantined 1 of reports: report_empty",),
    figures={
        "prevalence": [
            {"class": "Pleural_Thickening", "share": 0.25},
            {"class": "a|b", "share": None},
        ],
        "nothing": [],
    },
)


def test_it_holds_counts_notes_figures_versions_and_the_run() -> None:
    assert summary_markdown(SUMMARY) == (
        "## label\n\n"
        "**committed, 1.2 s**\n\n"
        "10 in = 9 labelled + 1 quarantined\n\n"
        "- quarantined 1 of reports: report\\_empty\n\n"
        "### prevalence\n\n"
        "| class | share |\n"
        "| :--- | ---: |\n"
        "| Pleural\\_Thickening | 0.250 |\n"
        "| a\\|b | – |\n\n"
        "wrote labels v2\n\n"
        "run `abc123`\n"
    )


def test_a_stage_that_changed_nothing_says_so() -> None:
    assert summary_markdown(StageSummary("link")) == "## link\n\n**nothing changed, 0.0 s**\n"
