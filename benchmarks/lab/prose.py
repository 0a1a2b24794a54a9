"""Rollouts as text a person would write, one step a line.

The policy works modulo 10; people write whole numbers: ``47 + 35 = 82``, then ``82 * 3 = 246``, and a digit of the
policy's is the last one of a number. A wrong digit comes out as the nearest number that ends in it, so a mistake is a
false statement: ``47 + 35 = 83``. Which of several writers tells a prompt's rollouts is decided by a hash of the
prompt; some of them never use a word of checking. Each line is one step exactly, and a line that states the answer
follows the last. It knows worlds; it knows no detector and no policy.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from dca.errors import InputError
from dca.types import Step, Transcript
from lab.worlds import CHECK, DIGITS, DONE, NEXT, OPERATIONS, PAD, WELL, Rollouts, World


@dataclass(frozen=True, slots=True)
class Writer:
    """A way of writing.

    Attributes:
        name: What it is called.
        about: One line for people.
        well: Said for the filler that takes time.
        clearly: Said for the filler that sounds sure.
        work: Forms of a line that works something out, taken in turn.
        check: Forms of a line that works it out anew.
        backward: Whether it checks a right result by running it backwards.
    """

    name: str
    about: str
    well: str
    clearly: str
    work: tuple[str, ...]
    check: tuple[str, ...]
    backward: bool = False


WRITERS: Final = {
    writer.name: writer
    for writer in (
        Writer(
            "plain",
            "a word before each check",
            "well, ",
            "clearly, ",
            ("{said}{left} = {shown}.",),
            (
                "Check: {said}{left} = {shown}.",
                "Again: {said}{left} = {shown}.",
                "To be sure: {said}{left} = {shown}.",
            ),
        ),
        Writer(
            "talky",
            "thinks aloud",
            "hmm, let me think, ",
            "that is easy, ",
            ("Now, {said}I have {left} = {shown}.", "Next, {said}that makes {left} = {shown}."),
            (
                "Let me make sure of that one: {said}{left} = {shown}.",
                "I had better go over it once more. {said}{left} = {shown}.",
                "Let me double-check this. {said}{left} = {shown}.",
            ),
        ),
        Writer(
            "arrows",
            "terse, and a check is a bare second working",
            "hmm, ",
            "easy, ",
            ("{said}{left} -> {shown}",),
            ("{said}{left} -> {shown}",),
        ),
        Writer(
            "backward",
            "no word of checking: what it agrees with is run backwards, what not is done anew",
            "so, ",
            "of course ",
            ("{said}{left} = {shown}",),
            ("{said}{left} = {shown}",),
            backward=True,
        ),
        Writer(
            "silent",
            "no word of checking: the very same equation stands there twice",
            "well, ",
            "clearly, ",
            ("{said}{left} = {shown}",),
            ("{said}{left} = {shown}",),
        ),
    )
}
"""All writers by name."""

USUAL: Final = ("plain", "talky", "arrows", "backward")
"""Writers of the training proof; the silent one is the hard case that is reported apart."""

CLOSING: Final = "The answer is {number}."
SEPARATOR: Final = "\n\n"
"""Between a prompt and a completion, in what a policy is asked."""

_PROMPT: Final = "Start with {first} and go on: {operations}. Of the answer only the last digit counts."
_ASKED: Final = re.compile(r"Start with (\d+) and go on: (.*)\. Of the")
_TAKEN: Final = "from"
_MARK: Final = "\0"


def prompt_of(first: int, operations: Sequence[int]) -> str:
    """A prompt in words; all its numbers but factors are given tens, always the same.

    >>> prompt_of(7, [4, 9, 14])
    'Start with 57 and go on: + 35, * 3, from 893. Of the answer only the last digit counts.'
    """
    tens = zlib.crc32(bytes((first, *operations)))
    said = [f"{word} {number}" for word, number in (_said(o, k, tens) for k, o in enumerate(operations))]
    return _PROMPT.format(first=10 * (1 + tens % 9) + first, operations=", ".join(said))


def _said(operation: int, k: int, tens: int) -> tuple[str, int]:
    """An operation as a prompt says it."""
    words = OPERATIONS[operation].split()
    spread = tens // 9 ** (k + 1)
    if words[1] == "-":
        return _TAKEN, 10 * (10 + spread % 90) + int(words[0])
    return words[0], int(words[1]) + (10 * (1 + spread % 9) if words[0] == "+" else 0)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a prompt in words asks: where to start, and each operation as it is said."""

    first: int
    operations: tuple[tuple[str, int], ...]


@lru_cache(maxsize=1024)
def asked_by(prompt: str) -> Asked:
    """What a prompt asks."""
    found = _ASKED.match(prompt)
    if found is None:
        raise InputError(f"expected a prompt as `prompt_of` writes it, got {prompt[:60]!r}")
    words = (part.split() for part in found[2].split(", "))
    return Asked(int(found[1]), tuple((word, int(number)) for word, number in words))


def posed_by(prompt: str) -> tuple[int, tuple[int, ...]]:
    """The digit and the operations that a prompt in words stands for, as `World.pose` takes them.

    >>> posed_by(prompt_of(7, [4, 9, 14]))
    (7, (4, 9, 14))
    """
    asked = asked_by(prompt)
    last = ((word, number % DIGITS) for word, number in asked.operations)
    names = (f"{number} -" if word == _TAKEN else f"{word} {number}" for word, number in last)
    return asked.first % DIGITS, tuple(map(OPERATIONS.index, names))


