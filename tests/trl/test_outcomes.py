"""Outcome rewards are asked as a trainer asks them, and what they say passes through unchanged."""

from __future__ import annotations

import asyncio
import functools
import math
import pickle
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from trl.rewards import get_soft_overlong_punishment, think_format_reward

from dca.errors import InputError
from dca.trl.outcomes import Outcomes, Paid

PROMPTS = ["a?", "b?", "c?"]
COMPLETIONS = ["x", "yy", "zzz"]


def lengths(completions: Sequence[str], **_: Any) -> list[float]:
    return [float(len(text)) for text in completions]


async def waits(completions: Sequence[str], **_: Any) -> list[float | None]:
    await asyncio.sleep(0)
    return [None if text == "yy" else 1.0 for text in completions]


class AsyncJudge:
    """An object whose call is a coroutine, as an LLM judge would be."""

    async def __call__(self, completions: Sequence[str], **_: Any) -> list[float]:
        await asyncio.sleep(0)
        return [0.5] * len(completions)


def ask(*functions: Any, weights: Sequence[float] | None = None, **columns: Any) -> Paid:
    return Outcomes(functions, weights)(PROMPTS, COMPLETIONS, [[1], [2, 2], [3, 3, 3]], columns)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ([1, 0.5, None], (1.0, 0.5, None)),
        ((True, False, True), (1.0, 0.0, 1.0)),
        ([math.nan, 1.0, 2.0], (None, 1.0, 2.0)),
        (torch.tensor([0.1, 0.2, 0.3], dtype=torch.float64), (0.1, 0.2, 0.3)),
        (torch.tensor([1, 0, 1], dtype=torch.bfloat16), (1.0, 0.0, 1.0)),
        (np.array([1.5, 2.5, np.nan]), (1.5, 2.5, None)),
        ([torch.tensor(0.25), np.float32(0.5), 1], (0.25, 0.5, 1.0)),
        ([math.inf, -1.0, 0.0], (math.inf, -1.0, 0.0)),
    ],
    ids=["None", "booleans", "NaN is None", "tensor", "bfloat16", "numpy", "scalars", "infinite"],
)
def test_values_pass_through(answer: Any, expected: tuple[float | None, ...]) -> None:
    """Whatever sequence a trainer accepts comes out as the same numbers."""
    assert expected == ask(lambda **_: answer).totals


@pytest.mark.parametrize(
    "function", [waits, functools.partial(waits, extra=1), lambda **given: waits(given["completions"])]
)
def test_async_functions_are_awaited(function: Any) -> None:
    """A coroutine function, a partial of one, and a function that hands back a coroutine all give their values."""
    assert ask(function).totals == (1.0, None, 1.0)


def test_async_objects_are_awaited() -> None:
    """An object with an async call gives its values."""
    assert ask(AsyncJudge()).totals == (0.5, 0.5, 0.5)


def test_plain_functions_run_first_and_async_ones_together() -> None:
    """Two coroutines that wait for each other both finish, after every plain function has run."""
    order: list[str] = []
    gates: dict[str, asyncio.Event] = {}

    async def meets(name: str, other: str) -> list[float]:
        gates.setdefault(name, asyncio.Event()).set()
        await gates.setdefault(other, asyncio.Event()).wait()
        order.append("async")
        return [0.0] * 3

    def plain(**_: Any) -> list[float]:
        order.append("plain")
        return [1.0] * 3

    ask(lambda **_: meets("a", "b"), lambda **_: meets("b", "a"), plain)
    assert order == ["plain", "async", "async"]


def test_the_loop_outlives_a_batch() -> None:
    """A client bound to its event loop can be used again in the next batch."""
    loops: list[asyncio.AbstractEventLoop] = []

    async def notes(completions: Sequence[str], **_: Any) -> list[float]:
        loops.append(asyncio.get_running_loop())
        return [0.0] * len(completions)

    outcomes = Outcomes([notes])
    for _ in range(2):
        outcomes(PROMPTS, COMPLETIONS, None, {})
    assert loops[0] is loops[1]


def test_a_running_loop_in_the_calling_thread_does_not_matter() -> None:
    """Async outcomes work where the caller runs in an event loop, as in a notebook."""

    async def notebook() -> Paid:
        return ask(waits)

    assert asyncio.run(notebook()).totals == (1.0, None, 1.0)


