"""One rollout, read once: what each step says, which numbers it works with, and where everything was said before.

It joins the graph of values (`dca.arithmetic`) and the content of the steps; it judges nothing.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from re import Pattern
from typing import Final

from dca.arithmetic.claims import Claim, numbers_in
from dca.arithmetic.dependence import Dependence, dependence
from dca.performativity.content import NOTHING, Content, Key, Statement, content_of
from dca.performativity.cues import ADMISSION, ASKED, CHECK, CONCLUDES, MISMATCH, VERDICT
from dca.types import POLICY, Step, Transcript

PROMPT: Final = -1
"""The place of the problem, where steps are counted from 0."""


@dataclass(frozen=True, slots=True)
class Stated:
    """A symbolic statement and the place of the step that makes it; `PROMPT` for the problem's own."""

    step: int
    statement: Statement


@dataclass(frozen=True, slots=True)
class Reading:
    """What is known of one rollout before anything is judged.

    Attributes:
        transcript: The rollout.
        steps: Its steps.
        graph: Equations and the graph of values.
        own: (K,) the working equations of each step.
        contents: (K,) what each step says; `NOTHING` where the policy did not write it.
        prompt: What the problem says.
        asked: Whether the problem asks for a check.
        right: Whether the final answer was right.
        checking: (K,) whether the step's words hint at a check.
        pronounced: (K,) whether they pronounce something right.
        hinted: (K,) either of these.
        doubted: (K,) whether they say that something does not fit, or own to a mistake.
        concludes: (K,) whether it has the form of a final answer.
        uses: For each value, the steps whose equations work with it, once for each equation.
        doubles: The same for equations that work with it twice.
        makers: For each value, the steps whose equations make it.
        places: For each neighbouring pair of words, the steps that have it, `PROMPT` included.
        numbers: For each number, the first step that shows it.
        first_words: For each word, the first step that has it, `PROMPT` included.
        stated: For each left side, its symbolic statements in order.
        equations: Equations with unknowns, definitions left out, in order.
        values: What names were said to stand for: (step, name, number), in order.
        tainted: Equations that work with what came of a false one, whatever the words.
        passed: Steps already known only to look again: what they use is not used.
    """

    transcript: Transcript
    steps: tuple[Step, ...]
    graph: Dependence
    own: tuple[tuple[Claim, ...], ...]
    contents: tuple[Content, ...]
    prompt: Content
    asked: bool
    right: bool
    checking: tuple[bool, ...]
    pronounced: tuple[bool, ...]
    hinted: tuple[bool, ...]
    doubted: tuple[bool, ...]
    concludes: tuple[bool, ...]
    uses: Mapping[Fraction, Sequence[int]]
    doubles: Mapping[Fraction, Sequence[int]]
    makers: Mapping[Fraction, Sequence[int]]
    places: Mapping[tuple[str, str], Sequence[int]]
    numbers: Mapping[str, int]
    first_words: Mapping[str, int]
    stated: Mapping[Key, Sequence[Stated]]
    equations: tuple[Stated, ...]
    values: tuple[tuple[int, str, str], ...]
    tainted: frozenset[int]
    passed: frozenset[int] = frozenset()

    def used_after(self, value: Fraction | None, k: int) -> bool:
        """Whether an equation after step `k` works with a value."""
        return _after(self.uses, value, k, self.passed)

    def twice_after(self, value: Fraction | None, k: int) -> bool:
        """Whether an equation after step `k` works with a value twice, and so with two quantities."""
        return _after(self.doubles, value, k, self.passed)

    def without_hints(self) -> Reading:
        """The same rollout as one reads it who knows no words of checking, praise or doubt."""
        nothing = (False,) * len(self.steps)
        return replace(
            self, checking=nothing, pronounced=nothing, hinted=nothing, doubted=nothing, passed=frozenset()
        )

    def is_answer(self, claim: Claim) -> bool:
        """Whether an equation makes the final answer's value."""
        return self.graph.answer is not None and claim.made == self.graph.answer.value

    def on_path(self, claim: Claim) -> bool:
        """Whether the final answer rests on an equation, as far as its values tell."""
        return claim.order in self.graph.users or self.is_answer(claim)

    def is_last_work(self, k: int) -> bool:
        """Whether a step is the last that works something out, where no answer is stated."""
        return self.graph.answer is None and not any(self.own[k + 1 :])

    def made_between(self, value: Fraction, start: int, stop: int) -> bool:
        """Whether a step strictly between two others makes a value."""
        return any(start < step < stop and step not in self.passed for step in self.makers.get(value, ()))

    def is_new(self, claim: Claim) -> bool:
        """Whether nothing made, showed or gave the claim's result before its step."""
        made = claim.made
        if made is None or made in self.graph.givens:
            return False
        steps = self.makers.get(made, ())
        if steps and steps[0] < claim.step:
            return False
        return not any(made in shown or -made in shown for shown in self.graph.numbers[: claim.step])


