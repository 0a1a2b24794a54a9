import os
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from dca.backends.cache import SqliteStore
from dca.messages import Message, Reply, Request


def unasked() -> Reply:
    raise AssertionError("the store should have known")


WRITER = """
import sys
from itertools import count
from dca.backends.cache import SqliteStore
from dca.messages import Message, Reply, Request

path, log, worker = sys.argv[1:]
store = SqliteStore(path)
with open(log, "a") as acknowledged:
    for n in count():
        for name in (f"own {worker} {n}", f"shared {n}"):
            request = Request(system="s", messages=(Message("user", name),), schema={})
            reply = store.once(request, "a", lambda: Reply(text=f"{name} by {worker} " + "x" * 500))
            acknowledged.write(f"{name}\\t{reply.text}\\n")
            acknowledged.flush()
"""


def lines(log: Path) -> list[list[str]]:
    whole = log.read_text().rpartition("\n")[0] if log.exists() else ""
    return [line.split("\t") for line in whole.splitlines()]


def test_four_killed_processes_lose_nothing_and_break_nothing(tmp_path: Path) -> None:
    """Every reply that a killed process had been given is in the file, once, and the file is whole."""
    path, logs = tmp_path / "cache.db", [tmp_path / f"{worker}.log" for worker in range(4)]
    for enough in (300, 600):
        crowd = [
            subprocess.Popen([sys.executable, "-c", WRITER, str(path), str(log), str(worker)])
            for worker, log in enumerate(logs)
        ]
        give_up = time.monotonic() + 60
        while min(len(lines(log)) for log in logs) < enough and time.monotonic() < give_up:
            time.sleep(0.02)
        for process in crowd:
            process.send_signal(signal.SIGKILL)
        assert {process.wait() for process in crowd} == {-signal.SIGKILL}
    got = [row for log in logs for row in lines(log)]
    assert len(got) >= 4 * 600
    with SqliteStore(path) as store:
        for name, text in got:
            request = Request(system="s", messages=(Message("user", name),), schema={})
            assert store.once(request, "a", unasked).text == text
    with closing(sqlite3.connect(path)) as raw:
        assert raw.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


FORKER = """
import os, sys, threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # forking beside a thread is the point
from dca.backends.cache import MemoryStore, SqliteStore
from dca.messages import Message, Reply, Request

def ask(store, name, text):
    request = Request(system="s", messages=(Message("user", name),), schema={})
    return store.once(request, "a", (lambda: Reply(text=text)) if isinstance(text, str) else text).text

def open_files():
    for number in os.listdir("/proc/self/fd") if os.path.isdir("/proc/self/fd") else ():
        try:
            yield os.readlink(f"/proc/self/fd/{number}")
        except OSError:  # the one that lists
            pass

started, release = threading.Event(), threading.Event()
def slow():
    started.set()
    release.wait()
    return Reply(text="parent, late")

with SqliteStore(sys.argv[1]) as store:
    ask(store, "before", "parent")
    thread = threading.Thread(target=ask, args=(store, "in flight", slow))
    thread.start()
    started.wait()
    child = os.fork()
    if child == 0:
        assert not any("cache.db" in name for name in open_files())
        good = ask(store, "before", "child") == "parent" and ask(store, "in flight", "child") == "child"
        store.close()
        os._exit(0 if good else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    release.set()
    thread.join()
    assert ask(store, "in flight", "never") == "child"
    assert store.stats().rows == 2
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this system has no fork")
def test_a_forked_child_opens_the_file_anew(tmp_path: Path) -> None:
    """The child reads what the parent stored and does not wait for threads that it does not have."""
    subprocess.run([sys.executable, "-c", FORKER, str(tmp_path / "cache.db")], check=True, timeout=60)
