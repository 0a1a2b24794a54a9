"""Which step made a value, which used it, and which steps the final answer rests on.

Values are matched by number: it knows no meaning, so two quantities that happen to be equal are one to it,
and what is worked out in words without its numbers is invisible.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Final

from dca.equations.find import Equation, definitions, evaluate, find_equations
from dca.equations.tokens import number
from dca.types import POLICY, Step

_NUMBER: Final = re.compile(r"(?<![\w.])\d{1,3}(?:,\d{3})+(?:\.\d+)?(?!\w)|\d+(?:\.\d+)?|(?<!\d)\.\d+")
_MARK: Final = re.compile(r"<<[^<>\n]{0,300}>>")
_SPELLED: Final = {
    word: Fraction(value)
    for value, word in enumerate(
        ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"]
    )
} | {
    "dozen": Fraction(12),
    "half": Fraction(1, 2),
    "twice": Fraction(2),
    "double": Fraction(2),
    "hundred": Fraction(100),
}
_WORD: Final = re.compile(r"[a-z]+")
_STATED: Final = re.compile(
    r"(?:####|\bA:|\b[Aa]nswer(?: is|:)|\\boxed\{|\bfinal answer\b\D{0,20}?)"
    r"[\s*_$€£:=\\({]*(?:text\{)?\s*(?P<value>[-−]?\s?[$€£]?\s?(?:\\d?frac\{\d+\}\{\d+\}|\.?\d[\d,]*(?:\.\d+)?(?:\s?/\s?\d+)?))"
)
MEMORY: Final = 32
"""How many makers of one value are considered."""

CUE: Final = re.compile(
    r"\b(?:(?:double.?|re.?)?check\w*|verif\w+|confirm\w*|sanity|make sure|again|once more|recount\w*|re-?calculat\w+"
    r"|recomput\w+|backwards|(?:an)?other way|the same|as before|indeed|matches|agrees?|test)\b",
    re.IGNORECASE,
)
"""Words of re-examination; they decide nothing alone."""


@dataclass(frozen=True, slots=True)
class Claim:
    """An equation and the step that makes it; `order` counts the claims of all steps."""

    order: int
    step: int
    equation: Equation

    @property
    def made(self) -> Fraction | None:
        """The value that the claim hands on: what is written on its right."""
        return self.equation.claimed

    @property
    def false(self) -> bool:
        """Whether it is certified false."""
        return self.equation.verdict == "false"

    @property
    def true(self) -> bool:
        """Whether it is certified true."""
        return self.equation.verdict == "true"

    @property
    def works(self) -> bool:
        """Whether it works something out, and not merely names a number."""
        return len(self.equation.operands) > 1 or (
            bool(self.equation.operands) and self.equation.operands[0] != self.made
        )


@dataclass(frozen=True, slots=True)
class Answer:
    """The final answer as it was stated, and the step that states it."""

    value: Fraction
    step: int


@dataclass(frozen=True, slots=True)
class Dependence:
    """The graph of one rollout.

    Attributes:
        claims: Every equation, in order.
        numbers: For each step, the numbers it shows.
        answer: The stated answer, or None.
        carriers: Steps that hand on a value of the path in words alone.
        users: For each claim of the path, the claim that uses it; the one that makes the answer has None.
        tainted: For claims of the path that work with a false one's value, those false ones.
    """

    claims: tuple[Claim, ...]
    numbers: tuple[frozenset[Fraction], ...]
    answer: Answer | None
    carriers: frozenset[int]
    users: Mapping[int, int | None]
    tainted: Mapping[int, tuple[int, ...]]


def claims_of(steps: Sequence[Step]) -> tuple[Claim, ...]:
    """The equations of the policy's steps; letters keep their values from step to step."""
    found: list[Claim] = []
    known: Mapping[str, Fraction] = {}
    for step in steps:
        if step.author == POLICY:
            equations = find_equations(step.text, known=known)
            found += [Claim(len(found) + k, step.index, equation) for k, equation in enumerate(equations)]
            known = definitions(equations, known)
    return tuple(found)


def numbers_in(text: str) -> frozenset[Fraction]:
    """Every number that a text shows.

    >>> sorted(numbers_in("He has 1,200 apples and eats .5"))
    [Fraction(1, 2), Fraction(1200, 1)]
    """
    return frozenset(
        Fraction(number(shown).value) for shown in _NUMBER.findall(_MARK.sub("", text)) if len(shown) < 60
    )


def givens_of(prompt: str) -> frozenset[Fraction]:
    """The numbers of a problem, small ones in words too."""
    spelled = {_SPELLED[word] for word in _WORD.findall(prompt.lower()) if word in _SPELLED}
    return numbers_in(prompt) | spelled


def stated_answer(steps: Sequence[Step]) -> Answer | None:
    """The last number that is stated as the answer ("A: 18", "#### 18", ``\\boxed{18}``, "the answer is 18")."""
    for step in reversed(steps):
        found = list(_STATED.finditer(step.text)) if step.author == POLICY else []
        for match in reversed(found):
            value = evaluate(match["value"].replace(" ", ""))
            if value is not None:
                return Answer(value, step.index)
    return None


def dependence(steps: Sequence[Step], prompt: str) -> Dependence:
    """Build the graph of a rollout and walk it back from the answer."""
    claims = claims_of(steps)
    numbers = tuple(numbers_in(step.text) if step.author == POLICY else frozenset() for step in steps)
    answer = stated_answer(steps) or _concluded(steps, claims, numbers)
    walk = _Walk(steps, claims, numbers, givens_of(prompt))
    walk.back_from(answer)
    return Dependence(claims, numbers, answer, frozenset(walk.carriers), walk.users, walk.tainted())


