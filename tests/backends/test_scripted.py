from concurrent.futures import ThreadPoolExecutor

import pytest

from dca.backends.scripted import ScriptedBackend
from dca.errors import RefusedError, RunError
from dca.messages import Message, Reply, Request
from dca.protocols import Backend
from dca.usage import Usage


def asked(text: str = "how?", case: str = "") -> Request:
    return Request(system="", messages=(Message("user", text),), schema={}, case=case)


def test_it_is_a_backend() -> None:
    """The fake stands wherever the real one stands."""
    assert isinstance(ScriptedBackend([]), Backend)
    assert ScriptedBackend([], identity="fake").identity == "fake"


def test_a_list_answers_in_order() -> None:
    """Texts become replies that cost a request, errors are raised, and a list that is used up says so."""
    backend = ScriptedBackend(["one", RefusedError("two", category="bio"), Reply(text="three", model="m")])
    assert backend.complete(asked()) == Reply(text="one", usage=Usage(requests=1))
    with pytest.raises(RefusedError, match="two"):
        backend.complete(asked())
    assert backend.complete(asked()) == Reply(text="three", model="m")
    with pytest.raises(RunError, match="has 3 answers, this is request 4; add one"):
        backend.complete(asked())


def test_a_mapping_answers_by_case() -> None:
    """The order of the questions does not matter."""
    backend = ScriptedBackend({"a": "A", "b": "B"})
    assert [backend.complete(asked(case=case)).text for case in "bab"] == ["B", "A", "B"]
    with pytest.raises(RunError, match=r"no answer for case 'c', only \['a', 'b'\]"):
        backend.complete(asked(case="c"))


def test_a_function_answers_what_it_likes() -> None:
    """It may look at the request, and return or raise."""

    def answer(request: Request) -> str:
        if request.case:
            raise RefusedError(request.case)
        return request.messages[0].text.upper()

    backend = ScriptedBackend(answer)
    assert backend.complete(asked("how?")).text == "HOW?"
    with pytest.raises(RefusedError, match="c1"):
        backend.complete(asked(case="c1"))


def test_it_remembers_every_request_of_every_thread() -> None:
    """Each of many threads gets its own answer, and none of the requests is lost."""
    backend = ScriptedBackend([str(number) for number in range(200)])
    requests = [asked(f"q{number}") for number in range(200)]
    with ThreadPoolExecutor(32) as pool:
        got = list(pool.map(backend.complete, requests))
    assert sorted(reply.text for reply in got) == sorted(str(number) for number in range(200))
    assert sorted(request.messages[0].text for request in backend.requests) == sorted(
        request.messages[0].text for request in requests
    )
