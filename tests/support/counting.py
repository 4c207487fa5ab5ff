"""An encoder that logs what it encodes; light, as other processes import it."""

from pathlib import Path

import numpy as np

HUNDRED = [f"text {number} {'good' if number % 3 else 'bad'}" for number in range(100)]


class Counting:
    """Encodes texts, and logs each, so that calls in any process are counted."""

    def __init__(self, log):
        self.log = str(log)
        Path(log).touch()

    def __call__(self, texts):
        with Path(self.log).open("a") as log:
            log.write("".join(f"{text}\n" for text in texts))
        return np.array([[len(text), text.count("o"), text.count("a")] for text in texts])

    def calls(self):
        return Path(self.log).read_text().splitlines()
