"""What the task pays for each completion, asked of the outcome rewards exactly as a trainer would ask them.

Plain functions run first, one after another; async ones run together after them, on a loop of their own. What they
raise is theirs to raise: it goes through untouched. This module knows nothing of reviews or credit.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
import math
import threading
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import torch

from dca.errors import InputError

OutcomeFunction = Callable[..., Any]
"""Called with keyword arguments; gives a number or None for each completion, at once or as an awaitable."""

_ASIDE: Final = "put reward models beside DCAReward in `reward_funcs`; it wraps functions"


@dataclass(frozen=True, slots=True)
class Paid:
    """What came of asking the outcome rewards about one batch.

    Attributes:
        totals: (B,) the weighted sum of each row; None where no outcome applies.
        parts: The name of each outcome, and its (B,) values.
    """

    totals: tuple[float | None, ...]
    parts: tuple[tuple[str, tuple[float | None, ...]], ...]


class Outcomes:
    """One or more outcome rewards as one: ``R_i = sum_k w_k * r_ik`` over those that apply to the row.

    With a single function and no weights the values pass through unchanged. Several are added in float32, in the
    order a trainer would add them, so that wrapping them changes no bit of the total. NaN counts as None.

    Args:
        functions: Functions, async functions, callable objects, or partials of them.
        weights: One for each function; 1.0 each unless told.

    Raises:
        InputError: No function, something that is none, or weights that do not fit.
    """

    def __init__(self, functions: Sequence[OutcomeFunction], weights: Sequence[float] | None = None) -> None:
        if not functions:
            raise InputError(
                "expected at least one outcome reward, got none; DCAReward(accuracy_reward, reviewer=...)"
            )
        for function in functions:
            if isinstance(function, torch.nn.Module) or not callable(function):
                raise InputError(f"expected outcome rewards that are functions, got {function!r:.80}; {_ASIDE}")
        if weights is not None and len(weights) != len(functions):
            raise InputError(f"expected {len(functions)} weights, one for each outcome reward, got {len(weights)}")
        self.functions = tuple(functions)
        self.weights = None if weights is None else tuple(float(w) for w in weights)
        self.names = tuple(_distinct([function_name(function) for function in functions]))
        self._loop = _Loop()

    def __getstate__(self) -> dict[str, Any]:
        return {k: v for k, v in self.__dict__.items() if k != "_loop"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._loop = _Loop()

    def __call__(
        self,
        prompts: Sequence[Any],
        completions: Sequence[Any],
        completion_ids: Sequence[Any] | None,
        columns: Mapping[str, Any],
    ) -> Paid:
        """Ask every outcome reward about B completions.

        Raises:
            InputError: An outcome reward did not give one number or None for each completion.
        """
        given = {"prompts": prompts, "completions": completions, **columns}
        if completion_ids is not None:
            given["completion_ids"] = completion_ids
        answers = self._ask(given)
        rows = [
            _checked(name, answer, len(prompts)) for name, answer in zip(self.names, answers, strict=True)
        ]  # (functions, B)
        totals = rows[0] if self.weights is None and len(rows) == 1 else self._added(rows)
        return Paid(totals, tuple(zip(self.names, rows, strict=True)))

    def _ask(self, given: Mapping[str, Any]) -> list[Any]:
        """The answers, in the order of the functions; plain ones are had before any awaitable is started."""
        answers: list[Any] = []
        try:
            for function in self.functions:
                answers.append(function(**given))
        except BaseException:
            for answer in answers:
                if inspect.iscoroutine(answer):
                    answer.close()
            raise
        waiting = [answer for answer in answers if inspect.isawaitable(answer)]
        arrived = iter(self._loop.gather(waiting) if waiting else [])
        return [next(arrived) if inspect.isawaitable(answer) else answer for answer in answers]

    def _added(self, rows: Sequence[tuple[float | None, ...]]) -> tuple[float | None, ...]:
        """The weighted sums, in float32 as trainers add them."""
        values = torch.tensor([[math.nan if v is None else v for v in row] for row in rows], dtype=torch.float32).T
        weights = torch.tensor(self.weights or (1.0,) * len(rows), dtype=torch.float32)
        sums = (values * weights).nansum(dim=1).tolist()  # (B,)
        nothing = torch.isnan(values).all(dim=1).tolist()
        return tuple(None if none else total for none, total in zip(nothing, sums, strict=True))


def function_name(function: OutcomeFunction) -> str:
    """What an outcome reward is called in messages and metrics.

    >>> function_name(functools.partial(len)), function_name(Outcomes.__call__)
    ('len', '__call__')
    """
    while isinstance(function, functools.partial):
        function = function.func
    return str(getattr(function, "__name__", type(function).__name__))


def _distinct(names: Sequence[str]) -> list[str]:
    """The names, those that come again with a number behind them."""
    return [name if name not in names[:k] else f"{name}_{k}" for k, name in enumerate(names)]


def _checked(name: str, answer: Any, count: int) -> tuple[float | None, ...]:
    """One number or None for each completion."""
    values = answer.tolist() if hasattr(answer, "tolist") else answer
    if isinstance(values, (str, bytes)) or not hasattr(values, "__len__"):
        raise InputError(
            f"the outcome reward {name} must return a list with one number or None for each completion, "
            f"got {type(answer).__name__}"
        )
    if len(values) != count:
        raise InputError(
            f"the outcome reward {name} returned {len(values)} values for {count} completions; "
            f"return exactly one number, or None, for each"
        )
    return tuple(_number(name, row, value) for row, value in enumerate(values))


def _number(name: str, row: int, value: Any) -> float | None:
    if value is None:
        return None
    try:
        if isinstance(value, (str, bytes)):
            raise TypeError
        number = float(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"the outcome reward {name} must return numbers or None, got {value!r:.60} for completion {row}"
        ) from error
    return None if math.isnan(number) else number


class _Loop:
    """An event loop in a thread of its own, started when it is first needed and kept: clients outlive a batch."""

    def __init__(self) -> None:
        self._running: asyncio.AbstractEventLoop | None = None

    def gather(self, waiting: Sequence[Awaitable[Any]]) -> list[Any]:
        """All results, in order; the first failure is raised."""
        if self._running is None:
            self._running = asyncio.new_event_loop()
            threading.Thread(target=self._running.run_forever, name="dca-outcomes", daemon=True).start()

        async def all_of_them() -> list[Any]:
            return list(await asyncio.gather(*waiting))

        return asyncio.run_coroutine_threadsafe(all_of_them(), self._running).result()