def _after(places: Mapping[Fraction, Sequence[int]], value: Fraction | None, k: int, but: frozenset[int]) -> bool:
    """Whether a value stands at a later place; a fraction also where its two parts do."""
    if value is None:
        return False
    if any(step > k and step not in but for step in places.get(value, ())):
        return True
    if value.denominator == 1:
        return False
    above, below = (places.get(Fraction(part), ()) for part in (value.numerator, value.denominator))
    return any(step > k and step in below and step not in but for step in above)


def read(transcript: Transcript, steps: tuple[Step, ...]) -> Reading:
    """Read a rollout."""
    graph = dependence(tuple(map(_unbarred, steps)), transcript.prompt)
    checking, pronounced = _found(steps, CHECK), _found(steps, VERDICT)
    contents = tuple(content_of(step.text) if step.author == POLICY else NOTHING for step in steps)
    prompt = content_of(transcript.prompt)
    uses: dict[Fraction, list[int]] = {}
    doubles: dict[Fraction, list[int]] = {}
    makers: dict[Fraction, list[int]] = {}
    for claim in graph.claims:
        for value, times in Counter(claim.equation.operands).items():
            uses.setdefault(value, []).append(claim.step)
            if times > 1:
                doubles.setdefault(value, []).append(claim.step)
        if claim.made is not None and claim.works:
            makers.setdefault(claim.made, []).append(claim.step)
    places, numbers, stated = _index(prompt, contents)
    first_words: dict[str, int] = {}
    for k, content in enumerate((prompt, *contents), PROMPT):
        for word in content.words:
            first_words.setdefault(word, k)
    every = [Stated(k, one) for k, said in enumerate((prompt, *contents), PROMPT) for one in said.statements]
    return Reading(
        transcript=transcript,
        steps=steps,
        graph=graph,
        own=_own(graph, len(steps)),
        contents=contents,
        prompt=prompt,
        asked=bool(ASKED.search(transcript.prompt)),
        right=transcript.reward > 0,
        checking=checking,
        pronounced=pronounced,
        hinted=tuple(one or two for one, two in zip(checking, pronounced, strict=True)),
        doubted=_found(steps, MISMATCH, ADMISSION),
        concludes=_found(steps, CONCLUDES),
        uses=uses,
        doubles=doubles,
        makers=makers,
        places=places,
        numbers=numbers,
        first_words=first_words,
        stated=stated,
        equations=tuple(one for one in every if _is_equation(one.statement)),
        values=tuple(
            (one.step, one.statement.first[0], one.statement.last[0])
            for one in every
            if one.statement.names and len(one.statement.last) == 1 and one.statement.last[0][0].isdigit()
        ),
        tainted=_tainted(graph.claims),
    )


def _tainted(claims: Sequence[Claim]) -> frozenset[int]:
    """The equations that rest on a false one, until a later one makes the value anew."""
    wrong: set[Fraction | None] = set()
    found = set()
    for claim in claims:
        if wrong.intersection(claim.equation.operands):
            found.add(claim.order)
        if claim.false or claim.order in found:
            wrong.add(claim.made)
        else:
            wrong.discard(claim.made)
    return frozenset(found)


def _found(steps: Sequence[Step], *patterns: Pattern[str]) -> tuple[bool, ...]:
    """For each step whether the policy's words have one of the patterns."""
    return tuple(step.author == POLICY and any(p.search(step.text) for p in patterns) for step in steps)


def _is_equation(statement: Statement) -> bool:
    """Whether a statement has unknowns and does not only say what a name or a call stands for."""
    return not statement.names and not statement.numeric and len(statement.first) > 2


def _unbarred(step: Step) -> Step:
    """The same step where a single bar, which separates and encloses nothing, does not end an equation."""
    return replace(step, text=step.text.replace("|", ";")) if step.text.count("|") == 1 else step


def _own(graph: Dependence, count: int) -> tuple[tuple[Claim, ...], ...]:
    """The working equations of each step; ``12 = 4 * 3`` is read from right to left."""
    edges = [bisect_left(graph.claims, k, key=lambda claim: claim.step) for k in range(count + 1)]
    return tuple(tuple(filter(None, map(_working, graph.claims[edges[k] : edges[k + 1]]))) for k in range(count))


def _working(claim: Claim) -> Claim | None:
    """The equation as one that works something out, turned round where its right side does; or None."""
    if claim.works:
        return claim
    equation = claim.equation
    numbers = tuple(sorted(numbers_in(equation.right)))
    if len(numbers) < 2 or equation.value is None or equation.value in numbers or len(equation.operands) != 1:
        return None
    turned = replace(equation, left=equation.right, right=equation.left, operands=numbers)
    return replace(claim, equation=turned)


def _index(
    prompt: Content, contents: Sequence[Content]
) -> tuple[dict[tuple[str, str], list[int]], dict[str, int], dict[Key, list[Stated]]]:
    """Where pairs, numbers and statements stand."""
    places: dict[tuple[str, str], list[int]] = {}
    numbers: dict[str, int] = {}
    stated: dict[Key, list[Stated]] = {}
    for k, content in enumerate((prompt, *contents), PROMPT):
        for pair in content.pairs:
            places.setdefault(pair, []).append(k)
        for number in content.numbers:
            numbers.setdefault(number, k)
        for statement in content.statements:
            stated.setdefault(statement.left, []).append(Stated(k, statement))
    return places, numbers, stated