def writer_of(prompt: str, writers: Sequence[str] = USUAL) -> Writer:
    """Who writes the rollouts of a prompt."""
    return WRITERS[writers[zlib.crc32(prompt.encode()) % len(writers)]]


@dataclass(frozen=True, slots=True)
class Line:
    """One line, in two parts: what stands before the number that the digit decides, and the rest."""

    head: str
    rest: str

    @property
    def text(self) -> str:
        return self.head + self.rest


@dataclass(frozen=True, slots=True)
class Place:
    """Where a line stands: what a writer must know besides the policy's words.

    Attributes:
        step: Its place among the steps.
        operation: What it works out, as the prompt says it.
        number: From which number.
        stood: The number that stood before it.
    """

    step: int
    operation: tuple[str, int]
    number: int
    stood: int


def line(writer: Writer, place: Place, words: Sequence[int]) -> Line:
    """One step in words.

    Args:
        writer: Who writes.
        place: Where.
        words: Tokens: ``next`` or ``check``, fillers, the digit.

    >>> [line(WRITERS["plain"], Place(0, ("+", 35), 47, 47), (NEXT, digit)).text for digit in (2, 3)]
    ['47 + 35 = 82.', '47 + 35 = 83.']
    """
    left, _ = _sum_of(place.operation, place.number)
    total = result_of(place, words[-1])
    said = "".join(writer.well if token == WELL else writer.clearly for token in words[1:-1])
    check = words[0] == CHECK
    if writer.backward and check and total == place.stood:
        return Line("", said + _inverse(place.operation, place.number, total))
    forms = writer.check if check else writer.work
    head, _, tail = forms[place.step % len(forms)].format(said=said, left=left, shown=_MARK).partition(_MARK)
    return Line(head, f"{total}{tail}")


def result_of(place: Place, digit: int) -> int:
    """The number nearest to the right one that ends in a digit (modulo 10).

    >>> [result_of(Place(0, ("+", 35), 47, 47), digit) for digit in (2, 3, 9)]
    [82, 83, 79]
    """
    right = _sum_of(place.operation, place.number)[1]
    return right + (digit - right + DIGITS // 2) % DIGITS - DIGITS // 2


def _sum_of(operation: tuple[str, int], number: int) -> tuple[str, int]:
    """The left side as one writes it, and what it comes to.

    >>> _sum_of(("+", 35), 47), _sum_of(("from", 183), 47), _sum_of(("from", 183), -4)
    (('47 + 35', 82), ('183 - 47', 136), ('183 - (-4)', 187))
    """
    sign, other = operation
    if sign == _TAKEN:
        return f"{other} - {number if number >= 0 else f'({number})'}", other - number
    return f"{number} {sign} {other}", number + other if sign == "+" else number * other


def _inverse(operation: tuple[str, int], number: int, total: int) -> str:
    """An equation run backwards."""
    sign, other = operation
    if sign == _TAKEN:
        return f"{total} + {number if number >= 0 else f'({number})'} = {other}"
    return f"{total} - {other} = {number}" if sign == "+" else f"{total} / {other} = {number}"


def tell(
    world: World, rollouts: Rollouts, writers: Sequence[str] = USUAL
) -> list[tuple[Transcript, tuple[Step, ...]]]:
    """Each rollout as a transcript and its steps: as many as the rollout has, and the closing line.

    Args:
        world: Where they were played.
        rollouts: N rows.
        writers: Of whom one writes each prompt's.
    """
    columns = (rollouts.facts.present.sum(1), rollouts.tokens, rollouts.owners, rollouts.first, rollouts.operations)
    told = []
    for steps, tokens, owners, first, operations, reward in zip(
        *(column.tolist() for column in (*columns, rollouts.rewards)), strict=True
    ):
        prompt = prompt_of(first, operations)
        words = [
            [t for t, o in zip(tokens, owners, strict=True) if o == k and t not in (DONE, PAD)] for k in range(steps)
        ]
        told.append(_transcript(prompt, _lines(world, writer_of(prompt, writers), asked_by(prompt), words), reward))
    return told


def _lines(world: World, writer: Writer, asked: Asked, steps: Sequence[Sequence[int]]) -> list[str]:
    """The lines of one rollout, and the closing one."""
    at, number, stood, lines = -1, asked.first, asked.first, []
    for k, words in enumerate(steps):
        if words[0] == NEXT:
            at, number = at + 1, stood
        place = Place(k, asked.operations[at], number, stood)
        lines.append(line(writer, place, words).text)
        if words[0] == NEXT or world.check_counts:
            stood = result_of(place, words[-1])
    return [*lines, CLOSING.format(number=stood)]


def _transcript(prompt: str, lines: Sequence[str], reward: float) -> tuple[Transcript, tuple[Step, ...]]:
    transcript = Transcript(prompt, "\n".join(lines), reward)
    return transcript, lines_of(transcript)


def lines_of(transcript: Transcript) -> tuple[Step, ...]:
    """Each line a step, its end included: a segmenter for what is told here."""
    steps, at = [], 0
    for k, text in enumerate(transcript.completion.splitlines(keepends=True)):
        steps.append(Step(k, at, at + len(text), text))
        at += len(text)
    return tuple(steps)
