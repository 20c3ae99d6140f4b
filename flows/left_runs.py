"""Runs that a server before this one left unfinished: marked as crashed and taken up anew."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient

AGAIN = "taken-up"
CRASHED = "its process ended before it did; a stage commits all or nothing, so nothing is half done"


async def take_up_left_runs(client: "PrefectClient") -> int:
    """Mark runs that stand as running, and start their deployments once more.

    To be called before a runner starts, on the server of one lake alone: whatever stands as running
    there has lost its runner. A new run has the parameters of the one that crashed; of runs with
    the same ones one is started. Where a flow's process has outlived its runner, the lake's lock
    refuses the new run in a line, and the next one continues. A run that was such a new one itself
    is not started a third time: what it does may be what ends its process.

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
    taken_up: list[tuple[object, dict[str, object]]] = []
    for run in left:
        await client.set_flow_run_state(run.id, Crashed(message=CRASHED), force=True)
        # A flow that runs inside another one is started by that one.
        started_by_another = run.parent_task_run_id is not None
        cancelled = run.state is not None and run.state.type == StateType.CANCELLING
        deployment = run.deployment_id
        if deployment is None or started_by_another or cancelled or AGAIN in run.tags:
            continue
        if (deployment, run.parameters) not in taken_up:
            taken_up.append((deployment, run.parameters))
            await client.create_flow_run_from_deployment(
                deployment,
                parameters=run.parameters,
                tags=[AGAIN],
                idempotency_key=f"{run.id}-again",
            )
    return len(left)
