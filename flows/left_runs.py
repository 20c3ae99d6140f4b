"""Runs that a server before this one left unfinished: marked as crashed and taken up anew."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient

CRASHED = "its process ended before it did; a stage commits all or nothing, so nothing is half done"


async def take_up_left_runs(client: "PrefectClient") -> int:
    """Mark runs that stand as running, and start each of their deployments once more.

    To be called before a runner starts: since one server at a time serves a lake, whatever stands
    as running then has no process. The new run has the parameters of the one that crashed.

    Returns
    -------
    How many runs were marked.
    """
    from prefect.client.schemas.filters import (
        FlowRunFilter,
        FlowRunFilterState,
        FlowRunFilterStateType,
    )
    from prefect.client.schemas.objects import StateType
    from prefect.states import Crashed

    unfinished = [StateType.RUNNING, StateType.PENDING, StateType.CANCELLING]
    left = await client.read_flow_runs(
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=unfinished))
        )
    )
    taken_up = set()
    for run in left:
        await client.set_flow_run_state(run.id, Crashed(message=CRASHED), force=True)
        # A flow that runs inside another one is started by that one.
        started_by_another = run.parent_task_run_id is not None
        cancelled = run.state is not None and run.state.type == StateType.CANCELLING
        deployment = run.deployment_id
        if deployment and deployment not in taken_up and not (started_by_another or cancelled):
            taken_up.add(deployment)
            await client.create_flow_run_from_deployment(
                deployment, parameters=run.parameters, idempotency_key=f"{run.id}-again"
            )
    return len(left)
