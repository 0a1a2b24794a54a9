r"""What one step says, normalised: its words, numbers, symbols, and its statements that one thing is another.

Numbers lose their commas, words their endings, formulas their LaTeX. It knows no arithmetic, no other step, and no
task: what the words of a language that it has no list for are worth, it cannot tell either.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

from dca.performativity.cues import TALK

_TOKEN: Final = re.compile(
    r"\d[\d,]*(?<!,)(?:\.\d+)?|\.\d+|[^\W\d_]+'[^\W\d_]+|[^\W\d]\w*|[-=]>|[<>=!]=|≤|≥|:=|\*\*|[^\w\s]"
)
_LABEL: Final = re.compile(r"\s*[#*_>\-]*\s*(?:step|part|line)\s*\d{0,3}\s*[:.)]|\s*\d{1,2}[.)]\s", re.IGNORECASE)
_AGAIN: Final = re.compile(
    r"\b(?:a |the )?(?:second|other) (?:time|look|pass|way|opinion|thought)s?\b", re.IGNORECASE
)
_MARK: Final = re.compile(r"<<[^<>\n]*>>")
_LATEX: Final = (
    (re.compile(r"\\(?:[dtc]?frac)\s*\{([^{}]*)\}\s*\{([^{}]*)\}"), r"(\1)/(\2)"),
    (re.compile(r"\\(?:times|cdot|ast)(?![a-zA-Z])"), "*"),
    (re.compile(r"\\div(?![a-zA-Z])"), "/"),
    (re.compile(r"\\(?:text|mathrm|mathbf|mbox|operatorname|textbf|boxed|mathbb)\s*\{([^{}]*)\}"), r"\1"),
    (re.compile(r"\\(?:left|right|quad|qquad|[,;:!> ]|displaystyle|d?frac|begin|end|[()\[\]])"), " "),
    (re.compile(r"\\(?:leq?|geq?|to|approx|equiv|Rightarrow|rightarrow|implies)(?![a-zA-Z])"), " = "),
)
_SIGNS: Final = {"×": "*", "·": "*", "÷": "/", "−": "-", "–": "-", "**": "^"}
_OPERATORS: Final = frozenset("+-*/^")
_INNER: Final = _OPERATORS | frozenset("()[]{}|!%√_,")
_RELATIONS: Final = frozenset(("=", "->", "=>", "→", "⇒", "≈", "≡", "==", ":=", "<", ">", "<=", ">=", "≤", "≥"))
_ARROWS: Final = ("->", "→", "=>", "⇒")
_FUNCTIONS: Final = frozenset(
    "sin cos tan cot sec csc arcsin arccos arctan log ln exp sqrt gcd lcm max min mod pi len sum abs".split()
)
_ARTICLES: Final = frozenset("aAI")
_SMALL: Final = frozenset(
    "of to in is at by on or if as an be we so no it he up do go my us am pm me oh ok km kg cm mm m2".split()
)
_MOST: Final = 40  # tokens on either side of a relation that are looked at
_ENDINGS: Final = ("ations", "ation", "ings", "ing", "ies", "ied", "es", "ed", "s", "ly")

Key = tuple[str, ...]
"""An expression, normalised: its tokens without brackets; in order only where the order matters."""


@dataclass(frozen=True, slots=True)
class Statement:
    """``left = right``, or another relation, between formulas that are more than arithmetic.

    Attributes:
        left: The left side; never empty.
        right: The right side; may be empty where it is in words.
        relation: "=" for all signs of equality.
        first: The left side's tokens in order.
        last: The right side's tokens in order.
    """

    left: Key
    right: Key
    relation: str
    first: Key
    last: Key

    @property
    def names(self) -> bool:
        """Whether it only says what a name stands for: ``x = 3``."""
        return len(self.first) == 1 and not self.first[0][0].isdigit()

    @property
    def numeric(self) -> bool:
        """Whether no unknown is left on either side."""
        return not any(token[0].isalpha() and token not in _FUNCTIONS for token in (*self.left, *self.right))


@dataclass(frozen=True, slots=True)
class Content:
    """What one step is about.

    Attributes:
        words: What it names: content words, numbers and symbols.
        numbers: The numbers among them.
        pairs: Neighbours among its content tokens: who is said of what.
        statements: Its symbolic statements, in order.
        letters: How many letters and digits it has.
    """

    words: frozenset[str]
    numbers: frozenset[str]
    pairs: frozenset[tuple[str, str]]
    statements: tuple[Statement, ...]
    letters: int


NOTHING: Final = Content(frozenset(), frozenset(), frozenset(), (), 0)
"""The content of a step that is not the policy's."""


@lru_cache(maxsize=4096)
def content_of(text: str) -> Content:
    """Read one step.

    >>> found = content_of("So 7 + 5 -> 2, and the pair (x, y) has x = 6.")
    >>> [(statement.first, statement.last) for statement in found.statements]
    [(('7', '+', '5'), ('2',)), (('x',), ('6',))]
    >>> sorted(content_of("Wait, let me double-check: 3 trays of 1,200 rolls, yes.").words)
    ['1200', '3', 'roll', 'tray']
    """
    label = _LABEL.match(text)
    tokens = _tokens(_AGAIN.sub(" ", text[label.end() :] if label else text))
    said = [_stem(token) for token in tokens if _says(token)]
    return Content(
        words=frozenset(said),
        numbers=frozenset(token for token in said if token[0].isdigit()),
        pairs=frozenset(_neighbours(said)),
        statements=tuple(_statements(tokens)),
        letters=sum(map(len, said)),
    )


