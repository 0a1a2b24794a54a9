"""A task with values that are known exactly: running sums, written by a policy whose every chance is stated.

    Start with 7. Add 5, then multiply by 3, then subtract 4. What is the result?
    7 + 5 = 13.                       a slip: the policy errs with probability `slip`, by one of `OFF`
    Let me check: 7 + 5 = 12, so 13 was wrong.      it checks with `check`, and then finds a slip with `catch`
    The value so far is 12.           it says so with `remark`; that changes nothing
    12 * 3 = 36.
    36 - 4 = 32.
    Answer: 32

Since the policy is a small chain of known chances, V, the probability of a right answer from any point, is a sum that
a program works out exactly. It knows no reviewer and no measure.
"""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Final

from dca.bench.rows import given_steps
from dca.errors import InputError
from dca.suites.case import tiled
from dca.types import POLICY, Step, Transcript

OFF: Final = (-10, -1, 1, 10)
"""How far a slip is off; each as likely as any other."""

_WORDS: Final = {"+": "add {}", "-": "subtract {}", "*": "multiply by {}"}
_ASKED: Final = re.compile(r"(?:(?P<start>Start with (\d+))|(?P<word>add|subtract|multiply by) (\d+))", re.IGNORECASE)
_SIGNS: Final = {"add": "+", "subtract": "-", "multiply by": "*"}
_WORKED: Final = re.compile(r"(?P<check>Let me check: )?-?\d+ [-+*] \d+ = (?P<result>-?\d+)(?P<kept>, as before)?")


@dataclass(frozen=True, slots=True)
class Chances:
    """What the policy does, and how often."""

    slip: Fraction = Fraction(3, 20)
    check: Fraction = Fraction(3, 10)
    catch: Fraction = Fraction(4, 5)
    remark: Fraction = Fraction(1, 5)