def _concluded(
    steps: Sequence[Step], claims: Sequence[Claim], numbers: Sequence[frozenset[Fraction]]
) -> Answer | None:
    """A result that the last words repeat ("The fence costs 225 dollars."), where no answer is marked."""
    last = max((step.index for step in steps if step.author == POLICY), default=-1)
    if last < 0 or any(claim.step == last for claim in claims):
        return None
    for claim in reversed(claims):
        if claim.made is not None and claim.made in numbers[last]:
            return Answer(claim.made, last)
    return None


class _Walk:
    """One walk back from the answer, claim by claim."""

    def __init__(
        self,
        steps: Sequence[Step],
        claims: Sequence[Claim],
        numbers: Sequence[frozenset[Fraction]],
        givens: frozenset[Fraction],
    ) -> None:
        self.claims = claims
        self.numbers = numbers
        self.givens = givens
        self.checking = frozenset(step.index for step in steps if CUE.search(step.text))
        self.makers: dict[Fraction, list[Claim]] = {}
        self.users: dict[int, int | None] = {}
        self.sources: dict[int, list[int]] = {}
        self.carriers: set[int] = set()
        for claim in claims:
            for value in _made_by(claim):
                self.makers.setdefault(value, []).append(claim)
        self.first: dict[object, Claim] = {}
        for claim in claims:
            self.first.setdefault(kind_of(claim), claim)
        self.first_shown: dict[Fraction, int] = {}
        for index in range(len(numbers) - 1, -1, -1):
            self.first_shown.update(dict.fromkeys(numbers[index], index))

    def back_from(self, answer: Answer | None) -> None:
        """Collect the claims and the steps that the answer rests on."""
        root = self.maker(answer.value, len(self.claims)) if answer else None
        if root is None and answer is not None:
            root = self._near(answer.value)
        if root is None:
            root = next((claim for claim in reversed(self.claims) if claim.works), None)
        pending = [(root, None)] if root else []
        while pending:
            claim, user = pending.pop()
            if claim.order in self.users:
                continue
            self.users[claim.order] = user
            makers = self._makers_of(claim)
            self.sources[claim.order] = [maker.order for maker in makers]
            pending += [(maker, claim.order) for maker in makers]

    def tainted(self) -> dict[int, tuple[int, ...]]:
        """The claims of the path that work with a wrong value, and the false claims it came from."""
        found: dict[int, tuple[int, ...]] = {}
        for order in sorted(self.sources):
            causes: set[int] = set()
            for source in self.sources[order]:
                causes |= {source} if self.claims[source].false else set(found.get(source, ()))
            if causes:
                found[order] = tuple(sorted(causes))[:MEMORY]
        return found

    def _near(self, value: Fraction) -> Claim | None:
        """The claim whose result the answer cuts to a whole number."""
        if value.denominator > 1:
            return None
        cut = (c for c in reversed(self.claims) if c.made is not None and c.made.denominator > 1)
        return next((claim for claim in cut if claim.made is not None and abs(claim.made - value) < 1), None)

    def maker(self, value: Fraction, before: int) -> Claim | None:
        """The claim that made a value: the latest before `before` that was no check, the first of its kind."""
        found = self._before(self.makers.get(value) or self.makers.get(-value, []), before)
        chosen = next((claim for claim in found if claim.step not in self.checking), found[0] if found else None)
        return None if chosen is None else self.first[kind_of(chosen)]

    def _before(self, claims: list[Claim], order: int) -> list[Claim]:
        """Up to `MEMORY` claims made before one, the latest first."""
        stop = bisect_left(claims, order, key=_order)
        return claims[max(0, stop - MEMORY) : stop][::-1]

    def _makers_of(self, claim: Claim) -> list[Claim]:
        """The claims that made the operands of one."""
        found: list[Claim] = []
        for value, times in Counter(claim.equation.operands).items():
            maker = self.maker(value, claim.order)
            if maker is not None:
                twins = self._before(self.makers.get(value, []), claim.order)[:times] if times > 1 else []
                found += [maker, *twins]
            elif value not in self.givens:
                found += self._carried(value, claim)
        return found

    def _carried(self, value: Fraction, claim: Claim) -> list[Claim]:
        """A value that an earlier step only mentions: that step, and the results it mentions beside it."""
        step = self.first_shown.get(value, claim.step)
        if step >= claim.step or step in self.carriers:
            return []
        self.carriers.add(step)
        first = bisect_left(self.claims, step, key=_step)
        makers = (self.maker(shown, first) for shown in sorted(self.numbers[step]))
        return [maker for maker in makers if maker is not None]


def _order(claim: Claim) -> int:
    return claim.order


def _step(claim: Claim) -> int:
    return claim.step


def _made_by(claim: Claim) -> Iterable[Fraction]:
    """The values under which a claim's result may be used: as written, and exactly where it was rounded."""
    made, value = claim.made, claim.equation.value
    if made is None:
        return ()
    found = {made}
    if claim.true and value is not None:
        found.add(value)
    if "%" in claim.equation.right:
        found |= {made * 100, made / 100}
    return found


def computed(claim: Claim) -> tuple[object, ...]:
    """What a claim computes, whatever the order and the notation: its numbers and their exact value."""
    return tuple(sorted(claim.equation.operands)), claim.equation.value


def kind_of(claim: Claim) -> tuple[object, ...]:
    """What a claim computes, and what it says comes out."""
    return *computed(claim), claim.made
