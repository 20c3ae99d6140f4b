"""What `radsim demo` shows at its end: exams, prevalence, measures, files."""

from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from flows.stage_display import figure_table
from flows.summary_lines import value_text

CAUTION = (
    "The radiographs are phantoms drawn after the human coding of real reports: the figures show "
    "that the road works, not how well it does on patients."
)


def demo_report(figures: dict[str, Any]) -> Group:
    """Return the report of `pipeline.demo.road.demo_figures` for a terminal."""
    exams = "{in} in = {kept} kept + {quarantined} quarantined".format(
        **{name: value_text(count) for name, count in figures["exams"].items()}
    )
    files = [{"file": name, "path": path} for name, path in figures["files"].items()]
    parts: list[RenderableType] = [Text("\nRadSim demo", "bold"), Text(f"exams: {exams}")]
    for title, rows in (
        ("prevalence, by RadSim's labels of the reports", figures["prevalence"]),
        ("similarity, judged by the human coding", figures["measures"]),
        ("files", files),
    ):
        parts += [Text(f"\n{title}", "bold"), Padding(figure_table(rows), (0, 0, 0, 2))]
    return Group(*parts, Text(f"\n{CAUTION}"))
