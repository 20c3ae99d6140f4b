"""Prefect flows: one a stage, and the parent that runs the road.

A flow says when a stage runs and with which parameters, and publishes what it did. Set Prefect's
environment (`flows.prefect_environment.set_environment`) before this module is imported. Names,
parameters and artifacts hold no report text and no identifiers.
"""

import inspect
from pathlib import Path
from typing import Any, cast

from prefect import Flow, flow, get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE
from prefect.states import Failed, State
from pydantic import BaseModel

from flows.dashboard.nightly_page import leave_page
from flows.error_lines import error_line
from flows.summary_markdown import summary_markdown
from pipeline import road
from pipeline.pseudonyms import Pseudonymiser
from pipeline.selection import Selection, read_selection, selection_model
from pipeline.settings_file import load_settings
from pipeline.stage_summary import StageSummary
from pipeline.user_error import UserError

PARENT = "radsim-road"


# One task a stage, since a task costs milliseconds to tenths of a second; a stage fans out inside
# itself. Nothing is cached: a stage knows better than Prefect what is already done.
@task(cache_policy=NO_CACHE, persist_result=False, task_run_name="{name}")
def run_stage(
    name: str, config: str, force: bool, in_road: bool, asked: dict[str, Any]
) -> StageSummary | State:
    """Run one stage with the settings of a file; a stage that fails is a failed state."""
    try:
        settings = load_settings(Path(config))
        if not asked:
            stage = (road.stage_of_road if in_road else road.stage)(name)
        else:
            stage = road.stage_of_selection(name, _selection(asked, Pseudonymiser.of(settings)))
        return stage(settings, force=force)
    except Exception as error:
        # Not raised: Prefect would log every traceback on the way, with messages that may hold
        # data.
        return Failed(message=f"{name}: {error_line(error)}")


def _selection(asked: dict[str, Any], pseudonymiser: Pseudonymiser) -> Selection:
    """Return the selection of a form; Prefect has stored it already, so exams are pseudonyms."""
    selection = read_selection(asked, pseudonymiser)
    if pseudonymiser.active and selection.exams != tuple(asked.get("exams", ())):
        raise UserError(
            "--exam: a key is set, so Prefect takes exams by their pseudonyms alone (exam_id in "
            "the lake); `radsim` on the command line turns the source's ids into them"
        )
    return selection


def stage_flow(name: str, *, pseudonyms: bool = False) -> Flow[..., Any]:
    """Return the flow of a stage; with `pseudonyms` its form takes exams by these alone.

    Its parameters, of which Prefect's pages make a form: `config` (the settings file), `force`
    (work again on what has not changed), `in_road` (whether the road runs it, which trains only by
    rule; alone, a stage trains always) and, where the stage takes one, `selection`
    (`pipeline.selection`).

    Called, it returns the stage's outcome and counts, or raises `prefect.exceptions.FailedRun`
    with the one-line reason.
    """
    form = selection_model(name, pseudonyms=pseudonyms)

    def run(
        config: str,
        force: bool = False,
        in_road: bool = False,
        selection: Any = None,
    ) -> dict[str, Any] | State:
        state = run_stage(name, config, force, in_road, _asked(selection), return_state=True)
        if not state.is_completed():
            return _failed_like(state)
        summary = cast(StageSummary, state.result())
        create_markdown_artifact(
            summary_markdown(summary), key=f"radsim-{name}", description=f"Summary of stage {name}"
        )
        return {"stage": name, "outcome": summary.outcome, "counts": summary.counts}

    # The name under which this module offers the flow, by which Prefect finds it again.
    run.__name__ = run.__qualname__ = f"{name}_flow"
    run.__doc__ = f"""Run stage {name} of the road.

    Args:
        config: Settings file of the site, on the machine that runs it.
        force: Do the work again even where nothing changed.
        in_road: Train only if a rule of [train] asks for it, as the road does.
        selection: Leave all of it empty for everything that is due.
    """
    own = inspect.signature(run)
    parameters = [p for p in own.parameters.values() if p.name != "selection"]
    if form is not None:
        last = own.parameters["selection"].replace(annotation=form, default=form())
        parameters.append(last)
    run.__signature__ = own.replace(parameters=parameters)  # type: ignore[attr-defined]
    # Checked by `read_selection`, in a line, not by Prefect, whose message has many.
    return flow(name=f"radsim-{name}", persist_result=False, validate_parameters=False)(run)


def _asked(selection: Any) -> dict[str, Any]:
    """Return the fields of a form that were filled in."""
    if isinstance(selection, BaseModel):
        selection = selection.model_dump(mode="json")
    if not isinstance(selection, dict):
        return {}
    return {name: value for name, value in selection.items() if value not in (None, "", [])}


def _failed_like(state: State) -> State:
    return Failed(message=state.message)


ingest_flow = stage_flow("ingest")
label_flow = stage_flow("label")
drift_flow = stage_flow("drift")
index_flow = stage_flow("index")
cache_flow = stage_flow("cache")
link_flow = stage_flow("link")
train_flow = stage_flow("train")
embed_flow = stage_flow("embed")
evaluate_flow = stage_flow("evaluate")
gate_flow = stage_flow("gate")

STAGE_FLOWS = {
    "ingest": ingest_flow,
    "label": label_flow,
    "drift": drift_flow,
    "index": index_flow,
    "cache": cache_flow,
    "link": link_flow,
    "train": train_flow,
    "embed": embed_flow,
    "evaluate": evaluate_flow,
    "gate": gate_flow,
}


@flow(name=PARENT, persist_result=False)
def road_flow(config: str, first: str | None = None, force: bool = False) -> Any:
    """Run the stages of the road, from the named one on, until one fails; leave today's page."""
    told = []
    for name in road.stages_of(load_settings(Path(config)), first):
        state = cast(State, STAGE_FLOWS[name](config, force, True, return_state=True))
        if not state.is_completed():
            _leave_page(config)
            return _failed_like(state)
        told.append(state.result())
    _leave_page(config)
    return told


def _leave_page(config: str) -> None:
    """Leave the page of the lake's figures; what prevents it is told, and fails no run."""
    try:
        leave_page(load_settings(Path(config)))
    except Exception as error:
        get_run_logger().warning("no page of figures: %s", error_line(error))
