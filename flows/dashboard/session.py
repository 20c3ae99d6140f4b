"""What every page starts from: the settings, and the lake as it stands now."""

from typing import TYPE_CHECKING

import streamlit as st

from flows.dashboard.asked_settings import settings_asked_for
from pipeline.figures.evidence import frequent_cues
from pipeline.figures.gallery_sample import GallerySample, gallery_sample
from pipeline.figures.lake_queries import LakeQueries
from pipeline.lake import Lake
from pipeline.local_account import local_account
from pipeline.settings import Settings
from pipeline.staleness import StageState, stage_states
from pipeline.user_error import UserError

if TYPE_CHECKING:
    from pipeline.similar import Gallery


def settings() -> Settings:
    """Return the settings, read anew each time since the file may have been edited.

    Raises
    ------
    UserError
        The file is missing or wrong.
    """
    return settings_asked_for().load()


def reviewer() -> str:
    """Return who looks: the user that the proxy's header names, else the local account.

    Raises
    ------
    UserError
        The settings name a header, and the request has none.
    """
    header = settings().dashboard.user_header
    if not header:
        return local_account()
    # Trusted, because the settings name it: the server listens on this machine alone, where only
    # the proxy reaches it.
    name = (st.context.headers.get(header) or "").strip()
    if not name:
        raise UserError(f"the proxy names nobody in header {header}; see [dashboard] user_header")
    return name


def queries() -> LakeQueries:
    """Return queries of the lake as it stands: new ones once a run has committed.

    Raises
    ------
    UserError
        The lake cannot be read.
    """
    lake = Lake.of(settings())
    return _queries(lake.root, _ledger_version(lake))


def stale_outputs() -> list[StageState]:
    """Return the stages whose output is stale, looked up once for a state of lake and settings.

    Raises
    ------
    UserError
        The lake cannot be read.
    """
    chosen = settings()
    return _stale(chosen.model_dump_json(), _ledger_version(Lake.of(chosen)))


def cues(asked: LakeQueries) -> list[str]:
    """Return the cues of the lake, most frequent first, counted once for a version of mentions."""
    return _cues(asked.versions.get("mentions"), asked)


def sample(asked: LakeQueries) -> GallerySample | None:
    """Return the sample of the gallery, taken once for a state of the lake.

    Raises
    ------
    UserError
        There is no release or no model yet.
    """
    return _sample(asked.lake.root, _ledger_version(asked.lake), asked)


@st.cache_resource(max_entries=2, show_spinner=False)
def _sample(root: str, ledger_version: int | None, _asked: LakeQueries) -> GallerySample | None:
    return gallery_sample(_asked)


@st.cache_data(max_entries=2, show_spinner=False)
def _cues(mentions_version: int | None, _asked: LakeQueries) -> list[str]:
    return frequent_cues(_asked)


def gallery() -> "Gallery":
    """Return the gallery, opened once for a state of lake and settings.

    Raises
    ------
    UserError
        There is no release, model or index of it, or a file of theirs is missing.
    """
    chosen = settings()
    return _gallery(chosen.model_dump_json(), _ledger_version(Lake.of(chosen)))


def _ledger_version(lake: Lake) -> int | None:
    ledger = lake.table_if_any("runs")
    return ledger.version() if ledger else None


@st.cache_data(max_entries=4, show_spinner=False)
def _stale(chosen: str, ledger_version: int | None) -> list[StageState]:
    return [state for state in stage_states(settings()) if state.stale]


@st.cache_resource(max_entries=1, show_spinner="opening the gallery ...")
def _gallery(chosen: str, ledger_version: int | None) -> "Gallery":
    # Torch comes with it.
    from pipeline.similar import Gallery

    return Gallery(settings())


@st.cache_resource(max_entries=2, show_spinner=False)
def _queries(root: str, ledger_version: int | None) -> LakeQueries:
    return LakeQueries(Lake.of(settings()))
