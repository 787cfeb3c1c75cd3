"""What the tests of sweeps share: a small study, the command line, and two stores compared."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from gru_sym.cli.ending import Commands
from gru_sym.cli.sweep import results_command, sweep_command

SMALL = """\
title = "a small study"
[axes]
cell = ["rnn", "gru"]
size = [2, 3]
T = [5]
seed = { from = 0, count = 2 }
measurement = ["gradient_norm", "spectral_radius"]
"""

FAILING = """\
[axes]
cell = ["two.cell", "rnn"]
size = [2]
T = [5]
seed = [0, 1]
measurement = ["gradient_norm"]
"""
"""Of a cell with two outputs nobody knows which loss is meant: its trials fail."""

TWO = "# outputs: p, q\np = W @ x\nq = tanh(V @ h)\nh_next = tanh(p + q)\n"

commands = Commands("gru-sym", commands={"sweep": sweep_command, "results": results_command})
"""The command line, less what has nothing to do with sweeps."""

# What runs in the background may have been told to ignore interrupts.
_MAIN = """
import signal
signal.signal(signal.SIGINT, signal.default_int_handler)
from tests.sweeping import commands
commands.main()
"""


def start(
    *arguments: str | Path, prelude: str = "", columns: int = 80, **options: Any
) -> subprocess.Popen[str]:
    """A process of the command line, in a session of its own."""
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **options}
    root = Path(__file__).parents[1]
    paths = [str(root), *filter(None, [os.environ.get("PYTHONPATH")])]
    return subprocess.Popen(
        [sys.executable, "-c", prelude + _MAIN, *map(str, arguments)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths), "COLUMNS": str(columns)},
        encoding=None if "text" in options else "utf-8",
        start_new_session=True,
        **options,
    )


def kill_all(process: subprocess.Popen[str]) -> None:
    """Kill a process and all that it has started, and wait for its end."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def stored(path: Path) -> dict[str, list[Any]]:
    """All that a store holds, but for how long trials took."""
    queries = {
        "meta": "SELECT name, value FROM meta ORDER BY name",
        "plan": "SELECT * FROM plan ORDER BY position",
        "trials": "SELECT key, configuration, status, error, digest FROM trials ORDER BY key",
        "quantities": "SELECT * FROM quantities ORDER BY key, name",
    }
    uri = f"{path.absolute().as_uri()}?mode=rw"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        connection.execute("PRAGMA query_only = 1")
        return {name: connection.execute(query).fetchall() for name, query in queries.items()}


def finished(path: Path) -> int:
    """How many trials a store has; none where there is no store yet."""
    try:
        return len(stored(path)["trials"])
    except sqlite3.OperationalError:
        return 0
