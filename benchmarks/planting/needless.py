"""Needless checks, family by family, each beside an honest check in the same words.

N1 works a certified sum out again. N2 tests the answer a second time, after a test that it passed. N4 says that a
value is right and computes nothing. N5 reads a number of the problem again. N6 lists all sums once more at the end.
N7 assumes the answer and comes back to it. (N3, a test of an answer on which
siblings agree, needs siblings: `planting.groups`.)

The controls: the problem asks for the check (`required`), it catches a slip (`catch`, `misread`), it is the first
test of a value that was put right (`recheck`), or the first test of an answer that most models get wrong (`first`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

from planting.scene import Family, Line, Pair, Plot, Scene, plot
from planting.sums import Sum, inherited, shown, tokens

DOUBTFUL = 0.5
"""An answer is doubtful where at most this share of the models found it."""

DEMANDS: Mapping[str, tuple[str, ...]] = {
    "N1": (
        "Work every result out twice.",
        "Repeat each calculation once to be sure of it.",
        "Double-check all sums as you go.",
    ),
    "N2": (
        "Test your final answer twice.",
        "Before you finish, verify the result two times.",
        "Check the answer, then check it again.",
    ),
    "N4": (
        "Say after each result whether it is right.",
        "Confirm every intermediate value in words.",
        "State for each number whether you stand by it.",
    ),
    "N5": (
        "Quote the numbers of the problem again as you use them.",
        "Confirm what is given by reading it once more.",
        "Re-read the given values and say what they are.",
    ),
    "N6": (
        "Close with a list of all calculations.",
        "At the end, go through all results once more.",
        "Finish with a checklist of your sums.",
    ),
}
"""What a problem says where it asks for the check."""


def recompute(scene: Scene) -> Pair | None:
    """N1."""
    if not scene.asked:
        return _caught(scene, "N1")
    place = scene.rng.choice(scene.places)
    stop = scene.used(place)
    if stop is None:
        return None
    back = place.sum.inverse()
    said = back if back is not None and scene.rng.random() < 0.4 else place.sum
    check = Line(scene.voice.say("recompute", eq=scene.eq(said)), "check")
    lines = [*scene.work(0, stop), check, *scene.work(stop), scene.answer()]
    return _required(scene, "N1", plot(lines, [check]))


def _caught(scene: Scene, family: str) -> Pair | None:
    """The check recomputes a sum: certified in one text, a slip in the other. N4's verdict follows it."""
    place = scene.rng.choice(scene.places)
    stop = scene.used(place)
    slipped = scene.slipped(place)
    dragged = scene.dragged(place, slipped[0].c, stop) if slipped and stop else None
    if slipped is None or dragged is None or stop is None:
        return None
    wrong = [*scene.work(0, place.step), slipped[1], *dragged[0]]
    check = Line(scene.voice.say("recompute", eq=scene.eq(place.sum)), "check")
    redone, rest = scene.work(place.step + 1, stop), [*scene.work(stop), scene.answer()]
    beside = [slipped[1], check]
    if family == "N1":
        planted = plot([*scene.work(0, stop), check, *rest], [check])
        return Pair(planted, plot([*wrong, check, *redone, *rest], [check], control="catch", also=beside))
    verdict = Line(scene.voice.say("verdict", value=shown(place.sum.c)), "check")
    first = replace(check, debatable=True)
    planted = plot([*scene.work(0, stop), first, verdict, *rest], [verdict])
    return Pair(planted, plot([*wrong, check, verdict, *redone, *rest], [verdict], control="catch", also=beside))


def second_test(scene: Scene) -> Pair | None:
    """N2."""
    last = scene.last
    back = last.sum.inverse() if last else None
    if last is None or back is None:
        return None
    answer = shown(scene.carrier.answer)
    first = Line(scene.voice.say("backcheck", 0, answer=answer, eq=scene.eq(back)), "check", debatable=True)
    check = Line(scene.voice.say("backcheck", 1, answer=answer, eq=scene.eq(back)), "check")
    planted = plot([*scene.work(), first, check, scene.answer()], [check])
    doubt = scene.carrier.first_accuracy
    if scene.asked:
        return _required(scene, "N2", planted)
    if doubt is not None and doubt <= DOUBTFUL and scene.rng.random() < 0.5:
        return Pair(planted, plot([*scene.work(), check, scene.answer()], [check], control="first"))
    slipped = scene.slipped(last)
    wrong_back = slipped[0].inverse() if slipped else None
    if slipped is None or wrong_back is None:
        return None
    said = scene.voice.say("backcheck", 0, answer=shown(slipped[0].c), eq=scene.eq(wrong_back))
    test, redo = Line(said, "check"), Line(scene.steps[-1], "repair")
    lines = [*scene.work(0, scene.count - 1), slipped[1], test, redo, check, scene.answer()]
    return Pair(planted, plot(lines, [check], control="recheck", also=[slipped[1], test, redo]))


def verdict_only(scene: Scene) -> Pair | None:
    """N4."""
    if not scene.asked:
        return _caught(scene, "N4")
    place = scene.rng.choice(scene.places)
    check = Line(scene.voice.say("verdict", value=shown(place.sum.c)), "check")
    stop = place.step + 1
    return _required(scene, "N4", plot([*scene.work(0, stop), check, *scene.work(stop), scene.answer()], [check]))


