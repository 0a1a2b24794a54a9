import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from dca.backends.flight import SingleFlight
from dca.errors import RunError
from dca.messages import Reply
from dca.usage import Usage

SO = Reply(text="so", usage=Usage(requests=1))


def unasked() -> Reply:
    raise AssertionError("the answer was known")


def test_an_answer_that_just_landed_is_not_asked_for_again() -> None:
    """Between looking and leading, whoever led before may have kept the answer: look again."""
    looks = iter((None, SO))
    assert SingleFlight().once("k", lambda: next(looks), unasked) == Reply(text="so", usage=Usage(reused=1))


def test_what_stops_the_run_stops_everyone() -> None:
    """An error that is no failed review reaches those who waited as it is."""
    flights, looked, stop = SingleFlight(), threading.Semaphore(0), RunError("stop")
    calls: list[int] = []

    def look() -> None:
        looked.release()

    def ask() -> Reply:
        calls.append(1)
        for _ in range(9 if len(calls) == 1 else 0):  # eight callers, of whom one leads and looks twice
            looked.acquire(timeout=20)
        raise stop

    with ThreadPoolExecutor(8) as pool:
        errors = [future.exception() for future in [pool.submit(flights.once, "k", look, ask) for _ in range(8)]]
    assert all(error is stop for error in errors)


def test_a_key_is_free_again_after_an_error() -> None:
    """A failure is nobody's answer."""
    flights = SingleFlight()
    with pytest.raises(AssertionError):
        flights.once("k", lambda: None, unasked)
    assert flights.once("k", lambda: None, lambda: SO) is SO
