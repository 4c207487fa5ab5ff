"""The command line in this process: its exit code and what it prints. Arguments are words, then any objects."""

import json

from sktart.cli import main


def run(capsys, words, *arguments, code=0):
    """Return what a command writes to stdout; its exit code must be `code`."""
    assert main([*words.split(), *map(str, arguments)]) == code
    return capsys.readouterr().out


def run_json(capsys, words, *arguments, code=0):
    return json.loads(run(capsys, words, *arguments, "--json", code=code))


def assert_fails(capsys, message, words, *arguments):
    """A command writes one line to stderr, with `message` in it, and nothing else."""
    assert main([*words.split(), *map(str, arguments)]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    command = words.split()[: 2 if words.startswith("zoo") else 1]
    assert printed.err.startswith(f"sktart {' '.join(command)}: ")
    assert message in printed.err
    assert printed.err.count("\n") == 1
