"""Who is at work: the account of this machine that decisions by hand are recorded under."""

import getpass


def local_account() -> str:
    """Return the name of the account, ``unknown`` where it has none."""
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        # A container's user may have no name.
        return "unknown"
