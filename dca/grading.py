"""Is the final answer right? Two graders for transcripts that carry no reward: exact, and mathematical equality.

A grader maps (completion, reference) to 1.0 or 0.0: what cannot be shown to equal the reference is 0.0. It reads
answers as text; it knows nothing of records, steps or reviews.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from fractions import Fraction
from types import MappingProxyType
from typing import Final

from dca.equality import MathVerify, require_math_verify
from dca.errors import InputError

Grade = Callable[[str, str], float]

_BOXED: Final = "\\boxed"
_LONGEST: Final = 2000  # characters of a boxed answer, and of the end of a text that is searched for a number
_TRIES: Final = 50  # marks that are looked at, from the last one back, for one that has an answer
_BRACE: Final = re.compile(r"[{}]")
_LETTER_MARK: Final = re.compile(r"^[ \t]*A:", re.MULTILINE)
_MARKS: Final = (  # after \boxed{}, in this order: what a solution writes before its answer
    re.compile(r"####"),
    _LETTER_MARK,
    re.compile(r"\banswer\b[\s*_]*(?:\bis\b|:|=)[\s*_:]*", re.IGNORECASE),
)
_SENTENCE_END: Final = re.compile(r"[.!?;](?=\s|$)")

_WRAPPED: Final = re.compile(r"\\(?:text\w*|math(?:rm|bf|it)|mbox|operatorname)\s*\{([^{}]*)\}")
_PLAIN: Final = (  # LaTeX and typography, rewritten to the plain way of writing the same
    (re.compile(r"\\(?:left|right|displaystyle|[,;:!()\[\] ])|~"), " "),
    (re.compile(r"([+-])\s*\\?[$€£¥₹]\s*(?=[\d.])"), r"\1"),
    (re.compile(r"\^\s*\{?\s*\\circ\s*\}?|°|\\?%|\\?\$|[€£¥₹`“”\"]|\*\*"), " "),
    (re.compile(r"\{,\}"), ","),
    (re.compile(r"\\[dtc]frac"), r"\\frac"),
    (re.compile(r"(?<=\d)\s*\\frac"), r" \\frac"),
    (re.compile(r"\\frac\s*\{([^{}]*)\}\s*\{([^{}]*)\}"), r"\1/\2"),
    (re.compile(r"\\frac\s*(\d)\s*(\d)"), r"\1/\2"),
    (re.compile(r"\\times|\\cdot|×"), "·"),
    (re.compile(r"−|–(?=\d)"), "-"),
    (re.compile(r"(?<=\d),(?=\d{3}(?!\d))"), ""),
    (re.compile(r"^\s*([+-])\s+(?=[\d.])"), r"\1"),
)
_BEFORE: Final = " \t\r\n,:;*_'#"
_AFTER: Final = _BEFORE + "."  # ".5" starts with one

_DECIMAL: Final = r"(?>\d+(?:\.\d+)?|\.\d+)"
_NUMBER: Final = re.compile(
    rf"(?P<sign>[+-]?)(?:(?P<whole>\d+)\s+(?=\d+\s*/))?(?P<top>{_DECIMAL})\.?(?:\s*/\s*(?P<bottom>{_DECIMAL}))?"
    r"(?:e(?P<e>[+-]?\d{1,3})|\s*·\s*10\s*\^\s*\{?(?P<ten>[+-]?\d{1,3})\}?)?",
    re.IGNORECASE,
)
_EMBEDDED: Final = re.compile(  # a number among words: not inside a name, a power or "2x"
    rf"(?<![\w.^{{\\])-?(?:\d+\s+(?=\d+/))?{_DECIMAL}(?:\s*/\s*{_DECIMAL})?(?=[^\w^]|[^\W\d_]{{2}}|$)"
)
_SYMBOL: Final = re.compile(r"[\d+·*/^=<>≤≥≠±√π\\{}()|]|\b[b-z]\b", re.IGNORECASE)
_CHANGES: Final = re.compile(  # words after which a number no longer stands for itself
    r"\b(?:not|minus|negative|dozen|hundred|thousand|million|billion|trillion|half|root|squared|cubed|times|or|to)\b",
    re.IGNORECASE,
)
_CHOICE: Final = re.compile(r"\(([A-Ja-j])\)|([B-HJ])(?!['\w])|([AI])(?!['\w]|\s+[a-z])")
_OPTION: Final = re.compile(r"\b(?:[Oo]ption|[Cc]hoice)\s+\(?([A-J])\)?(?!['\w])")


def grade_exact(completion: str, reference: str) -> float:
    r"""1.0 where the final answer is the reference: equal as exact rationals, or as text once both are plain.

    The answer is the last ``\boxed{}``, else what follows ``####``, ``A:`` or "the answer is", else the last number
    (or the last line, where the reference is no number). Currency, thousands separators, percent signs, LaTeX
    wrappers, case and outer punctuation do not matter; a unit may be left out, never changed.

    Args:
        completion: The rollout.
        reference: The expected answer, or a solution that marks it in one of these ways.

    Raises:
        InputError: The reference is empty.

    >>> grade_exact("So she makes 9 * 2 = $18.00 every day.", "#### 18"), grade_exact("#### 1,000", "100")
    (1.0, 0.0)
    """
    expected = _plain(marked_answer(reference) or _last_line(reference))
    if not expected:
        raise InputError("expected a reference answer, got an empty one; leave the record out")
    if choice := _CHOICE.fullmatch(expected):
        return float(_chosen(completion) == _letter(choice))
    return float(any(_equal(_plain(answer), expected) for answer in _answers(completion, expected)))


def grade_math(completion: str, reference: str) -> float:
    r"""1.0 where `grade_exact` says so, or where math-verify shows the two answers to be equal: x(x+1) is x^2+x.

    Answers are found as `grade_exact` finds them. Safe in any thread; what takes too long was not shown.

    Raises:
        InputError: The extra ``math`` is not installed, or the reference is empty.
    """
    if grade_exact(completion, reference):
        return 1.0
    expected = marked_answer(reference) or _last_line(reference)
    if _CHOICE.fullmatch(_plain(expected)):
        return 0.0
    answer = marked_answer(completion)
    formula = completion[-_LONGEST:] if answer is None else _formula(answer)
    return float(_MATH_VERIFY.equal(formula, _formula(expected)))


GRADERS: Final[Mapping[str, Grade]] = MappingProxyType({"exact": grade_exact, "math": grade_math})
"""The graders by the names the command line knows them by."""

_MATH_VERIFY: Final = MathVerify()  # shared: the child takes a second to start


def find_grader(name: str) -> Grade:
    """A grader by name, once it is known to work here.

    Raises:
        InputError: There is none of this name, or the extra it needs is not installed.
    """
    if name not in GRADERS:
        raise InputError(f"expected a grader, one of {', '.join(GRADERS)}, got {name!r}")
    if name == "math":
        require_math_verify()
    return GRADERS[name]


def marked_answer(text: str) -> str | None:
    r"""What a text marks as its answer, by the strongest kind of mark it has, or None.

    >>> marked_answer(r"First \boxed{3}, no: \boxed{\frac{1}{2}}"), marked_answer("The answer is 3.5 km. Done.")
    ('\\frac{1}{2}', '3.5 km')
    """
    if boxed := _last_boxed(text):
        return boxed
    for mark in _MARKS:
        if found := _after(mark, text):
            return _SENTENCE_END.split(found)[0]
    return None


def _after(mark: re.Pattern[str], text: str) -> str:
    """What stands after the last such mark, on its line; "" where there is none."""
    ends = [match.end() for match in mark.finditer(text)]
    lines = (text[end:].lstrip(" \t").split("\n", 1)[0] for end in reversed(ends[-_TRIES:]))
    return next(filter(str.strip, lines), "")


def _last_boxed(text: str) -> str | None:
    start = text.rfind(_BOXED)
    for _ in range(_TRIES):
        if start < 0:
            break
        inside = _braced(text[start + len(_BOXED) : start + len(_BOXED) + _LONGEST].lstrip())
        if inside.strip():
            return inside
        start = text.rfind(_BOXED, 0, start)
    return None


def _braced(text: str) -> str:
    """What is inside the braces that a text starts with; "" where they do not close."""
    depth = 0
    for brace in _BRACE.finditer(text) if text.startswith("{") else ():
        depth += 1 if brace[0] == "{" else -1
        if depth == 0:
            return text[1 : brace.start()]
    return ""


def _last_line(text: str) -> str:
    lines = text.strip().splitlines()
    return lines[-1] if lines else ""


def _answers(completion: str, expected: str) -> list[str]:
    """What may count as the completion's answer: one candidate, or none."""
    numeric = _value(expected) is not None or _lone_number(expected) is not None
    marked = marked_answer(completion)
    if marked is not None and (not numeric or any(map(str.isdigit, marked))):
        return [marked]
    if not numeric:
        return [_last_line(completion)]
    numbers = [match[0] for match in _EMBEDDED.finditer(_plain(completion[-_LONGEST:]))]
    return numbers[-1:]


