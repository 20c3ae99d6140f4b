"""Charts of the metric: the map of the gallery, figures by class, distances of pairs."""

import altair as alt
import numpy as np
import pandas as pd

from flows.dashboard.charts.figure import Figure, nothing
from flows.dashboard.charts.interval_dots import interval_dots
from flows.dashboard.palette import FLAG, GREY, SERIES, STATES
from pipeline.figures.gallery_sample import GallerySample

_CLASS_HEIGHT = 34  # pixels
_NO_MAP = "The gallery has fewer than 20 embedded images, too few for a map."


def map_chart(
    places: pd.DataFrame, sample: GallerySample, label_class: str, asked: str | None = None
) -> Figure:
    """Draw the gallery in two dimensions (`gallery_map`), the exams of a class in colour.

    `asked` is an exam that is marked where it is in the sample.
    """
    title = f"Map of the gallery: {label_class}"
    if places.empty:
        return nothing(title, _NO_MAP)
    state = sample.rows[label_class]
    shown = [label_class, "normal", "neither"]
    kind = np.where(state.eq(1).fillna(False), shown[0], np.where(sample.normal, *shown[1:]))
    rows = places.assign(shows=kind, asked=(sample.rows["exam_id"] == asked).to_numpy())
    plain = alt.Axis(labels=False, ticks=False, grid=False, domain=False)
    base = alt.Chart(rows.drop(columns="trustworthiness"))
    at = {"x": alt.X("x:Q", axis=plain, title=None), "y": alt.Y("y:Q", axis=plain, title=None)}
    points = (
        base.mark_point(filled=True, size=26, opacity=0.75)
        .encode(
            **at,
            color=alt.Color(
                "shows:N",
                scale=alt.Scale(domain=shown, range=[FLAG, STATES["negative"], GREY]),
                legend=alt.Legend(orient="top", title=None),
            ),
            shape=alt.Shape(
                "shows:N", scale=alt.Scale(domain=shown, range=["diamond", "circle", "cross"])
            ),
            order=alt.Order("place:Q"),
            tooltip=["shows:N"],
        )
        .transform_calculate(place=f"indexof({shown[::-1]}, datum.shows)")
    )
    ring = base.transform_filter("datum.asked").mark_point(size=260, strokeWidth=3, color="#009E73")
    positive = int((rows["shows"] == label_class).sum())
    trust = rows["trustworthiness"].iloc[0]
    return Figure(
        title,
        f"Each mark is one of {len(rows):,} images (of {sample.whole:,}), {positive:,} of them "
        f"with {label_class}; marks side by side are images that the model holds alike, and axes "
        "have no units. Distances across the map mean little. Of each image's ten nearest here, "
        f"how far the model agrees: trustworthiness {trust:.2f} (1 at best, about .5 by chance)."
        + (" The ring is the exam asked about." if rows["asked"].any() else ""),
        (points + ring.encode(**at)).properties(height=460),
        rows["shows"].value_counts().rename("images").reset_index(),
    )


def measures_chart(measures: pd.DataFrame, measure: str) -> Figure:
    """Draw one measure by class and model, with its interval (`class_measures`)."""
    title = f"{measure} by class and model"
    rows = measures[measures["measure"] == measure]
    if rows.empty:
        return nothing(title, "Nothing is measured yet: run `radsim evaluate`.")
    models = list(dict.fromkeys(rows["model_id"]))
    first = rows[rows["model_id"] == models[0]].set_index("queries")
    rows = rows.assign(
        class_n=[
            f"{queries} (n {first['n_queries'].get(queries, n):,})"
            for queries, n in zip(rows["queries"], rows["n_queries"], strict=True)
        ]
    )
    chart = interval_dots(
        rows,
        down="class_n",
        order=sorted(set(rows["class_n"])),
        kind="model_id",
        kinds=models,
        colours=SERIES[: len(models)],
        x=alt.X("low:Q", title=measure),
        value="value",
        n="n_queries",
        legend_columns=1,
    )
    return Figure(
        title,
        "A mark is the measure over the n queries of a class, the line its 95 % interval "
        "(bootstrap over patients). «chance» is an embedding drawn at random, «untrained» the "
        "network before training: a model is worth what it gains on them.",
        chart.properties(height=_CLASS_HEIGHT * rows["class_n"].nunique()),
        rows.drop(columns="class_n"),
    )


def distances_chart(pairs: pd.DataFrame) -> Figure:
    """Draw the distances of pairs of the same and of different labels (`pair_distances`)."""
    title = "Distances of pairs, by whether they share a label"
    totals = pairs[["same", "different"]].sum()
    if not totals.all():
        return nothing(
            title, "There are not both: pairs that share a label, and pairs that do not."
        )
    width = float(pairs["high"].iloc[0] - pairs["low"].iloc[0])
    shares = pairs.assign(distance=(pairs["low"] + pairs["high"]) / 2)
    for name in ("same", "different"):
        shares[name] = shares[name] / totals[name] / width
    named = {"same": "same label", "different": "different labels"}
    long = shares.rename(columns=named).melt(
        ["distance"], list(named.values()), var_name="pairs", value_name="density"
    )
    chart = (
        alt.Chart(long)
        .mark_area(opacity=0.35, line=True)
        .encode(
            x=alt.X("distance:Q", title="cosine distance"),
            y=alt.Y("density:Q", stack=None, title="density (share of pairs per unit distance)"),
            color=alt.Color(
                "pairs:N",
                scale=alt.Scale(domain=list(named.values()), range=[FLAG, STATES["negative"]]),
                legend=alt.Legend(orient="top", title=None),
            ),
        )
        .properties(height=300)
    )
    return Figure(
        title,
        f"{int(totals['same']):,} pairs share a class or are both normal, "
        f"{int(totals['different']):,} do not; the further apart the two hills, the better. A pair "
        f"of the same label is nearer than one of different labels with probability "
        f"{pairs['auc'].iloc[0]:.2f} (.50 by chance).",
        chart,
        pairs.drop(columns="auc"),
    )
