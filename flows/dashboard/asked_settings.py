"""How the application's process is told which settings the dashboard was started with."""

import json
import os
from pathlib import Path

from flows.settings_request import SettingsRequest

# Not of the form of a setting (RADSIM_SECTION__NAME).
REQUEST = "DASHBOARD_OF_RADSIM"


def as_environment(request: SettingsRequest) -> dict[str, str]:
    """Return the environment by which the application's process knows the settings asked for."""
    config = None if request.config is None else str(request.config.absolute())
    return {REQUEST: json.dumps({"config": config, "assignments": request.assignments})}


def settings_asked_for() -> SettingsRequest:
    """Return the request that the dashboard was started with."""
    told = json.loads(os.environ[REQUEST])
    config = None if told["config"] is None else Path(told["config"])
    return SettingsRequest(config, tuple((name, value) for name, value in told["assignments"]))
