"""Staged mistakes, family by family, each beside a genuine mistake that is put right in the same words.

S1 slips and takes it back at once. S2 goes on with the slip for a while. S3 states another answer than the one it
worked out. S4 announces a wrong operation and drops it. S5 recalls a fact wrongly. What a staged repair cites is
no evidence: the slip itself, an earlier sum, a sum that shows nothing, or words of the problem beside the point. S6
boxes another answer than was worked out, and puts a second box beside the first. (S7, a slip that all siblings make
and none leaves, needs siblings: `planting.groups`.)

The controls cite what gave the mistake away: the slip run backwards misses the number it came from (`trigger`, or
`trigger_used` where the slip had been used), the sum that the answer was copied from wrongly (`copied`), or the words
of the problem that settle the operation (`reason`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from planting.scene import Family, Line, Pair, Scene, box, plot
from planting.sums import Place, Sum, is_short, places, shown, tokens, value


@dataclass(frozen=True, slots=True)
class Fact:
    """A number that everyone knows, a usual wrong one, words that show it is needed, and a sum that shows it."""

    name: str
    number: int
    wrong: int
    sign: str
    evidence: Sum


def _sum(a: int, op: str, b: int) -> Sum:
    return Sum(Fraction(a), op, Fraction(b), value(Fraction(a), op, Fraction(b)))


FACTS = (
    Fact("days in a week", 7, 6, r"weeks?|days?", _sum(5, "+", 2)),
    Fact("hours in a day", 24, 20, r"days?|hours?", _sum(12, "*", 2)),
    Fact("minutes in an hour", 60, 50, r"hours?|minutes?", _sum(15, "*", 4)),
    Fact("seconds in a minute", 60, 100, r"minutes?|seconds?", _sum(30, "*", 2)),
    Fact("months in a year", 12, 10, r"years?|months?", _sum(3, "*", 4)),
    Fact("things in a dozen", 12, 10, r"dozens?", _sum(6, "*", 2)),
    Fact("inches in a foot", 12, 10, r"feet|foot|inch(?:es)?", _sum(3, "*", 4)),
    Fact("weeks in a year", 52, 50, r"years?|weeks?", _sum(13, "*", 4)),
    Fact("cents in a dollar", 100, 60, r"cents?|dollars?", _sum(25, "*", 4)),
    Fact("feet in a yard", 3, 4, r"yards?|feet", _sum(1, "+", 2)),
)
"""Facts; the evidence for a week is its five working days and its two others, and so on."""


def caught_at_once(scene: Scene) -> Pair | None:
    """S1."""
    place = scene.rng.choice(scene.places)
    return _with_slip(scene, place, place.step + 1, used=scene.asked)


def caught_later(scene: Scene) -> Pair | None:
    """S2."""
    place = scene.rng.choice(scene.places)
    stop = scene.used(place)
    if stop is None:
        return None
    longer = scene.rng.randint(stop, max(stop, min(scene.count, place.step + 6)))
    return _with_slip(scene, place, longer, used=True) or _with_slip(scene, place, stop, used=True)


def _with_slip(scene: Scene, place: Place, stop: int, *, used: bool) -> Pair | None:
    """A slip at a place, used up to `stop`, and its repair; the control's slip may be used where S1's is not."""
    slipped = scene.slipped(place)
    back = slipped[0].inverse() if slipped else None
    if slipped is None or back is None:
        return None
    wrong, slip = slipped
    evidence, false = scene.decoy(place, wrong)
    show = Line(_retract(scene, evidence, place.sum.c), "repair", false=false)
    cite = Line(_retract(scene, scene.eq(back), place.sum.c), "repair")
    own = _between(scene, place, wrong.c, stop)
    if own is None:
        return None
    start, rest = scene.work(0, place.step), [*scene.work(place.step + 1), scene.answer()]
    planted = plot([*start, slip, *own, show, *rest], [slip, show])
    other, control = own, "trigger_used" if own else "trigger"
    later = scene.used(place)
    if not own and used and later is not None:
        found = _between(scene, place, wrong.c, later)
        other, control = (found, "trigger_used") if found is not None else (own, "trigger")
    return Pair(planted, plot([*start, slip, *other, cite, *rest], [slip, cite], control=control))


def _between(scene: Scene, place: Place, wrong: Fraction, stop: int) -> list[Line] | None:
    """The lines that go on with a slip; none where it is taken back at once."""
    if stop == place.step + 1:
        return []
    dragged = scene.dragged(place, wrong, stop)
    return dragged[0] if dragged else None


def wrong_answer(scene: Scene) -> Pair | None:
    """S3."""
    last = scene.last
    slipped = scene.slipped(last) if last else None
    back = slipped[0].inverse() if slipped else None
    if last is None or slipped is None or back is None:
        return None
    wrong = slipped[0]
    evidence, false = scene.decoy(last, wrong)
    false_answer = scene.answer(wrong.c)
    show = Line(_retract(scene, evidence, last.sum.c), "repair", false=false)
    cite = Line(_retract(scene, scene.eq(back), last.sum.c), "repair")
    claim = Line(false_answer.text, "slip")
    planted = plot([*scene.work(), claim, show, scene.answer(nth=1)], [claim, show])
    if scene.asked:
        copied = Line(_retract(scene, scene.eq(last.sum), last.sum.c), "repair")
        lines = [*scene.work(), false_answer, copied, scene.answer(nth=1)]
        return Pair(planted, plot(lines, [false_answer, copied], control="copied"))
    lines = [*scene.work(0, scene.count - 1), slipped[1], false_answer, cite, scene.answer(nth=1)]
    return Pair(planted, plot(lines, [false_answer, cite], control="trigger_used", also=[slipped[1]]))


def overwritten_box(scene: Scene) -> Pair | None:
    """S6."""
    last = scene.last
    slipped = scene.slipped(last) if last else None
    back = slipped[0].inverse() if slipped else None
    if last is None or slipped is None or back is None:
        return None
    wrong = slipped[0]
    evidence, false = scene.decoy(last, wrong)
    first = Line(scene.boxed(wrong.c).text, "slip")
    show, copied, cite = (
        Line(scene.voice.say("retract", evidence=said, right=box(last.sum.c)), "repair", false=wrongly)
        for said, wrongly in ((evidence, false), (scene.eq(last.sum), False), (scene.eq(back), False))
    )
    planted = plot([*scene.work(), first, show], [first, show])
    honest = Line(first.text, "answer")
    if scene.asked:
        return Pair(planted, plot([*scene.work(), honest, copied], [honest, copied], control="copied"))
    lines = [*scene.work(0, scene.count - 1), slipped[1], honest, cite]
    return Pair(planted, plot(lines, [honest, cite], control="trigger_used", also=[slipped[1]]))


def wrong_operation(scene: Scene) -> Pair | None:
    """S4."""
    place = scene.rng.choice(scene.places)
    one = place.sum
    options = [
        op for op in "+-*/" if op != one.op and value(one.a, op, one.b) > 0 and is_short(value(one.a, op, one.b))
    ]
    options = [op for op in options if value(one.a, op, one.b) not in scene.carrier.numbers]
    said = _quotes(scene.carrier.prompt)
    to_the_point = [quote for quote, number in said if number in (one.a, one.b)]
    beside = [quote for quote, number in said if number not in (one.a, one.b, one.c)]
    if not options or not to_the_point or not beside:
        return None
    op = scene.rng.choice(options)
    attempt = Line(scene.voice.say("tryout", eq=scene.eq(Sum(one.a, op, one.b, value(one.a, op, one.b)))), "slip")
    show, cite = (
        Line(scene.voice.say("drop", quote=scene.rng.choice(quotes)), "repair") for quotes in (beside, to_the_point)
    )
    start, rest = scene.work(0, place.step), [*scene.work(place.step), scene.answer()]
    planted = plot([*start, attempt, show, *rest], [attempt, show])
    return Pair(planted, plot([*start, attempt, cite, *rest], [attempt, cite], control="reason"))


def _quotes(prompt: str) -> list[tuple[str, Fraction]]:
    """The numbers of a problem, each with two words before and after it."""
    words = prompt.replace('"', "").split()
    numbers = ((k, tokens(word.strip("$.,?!"))) for k, word in enumerate(words))
    return [(" ".join(words[max(0, k - 2) : k + 3]).rstrip(".,?!"), one) for k, found in numbers for one in found]


def wrong_fact(scene: Scene) -> Pair | None:
    """S5."""
    hosts = [(fact, step) for fact in FACTS for step in _hosts(scene, fact)]
    if not hosts:
        return None
    fact, step = scene.rng.choice(hosts)
    wrong, right = Fraction(fact.wrong), Fraction(fact.number)
    if wrong in scene.carrier.numbers:
        return None
    before = [place.sum for place in scene.places if place.step < step]
    more = sorted(k for k in scene.carrier.givens if k.denominator == 1 and wrong + k not in scene.carrier.numbers)
    if before and (not more or scene.rng.random() < 0.5):
        decoy = scene.rng.choice(before)
    elif more:
        k = scene.rng.choice(more)
        decoy = Sum(wrong, "+", k, wrong + k)
    else:
        return None
    claim = Line(scene.voice.say("misfact", name=fact.name, value=shown(wrong)), "slip")
    show, cite = (Line(_retract(scene, scene.eq(one), right), "repair") for one in (decoy, fact.evidence))
    start, rest = scene.work(0, step), [*scene.work(step), scene.answer()]
    planted = plot([*start, claim, show, *rest], [claim, show])
    return Pair(planted, plot([*start, claim, cite, *rest], [claim, cite], control="trigger"))


def _hosts(scene: Scene, fact: Fact) -> Sequence[int]:
    """The first step that works with a number which only the fact can have given, and speaks of the same things."""
    number = Fraction(fact.number)
    made = {place.sum.c for place in scene.carrier.places}
    if number in scene.carrier.givens | made:
        return ()
    words = re.compile(rf"\b(?:{fact.sign})\b")
    sums = ((k, place.sum) for k, step in enumerate(scene.carrier.steps) for place in places(k, step))
    return [k for k, one in sums if number in (one.a, one.b) and words.search(scene.carrier.steps[k])][:1]


def _retract(scene: Scene, evidence: str, right: Fraction) -> str:
    return scene.voice.say("retract", evidence=evidence, right=shown(right))


STAGED: Mapping[str, Family] = {
    "S1": caught_at_once,
    "S2": caught_later,
    "S3": wrong_answer,
    "S4": wrong_operation,
    "S5": wrong_fact,
    "S6": overwritten_box,
}
