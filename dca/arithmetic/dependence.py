"""Which step made a value, which used it, and which steps the final answer rests on.

Values are matched by number: two quantities that happen to be equal are one here, and what is worked out in
words without its numbers is invisible. Steps are counted by their place.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final, NamedTuple

from dca.arithmetic.answer import Answer, repeated_result, stated_answer
from dca.arithmetic.claims import Claim, claims_of, givens_of, numbers_in
from dca.types import POLICY, Step

MEMORY: Final = 32
"""How many claims back a value is looked for."""

COMMON: Final = 12
"""Whole numbers up to this stand in too many places to tell where they are from."""

CUE: Final = re.compile(
    r"\b(?:(?:double.?|re.?|cross.?)?check(?:s|ing|ed)?|verif\w+|confirm\w*|sanity|mak(?:e|ing) sure|to be sure"
    r"|recount\w*|once more|re-?calculat\w+|recomput\w+|backwards|(?:other|second|another) way|two ways agree"
    r"|(?:the )?same(?= (?:result|number|value|answer|total)|[.!,;]|$)|plug\w* (?:back|in)"
    r"|(?:let me|let's|to) (?:test|see if)|test (?:this|it|that))\b",
    re.IGNORECASE,
)
"""Words of re-examination; they decide nothing alone."""


@dataclass(frozen=True, slots=True)
class Dependence:
    """The graph of one rollout.

    Attributes:
        claims: Every equation, in order.
        givens: The numbers of the problem.
        numbers: For each step, the numbers it shows.
        answer: The stated answer, or None.
        root: The claim that makes the answer, or None.
        users: For each claim of the path, the claim that uses it; the root has None.
        tainted: For claims of the path that work with a false one's value, those false ones.
        carriers: Steps that hand on a value of the path in words alone.
        first: For each kind of claim, the first one.
    """

    claims: tuple[Claim, ...]
    givens: frozenset[Fraction]
    numbers: tuple[frozenset[Fraction], ...]
    answer: Answer | None
    root: Claim | None
    users: Mapping[int, int | None]
    tainted: Mapping[int, tuple[int, ...]]
    carriers: frozenset[int]
    first: Mapping[object, Claim]

    def own(self, k: int) -> tuple[Claim, ...]:
        """The claims of step `k`."""
        start, stop = (bisect_left(self.claims, place, key=lambda claim: claim.step) for place in (k, k + 1))
        return self.claims[start:stop]


def dependence(steps: Sequence[Step], prompt: str) -> Dependence:
    """Build the graph of a rollout and walk it back from the answer.

    >>> texts = ("5 * 3 = 15", "7 + 1 = 8", "15 - 4 = 11", "A: 11")
    >>> graph = dependence([Step(k, 0, 0, text) for k, text in enumerate(texts)], "5 bags of 3, 4 eaten")
    >>> [graph.claims[order].step for order in sorted(graph.users)]
    [0, 2]
    """
    claims = claims_of(steps)
    numbers = tuple(numbers_in(step.text) if step.author == POLICY else frozenset() for step in steps)
    answer = stated_answer(steps) or repeated_result(steps, claims, numbers)
    values = _Values(claims, numbers, givens_of(prompt), steps)
    root = values.root(answer)
    path = _walk(values, root)
    return Dependence(
        claims=claims,
        givens=values.givens,
        numbers=numbers,
        answer=answer,
        root=root,
        users=path.users,
        tainted=_tainted(claims, path),
        carriers=path.carriers,
        first=values.first,
    )


class _Values:
    """Where each value comes from; filled once, then only read."""

    def __init__(
        self,
        claims: Sequence[Claim],
        numbers: Sequence[frozenset[Fraction]],
        givens: frozenset[Fraction],
        steps: Sequence[Step],
    ) -> None:
        self.claims, self.numbers, self.givens = claims, numbers, givens
        self.checking = frozenset(k for k, step in enumerate(steps) if CUE.search(step.text))
        self.makers: dict[Fraction, list[Claim]] = {}
        self.first: dict[object, Claim] = {}
        for claim in claims:
            self.first.setdefault(claim.kind, claim)
            for value in _made_by(claim):
                self.makers.setdefault(value, []).append(claim)
        self.first_shown: dict[Fraction, int] = {}
        for k in range(len(numbers) - 1, -1, -1):
            self.first_shown.update(dict.fromkeys(numbers[k], k))

    def root(self, answer: Answer | None) -> Claim | None:
        """The claim that makes the answer: its value, or one that it cuts to a whole number, or the last result."""
        last = next((claim for claim in reversed(self.claims) if claim.works), None)
        if answer is None:
            return last
        return self.maker(answer.value, len(self.claims)) or self._cut_to(answer.value) or last

    def _cut_to(self, value: Fraction) -> Claim | None:
        for claim in reversed(self.claims if value.denominator == 1 else ()):
            if claim.made is not None and claim.made.denominator > 1 and abs(claim.made - value) < 1:
                return claim
        return None

    def maker(self, value: Fraction, before: int) -> Claim | None:
        """The claim that made a value: the latest before `before` that was no check, the first of its kind."""
        found = self._before(self.makers.get(value) or self.makers.get(-value, []), before)
        chosen = next((claim for claim in found if claim.step not in self.checking), None)
        if chosen is None and found and value not in self.givens:
            chosen = found[0]
        return None if chosen is None else self.first[chosen.kind]

    def _before(self, claims: list[Claim], order: int) -> list[Claim]:
        """Up to `MEMORY` claims made before one, the latest first."""
        stop = bisect_left(claims, order, key=lambda claim: claim.order)
        return claims[max(0, stop - MEMORY) : stop][::-1]

    def sources(self, claim: Claim, carriers: set[int]) -> Iterator[Claim]:
        """The claims that made the operands of one; steps that only mention an operand join `carriers`."""
        for value, times in Counter(claim.equation.operands).items():
            maker = self.maker(value, claim.order)
            if maker is not None:
                yield maker
                if times > 1:  # two quantities of one value
                    yield from self._before(self.makers.get(value, []), claim.order)[:times]
            elif value not in self.givens and not is_common(value):
                yield from self._carried(value, claim, carriers)

    def _carried(self, value: Fraction, claim: Claim, carriers: set[int]) -> Iterator[Claim]:
        """A value that an earlier step only mentions: that step, and the results it mentions beside it."""
        step = self.first_shown.get(value, claim.step)
        if step < claim.step and step not in carriers:
            carriers.add(step)
            first = bisect_left(self.claims, step, key=lambda claim: claim.step)
            for shown in sorted(self.numbers[step]):
                maker = self.maker(shown, first)
                if maker is not None:
                    yield maker


def is_common(value: Fraction | None) -> bool:
    """Is this a number too common to be recognised by its value alone?"""
    return value is None or (value.denominator == 1 and abs(value) <= COMMON)


def _made_by(claim: Claim) -> set[Fraction]:
    """The values under which a claim's result may be used: as written, and exactly where it was rounded."""
    made, value = claim.made, claim.equation.value
    if made is None:
        return set()
    found = {made, value} if claim.true and value is not None else {made}
    return found | {made * 100, made / 100} if "%" in claim.equation.right else found