@given(
    rows=st.lists(st.tuples(*[st.none() | st.floats(-1e3, 1e3, width=32)] * 3), min_size=3, max_size=3),
    weights=st.tuples(*[st.floats(-2, 2, width=32)] * 3),
)
def test_several_are_added_as_a_trainer_adds_them(
    rows: list[tuple[float | None, ...]], weights: tuple[float, ...]
) -> None:
    """The total is the trainer's own weighted sum, bit for bit; None is left out, and all None stays None."""
    functions = [lambda k=k, **_: [row[k] for row in rows] for k in range(3)]
    matrix = torch.tensor([[math.nan if v is None else v for v in row] for row in rows], dtype=torch.float32)
    expected = (matrix * torch.tensor(weights, dtype=torch.float32).unsqueeze(0)).nansum(dim=1).tolist()
    totals = Outcomes(functions, weights)(PROMPTS, COMPLETIONS, None, {}).totals
    for row, total, sum_ in zip(rows, totals, expected, strict=True):
        assert total == (None if all(v is None for v in row) else sum_)


def test_each_part_is_kept_under_its_name() -> None:
    """What every outcome said can be told apart; a name that comes twice gets a number."""
    paid = ask(lengths, functools.partial(lengths), weights=[1.0, 0.5])
    assert paid.totals == (1.5, 3.0, 4.5)
    assert paid.parts == (("lengths", (1.0, 2.0, 3.0)), ("lengths_1", (1.0, 2.0, 3.0)))


def test_one_outcome_can_be_weighted() -> None:
    """A weight counts with a single outcome too."""
    assert ask(lengths, weights=[2.0]).totals == (2.0, 4.0, 6.0)


def test_functions_get_what_the_trainer_gives() -> None:
    """Prompts, completions, ids and columns arrive by name; ids are left out where the trainer gives none."""
    seen: list[dict[str, Any]] = []

    def notes(**given: Any) -> list[float]:
        seen.append(given)
        return [0.0] * 3

    outcomes = Outcomes([notes])
    outcomes(PROMPTS, COMPLETIONS, [[1], [2], [3]], {"solution": ["1", "2", "3"]})
    outcomes(PROMPTS, COMPLETIONS, None, {})
    assert sorted(seen[0]) == ["completion_ids", "completions", "prompts", "solution"]
    assert sorted(seen[1]) == ["completions", "prompts"]


def test_outcomes_that_come_with_trl() -> None:
    """Rewards that come with TRL, plain and made by a factory, give what they give by themselves."""
    chats = [[{"role": "assistant", "content": text}] for text in ("<think>a</think>b", "b", "<think>a")]
    formatted = Outcomes([think_format_reward])(PROMPTS, chats, [[1], [2], [3]], {})
    assert formatted.totals == tuple(think_format_reward(chats))
    punish = get_soft_overlong_punishment(max_completion_len=3, soft_punish_cache=2)
    assert ask(punish).totals == (0.0, -0.5, -1.0)


@pytest.mark.parametrize(
    ("answer", "complaint"),
    [
        ([1.0, 2.0], "returned 2 values for 3 completions"),
        (torch.zeros(3, 1), "got \\[0.0\\] for completion 0"),
        (["1", "2", "3"], "got '1' for completion 0"),
        ("abc", "must return a list"),
        (1.0, "must return a list"),
        (None, "must return a list"),
        ([1.0, object(), 2.0], "for completion 1"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused(answer: Any, complaint: str) -> None:
    """One number or None for each completion, or an error that names the function and what it did."""

    def accuracy(**_: Any) -> Any:
        return answer

    with pytest.raises(InputError, match=f"the outcome reward accuracy .*{complaint}"):
        ask(accuracy)


@pytest.mark.parametrize("asynchronous", [False, True])
def test_what_a_function_raises_goes_through(asynchronous: bool) -> None:
    """An outcome that raises does so as it would without us, and leaves no coroutine behind."""

    async def fails_later(**_: Any) -> list[float]:
        raise ZeroDivisionError("later")

    def fails(**_: Any) -> list[float]:
        raise ZeroDivisionError("now")

    with pytest.raises(ZeroDivisionError, match="later" if asynchronous else "now"):
        ask(*([fails_later] if asynchronous else [waits, fails]))


@pytest.mark.parametrize("thing", ["my/reward-model", torch.nn.Linear(1, 1), 3])
def test_reward_models_are_refused_with_the_remedy(thing: Any) -> None:
    """A model id, a module or a number is no function, and the message says where models go."""
    with pytest.raises(InputError, match="put reward models beside DCAReward"):
        Outcomes([thing])


def test_what_is_missing_is_named() -> None:
    """No outcome at all, or weights that do not fit, are refused when the reward is made."""
    with pytest.raises(InputError, match="at least one outcome reward"):
        Outcomes([])
    with pytest.raises(InputError, match="expected 1 weights"):
        Outcomes([lengths], [1.0, 2.0])


def test_they_pickle_after_use() -> None:
    """Outcomes whose loop is running can be sent to another process."""
    outcomes = Outcomes([lengths, waits], [1.0, 2.0])
    before = outcomes(PROMPTS, COMPLETIONS, None, {})
    assert pickle.loads(pickle.dumps(outcomes))(PROMPTS, COMPLETIONS, None, {}) == before
