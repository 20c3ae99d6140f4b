"""Page «Similarity»: the exams nearest to one, and what the metric is worth."""

import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pandas as pd
import streamlit as st

from flows.dashboard.charts.similarity_charts import distances_chart, map_chart, measures_chart
from flows.dashboard.session import gallery, queries, sample, settings
from flows.dashboard.shown_figure import show
from pipeline.figures.class_measures import class_measures
from pipeline.figures.gallery_map import gallery_map
from pipeline.figures.lake_queries import LakeQueries
from pipeline.figures.pair_distances import pair_distances
from pipeline.settings import Settings
from pipeline.similar import Gallery, Nearest

COLUMNS = 5
NEIGHBOURS = 10
FORMATS = ["dcm", "dicom", "png", "jpg", "jpeg"]


def page() -> None:
    """Show the page."""
    st.title("Similarity")
    st.caption("Which past exams look like this one, and how far the metric can be trusted.")
    chosen, asked = settings(), queries()
    if not asked.has("embeddings"):
        st.info(
            "The lake has no embeddings yet: run `radsim run` on a lake with images, or `radsim "
            "train` and `radsim embed`."
        )
        return
    exam_id = _neighbours()
    _measures(asked, chosen)
    _gallery(asked, exam_id)


def _neighbours() -> str | None:
    """Ask for an exam or a radiograph and show its neighbours; return the exam."""
    st.subheader("The most similar past exams")
    if "exam" in st.query_params and "similar-exam" not in st.session_state:
        st.session_state["similar-exam"] = st.query_params["exam"]
    first, second = st.columns(2)
    exam = first.text_input("Exam", key="similar-exam", help="As your source writes it.").strip()
    upload = second.file_uploader(
        "or a radiograph of your own (kept nowhere)", type=[*FORMATS], key="similar-file"
    )
    if not exam and upload is None:
        st.caption(f"Give one to see the {NEIGHBOURS} exams nearest to it.")
        return None
    opened = gallery()
    if upload is not None:
        with tempfile.TemporaryDirectory(prefix="radsim-") as folder:
            file = Path(folder) / f"radiograph{Path(upload.name).suffix.lower()}"
            file.write_bytes(upload.getbuffer())
            found = opened.nearest(file, NEIGHBOURS)
    else:
        found = opened.nearest(exam, NEIGHBOURS)
    _show(opened, found)
    return found.exam_id


def _show(opened: Gallery, found: Nearest) -> None:
    query, rest = st.columns([1, COLUMNS])
    told = "the exam asked about" if found.exam_id else "the radiograph asked about"
    query.image(found.pixels, caption=told, width="stretch")
    if found.labels:
        query.caption(", ".join(found.labels))
    tiles = rest.columns(COLUMNS)
    for number, neighbour in enumerate(found.neighbours):
        tile = tiles[number % COLUMNS]
        tile.image(opened.square(neighbour), width="stretch")
        tile.caption(
            f"{neighbour['rank']} · distance {neighbour['distance']:.3f}  \n"
            f"{', '.join(neighbour['labels']) or 'no class positive'}"
        )
    rows = pd.DataFrame([_row(neighbour, found.labels) for neighbour in found.neighbours])
    st.dataframe(
        rows,
        hide_index=True,
        column_config={"report": st.column_config.LinkColumn(display_text="open")},
    )
    st.caption(
        f"Nearest first by cosine distance (0 the same, 1 unrelated), by {opened.model_id}; the "
        "exam's own images and, unless [evaluate] same_patient says otherwise, its patient's are "
        "left out. Similarity is the Jaccard index of the two exams' positive classes."
    )


def _row(neighbour: dict[str, Any], labels: list[str]) -> dict[str, Any]:
    own, other = set(labels), set(neighbour["labels"])
    return {
        "rank": neighbour["rank"],
        "exam": neighbour["exam_id"],
        "distance": round(neighbour["distance"], 4),
        "labels": ", ".join(neighbour["labels"]),
        "shared": ", ".join(name for name in neighbour["labels"] if name in own),
        "similarity": round(len(own & other) / len(own | other), 2) if own and other else None,
        "report": f"evidence?{urlencode({'exam': neighbour['exam_id']})}",
    }


def _measures(asked: LakeQueries, chosen: Settings) -> None:
    st.subheader("What the metric is worth, by class")
    measures = class_measures(asked, chosen.evaluate.split, chosen.evaluate.truth)
    if measures.empty:
        st.info("Nothing is measured yet: run `radsim evaluate`.")
        return
    names = sorted(set(measures["measure"]))
    preferred = f"nDCG@{chosen.evaluate.k}"
    name = st.selectbox(
        "Measure", names, index=names.index(preferred) if preferred in names else 0, key="measure"
    )
    show(measures_chart(measures, name), "measures")


def _gallery(asked: LakeQueries, exam_id: str | None) -> None:
    st.subheader("The gallery")
    taken = sample(asked)
    if taken is None:
        st.info("No image of the newest release is embedded yet: run `radsim embed`.")
        return
    commonest = sorted(taken.members, key=lambda name: -int(taken.rows[name].eq(1).sum()))
    label_class = st.selectbox("Class", commonest, key="map-class")
    with st.spinner("placing the images; this is done once for a model ..."):
        places = gallery_map(asked.lake, taken)
    show(map_chart(places, taken, label_class, exam_id), "map")
    show(distances_chart(pair_distances(asked.lake, taken)), "distances")
