"""Run Prefect's server in this process, and end it with the process that started it.

Started by `flows.local_server` as ``python -m flows.server_process PORT`` with a pipe as standard
input. However the starter ends, the pipe closes; without this, a starter that was killed would
leave a server behind that holds the port.
"""

import os
import signal
import sys
import threading


def _end_with_starter() -> None:
    while sys.stdin.buffer.read(1):
        pass
    os.kill(os.getpid(), signal.SIGTERM)


def main() -> None:
    """Serve on 127.0.0.1 at the port that the first argument names."""
    port = int(sys.argv[1])
    threading.Thread(target=_end_with_starter, daemon=True).start()
    from prefect.cli.server import start

    start(host="127.0.0.1", port=port, analytics=False)


if __name__ == "__main__":
    main()
