"""The form in which words look at an earlier step again: nothing new is worked out, and what was said is said again.

A hint is needed here, and never enough: the numbers must have been shown, or the words said of one another, before.
"""

from __future__ import annotations

import re
from collections import Counter
from typing import Final

from dca.arithmetic.claims import Claim
from dca.equations.showing import show
from dca.performativity.content import overlap
from dca.performativity.cues import ANSWER, DOING, OPTIONS, PROBLEM
from dca.performativity.reading import PROMPT, Reading
from dca.performativity.recomputation import is_other, named
from dca.performativity.revisit import Revisit

ENOUGH: Final = 0.5
"""Share of a step's pairs of words that must have been said before, where it hints at a check."""
MOST: Final = 0.75
"""The same where it only pronounces something right."""
FEW: Final = 3
"""Pairs of words below which their share says nothing."""
_FORMULA: Final = re.compile(r"[\\^<>≤≥]|\d\s*[-+*/×·÷]\s*[\d(]|[)\]]\s*[-+*/×·÷]")
_CONCLUDES: Final = re.compile(r"\W*(?:so|which|thus|therefore|hence|then|and|but|now)\b", re.IGNORECASE)
_DENIES: Final = re.compile(r"\bnot\b|n't\b|\?\s*\Z", re.IGNORECASE)
UNKNOWN: Final = 3
"""Words, known from nowhere, that may stand beside a number that is only said again."""
NOVEL: Final = 2
"""Content words that a bare verdict may say for the first time."""
SHORT: Final = 8
"""Content words up to which a step may only announce, or pronounce a verdict."""


def revisit_of_words(reading: Reading, k: int) -> Revisit | None:
    """How a step in words looks at an earlier one; None where it says something of its own."""
    if reading.concludes[k]:
        return None
    bare = _bare(reading, k)
    if bare is not None or not (reading.hinted[k] or reading.doubted[k]):
        return bare
    if reading.own[k]:
        return _shown_again(reading, k)
    if says_new_numbers(reading, k) or _FORMULA.search(reading.steps[k].text):
        return None
    if reading.contents[k].statements:
        return _given_again(reading, k)
    return _results_again(reading, k) or _told_again(reading, k) or _given_again(reading, k) or _verdict(reading, k)


def _bare(reading: Reading, k: int) -> Revisit | None:
    """A step that says nothing but a number again, found or given before: no word of it names anything."""
    content, text = reading.contents[k], reading.steps[k].text
    if not content.numbers or not is_slight(reading, k) or not any(c.letters for c in reading.contents[k + 1 :]):
        return None
    if len(content.numbers) > 1 and not reading.pronounced[k] and "=" not in text:
        return None
    if _FORMULA.search(text) or any(len(word) == 1 and word.isalpha() for word in content.words):
        return None
    if (len(content.numbers) == 1 and "=" in text) or named(reading, k):
        return None
    if len(content.words - content.numbers) > UNKNOWN:
        return None
    number = max(content.numbers, key=lambda one: (len(one), one))
    first = reading.numbers[number]
    if first == PROMPT and not _worked_with(reading, number, k):
        return None
    return Revisit("words", first, f"it says {number} again, and nothing else", computes=False)


def only_says(reading: Reading, k: int) -> bool:
    """Whether a step in words only says again: it does, denies, asks, answers and concludes nothing."""
    text = reading.steps[k].text
    if DOING.search(text) or _DENIES.search(text) or _is_reply(reading, k):
        return False
    if _CONCLUDES.match(text) and not reading.checking[k]:
        return False
    content = reading.contents[k]
    short = all(len(number) == 1 for number in content.numbers)
    return not (content.numbers and short and content.words - content.numbers) or ANSWER.search(text) is not None


def _is_reply(reading: Reading, k: int) -> bool:
    """Whether the step before asks something, so that this one answers."""
    return k > 0 and reading.steps[k - 1].text.rstrip().endswith("?") and not reading.checking[k - 1]


def _worked_with(reading: Reading, number: str, k: int) -> bool:
    """Whether an earlier step worked with a given number, or the problem is named."""
    used = any(
        show(value) == number for j in range(k) for claim in reading.own[j] for value in claim.equation.operands
    )
    return used or PROBLEM.search(reading.steps[k].text) is not None


def says_apart(reading: Reading, k: int) -> bool:
    """Whether a step states a number of its own after an equation."""
    own = reading.own[k]
    return bool(own) and any(sign.isdigit() for sign in reading.steps[k].text[own[-1].equation.stop :])


def says_new_numbers(reading: Reading, k: int) -> bool:
    """Whether a step shows a number that nothing showed before it."""
    return any(reading.numbers[number] >= k for number in reading.contents[k].numbers)


