"""A picture of a comparison of losses."""

from pathlib import Path
from typing import Any


def plot_comparison(rows: list[dict[str, Any]], path: Path) -> None:
    """Draw nDCG@10 of each loss with its 95 % interval, all queries and abnormal ones, as PNG.

    `rows` are those of `Comparison.table`.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, axes = pyplot.subplots(
        1, 2, figsize=(9, 0.9 + 0.32 * len(rows)), sharey=True, layout="constrained"
    )
    names = [row["loss"] for row in rows]
    places = range(len(rows) - 1, -1, -1)
    for axis, column, title in zip(
        axes, ("nDCG@10", "abnormal queries"), ("all queries", "abnormal queries"), strict=True
    ):
        for place, row in zip(places, rows, strict=True):
            value, low, high = row[column]
            colour = "tab:red" if row["verdict"] == "reference" else "tab:blue"
            axis.plot([low, high], [place, place], color=colour, linewidth=2)
            axis.plot(value, place, "o", color=colour)
        axis.set_title(title)
        axis.set_xlabel("nDCG@10, 95 % interval by patient")
        axis.grid(axis="x", alpha=0.3)
    axes[0].set_yticks(list(places), names)
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
