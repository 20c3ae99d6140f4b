"""Register a site's deployments with a Prefect server and work pool that exist already."""

import os
from typing import TYPE_CHECKING
from uuid import UUID

from flows.prefect_environment import OF_RUNS, SILENT
from flows.run_watch import watch_runs
from flows.settings_request import SettingsRequest
from pipeline.pseudonyms import Pseudonymiser
from pipeline.user_error import UserError

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.deployments.runner import RunnerDeployment

    from pipeline.settings import ScheduleSettings


async def deploy_road(request: SettingsRequest, pool: str, name: str) -> tuple[str, list[str]]:
    """Register the deployments of the request's settings file; runs are a worker's to carry out.

    The server is the one that Prefect's own settings name (``PREFECT_API_URL`` or the active
    profile). Deployments of an earlier call under the same name are brought up to date. The
    automations of `flows.run_watch` come with them.

    Parameters
    ----------
    request
        Its settings file must lie at the same path on the machines of the pool's workers.
    pool
        The work pool, of any type.
    name
        The deployments' name, which tells the sites of one server apart.

    Returns
    -------
    The server's address, and the deployments' full names.

    Raises
    ------
    UserError
        No server is named, it does not answer, or it has no such pool.
    """
    settings = request.load()
    assert request.config is not None
    os.environ.update(SILENT)
    from prefect.client.orchestration import get_client
    from prefect.settings import get_current_settings

    address = get_current_settings().api.url
    if address is None:
        raise UserError(
            "no Prefect server is named; set PREFECT_API_URL, such as http://prefect.local:4200/api"
        )
    from flows.deployments import deployments

    keyed = Pseudonymiser.of(settings).active
    wanted = deployments(name, request.config, settings.schedule, pseudonyms=keyed)
    async with get_client() as client:
        await _require_pool(client, address, pool)
        await _register(client, wanted, pool, settings.schedule)
    return address, [f"{deployment.flow_name}/{name}" for deployment in wanted]


async def _require_pool(client: "PrefectClient", address: str, pool: str) -> None:
    from httpx import HTTPError
    from prefect.exceptions import ObjectNotFound, PrefectHTTPStatusError

    try:
        await client.read_work_pool(pool)
    except ObjectNotFound:
        raise UserError(
            f"{address} has no work pool {pool}; `prefect work-pool create {pool} --type process` "
            "makes one"
        ) from None
    except PrefectHTTPStatusError as error:
        status = error.response.status_code
        raise UserError(f"{address} refuses with status {status}; see PREFECT_API_KEY") from None
    except (HTTPError, RuntimeError):
        raise UserError(f"{address} does not answer; see that Prefect's server runs") from None


async def _register(
    client: "PrefectClient",
    wanted: list["RunnerDeployment"],
    pool: str,
    schedule: "ScheduleSettings",
) -> None:
    ids: list[UUID] = []
    for deployment in wanted:
        deployment.job_variables = {"env": OF_RUNS}
        ids.append(await deployment.aapply(work_pool_name=pool))
    await watch_runs(client, wanted, ids, schedule)