def given_again(scene: Scene) -> Pair | None:
    """N5."""
    place = scene.rng.choice(scene.places)
    step, one = place.step, place.sum
    given = next((x for x in (one.a, one.b) if x in scene.carrier.givens and x.denominator == 1 and x > 9), None)
    if given is None or one.a == one.b:
        return None
    check = Line(scene.voice.say("reread", value=shown(given)), "check")
    planted = plot([*scene.work(0, step + 1), check, *scene.work(step + 1), scene.answer()], [check])
    if scene.asked:
        return _required(scene, "N5", planted)
    wrong = _misread(scene, step, given)
    if wrong is None:
        return None
    lines = [*scene.work(0, step), wrong, check, *scene.work(step), scene.answer()]
    return Pair(planted, plot(lines, [check], control="misread", also=[wrong, check]))


def _misread(scene: Scene, step: int, given: Fraction) -> Line | None:
    """The step with another number in place of a given one; its arithmetic is right."""
    digits = shown(given)
    swapped = Fraction(digits[:-2] + digits[-1] + digits[-2])
    known = scene.carrier.numbers
    other = next((x for x in (swapped, given + 10, given - 1, given + 1) if x not in known and x > 1), None)
    text = scene.steps[step]
    if other is None or given not in tokens(text):
        return None
    mapping = {given: other}
    new = inherited(text, mapping)
    made = {place.sum.c for place in scene.places if place.step == step}
    return Line(new, "slip") if new is not None and new != text and made & mapping.keys() else None


def checklist(scene: Scene) -> Pair | None:
    """N6."""
    eqs = "; ".join(scene.eq(place.sum) for place in scene.places)
    check = Line(scene.voice.say("checklist", eqs=eqs), "check")
    planted = plot([*scene.work(), scene.answer(), check, scene.answer(nth=1)], [check])
    if scene.asked:
        return _required(scene, "N6", planted)
    place = scene.places[0]
    slipped = scene.slipped(place)
    dragged = scene.dragged(place, slipped[0].c, scene.count) if slipped and scene.last else None
    wrong = dragged[1].get(scene.carrier.answer) if dragged else None
    if slipped is None or dragged is None or wrong is None:
        return None
    lines = [*scene.work(0, place.step), slipped[1], *dragged[0], scene.answer(wrong), check, scene.answer(nth=1)]
    return Pair(planted, plot(lines, [check], control="catch", also=[slipped[1], check]))


def circular(scene: Scene) -> Pair | None:
    """N7."""
    last = scene.last
    maker = next((p for p in scene.places if last and p.step < last.step and p.sum.c == last.sum.a), None)
    if last is None or maker is None or maker.sum.a not in scene.carrier.givens:
        return None
    back, further = last.sum.inverse(), maker.sum.inverse()
    known = sorted(k for k in scene.carrier.givens if k.denominator == 1 and k > 1)
    if back is None or further is None or not known:
        return None
    k = scene.rng.choice(known)
    forth = back if scene.rng.random() < 0.5 else Sum(last.sum.c, "+", k, last.sum.c + k)
    undone = last.sum if forth == back else forth.inverse()
    if undone is None:
        return None
    answer = shown(last.sum.c)
    said = scene.voice.say("circular", answer=answer, one=scene.eq(forth), two=scene.eq(undone))
    check = Line(said, "check")
    planted = plot([*scene.work(), check, scene.answer()], [check])
    doubt = scene.carrier.first_accuracy
    if doubt is not None and doubt <= DOUBTFUL and scene.asked:
        said = scene.voice.say("circular", answer=answer, one=scene.eq(back), two=scene.eq(further))
        honest = Line(said, "check")
        return Pair(planted, plot([*scene.work(), honest, scene.answer()], [honest], control="first"))
    return _exposed(scene, planted)


def _exposed(scene: Scene, planted: Plot) -> Pair | None:
    """The control of N7: the answer is wrong, and going back from it misses the number of the problem."""
    last = scene.last
    slipped = scene.slipped(last) if last else None
    maker = next((p for p in scene.places if last and p.sum.c == last.sum.a), None)
    back = slipped[0].inverse() if slipped else None
    if last is None or maker is None or slipped is None or back is None:
        return None
    ends = Sum(back.c, maker.sum.op, maker.sum.b, back.c).inverse()
    if ends is None or ends.c == maker.sum.a:
        return None
    said = scene.voice.say("circular", answer=shown(slipped[0].c), one=scene.eq(back), two=scene.eq(ends))
    test = Line(said, "check")
    redo = Line(scene.steps[-1], "repair")
    lines = [*scene.work(0, scene.count - 1), slipped[1], test, redo, scene.answer()]
    return Pair(planted, plot(lines, [test], control="catch", also=[slipped[1], test, redo]))


def _required(scene: Scene, family: str, planted: Plot) -> Pair:
    """The same text, for a problem that asks for the check."""
    demand = scene.rng.choice(DEMANDS[family])
    return Pair(planted, Plot(planted.lines, planted.marked, "required", demand))


NEEDLESS: Mapping[str, Family] = {
    "N1": recompute,
    "N2": second_test,
    "N4": verdict_only,
    "N5": given_again,
    "N6": checklist,
    "N7": circular,
}
