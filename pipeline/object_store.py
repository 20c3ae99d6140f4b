"""Object stores under a lake: Arrow's file system of one, and its failures in one line.

Tried with S3's protocol alone. ``gs://`` and ``abfss://`` go through the same code, untried; Arrow
then looks for credentials by its own means (environment, signed-in account), not in the options.
"""

import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from urllib.parse import urlsplit

from pyarrow import fs

from pipeline.user_error import UserError

_S3 = ("s3", "s3a")
_FOUND_BY_ARROW = ("gs", "abfs", "abfss")
# What stores and their libraries say (white space as underscores), and what a user can do about it;
# the first that fits counts. Their own messages run over many lines and may quote keys.
_REASONS = (
    (
        r"no_?such_?bucket",
        "there is no such bucket; create it, or correct its name in the settings",
    ),
    (
        r"scheme_is_not_allowed",
        "its endpoint is http://, which needs AWS_ALLOW_HTTP=true",
    ),
    (
        r"169\.254\.169\.254|metadata\.google",
        "no credentials were found; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (or what your "
        "store calls them) in the environment",
    ),
    (
        r"forbidden|unauthorized|access_?denied|privileges|signature|invalid_?access_?key",
        "the object store refused; check the keys, their rights and the region",
    ),
    (
        r"connect|dns|timed_?out|error_sending_request",
        "the object store cannot be reached; check AWS_ENDPOINT_URL and the network",
    ),
)


def refuse_unknown_store(url: str, setting: str = "[lake] root") -> None:
    """Refuse a URL whose kind of store is not supported, or that holds a password.

    `setting` is where it was named.

    Raises
    ------
    UserError
        It is one of these.
    """
    parts = urlsplit(url)
    if parts.scheme not in (*_S3, *_FOUND_BY_ARROW):
        hint = "; write abfss://CONTAINER@ACCOUNT.dfs.core.windows.net/PREFIX"
        raise UserError(
            f"{setting}: {parts.scheme}:// is no kind of store that is known; use s3://, gs://, "
            f"abfss:// or a local folder{hint if parts.scheme in ('az', 'azure') else ''}"
        )
    if parts.password is not None or (parts.scheme in _S3 and "@" in parts.netloc):
        raise UserError(f"{setting} holds a key; give keys in the environment instead")


def arrow_file_system(url: str, options: Mapping[str, str]) -> tuple[fs.FileSystem, str]:
    """Return Arrow's file system of a store, and the URL's path in it.

    Endpoint, region and keys of an S3 store are those that deltalake uses: from `options` under
    any of its spellings, else from the environment. Keys that neither holds are looked for as
    every AWS tool does.
    """
    parts = urlsplit(url)
    if parts.scheme not in _S3:
        filesystem, path = fs.FileSystem.from_uri(url)
        return filesystem, path.rstrip("/")
    named = {_full_name(name): value for name, value in options.items()}

    def given(*names: str) -> str | None:
        found = [named.get(name) for name in names] + [os.environ.get(n.upper()) for n in names]
        return next((value for value in found if value), None)

    endpoint = urlsplit(given("aws_endpoint_url", "aws_endpoint") or "")
    return (
        fs.S3FileSystem(
            access_key=named.get("aws_access_key_id"),
            secret_key=named.get("aws_secret_access_key"),
            session_token=named.get("aws_session_token") or named.get("aws_token"),
            region=given("aws_region", "aws_default_region"),
            scheme=endpoint.scheme or "https",
            endpoint_override=endpoint.netloc + endpoint.path.rstrip("/") or None,
        ),
        f"{parts.netloc}{parts.path}".rstrip("/"),
    )


def replace_file(filesystem: fs.FileSystem, path: str, content: bytes) -> None:
    """Write a file so that a reader sees the old content or the new, never half of it."""
    local = isinstance(filesystem, fs.LocalFileSystem)
    written = f"{path}.partial" if local else path
    with filesystem.open_output_stream(written) as file:
        file.write(content)
    if local:
        filesystem.move(written, path)


@contextmanager
def failures_of(url: str) -> Iterator[None]:
    """Turn what a store or the way to it refuses into one line, without keys.

    Raises
    ------
    UserError
        The body raised an OSError other than that a file is missing, or deltalake's own error for
        a refusal.
    """
    from deltalake.exceptions import DeltaError

    try:
        yield
    except FileNotFoundError:
        raise
    except OSError as error:
        told = _reason(error) or "the object store failed in a way that RadSim does not know"
        raise UserError(f"{url}: {told}") from None
    except DeltaError as error:
        # Its subclasses say something of the table, not of the store.
        refusal = _reason(error) if type(error) is DeltaError else None
        if refusal is None:
            raise
        raise UserError(f"{url}: {refusal}") from None


def _full_name(option: str) -> str:
    name = option.lower()
    return name if name.startswith("aws_") else f"aws_{name}"


def _reason(error: Exception) -> str | None:
    said = "_".join(str(error).lower().split())
    return next((reason for pattern, reason in _REASONS if re.search(pattern, said)), None)
