"""Programs in processes of their own: one that hangs fails its test, with all that it started."""

import os
import signal
import subprocess
import sys
from pathlib import Path


def run_python(arguments: list[str], folder: Path, timeout: float = 200) -> str:
    """Run Python, and return what it printed.

    Output goes to a file, as a pipe stays open for as long as any grandchild lives.
    """
    with (folder / "printed").open("w+") as printed:
        process = subprocess.Popen(
            [sys.executable, *arguments], stdout=printed, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            status = process.wait(timeout)
        finally:
            if hasattr(os, "killpg"):
                try:
                    os.killpg(process.pid, signal.SIGKILL)
                except ProcessLookupError:  # all of them have ended
                    pass
            process.kill()
        printed.seek(0)
        text = printed.read()
    assert status == 0, text
    return text