def _equal(answer: str, expected: str) -> bool:
    """Whether two plain answers are the same number, or the same text."""
    value, goal = _value(answer), _value(expected)
    if value is not None and goal is not None:
        return value == goal
    if goal is not None and (lone := _lone_number(answer)) is not None:
        return lone == goal
    if value is not None and (lone := _lone_number(expected)) is not None:
        return lone == value
    return _key(answer) == _key(expected)


def _plain(text: str) -> str:
    """A text without LaTeX wrappers, currency, percent signs and thousands separators."""
    for _ in range(3):  # wrappers nest, but not deeper than this
        text = _WRAPPED.sub(r"\1", text)
    for pattern, plain in _PLAIN:
        text = pattern.sub(plain, text)
    return text.lstrip(_BEFORE).rstrip(_AFTER)


def _key(text: str) -> str:
    """A plain text, for comparison: without case, and without white space beside punctuation."""
    text = re.sub(r"\s+", " ", text.casefold())
    text = re.sub(r" (?!\w)|(?<!\w) ", "", text)
    return re.sub(r"^\((\w)\)$", r"\1", text)


def _value(text: str) -> Fraction | None:
    """The number a plain text is, or the right-hand side of the one equation it is."""
    if text.count("=") == 1:
        text = text.partition("=")[2].strip()
    match = _NUMBER.fullmatch(text) if len(text) <= 200 else None
    if match is None:
        return None
    bottom = Fraction(match["bottom"] or 1)
    if not bottom:
        return None
    value = int(match["whole"] or 0) + Fraction(match["top"]) / bottom
    value *= Fraction(10) ** int(match["e"] or match["ten"] or 0)
    return -value if match["sign"] == "-" else value


def _lone_number(text: str) -> Fraction | None:
    """The one number in a few words, such as "18 dollars a day"; None where the words may change it."""
    found = list(_EMBEDDED.finditer(text))
    if len(found) != 1:
        return None
    rest = f"{text[: found[0].start()]} {text[found[0].end() :]}"
    return None if _SYMBOL.search(rest) or _CHANGES.search(rest) else _value(found[0][0])


def _chosen(completion: str) -> str | None:
    """The letter of the option a completion ends on."""
    marks = [mark for mark in _MARKS if mark is not _LETTER_MARK]  # there "A:" is an option
    marked = (_after(mark, completion) for mark in marks)
    answer = _plain(_last_boxed(completion) or next(filter(None, marked), "") or _last_line(completion))
    if named := _OPTION.findall(answer):
        return str(named[-1])
    choice = _CHOICE.match(answer)
    return _letter(choice) if choice else None


def _formula(answer: str) -> str:
    """An answer as LaTeX that math-verify reads whole."""
    if (value := _value(_plain(answer))) is not None:
        return f"${value}$"
    return answer if re.search(r"\$|\\[(\[]", answer) else f"${answer}$"


def _letter(choice: re.Match[str]) -> str:
    return next(group for group in choice.groups() if group).upper()
