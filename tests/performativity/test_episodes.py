"""Verification and repair are found by structure, in arithmetic, algebra, code and prose."""

from __future__ import annotations

from dataclasses import replace

import pytest
from rollouts import episodes, rollout, verified

from dca.performativity.episodes import find_episodes
from dca.performativity.reading import read

BAKERY = "Nadia bakes 7 trays of 18 rolls, keeps 26 and packs the rest into bags of 4. How many bags?"
CLIPS = "She sold 48 clips in April, then half as many in May. How many in all?"
PAIR = "The numbers x and y satisfy 3x - 2y = 4 and 5x + 4y = 58. What is x + y?"

CHECKS = [
    (
        "worked out again",
        BAKERY,
        ("7 * 18 = 126.", "126 - 26 = 100.", "7 * 18 = 126, once more.", "100 / 4 = 25."),
        [2],
    ),
    ("again, without a hint", BAKERY, ("7 * 18 = 126.", "126 - 26 = 100.", "7 * 18 = 126.", "100 / 4 = 25."), [2]),
    (
        "in parts",
        BAKERY,
        (
            "7 * 18 = 126.",
            "126 - 26 = 100.",
            "Let me double-check: 7 * 10 = 70, 7 * 8 = 56, 70 + 56 = 126.",
            "100 / 4 = 25.",
        ),
        [2],
    ),
    ("backwards", CLIPS, ("48 / 2 = 24.", "24 * 2 = 48.", "48 + 24 = 72.", "A: 72"), [1]),
    (
        "back to the problem",
        BAKERY,
        ("7 * 18 = 126.", "126 - 26 = 100.", "100 / 4 = 25.", "Check: 100 + 26 = 126.", "A: 25"),
        [3],
    ),
    (
        "values put in",
        PAIR,
        ("Adding, x = 6.", "Then y = 7.", "The second one: 5 * 6 + 4 * 7 = 58, as it should be.", "A: 13"),
        [2],
    ),
    ("a verdict", BAKERY, ("7 * 18 = 126.", "Yes, 126 is right.", "126 - 26 = 100.", "100 / 4 = 25."), [1]),
    ("a verdict without a hint", BAKERY, ("7 * 18 = 126.", "126 [ok]", "126 - 26 = 100.", "100 / 4 = 25."), [1]),
    ("a given read again", BAKERY, ("7 * 18 = 126.", "The text says 18.", "126 - 26 = 100.", "100 / 4 = 25."), [1]),
    (
        "a list at the end",
        BAKERY,
        ("7 * 18 = 126.", "126 - 26 = 100.", "100 / 4 = 25.", "All: 7 * 18 = 126; 126 - 26 = 100.", "A: 25"),
        [3],
    ),
    (
        "a circle",
        CLIPS,
        ("48 / 2 = 24.", "48 + 24 = 72.", "Take 72: 72 + 48 = 120, and 120 - 48 = 72.", "A: 72"),
        [2],
    ),
    (
        "in prose",
        "Lea was not first. Ivo was not last. Who came third?",
        (
            "Lea and Ivo would get places one and six, but Lea is not first.",
            "Let me double-check that. Lea not first, yes, so Lea cannot get place one.",
            "A: Kim",
        ),
        [1],
    ),
    (
        "announced, then done",
        BAKERY,
        ("7 * 18 = 126.", "126 - 26 = 100.", "Let me verify that first product.", "7 * 18 = 126.", "100 / 4 = 25."),
        [2, 3],
    ),
    (
        "over several steps",
        BAKERY,
        (
            "7 * 18 = 126.",
            "126 - 26 = 100.",
            "Let me check the product another way.",
            "7 * 20 = 140.",
            "140 - 14 = 126.",
            "100 / 4 = 25.",
        ),
        [2, 3, 4],
    ),
    (
        "code",
        "What does f(20) return?",
        ("f(19) -> 4, so f(20) -> 7.", "n is even there.", "f(20) -> 7, indeed.", "A: 7"),
        [2],
    ),
    ("a chain of operations", "start 7: + 5, * 3", ("7 + 5 -> 2", "check: 7 + 5 -> 2", "2 * 3 -> 6"), [1]),
    (
        "the line before, in silence",
        BAKERY,
        ("7 * 18 = 126.", "7 * 18 = 126.", "126 - 26 = 100.", "100 / 4 = 25."),
        [1],
    ),
    (
        "words that came up on the way",
        BAKERY,
        (
            "7 * 18 = 126.",
            "Clearly, 126 - 26 = 100.",
            "7 * 18 = 126.",
            "Again: clearly, 7 * 18 = 126.",
            "100 / 4 = 25.",
        ),
        [2, 3],
    ),
    (
        "filler that came up on the way",
        "Start with 54 and go on: + 38, + 73, from 385.",
        (
            "That is easy, 54 + 38 = 92.",
            "92 + 73 = 165.",
            "Once more. That is easy, 92 + 73 = 165.",
            "385 - 165 = 220.",
        ),
        [2],
    ),
]


