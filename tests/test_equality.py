"""Mathematical equality in a child process: from any thread, against hostile answers, and when the child dies."""

from __future__ import annotations

import importlib.util
import signal
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from dca.equality import MathVerify
from dca.errors import InputError
from dca.grading import find_grader, grade_math

needs_math_verify = pytest.mark.skipif(importlib.util.find_spec("math_verify") is None, reason="needs the extra math")


@pytest.fixture
def scripted() -> Iterator[list[MathVerify]]:
    """Children made in a test, closed after it."""
    made: list[MathVerify] = []
    yield made
    for one in made:
        one.close()


def child(made: list[MathVerify], body: str, patience: float = 30.0) -> MathVerify:
    """A child that says it is ready and then does what it is told."""
    script = f"import os, sys, time\nprint('ready', flush=True)\n{body}"
    made.append(MathVerify(patience=patience, command=(sys.executable, "-c", script)))
    return made[-1]


@needs_math_verify
@pytest.mark.parametrize(
    ("completion", "reference", "expected"),
    [
        (r"\boxed{x^2 + x}", "x(x+1)", 1.0),
        (r"The answer is $\frac{\sqrt{3}}{3}$.", r"\frac{1}{\sqrt{3}}", 1.0),
        (r"\boxed{\{2, 1\}}", r"\{1, 2\}", 1.0),
        ("#### 18", "#### 18", 1.0),
        ("Paris", "Paris", 1.0),
        (r"\boxed{x^2}", "x(x+1)", 0.0),
        (r"\boxed{\text{(B)}}", "A", 0.0),
        ("", "5", 0.0),
        ("\ud800", "5", 0.0),
    ],
)
def test_grade_math(completion: str, reference: str, expected: float) -> None:
    """What is exactly equal is right, and so is what algebra shows to be equal."""
    assert grade_math(completion, reference) == expected


@needs_math_verify
def test_any_thread_may_ask() -> None:
    """Answers come to the thread that asked, from a pool of threads too."""
    cases = [(rf"\boxed{{{k} + x + x}}", f"2x + {k % 3}") for k in range(12)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda case: grade_math(*case), cases))
    assert found == [float(k == k % 3) for k in range(12)]


@needs_math_verify
def test_a_tower_of_powers_is_not_equal(scripted: list[MathVerify]) -> None:
    """An answer that would take for ever is not shown to be equal; the next one is graded as ever."""
    scripted.append(MathVerify(patience=3.0))
    equal = scripted[0].equal
    assert equal("$x+x$", "$2x$")  # the child has loaded
    assert not equal(r"\boxed{9^{9^{9}}}", "$5$")
    assert equal("$x+x$", "$2x$")


def test_a_silent_child_is_ended(scripted: list[MathVerify]) -> None:
    """A child that does not answer in time is ended, and its question answered False."""
    assert not child(scripted, "time.sleep(60)", patience=0.2).equal("1", "1")


def test_a_child_that_dies_is_asked_once_more(scripted: list[MathVerify]) -> None:
    """A child that died of something else gives no verdict; another one is asked, but not for ever."""
    assert not child(scripted, "sys.stdin.readline(); sys.exit(1)").equal("1", "1")
    once = child(scripted, "for line in sys.stdin: print('equal', flush=True)")
    assert once.equal("1", "1")
    once._child.kill()  # type: ignore[union-attr]
    assert once.equal("1", "1")


def test_a_child_that_cannot_start_is_an_error(scripted: list[MathVerify]) -> None:
    """A math-verify that does not load stops the run, instead of failing every answer."""
    scripted.append(MathVerify(command=(sys.executable, "-c", "raise SystemExit(3)")))
    with pytest.raises(InputError, match="expected math-verify to load, but it did not"):
        scripted[0].equal("1", "1")


def test_questions_are_asked_one_at_a_time(scripted: list[MathVerify]) -> None:
    """Threads wait for each other, so that no answer is mixed up."""
    echo = child(
        scripted,
        "import json\nfor line in sys.stdin:\n a, b = json.loads(line)\n time.sleep(0.001)\n"
        " print('equal' if a == b else 'different', flush=True)",
    )
    wrong: list[int] = []

    def ask(k: int) -> None:
        for n in range(20):
            if echo.equal(str(n), str(n + k % 2)) is bool(k % 2):
                wrong.append(k)

    threads = [threading.Thread(target=ask, args=(k,)) for k in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs an alarm that can be set")
def test_an_interrupted_question_leaves_no_answer_behind(scripted: list[MathVerify]) -> None:
    """After Ctrl-C the next question gets its own answer, not the one that was still under way."""
    slow = child(
        scripted,
        "import json\nfor line in sys.stdin:\n a, b = json.loads(line)\n time.sleep(0 if a == '2' else 2)\n"
        " print('equal' if a == b else 'different', flush=True)",
    )
    assert not slow.equal("2", "3")

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(KeyboardInterrupt):
            slow.equal("1", "1")
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert not slow.equal("2", "3")


def test_the_extra_is_named_where_math_verify_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without math-verify the complaint says what to install, before any record is read."""
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    expected = "expected math-verify, which is not installed; pip install 'dca-rl[math]'"
    with pytest.raises(InputError) as caught:
        find_grader("math")
    assert str(caught.value) == expected
