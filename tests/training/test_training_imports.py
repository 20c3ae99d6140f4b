import os
import subprocess
import sys

import pytest

import training
from training.allocator import ALLOCATOR_ENVIRONMENT


def run(code, **environment):
    clean = {
        name: value
        for name, value in os.environ.items()
        if name not in ALLOCATOR_ENVIRONMENT and name != "RADSIM_ALLOCATOR_SET"
    }
    found = subprocess.run(
        [sys.executable, "-c", code, "argument"],
        env={**clean, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    return found.stdout.split()


def test_importing_training_does_not_import_torch():
    code = "import sys, training; from training import ensure_allocator; print(*sys.modules)"
    assert not {"torch", "numpy", "timm", "faiss"} & set(run(code))


def test_every_offered_name_exists():
    for name in training.__all__:
        assert getattr(training, name) is not None
    with pytest.raises(AttributeError, match="nothing"):
        _ = training.nothing


ALLOCATED = (
    "import os, sys; print('started'); from training.allocator import ensure_allocator;"
    "ensure_allocator(); ensure_allocator();"
    "print(os.environ.get('MALLOC_TOP_PAD_'), sys.argv[1])"
)


@pytest.mark.skipif(sys.platform != "linux", reason="glibc settings")
def test_process_starts_again_once_with_the_settings():
    assert run(ALLOCATED) == ["started", "started", "268435456", "argument"]


def test_settings_of_the_user_are_left_alone():
    assert run(ALLOCATED, MALLOC_TOP_PAD_="1") == ["started", "1", "argument"]