@dataclass(frozen=True)
class Chain:
    """One problem: a number, and operations on it in turn."""

    start: int
    operations: tuple[tuple[str, int], ...]
    chances: Chances = Chances()

    @property
    def prompt(self) -> str:
        """The problem in words."""
        said = ", then ".join(_WORDS[sign].format(number) for sign, number in self.operations)
        return f"Start with {self.start}. {said[0].upper()}{said[1:]}. What is the result?"

    @cached_property
    def answer(self) -> int:
        """The right result."""
        value = self.start
        for sign, number in self.operations:
            value = worked(value, sign, number)
        return value

    def value(self, place: Place) -> Fraction:
        """V: the probability that a rollout which stands at a place ends with the right answer."""
        chances = self.chances
        if not place.fresh:
            return self.value_before(place.done, place.value)
        right = worked(place.operand, *self.operations[place.done - 1])
        kept = self.value_before(place.done, place.value)
        caught = kept if place.value == right else self.value_before(place.done, right)
        return kept + chances.check * chances.catch * (caught - kept)

    def value_before(self, done: int, value: int) -> Fraction:
        """V where the next operation, or the answer, comes next."""
        if done == len(self.operations):
            return Fraction(value == self.answer)
        known = self._known.get((done, value))
        if known is None:
            slip, right = self.chances.slip, worked(value, *self.operations[done])
            written = ((right, 1 - slip), *((right + off, slip / len(OFF)) for off in OFF))
            known = sum((p * self.value(Place(done + 1, value, to, True)) for to, p in written), Fraction(0))
            self._known[done, value] = known
        return known

    @cached_property
    def _known(self) -> dict[tuple[int, int], Fraction]:
        return {}


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rollout stands.

    Attributes:
        done: Operations worked out so far.
        operand: What the last one started from.
        value: The value that stands.
        fresh: True right after an operation, where a check may follow.
    """

    done: int
    operand: int
    value: int
    fresh: bool


@dataclass(frozen=True, slots=True)
class Valued:
    """One rollout with the exact value before the first step and after each.

    Attributes:
        chain: Its problem.
        transcript: It.
        steps: K steps.
        values: (K + 1,) V_0 to V_K; the last is the outcome.
    """

    chain: Chain
    transcript: Transcript
    steps: tuple[Step, ...]
    values: tuple[Fraction, ...]

    @property
    def changes(self) -> tuple[Fraction, ...]:
        """(K,) V_k - V_(k-1): what each step changed."""
        return tuple(after - before for before, after in zip(self.values[:-1], self.values[1:], strict=True))


def worked(value: int, sign: str, number: int) -> int:
    """One operation, worked out rightly.

    >>> worked(7, "*", 3)
    21
    """
    return {"+": value + number, "-": value - number, "*": value * number}[sign]


def posed(count: int, seed: int = 0) -> list[Chain]:
    """Problems of three to five operations."""
    draw = random.Random(seed)

    def operation() -> tuple[str, int]:
        sign = draw.choice("+-*")
        return sign, draw.randint(2, 4) if sign == "*" else draw.randint(3, 60)

    return [Chain(draw.randint(11, 60), tuple(operation() for _ in range(draw.randint(3, 5)))) for _ in range(count)]


def rollouts(count: int, seed: int = 0) -> list[Valued]:
    """As many rollouts as problems, each with its exact values."""
    return [rollout(chain, f"chain-{k}", random.Random(f"{seed}:{k}")) for k, chain in enumerate(posed(count, seed))]


def rollout(chain: Chain, name: str, draw: random.Random) -> Valued:
    """One rollout of the policy."""
    lines = written(chain, Place(0, chain.start, chain.start, False), draw)
    joined = [*lines[:-2], f"{lines[-2]}\n{lines[-1]}"]  # the last step states the answer
    text, spans = tiled([(line, POLICY) for line in joined])
    reward = grade(text, str(chain.answer))
    transcript = Transcript(chain.prompt, text, reward, id=name, reference=str(chain.answer), spans=spans)
    steps = given_steps(transcript)
    places = [place_after(chain, text[: step.stop]) for step in steps[:-1]]
    values = (chain.value_before(0, chain.start), *(chain.value(place) for place in places), Fraction(int(reward)))
    return Valued(chain, transcript, steps, values)


def written(chain: Chain, place: Place, draw: random.Random) -> list[str]:
    """The rest of a rollout from some place, line by line, the answer last."""
    chances, lines = chain.chances, list[str]()
    done, operand, value, fresh = place.done, place.operand, place.value, place.fresh
    while True:
        if fresh and draw.random() < chances.check:
            sign, number = chain.operations[done - 1]
            right = worked(operand, sign, number)
            if value != right and draw.random() < chances.catch:
                lines.append(f"Let me check: {operand} {sign} {number} = {right}, so {value} was wrong.")
                value = right
            else:
                lines.append(f"Let me check: {operand} {sign} {number} = {value}, as before.")
        if done == len(chain.operations):
            return [*lines, f"Answer: {value}"]
        if done and draw.random() < chances.remark:
            lines.append(f"The value so far is {value}.")
        sign, number = chain.operations[done]
        operand, value = value, worked(value, sign, number)
        value += draw.choice(OFF) if draw.random() < chances.slip else 0
        lines.append(f"{operand} {sign} {number} = {value}.")
        done, fresh = done + 1, True


def place_after(chain: Chain, text: str) -> Place:
    """Where a rollout stands after some of its lines."""
    place = Place(0, chain.start, chain.start, False)
    for line in text.splitlines():
        worked_out = _WORKED.match(line)
        if worked_out is None:
            place = Place(place.done, place.operand, place.value, False)  # a remark: no check of the step before
        elif worked_out["check"]:
            place = Place(place.done, place.operand, int(worked_out["result"]), False)
        else:
            place = Place(place.done + 1, place.value, int(worked_out["result"]), True)
    return place


def chain_of(prompt: str, chances: Chances = Chances()) -> Chain:
    """The problem that a prompt poses.

    >>> chain_of("Start with 7. Add 5, then multiply by 3. What is the result?").operations
    (('+', 5), ('*', 3))

    Raises:
        InputError: It is no such problem.
    """
    found = list(_ASKED.finditer(prompt))
    if len(found) < 2 or not found[0]["start"]:
        raise InputError(f"expected a problem such as 'Start with 7. Add 5. What is the result?', got {prompt!r:.80}")
    operations = tuple((_SIGNS[one["word"].lower()], int(one[4])) for one in found[1:])
    return Chain(int(found[0][2]), operations, chances)


def going_on(prompt: str, prefix: str, samples: int, *, seed: int = 0) -> list[str]:
    """Continuations of a rollout by the same policy: what a reviewer that samples is given."""
    chain = chain_of(prompt)
    place = place_after(chain, prefix)
    draw = random.Random(f"{seed}:{prompt}:{prefix}")
    return ["\n".join(written(chain, place, draw)) for _ in range(samples)]


def grade(completion: str, reference: str) -> float:
    """1 where the answer stated last is the reference, else 0."""
    return float(completion.rsplit("Answer:", 1)[-1].strip() == reference)


def problems_of(rows: Sequence[Valued]) -> list[str]:
    """The problem of each rollout, for the bootstrap."""
    return [row.transcript.prompt for row in rows]