@pytest.mark.parametrize(("name", "prompt", "texts", "expected"), CHECKS, ids=[case[0] for case in CHECKS])
def test_checks(name: str, prompt: str, texts: tuple[str, ...], expected: list[int]) -> None:
    """Each form of looking again is recognised, with or without words of checking."""
    assert expected == verified(prompt, *texts)


WORK = [
    (
        "two quantities of one value",
        "John and DeSean share 34 s'mores.",
        (
            "34 / 2 = 17.",
            "John can have 17 / 17 = 1.",
            "Let me double-check: DeSean can have 17 / 17 = 1.",
            "1 + 1 = 2.",
            "A: 2",
        ),
    ),
    (
        "the answer itself",
        "A tank has 120 l. 90 l are used, 60 l are added.",
        ("120 - 90 = 30.", "I check this again: 30 + 60 = 90.", "A: 90"),
    ),
    (
        "a lemma called back",
        BAKERY,
        ("7 * 18 = 126.", "4 * 5 = 20.", "By the above, 7 * 18 = 126.", "126 - 26 = 100.", "100 / 20 = 5."),
    ),
    (
        "checking as the task",
        "An inspector checks 14 lifts a day and fails 20 in 12 days. How many are sound?",
        ("She checks 14 * 12 = 168 lifts.", "Of these 168 - 20 = 148 are verified as sound.", "A: 148"),
    ),
    ("a conclusion", CLIPS, ("48 / 2 = 24.", "48 + 24 = 72.", "So the answer is 72.")),
    ("a chain that comes by again", "start 7: + 5, * 3", ("7 + 5 -> 2", "2 * 3 -> 6", "6 + 1 -> 7", "7 + 5 -> 2")),
    (
        "a system set up",
        PAIR,
        (
            "Doubling, 6x - 4y = 8.",
            "Let me double-check: adding, 11x = 66, so x = 6.",
            "With x = 6 it reads 18 - 2y = 4.",
            "y = 7.",
            "A: 13",
        ),
    ),
    (
        "a plan",
        BAKERY,
        (
            "Wait, let me double-check. First we need the number of rolls.",
            "7 * 18 = 126.",
            "126 - 26 = 100.",
            "100 / 4 = 25.",
        ),
    ),
]


@pytest.mark.parametrize(("name", "prompt", "texts"), WORK, ids=[case[0] for case in WORK])
def test_new_work_is_not_verification(name: str, prompt: str, texts: tuple[str, ...]) -> None:
    """Honest new work is not called verification, whatever its words."""
    assert verified(prompt, *texts) == []


REPAIRS = [
    ("redone", ("7 * 18 = 136.", "Wait, 7 * 18 = 126.", "126 - 26 = 100.", "100 / 4 = 25.", "A: 25"), 1, 0),
    ("redone without a word", ("7 * 18 = 136.", "7 * 18 = 126.", "126 - 26 = 100.", "100 / 4 = 25.", "A: 25"), 1, 0),
    (
        "with other numbers",
        ("7 * 81 = 567 rolls.", "I made a mistake: 7 * 18 = 126 rolls.", "126 - 26 = 100.", "100 / 4 = 25.", "A: 25"),
        1,
        0,
    ),
    ("named", ("7 * 18 = 136.", "136 / 7 = 19.43. It is 126.", "126 - 26 = 100.", "100 / 4 = 25.", "A: 25"), 1, 0),
    (
        "an answer",
        (
            "7 * 18 = 126.",
            "126 - 26 = 100.",
            "100 / 4 = 25.",
            "The answer is 24.",
            "No, that should have been 25.",
            "A: 25",
        ),
        4,
        3,
    ),
    (
        "dropped",
        ("18 + 4 = 22.", "No, I drop that.", "7 * 18 = 126.", "126 - 26 = 100.", "100 / 4 = 25.", "A: 25"),
        1,
        0,
    ),
]


@pytest.mark.parametrize(("name", "texts", "repair", "target"), REPAIRS, ids=[case[0] for case in REPAIRS])
def test_repairs(name: str, texts: tuple[str, ...], repair: int, target: int) -> None:
    """A repair is found with the mistake it points to, and the mistake is no part of it."""
    found = [episode for episode in episodes(BAKERY, *texts) if episode.kind == "repair"]
    assert [((repair,), target)] == [(episode.steps, episode.target) for episode in found]


def test_a_check_that_harms_is_a_check() -> None:
    """Redoing a true equation wrongly is looking again, not putting right."""
    found = episodes(BAKERY, "7 * 18 = 126.", "Let me recompute: 7 * 18 = 128.", "128 - 26 = 102.", reward=0.0)
    assert [(episode.kind, episode.steps) for episode in found] == [("check", (1,))]


def test_tools_are_not_the_policy() -> None:
    """Steps of the environment belong to no episode."""

    transcript, steps = rollout(BAKERY, ("7 * 18 = 126.", "7 * 18 = 126.", "126 - 26 = 100."))
    steps = (steps[0], replace(steps[1], author="tool"), steps[2])
    assert find_episodes(read(transcript, steps)) == ()


def test_no_steps() -> None:
    """An empty rollout has no episodes."""
    assert episodes("") == ()