def formula(text: str) -> Key:
    """The tokens of a text that is one formula, in order, brackets left out."""
    return tuple(token for token in _tokens(text) if token not in "()[]{}|,")


def last_number(text: str, among: Collection[str]) -> str | None:
    """The last of some numbers that a text shows.

    >>> last_number("12 * 2 = 24, so it is 20.", {"12", "24"})
    '24'
    """
    return next((token for token in reversed(_tokens(text)) if token in among), None)


def overlap(part: Iterable[object], whole: Collection[object]) -> float:
    """The share of some things that are among others; 0 where there are none."""
    things = list(part)
    return sum(thing in whole for thing in things) / len(things) if things else 0.0


def _tokens(text: str) -> list[str]:
    """The tokens of a text, signs and numbers normalised."""
    if "<<" in text:
        text = _MARK.sub("", text)
    if "\\" in text:
        for pattern, plain in _LATEX:
            text = pattern.sub(plain, text)
    found = _TOKEN.findall(text.replace("$", " "))
    tokens = [
        _number(token) if token[0].isdigit() or token[0] == "." else _SIGNS.get(token, token) for token in found
    ]
    for at, token in enumerate(tokens):
        if (
            token in ("x", "X")
            and 0 < at < len(tokens) - 1
            and tokens[at - 1][0].isdigit()
            and tokens[at + 1][0].isdigit()
        ):
            tokens[at] = "*"
    return tokens


def _number(token: str) -> str:
    if "," in token:
        token = token.replace(",", "")
    if "." not in token or token == ".":
        return token
    token = token.rstrip("0").rstrip(".")
    return f"0{token}" if token.startswith(".") else token or "0"


def _says(token: str) -> bool:
    """Whether a token tells what a step is about."""
    if token[0].isdigit():
        return True
    return token[0].isalpha() and token.lower() not in TALK


@lru_cache(maxsize=8192)
def _stem(token: str) -> str:
    """A word without its ending; other tokens as they are. Capitals count in single letters only."""
    if not token[0].isalpha() or len(token) == 1:
        return token
    word = token.lower()
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def _neighbours(said: Sequence[str]) -> Iterable[tuple[str, str]]:
    for gap in (1, 2):
        yield from zip(said, said[gap:], strict=False)


def _statements(tokens: Sequence[str]) -> Iterable[Statement]:
    """The relations between formulas; those of plain arithmetic with "=" are left to `dca.equations`."""
    for at, token in enumerate(tokens):
        if token in _RELATIONS:
            arrow = token in _ARROWS
            left, right = _side(tokens, _before_asides(tokens, at) if arrow else at - 1, -1), _side(tokens, at + 1, 1)
            if not left or not right or (len(left) == 1 and left[0][0].isdigit()):
                continue
            relation = token if token in "<>" or token in ("<=", ">=", "≤", "≥") else "="
            statement = Statement(key_of(left), key_of(right), relation, left, right)
            if arrow or not statement.numeric:
                yield statement


def _before_asides(tokens: Sequence[str], at: int) -> int:
    """The place before an arrow, past talk and adverbs that commas set off: ``7 + 5, well, -> 12``."""
    near = at - 1
    if near >= 0 and tokens[near] == ",":
        while near >= 0 and (tokens[near] == "," or tokens[near].lower() in TALK or tokens[near].endswith("ly")):
            near -= 1
    return near


def _side(tokens: Sequence[str], at: int, step: int) -> Key:
    """The formula that begins (or ends) at a place: as many tokens as belong to one."""
    found: list[str] = []
    while 0 <= at < len(tokens) and len(found) < _MOST and _mathematical(tokens, at):
        found.append(tokens[at])
        at += step
    while found and found[-1] in ("(", ")", ",", "[", "]", "{", "}", "|", *_OPERATORS):
        if found[-1] == "-" and step < 0:
            break
        found.pop()
    if step < 0:
        found.reverse()
    while found and found[0] in (")", ",", "]", "}"):
        found.pop(0)
    return tuple(token for token in found if token not in "()[]{}|,")


def _mathematical(tokens: Sequence[str], at: int) -> bool:
    """Whether a token belongs to a formula: digits, signs, short names beside them, functions and calls."""
    token = tokens[at]
    if token[0].isdigit() or token in _INNER:
        return True
    if not token[0].isalpha():
        return False
    if token in _FUNCTIONS or "_" in token or token[-1].isdigit() or (at + 1 < len(tokens) and tokens[at + 1] == "("):
        return True
    if len(token) > 2 or token.lower() in _SMALL:
        return False
    return (len(token) == 1 and token not in _ARTICLES) or any(_formal(tokens, near) for near in (at - 1, at + 1))


def _formal(tokens: Sequence[str], at: int) -> bool:
    """Whether there is a sign or a number at a place."""
    return 0 <= at < len(tokens) and (tokens[at][0].isdigit() or tokens[at] in _OPERATORS or tokens[at] in _RELATIONS)


def key_of(side: Key) -> Key:
    """The key of a formula: sorted, unless it subtracts, divides or raises to a power; factors lose their sign."""
    kept = tuple(token for token in side if token != "*")
    return kept if any(token in "-/^" for token in kept) else tuple(sorted(kept))
