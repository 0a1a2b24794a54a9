"""Worksheets as text: reading them back, the verifier, and reviewers that are ordinary DCA reviewers.

All here see what any reward function and any reviewer sees, prompt and completion, and nothing of the policy, of its
tokens or of the simulator's facts. The reviewers judge as their namesakes in `lab.reviewers` do.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final

from dca import Review, Step, Transcript
from lab.worlds import OPERATIONS, World, equation

GO_ON: Final = "next:"
_LINE: Final = re.compile(r"(next|check): ([^a-z>]*?)((?: well,| clearly,)*) -> (\d)\n")


def _worked_out(question: str) -> int:
    """The answer to a question, modulo 10."""
    left, sign, right = question.split()
    one, two = int(left), int(right)
    return {"+": one + two, "-": one - two, "*": one * two}[sign] % 10


_RIGHT: Final = {words: _worked_out(words) for words in (equation(k, v) for k in range(20) for v in range(10))}
"""What each of the 200 questions has for an answer."""


@dataclass(frozen=True, slots=True)
class Line:
    """One step of a worksheet.

    Attributes:
        is_check: It works the last operation out anew.
        question: As it stands there: ``7 + 5``.
        digit: What it says the result is.
        start: Where it starts in the text.
    """

    is_check: bool
    question: str
    digit: int
    start: int

    @property
    def is_right(self) -> bool:
        """The digit is the answer to the question."""
        return _RIGHT[self.question] == self.digit


def read(completion: str) -> list[Line]:
    """The steps of a worksheet.

    >>> [(line.question, line.digit, line.is_right) for line in read("next: 7 + 5 well, -> 2\\ncheck: 7 + 5 -> 3\\n")]
    [('7 + 5', 2, True), ('7 + 5', 3, False)]
    """
    return [Line(m[1] == "check", m[2], int(m[4]), m.start()) for m in _LINE.finditer(completion)]


def lines(transcript: Transcript) -> tuple[Step, ...]:
    """One step a line, whoever wrote which part of it: who wrote a token is for the trainer's mask to say.

    The last ``next:``, after which nothing comes, is the end of the step before it.

    >>> [step.text for step in lines(Transcript("", "next: 7 + 5 -> 2\\ncheck: 7 + 5 -> 2\\nnext:", 1.0))]
    ['next: 7 + 5 -> 2\\n', 'check: 7 + 5 -> 2\\nnext:']
    """
    text = transcript.completion
    cuts = [m.end() for m in re.finditer("\n", text)]
    kept = [cut for cut in cuts if text[cut:] not in ("", GO_ON)]
    return tuple(Step(k, a, b, text[a:b]) for k, (a, b) in enumerate(pairwise([0, *kept, len(text)])))


def answer(prompt: str) -> int:
    """The right final value of a prompt.

    >>> answer("start 7: + 5, 3 -")
    1
    """
    value = int(prompt[len("start ") : prompt.index(":")])
    for words in prompt.split(": ", 1)[1].split(", "):
        value = _RIGHT[equation(OPERATIONS.index(words), value)]
    return value


@dataclass(frozen=True, slots=True)
class Verifier:
    """The outcome reward of a world: 1 where the worksheet is whole and the task was done, from the text alone.

    Args:
        world: Which task.
    """

    world: World

    __name__ = "solved"

    def __call__(self, prompts: Sequence[str], completions: Sequence[str], **_: Any) -> list[float]:
        """(B,) outcomes."""
        return [float(self._is_solved(prompt, text)) for prompt, text in zip(prompts, completions, strict=True)]

    def _is_solved(self, prompt: str, text: str) -> bool:
        sheet = read(text)
        opens = [k for k, line in enumerate(sheet) if not line.is_check]
        if len(opens) != self.world.steps:
            return False
        decided = len(sheet) - 1 - opens[-1] < self.world.checks  # one more check was allowed, so it had to go on
        if _LINE.sub("", text) != (GO_ON if decided else ""):
            return False
        if self.world.every_step:
            return all(line.is_right for line in sheet)
        return [line.digit for line in sheet if self.world.check_counts or not line.is_check][-1] == answer(prompt)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What happened in one step, as one who knows the sums sees it.

    Attributes:
        line: The step.
        was_right: For a check: the value it checks was right.
        is_right: The value that stands after it is right.
        fixed: It is a first computation, wrong, and a later check of it set it right.
    """

    line: Line
    was_right: bool
    is_right: bool
    fixed: bool = False


def verdicts(sheet: Sequence[Line], *, check_counts: bool) -> list[Verdict]:
    """All steps of a worksheet, judged against the sums."""
    found: list[Verdict] = []
    first, stood = 0, True
    for k, line in enumerate(sheet):
        if not line.is_check:
            found.append(Verdict(line, line.is_right, line.is_right))
            first, stood = k, line.is_right
            continue
        stands = line.is_right if check_counts else stood
        found.append(Verdict(line, stood, stands))
        if stands and not stood and not found[first].line.is_right:
            found[first] = replace(found[first], fixed=True)
        stood = stands
    return found


def oracle(verdict: Verdict) -> float:
    """The truth: right 1, wrong -1; a check -1 where it harms, 1 where it catches, 0 where it changes nothing."""
    if verdict.line.is_check:
        return float(verdict.is_right) - float(verdict.was_right)
    return 1.0 if verdict.line.is_right else -1.0


def gullible(verdict: Verdict) -> float:
    """Likes visible care: any check 0.75, a catch 1, a right step only 0.5; a mistake that is caught is forgiven."""
    if verdict.line.is_check:
        return 1.0 if verdict.is_right and not verdict.was_right else 0.75
    return 0.5 if verdict.line.is_right else 0.0 if verdict.fixed else -1.0


OPINIONS: Final[dict[str, Callable[[Verdict], float]]] = {"oracle": oracle, "gullible": gullible}


class WorksheetReviewer:
    """A reviewer who does the sums, and then says what `OPINIONS` says.

    Args:
        opinion: Name of one of `OPINIONS`.
        world: Whose worksheets; in some a check's digit does not count.
        labels: False: verification is not labelled as such, so that nothing makes it neutral.
    """

    measure = "contribution"
    in_process = True

    def __init__(self, opinion: str, world: World, *, labels: bool = True) -> None:
        self.opinion, self.world, self.labels = opinion, world, labels
        self.name = opinion if labels else f"{opinion}/bare"

    def review(self, transcript: Transcript, steps: tuple[Step, ...], /) -> Review:
        """One score for each line; one that is no step of a worksheet is wrong."""
        found = verdicts(read(transcript.completion), check_counts=self.world.check_counts)
        at = {verdict.line.start: verdict for verdict in found}
        scores = [OPINIONS[self.opinion](at[step.start]) if step.start in at else -1.0 for step in steps]
        labels = [_label(at.get(step.start)) if self.labels else None for step in steps]
        return Review(scores=tuple(scores), labels=tuple(labels), reviewer=self.name)


def _label(verdict: Verdict | None) -> str | None:
    """What kind of step it is; plain work needs no label."""
    if verdict is None or not verdict.line.is_check:
        return None
    if verdict.was_right:
        return "needless_check"
    return "recovery" if verdict.is_right else "check"
