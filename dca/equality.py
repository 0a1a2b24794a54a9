"""Mathematical equality, decided by math-verify (the extra ``math``) in a process of its own.

Answers are written by the policy, and computer algebra can be kept busy for ever: 9^(9^9). math-verify's own time
limit is a signal, which works in a main thread only; so it runs in the main thread of a child process, which any
thread here may ask and which is ended when it stays silent. This module knows no marks, records or rewards.
"""

from __future__ import annotations

import atexit
import contextlib
import importlib.util
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from dca.errors import InputError

COMMAND: Final = (sys.executable, "-c", "from dca.equality import serve; serve()")
_READY: Final = "ready\n"
_EQUAL: Final = "equal\n"
_STARTUP: Final = 120.0  # seconds; the child loads sympy


class MathVerify:
    """Asks math-verify, one question at a time, from any thread; starts the child when it is first needed.

    Args:
        patience: Seconds after which a silent child is ended, and its question answered False.
        command: What starts the child.
        clock: Seconds, from any origin.
    """

    def __init__(
        self,
        *,
        patience: float = 30.0,
        command: Sequence[str] = COMMAND,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._patience, self._command, self._clock = patience, tuple(command), clock
        self._lock = threading.Lock()
        self._child: subprocess.Popen[str] | None = None
        self._owner = 0
        atexit.register(self.close)

    def equal(self, answer: str, reference: str) -> bool:
        """Whether two expressions are equal, as far as math-verify can show in the time it is given.

        Raises:
            InputError: math-verify is not installed, or cannot be loaded.
        """
        question = json.dumps([answer, reference]) + "\n"
        with self._lock:
            for _ in range(2):  # a child that died of something else is no verdict: ask another one
                begun = self._clock()
                try:
                    reply = _ask(self._running(), question, self._patience)
                except BaseException:  # Ctrl-C: the answer still to come must not meet the next question
                    self.close()
                    raise
                if reply:
                    return reply == _EQUAL
                self.close()
                if self._clock() - begun >= self._patience:
                    break
        return False

    def close(self) -> None:
        """End the child, if this process started it."""
        child, self._child = self._child, None
        if child is not None and self._owner == os.getpid():
            child.kill()
            child.communicate()

    def _running(self) -> subprocess.Popen[str]:
        if self._child is None or self._owner != os.getpid():  # a fork must not share its parent's child
            self._child, self._owner = _started(self._command), os.getpid()
        return self._child


def require_math_verify() -> None:
    """Raises InputError, naming the extra to install, where math-verify is missing."""
    if importlib.util.find_spec("math_verify") is None:
        raise InputError("expected math-verify, which is not installed; pip install 'dca-rl[math]'")


def _started(command: Sequence[str]) -> subprocess.Popen[str]:
    require_math_verify()
    child = subprocess.Popen(
        command,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        encoding="ascii",
        start_new_session=True,  # Ctrl-C is for the parent: it must not turn an answer into a wrong one
    )
    if _ask(child, "", _STARTUP) != _READY:
        child.kill()
        child.communicate()
        raise InputError("expected math-verify to load, but it did not; try: python -c 'import math_verify'")
    return child


def _ask(child: subprocess.Popen[str], line: str, patience: float) -> str:
    """Write a line and read one; "" where the child died, or had to be ended."""
    assert child.stdin is not None
    assert child.stdout is not None
    timer = threading.Timer(patience, child.kill)
    timer.start()
    try:
        child.stdin.write(line)
        child.stdin.flush()
        return child.stdout.readline()
    except BrokenPipeError:
        return ""
    finally:
        timer.cancel()


def serve() -> None:
    """The child: answer each line of standard input until it ends."""
    same = _math_verify()
    print(_READY, end="", flush=True)
    for line in sys.stdin:
        answer, reference = json.loads(line)
        with contextlib.redirect_stdout(sys.stderr):  # standard output is for answers alone
            equal = same(answer, reference)
        print(_EQUAL if equal else "different\n", end="", flush=True)


def _math_verify() -> Callable[[str, str], bool]:
    # Imported here and not above: math-verify is an extra, takes a second to load, and only the child needs it.
    import math_verify

    def same(answer: str, reference: str) -> bool:
        try:
            gold: Any = math_verify.parse(reference)
            return bool(math_verify.verify(gold, math_verify.parse(answer)))
        except Exception:  # whatever computer algebra stumbles over was not shown to be equal
            return False

    return same
