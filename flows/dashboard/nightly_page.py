"""The page that every scheduled run leaves beside the lake."""

from datetime import UTC, datetime
from importlib.util import find_spec
from pathlib import Path

from pipeline.lake import Lake
from pipeline.settings import Settings

FOLDER = "pages"


def leave_page(settings: Settings) -> Path | None:
    """Write today's page into the lake's state folder, over an earlier one of today; return it.

    Without the packages of the dashboard no page is made.

    Raises
    ------
    UserError
        The lake cannot be read.
    OSError
        The folder cannot be written.
    """
    if any(find_spec(package) is None for package in ("altair", "duckdb", "vl_convert")):
        return None
    from flows.dashboard.archived_page import save_page
    from flows.dashboard.figures_of_lake import page_of_lake

    path = Lake.of(settings).state_folder / FOLDER / f"radsim-{datetime.now(UTC):%Y-%m-%d}.html"
    save_page(path, page_of_lake(settings))
    _count_ahead(settings)
    return path


def _count_ahead(settings: Settings) -> None:
    """Rank what is to be reviewed and draw the map of the gallery, while nobody waits for them."""
    from pipeline.figures.gallery_map import gallery_map
    from pipeline.figures.gallery_sample import gallery_sample
    from pipeline.figures.lake_queries import LakeQueries
    from pipeline.figures.review_queue import ranked_doubts
    from pipeline.labelling import label_scheme
    from pipeline.reviewing import decisions

    lake = Lake.of(settings)
    scheme = label_scheme(settings.manifest.scheme, settings.label.vocabulary)
    queries = LakeQueries(lake)
    ranked_doubts(queries, scheme, decisions(lake))
    sample = gallery_sample(queries) if queries.has("embeddings") else None
    if sample is not None:
        gallery_map(lake, sample)
