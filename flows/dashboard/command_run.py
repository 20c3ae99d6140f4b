"""A command run from a page: shown first, confirmed, and run by the same command line as ever."""

import subprocess
import sys
from collections.abc import Sequence

import streamlit as st

from flows.dashboard.asked_settings import settings_asked_for


def offer_command(words: Sequence[str], key: str, *, button: str, sure: str) -> None:
    """Show a command, and run it on this machine once it is confirmed.

    Parameters
    ----------
    words
        The command without its settings, which are those of the dashboard.
    key
        Of its button.
    button, sure
        What the button and the confirmation say.
    """
    request = settings_asked_for()
    st.code(" ".join(["radsim", *words, *request.arguments()]), language="bash")
    # Of this command alone: another choice must be confirmed anew.
    confirmed = st.checkbox(sure, key=" ".join([f"{key}-sure", *words]))
    if not st.button(button, disabled=not confirmed, key=key, type="primary"):
        return
    with st.spinner(f"{words[0]} runs; closing the page does not stop it"):
        done = subprocess.run(
            [
                *(sys.executable, "-c", "from flows.command_line import main; main()"),
                *words,
                *request.arguments(to_show=False),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
    told = "has run" if done.returncode == 0 else "did not finish"
    (st.success if done.returncode == 0 else st.error)(f"{words[0]} {told}")
    st.code(done.stdout + done.stderr, language=None)