def is_slight(reading: Reading, k: int) -> bool:
    """Whether a step works nothing out, shows nothing new and says little."""
    content = reading.contents[k]
    if reading.own[k] or content.statements or reading.concludes[k] or len(content.words) > SHORT:
        return False
    if OPTIONS.search(reading.steps[k].text) and not reading.checking[k]:
        return False
    return not says_new_numbers(reading, k)


def _shown_again(reading: Reading, k: int) -> Revisit | None:
    """All numbers of a step that reckons stood in one earlier step: it goes over that step's parts again."""
    numbers = reading.contents[k].numbers
    if not reading.hinted[k] or len(numbers) < 2 or reading.contents[k].statements:
        return None
    if any(reading.used_after(c.made, k) and not _made_before(reading, c) for c in reading.own[k]):
        return None
    for j in range(k - 1, -1, -1):
        if numbers <= reading.contents[j].numbers and any(reading.numbers[number] == j for number in numbers):
            if any(is_other(reading, claim, j, hinted=True) for claim in reading.own[k]):
                return None
            return Revisit("anew", j, f"all its numbers stand in step {j} already")
    return None


def _made_before(reading: Reading, claim: Claim) -> bool:
    """Whether an earlier step made the result of an equation."""
    return claim.made is not None and any(step < claim.step for step in reading.makers.get(claim.made, ()))


def _results(reading: Reading, k: int) -> list[str]:
    """The numbers of a step that earlier steps found; single digits stand in too many places."""
    numbers = reading.contents[k].numbers
    return [n for n in numbers if reading.numbers[n] > PROMPT and (len(n) > 1 or n[0] == "0")]


def _results_again(reading: Reading, k: int) -> Revisit | None:
    """A verdict on, or a doubt of, a number that an earlier step found."""
    results = _results(reading, k)
    if not results or not (reading.pronounced[k] or reading.doubted[k]):
        return None
    if OPTIONS.search(reading.steps[k].text):
        return None
    first = max(reading.numbers[number] for number in results)
    pairs = reading.contents[k].pairs
    said = sum(any(PROMPT < j < k for j in reading.places[pair]) for pair in pairs)
    if pairs and said < ENOUGH * len(pairs) and not (reading.doubted[k] and len(results) > 1):
        return None
    if not (reading.checking[k] or reading.doubted[k] or _told(reading, k) is not None):
        return None
    return Revisit("words", first, "it speaks of earlier results again", computes=reading.doubted[k])


def _told_again(reading: Reading, k: int) -> Revisit | None:
    """Most of what it says of one another was said before."""
    target = _told(reading, k)
    return None if target is None else Revisit("words", target, "it says again what was said", computes=False)


def _told(reading: Reading, k: int) -> int | None:
    """The step that most of the step's pairs of words stand in, if enough of them and all its numbers stand there."""
    content = reading.contents[k]
    where = Counter(j for pair in content.pairs for j in set(reading.places[pair]) if PROMPT < j < k)
    earlier = sum(any(PROMPT < j < k for j in reading.places[pair]) for pair in content.pairs)
    if earlier < FEW or earlier < (ENOUGH if reading.checking[k] else MOST) * len(content.pairs):
        return None
    target = max(where, key=lambda j: (where[j], j))
    near = [reading.contents[j].numbers for j in range(max(0, target - 1), min(target + 2, k))]
    return None if content.numbers.difference(*near) else target


def _given_again(reading: Reading, k: int) -> Revisit | None:
    """It reads again what the problem says and an earlier step worked with already."""
    content = reading.contents[k]
    if not reading.checking[k] or not content.words:
        return None
    worked = {show(value) for j in range(k) for claim in reading.own[j] for value in claim.equation.operands}
    again = bool(content.numbers) and content.numbers <= worked
    names = k > 0 and PROBLEM.search(reading.steps[k].text) is not None
    if not (again and overlap(content.pairs, reading.prompt.pairs) >= ENOUGH) and not (
        names and overlap(content.words, reading.prompt.words) >= ENOUGH
    ):
        return None
    return Revisit("words", PROMPT, "it reads the problem again, which it worked with before", computes=False)


def _verdict(reading: Reading, k: int) -> Revisit | None:
    """It pronounces what went before right, and says nothing else."""
    if (
        k == 0
        or _results(reading, k)
        or not reading.checking[k]
        or not reading.pronounced[k]
        or not is_slight(reading, k)
    ):
        return None
    if len(reading.contents[k].words.difference(*(content.words for content in reading.contents[:k]))) > NOVEL:
        return None
    return Revisit("words", k - 1, "it pronounces a verdict and works nothing out", computes=False)
