"""A process of its own that asks for checkpoints as a user's does: with the environment set before it starts.

Run as a program it reads lines of JSON that name a function below and its arguments, and answers each by what that
returns.
"""

import json
import multiprocessing
import os
import resource
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).parents[2]
CLEARED = ("HF_TOKEN", "HF_HUB_ETAG_TIMEOUT", "HF_HUB_DOWNLOAD_TIMEOUT", "SKTART_ZOO", "NO_PROXY", "no_proxy")


def environment_of(endpoint, home, **changes):
    """Return the environment of a process that talks to a Hub of its own."""
    kept = {
        name: value
        for name, value in os.environ.items()
        if name not in CLEARED and not name.upper().endswith("_PROXY")
    }
    return {
        **kept,
        "HF_ENDPOINT": endpoint,
        "HF_HOME": str(home),
        "HF_HUB_CACHE": str(home / "hub"),
        "HF_HUB_OFFLINE": "0",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_HUB_DISABLE_XET": "1",
        "PYTHONPATH": str(ROOT),
        **changes,
    }


class Client:
    """The process, from the side of the tests."""

    def __init__(self, endpoint, home, registry, **environment):
        environment = environment_of(endpoint, home, **environment)
        self.cache = Path(environment["HF_HUB_CACHE"])
        self.process = subprocess.Popen(
            [sys.executable, __file__, str(registry)],
            env=environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self):
        return self

    def __exit__(self, *arguments):
        self.process.kill()
        self.process.communicate()

    def send(self, function, *arguments):
        self.process.stdin.write(json.dumps([function, *arguments]) + "\n")
        self.process.stdin.flush()

    def receive(self):
        return json.loads(self.process.stdout.readline() or '{"crash": true}')

    def call(self, function, *arguments):
        self.send(function, *arguments)
        return self.receive()

    def ask(self, name):
        """Return {"folder", "seconds"}, or {"error", "seconds"} with the message of the CheckpointError."""
        return self.call("ask", name)


def ask(name):
    from sktart.exceptions import CheckpointError
    from sktart.zoo._registry import find_checkpoint

    began = time.perf_counter()
    try:
        found = find_checkpoint(name)
        found.check()
        result = {"folder": str(found.folder), "name": found.name, "source": found.source}
    except CheckpointError as error:
        result = {"error": str(error), "kind": type(error).__name__}
    return {**result, "seconds": time.perf_counter() - began}


def predict(name):
    """Return what `ask` does, and the predictions of an estimator."""
    from sktart import TartReasoner

    X, y = [[0.0, 1.0], [1.0, 0.0], [0.2, 0.9]], [0, 1, 0]
    proba = TartReasoner(name, device="cpu").fit(X, y).predict_proba(X).tolist()
    return {**ask(name), "proba": proba}


def swarm(name, n):
    """Return what `predict` does in each of `n` processes at once."""
    # Forked, as importing all of this sixteen times would take the time of a coffee.
    import skorch  # noqa: F401

    import sktart.estimators._reasoner  # noqa: F401

    with multiprocessing.get_context("fork").Pool(n) as pool:
        return pool.map(predict, [name] * n, chunksize=1)


def limit(size):
    """Let no file grow beyond so many bytes, as on a full disk."""
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, resource.RLIM_INFINITY))


def main():
    with suppress(ValueError):  # of an environment that is at fault
        import huggingface_hub.file_download  # noqa: F401

    from sktart.zoo import _registry as registry

    registry.PACKAGE = Path(sys.argv[1])
    for line in sys.stdin:
        function, *arguments = json.loads(line)
        sys.stdout.write(json.dumps(globals()[function](*arguments)) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