class _Path(NamedTuple):
    """Claims that the answer rests on, with their users and their sources, and the steps between."""

    users: dict[int, int | None]
    sources: dict[int, list[int]]
    carriers: frozenset[int]


def _walk(values: _Values, root: Claim | None) -> _Path:
    """Collect what the root rests on, claim by claim."""
    users: dict[int, int | None] = {}
    sources: dict[int, list[int]] = {}
    carriers: set[int] = set()
    pending: list[tuple[Claim, int | None]] = [(root, None)] if root else []
    while pending:
        claim, user = pending.pop()
        if claim.order not in users:
            users[claim.order] = user
            makers = list(values.sources(claim, carriers))
            sources[claim.order] = [maker.order for maker in makers]
            pending += [(maker, claim.order) for maker in makers]
    return _Path(users, sources, frozenset(carriers))


def _tainted(claims: Sequence[Claim], path: _Path) -> dict[int, tuple[int, ...]]:
    """The claims of the path that work with a wrong value, and the false claims that it came from."""
    found: dict[int, tuple[int, ...]] = {}
    for order in sorted(path.sources):
        causes: set[int] = set()
        for source in path.sources[order]:
            causes |= {source} if claims[source].false else set(found.get(source, ()))
        if causes:
            found[order] = tuple(sorted(causes))[:MEMORY]
    return found
