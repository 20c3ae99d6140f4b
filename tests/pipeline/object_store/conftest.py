"""An S3 server on this machine, with a bucket for each test."""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import HTTPServer
from pathlib import Path

import pytest
from pyarrow import fs

from tests.pipeline.object_store.simulated_store import SECRET, Refusing


@pytest.fixture(autouse=True)
def bare_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Hide the developer's own credentials, and work where a state folder may be made."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.chdir(tmp_path)


@pytest.fixture(scope="package")
def endpoint() -> Iterator[str]:
    """Return the URL of an S3 server on this machine.

    It is a process of its own, because deltalake does not let other threads run while it restores.
    """
    pytest.importorskip("moto.server", reason="the S3 server moto[server] is not installed")
    command = [sys.executable, "-u", "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as server:
        assert server.stderr is not None
        lines = iter(server.stderr.readline, "")
        told = next((line for line in lines if "Running on http" in line), None)
        assert told, "moto.server ended before it listened"
        # Read on, or the server stops when the pipe is full of its log.
        threading.Thread(target=lambda: list(lines), daemon=True).start()
        yield told.split()[-1]
        server.terminate()


@pytest.fixture
def bucket(endpoint: str, tmp_path: Path) -> str:
    """Return the name of an empty bucket."""
    bucket = f"lake-{abs(hash(tmp_path))}"
    host = endpoint.removeprefix("http://")
    fs.S3FileSystem(
        access_key="someone",
        secret_key=SECRET,
        region="eu-central-1",
        scheme="http",
        endpoint_override=host,
        allow_bucket_creation=True,
    ).create_dir(bucket)
    return bucket


@pytest.fixture
def refusing() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Refusing) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
