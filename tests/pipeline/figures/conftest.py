"""The lake whose figures are counted."""

import pytest

from pipeline.settings import Settings
from pipeline.settings_file import load_settings
from tests.labelled_site import labelled_site


@pytest.fixture(scope="package")
def labelled(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return the settings of the labelled lake."""
    return load_settings(labelled_site(tmp_path_factory.mktemp("labelled")))
