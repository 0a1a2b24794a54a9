"""The offline reviewer: worked rollouts, step by step."""

from __future__ import annotations

from dataclasses import dataclass

import pytest

from dca.protocols import Reviewer
from dca.review.arithmetic import ArithmeticReviewer
from dca.types import Review, Step, Transcript

CLIPS = "Natalia sold 48 clips in April, and half as many in May. How many in all?"


def rollout(prompt: str, reward: float, *texts: str) -> tuple[Transcript, tuple[Step, ...]]:
    """A rollout whose steps are given."""
    lines = [f"{text}\n" for text in texts]
    edges = [sum(map(len, lines[:k])) for k in range(len(lines) + 1)]
    steps = tuple(Step(k, edges[k], edges[k + 1], line) for k, line in enumerate(lines))
    return Transcript(prompt, "".join(lines), reward), steps


def review(prompt: str, reward: float, *texts: str) -> Review:
    return ArithmeticReviewer().review(*rollout(prompt, reward, *texts))


@dataclass(frozen=True)
class Case:
    """A rollout and what must be said of it: one row (text, score, label, link) for each step."""

    name: str
    prompt: str
    reward: float
    rows: tuple[tuple[str, float, str | None, int | None], ...]
    shortest: tuple[int, ...] = ()


CASES = [
    Case(
        "the path is praised, and what the answer does not need is not",
        "Bo has 48 pens and buys half as many. Each costs 2.",
        1.0,
        (
            ("48 / 2 = <<48/2=24>>24", 0.75, "progress", None),
            ("One pack holds 48 * 2 = 96", -0.25, "filler", None),
            ("48 + 24 = 72", 1.0, "key", None),
            ("A: 72", 0.5, "progress", None),
        ),
        (0, 2, 3),
    ),
    Case(
        "a false equation that the answer rests on",
        CLIPS,
        0.0,
        (
            ("48 / 2 = 24", 0.0, None, None),
            ("48 + 24 = 62", -1.0, "error", None),
            ("62 * 1 = 62 more", 0.0, None, None),
            ("#### 62", 0.0, None, None),
        ),
    ),
    Case(
        "a wrong value is inherited without praise",
        CLIPS,
        0.0,
        (
            ("48 / 2 = 26", -1.0, "error", None),
            ("48 + 26 = 74", 0.0, None, None),
            ("The answer is 74.", 0.0, None, None),
        ),
    ),
    Case(
        "two slips that cancel leave no praise behind them",
        "14 rows of 22 seats, 35 broken. How many can be sold?",
        1.0,
        (
            ("14 * 22 = 318", -0.5, "error", None),
            ("318 - 35 = 273", -0.5, "error", None),
            ("273 * 1 = 273", 0.0, None, None),
            ("So \\boxed{273}", 0.5, "progress", None),
        ),
        (0, 1, 2, 3),
    ),
    Case(
        "a recovery is linked to its error and neutral, and what follows builds on it",
        CLIPS,
        1.0,
        (
            ("48 / 2 = 26", -0.5, "error", None),
            ("Wait, no: 48 / 2 = 24.", 0.0, "recovery", 0),
            ("48 + 24 = 72", 1.0, "key", None),
            ("The answer is 72", 0.5, "progress", None),
        ),
        (1, 2, 3),
    ),
    Case(
        "an error put right within the step",
        CLIPS,
        1.0,
        (
            ("48 / 2 = 26. No, 48 / 2 = 24.", -0.25, "error", None),
            ("48 + 24 = 72", 1.0, "key", None),
            ("A: 72", 0.5, "progress", None),
        ),
        (0, 1, 2),
    ),
    Case(
        "computing it again, and undoing it, are needless; both are neutral",
        CLIPS,
        1.0,
        (
            ("48 / 2 = 24", 0.75, "progress", None),
            ("Let me double-check: 48 / 2 = 24.", 0.0, "needless_check", 0),
            ("Verify backwards: 24 * 2 = 48.", 0.0, "needless_check", 0),
            ("48 + 24 = 72", 1.0, "key", None),
            ("To make sure, 24 is half of 48.", 0.0, "check", 0),
            ("A: 72", 0.5, "progress", None),
        ),
        (0, 3, 5),
    ),
    Case(
        "a check that the problem asks for is a check",
        "Halve 48 and verify your result.",
        1.0,
        (
            ("48 / 2 = 24", 1.0, "key", None),
            ("Verify: 24 * 2 = 48.", 0.0, "check", 0),
            ("A: 24", 0.5, "progress", None),
        ),
        (0, 2),
    ),
    Case(
        "a test of the answer after it was found",
        "Three friends share 180 marbles as 1 : 2 : 2, the last gets 20 more.",
        1.0,
        (
            ("160 / 5 = 32", 0.75, "progress", None),
            ("2 * 32 = 64 and 64 + 20 = 84", 1.0, "key", None),
            ("32 + 64 + 84 = 180", 0.0, "check", 1),
            ("\\boxed{84}", 0.5, "progress", None),
        ),
        (0, 1, 3),
    ),
    Case(
        "two quantities of one value are two, and no repetition",
        "Ann and Bea each have 3 boxes of 4.",
        1.0,
        (
            ("Ann has 3 * 4 = 12 apples", 0.75, "progress", None),
            ("Bea owns 3 * 4 = 12 oranges", 0.75, "progress", None),
            ("12 + 12 = 24", 1.0, "key", None),
            ("A: 24", 0.5, "progress", None),
        ),
        (0, 1, 2, 3),
    ),
    Case(
        "what cannot be certified is worth less, and said to be so",
        "Solve 5a + 20 = 180.",
        1.0,
        (
            ("5a = 160", 0.0, None, None),
            ("a = 32", 0.5, "progress", None),
            ("A: 32", 0.5, "progress", None),
        ),
        (1, 2),
    ),
    Case(
        "true arithmetic is no praise for a wrong answer",
        CLIPS,
        0.0,
        (
            ("48 * 2 = 96", 0.0, None, None),
            ("48 + 96 = 144", 0.0, None, None),
            ("A: 144", 0.0, None, None),
        ),
    ),
    Case(
        "words alone are not judged",
        "Who finished fourth?",
        1.0,
        (("Lea was before Ivo.", 0.0, None, None), ("So it was Jun.", 0.0, None, None)),
    ),
    Case(
        "a value that is carried in words",
        "A box holds a dozen eggs; 30 boxes.",
        1.0,
        (
            ("Doubling the 30 gives 60 boxes.", 0.5, "progress", None),
            ("60 * 12 = 720", 1.0, "key", None),
            ("There are 720 eggs.", 0.5, "progress", None),
        ),
        (0, 1, 2),
    ),
    Case(
        "a result that the answer cuts to a whole number",
        "450 guests, 70 to a bus. How many buses are full?",
        1.0,
        (("450 / 70 = 6.43", 1.0, "key", None), ("A: 6", 0.5, "progress", None)),
        (0, 1),
    ),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_worked_rollouts(case: Case) -> None:
    """Each step gets the score, the label and the link that the table says."""
    said = review(case.prompt, case.reward, *(text for text, *_ in case.rows))
    rows = zip(said.scores, said.labels, said.links, strict=True)
    assert list(rows) == [row[1:] for row in case.rows]
    assert said.shortest == case.shortest


def test_reasons_are_in_words() -> None:
    """Reasons quote the equation and name the step that uses it, or what is wrong with it."""
    said = review(CLIPS, 1.0, "48/2 = <<48/2=24>>24", "48 + 24 = $<<48+24=72>>72", "He said 3 * 4 = 13", "A: 72")
    assert said.reasons == (
        "48/2 = 24 is certified; used by step 1 on the path to the answer 72",
        "48 + 24 = 72 is certified; it makes the answer 72",
        "3 * 4 = 13 is false: the left side is 12, the right side 13; the answer does not rest on it",
        "it states the answer 72",
    )


def test_what_cannot_be_judged_is_said() -> None:
    """A step with nothing but uncertifiable equations is not scored, and the reason says why."""
    said = review("Solve it.", 1.0, "2x + 7 = (x - 4)^2", "3 + 4 = 7", "A: 7")
    assert (said.scores[0], said.labels[0]) == (0.0, None)
    assert said.reasons[0] == "cannot judge 2x + 7 = (x - 4)^2: x is not known here"


EXPRESSION = "((5 + 2 * 1 - 6) + (5 + 3 - -2 * 2)) ="
PARTS = 'This is "(A + B)", where A = (5 + 2 * 1 - 6) and B = (5 + 3 - -2 * 2).'
DECOMPOSITIONS = [
    ("right", PARTS, "A = (5 + 2 * 1 - 6) = 1", "B = (5 + 3 - -2 * 2) = 12", "A + B = 1 + 12 = 13", None),
    ("a slip", PARTS, "A = (5 + 2 * 1 - 6) = 1", "B = (5 + 3 - -2 * 2) = 4", "A + B = 1 + 4 = 5", 2),
    ("a wrong substitution", PARTS, "A = (5 + 2 - 6) = 1", "B = (8 + 4) = 12", "A + B = 1 - 12 = -11", 3),
    (
        "a wrong formula",
        PARTS.replace("A + B", "A - B"),
        "A = 7 - 6 = 1",
        "B = 8 + 4 = 12",
        "A - B = 1 - 12 = -11",
        0,
    ),
    ("a miscopied part", PARTS, "A = (5 + 2 * 2 - 6) = 3", "B = 8 + 4 = 12", "A + B = 3 + 12 = 15", 1),
]


@pytest.mark.parametrize("case", DECOMPOSITIONS, ids=lambda case: case[0])
def test_problems_that_are_an_expression(case: tuple[str, str, str, str, str, int | None]) -> None:
    """Taken apart, worked out and put together: the first wrong step is found, miscopied parts included."""
    _, *texts, first = case
    labels = review(EXPRESSION, 0.0, *texts).labels
    assert next((k for k, label in enumerate(labels) if label == "error"), None) == first


def test_other_authors_are_not_judged() -> None:
    """What a tool wrote gets no opinion, whatever it says."""
    transcript, steps = rollout(CLIPS, 1.0, "48 / 2 = 24", "48 + 24 = 73", "A: 24")
    tool = Step(1, steps[1].start, steps[1].stop, steps[1].text, author="tool")
    said = ArithmeticReviewer().review(transcript, (steps[0], tool, steps[2]))
    assert (said.scores[1], said.labels[1], said.reasons[1]) == (0.0, None, "")


def test_it_is_a_reviewer() -> None:
    """It says who reviewed and what its scores mean."""
    assert isinstance(ArithmeticReviewer(), Reviewer)
    said = review(CLIPS, 1.0, "A: 72")
    assert (said.reviewer, said.measure) == ("arithmetic", "contribution")


def test_no_steps() -> None:
    """No steps, no scores."""
    assert ArithmeticReviewer().review(Transcript("", "", 1.0), ()).scores == ()
