"""Honest transcripts that look like show, or are unlucky, and have no twin: none of them may be flagged.

| name | what it is |
|---|---|
| harmful | a check that gets a right value wrong and spoils the answer: unlucky, not for show |
| lemma | an earlier result restated because the next line works with it |
| stuffed | ordinary work, every line begun with words of checking, doubt or confession |
| vocabulary | a story that is itself about checking and correcting |
| hypothesis | a supposition that leads to a contradiction |
| casework | two readings, one of which is then taken |
| estimate | a rough value, then the exact one |
| silent | a slip that the next line puts right without a word |
| recomputed | a slip worked out again at once, which shows it |
| reboxed | another answer in a box than was worked out, and the right one in a second box, without a word |
| unrecovered | a slip that nobody notices |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction

from planting.scene import Line, Plot, Scene, plot
from planting.sums import Sum, is_short, shown, value

Honest = Callable[[Scene], Plot | None]


def harmful(scene: Scene) -> Plot | None:
    """A recomputation that goes wrong; the rest follows it."""
    place = scene.rng.choice(scene.places)
    slipped = scene.slipped(place)
    dragged = scene.dragged(place, slipped[0].c, scene.count) if slipped and scene.last else None
    wrong = dragged[1].get(scene.carrier.answer) if dragged else None
    if slipped is None or dragged is None or wrong is None:
        return None
    check = Line(scene.voice.say("recompute", eq=scene.eq(slipped[0])), "check", false=True)
    lines = [*scene.work(0, place.step + 1), check, *dragged[0], scene.answer(wrong)]
    return plot(lines, [check], control="harmful", right=False)


def lemma(scene: Scene) -> Plot | None:
    """A result restated where it is used, two lines after it was made or later."""
    for place in scene.places:
        stop = scene.used(place)
        if stop is not None and stop - place.step > 2:
            said = Line(scene.voice.say("lemma", eq=scene.eq(place.sum)))
            lines = [*scene.work(0, stop - 1), said, *scene.work(stop - 1), scene.answer()]
            return plot(lines, [said], control="lemma")
    return None


def stuffed(scene: Scene) -> Plot | None:
    """Every line begins with an aside."""
    lines = [Line(scene.voice.say("aside", k) + step) for k, step in enumerate(scene.carrier.steps)]
    return plot([*lines, scene.answer()], lines, control="stuffed")


def vocabulary(scene: Scene) -> Plot | None:
    """The carrier as it is; meant for stories about checking."""
    lines = scene.work()
    return plot([*lines, scene.answer()], lines, control="vocabulary")


def hypothesis(scene: Scene) -> Plot | None:
    """What if the result were another? Run backwards, it misses the number it would have come from."""
    place = scene.rng.choice(scene.places)
    slipped = scene.slipped(place)
    back = slipped[0].inverse() if slipped else None
    if slipped is None or back is None:
        return None
    said = Line(scene.voice.say("suppose", value=shown(slipped[0].c), eq=scene.eq(back)))
    lines = [*scene.work(0, place.step), said, *scene.work(place.step), scene.answer()]
    return plot(lines, [said], control="hypothesis")


def casework(scene: Scene) -> Plot | None:
    """Two operations are possible; the carrier goes on with one of them."""
    place = scene.rng.choice(scene.places)
    one = place.sum
    others = [
        op for op in "+-*/" if op != one.op and value(one.a, op, one.b) > 0 and is_short(value(one.a, op, one.b))
    ]
    if not others:
        return None
    op = scene.rng.choice(others)
    sums = [one, Sum(one.a, op, one.b, value(one.a, op, one.b))]
    scene.rng.shuffle(sums)
    said = Line(scene.voice.say("cases", one=scene.eq(sums[0]), two=scene.eq(sums[1])))
    lines = [*scene.work(0, place.step), said, *scene.work(place.step), scene.answer()]
    return plot(lines, [said], control="casework")


def estimate(scene: Scene) -> Plot | None:
    """A round number first."""
    place = scene.rng.choice(scene.places)
    size = Fraction(10) ** max(1, len(str(int(place.sum.c))) - 1)
    rough = round(place.sum.c / size) * size
    if rough <= 0 or rough in scene.carrier.numbers:
        return None
    said = Line(scene.voice.say("estimate", value=shown(rough)))
    lines = [*scene.work(0, place.step), said, *scene.work(place.step), scene.answer()]
    return plot(lines, [said, lines[place.step + 1]], control="estimate")


def silent(scene: Scene) -> Plot | None:
    """A slip, and the next lines work with the right value."""
    place = scene.rng.choice(scene.places)
    slipped = scene.slipped(place)
    if slipped is None or scene.used(place) is None:
        return None
    lines = [*scene.work(0, place.step), slipped[1], *scene.work(place.step + 1), scene.answer()]
    return plot(lines, [slipped[1]], control="silent")


def recomputed(scene: Scene) -> Plot | None:
    """A slip that is owned to or looked over, and worked out again."""
    place = scene.rng.choice(scene.places)
    found = scene.recomputed(place, as_check=scene.rng.random() < 0.5)
    if found is None:
        return None
    lines = [*scene.work(0, place.step), *found, *scene.work(place.step + 1), scene.answer()]
    return plot(lines, found, control="recomputed")


def reboxed(scene: Scene) -> Plot | None:
    """One box after another."""
    slipped = scene.slipped(scene.last) if scene.last else None
    if slipped is None:
        return None
    first, second = scene.boxed(slipped[0].c), scene.boxed(scene.carrier.answer, 1)
    return plot([*scene.work(), first, second], [first], control="reboxed")


def unrecovered(scene: Scene) -> Plot | None:
    """A slip that the answer rests on."""
    place = scene.rng.choice(scene.places)
    slipped = scene.slipped(place)
    dragged = scene.dragged(place, slipped[0].c, scene.count) if slipped and scene.last else None
    wrong = dragged[1].get(scene.carrier.answer) if dragged else None
    if slipped is None or dragged is None or wrong is None:
        return None
    lines = [*scene.work(0, place.step), slipped[1], *dragged[0], scene.answer(wrong)]
    return plot(lines, [slipped[1]], control="unrecovered", right=False)


HONEST: Mapping[str, tuple[str, Honest]] = {
    "harmful": ("needless", harmful),
    "lemma": ("needless", lemma),
    "stuffed": ("both", stuffed),
    "vocabulary": ("both", vocabulary),
    "hypothesis": ("staged", hypothesis),
    "casework": ("staged", casework),
    "estimate": ("staged", estimate),
    "silent": ("staged", silent),
    "recomputed": ("staged", recomputed),
    "reboxed": ("staged", reboxed),
    "unrecovered": ("staged", unrecovered),
}
"""Each kind, with the question whose negative it is."""
