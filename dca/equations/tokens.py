"""Text to tokens: numbers, signs, words, units and LaTeX told apart in one linear pass.

It knows what a written form means by itself; it reads no expression and no equation.
"""

from __future__ import annotations

import re
from typing import Final, NamedTuple

from dca.equations.forms import EXCLAIMED, FORMS, PROSE, TRANSPARENT

NUMBER: Final = "number"
ODD: Final = "odd"
"""An operand that is no plain number: a time, a version, a list, a quantity of two units."""
MARK: Final = "mark"
"""A calculator mark, ``<<48/2=24>>``."""
WORD: Final = "word"
SIGN: Final = "sign"
EQUALS: Final = "equals"
ABOUT: Final = "about"
SAID: Final = "said"
"""Equality in words: "is equal to"."""
PERCENT: Final = "percent"
FACTORIAL: Final = "factorial"
OPEN: Final = "open"
CLOSE: Final = "close"
FUNCTION: Final = "function"
"""``F`` a fraction, ``B`` a binomial, ``R`` a root: each followed by its groups."""
LINE: Final = "line"
END: Final = "end"
"""The end of a sentence, or of the text."""
BREAK: Final = "break"
"""Ends an expression, not a sentence."""
MODULO: Final = "modulo"
UNKNOWN: Final = "unknown"

LONGEST_NUMBER: Final = 60
"""Characters; longer numbers are not read."""


class Token(NamedTuple):
    """A kind, what it stands for, and where it was."""

    kind: str
    text: str
    start: int
    stop: int


_SAME: Final = frozenset({WORD, LINE, MARK, PERCENT, END, OPEN, CLOSE, MODULO, EQUALS, ABOUT, SAID, ODD})
"""Forms that are kinds already."""

_KINDS: Final = {
    "quantity": ODD,
    "dots": ODD,
    "glyph": NUMBER,
    "number": NUMBER,
    "relation": BREAK,
    "other": BREAK,
    "radical": UNKNOWN,
    "bar": UNKNOWN,
}
_SIGNS: Final = (
    {"**": "^", "\\*": "*", "×": "*", "·": "*", "∙": "*", "⋅": "*", "✕": "*", "multiplied by": "*"}
    | {"÷": "/", "divided by": "/", "−": "-", "–": "-"}
    | {sign: sign for sign in "+-*/^"}
)
_LATEX: Final = (
    dict.fromkeys(("frac", "dfrac", "tfrac", "cfrac"), (FUNCTION, "F"))
    | dict.fromkeys(("binom", "dbinom", "tbinom"), (FUNCTION, "B"))
    | dict.fromkeys(("times", "cdot", "ast"), (SIGN, "*"))
    | dict.fromkeys(("approx", "simeq", "doteq"), (ABOUT, "≈"))
    | dict.fromkeys(("pmod", "bmod", "mod", "equiv", "pod"), (MODULO, "mod"))
    | dict.fromkeys(("le", "leq", "ge", "geq", "lt", "gt", "ne", "neq", "to", "in", "cong", "sim"), (BREAK, "<"))
    | dict.fromkeys(("implies", "iff", "therefore", "because", "quad", "qquad", "mapsto"), (BREAK, ";"))
    | dict.fromkeys(("Rightarrow", "rightarrow", "Longrightarrow", "longrightarrow"), (BREAK, ";"))
    | dict.fromkeys(("Leftrightarrow", "Longleftrightarrow"), (BREAK, ";"))
    | dict.fromkeys(("dots", "ldots", "cdots", "vdots"), (ODD, "..."))
    | {"sqrt": (FUNCTION, "R"), "div": (SIGN, "/")}
)


def tokens(text: str) -> list[Token]:
    """Cut a text into tokens; blanks, currency signs and ``$``-delimiters leave none.

    >>> [(token.kind, token.text) for token in tokens("$1,200 × 3")]
    [('number', '1,200'), ('sign', '*'), ('number', '3'), ('end', '')]
    """
    if "\\" in text:
        text = PROSE.sub(_unwrapped, text)
    found: list[Token] = []
    for match in FORMS.finditer(text):
        form = match.lastgroup
        if form is not None and form != "nothing" and form != "degrees":
            start, stop = match.span(form)
            _add(found, form, text, start, stop)
    found.append(Token(END, "", len(text), len(text)))
    return found


def _unwrapped(prose: re.Match[str]) -> str:
    r"""The words of ``\text{...}`` in their place, blanks around them."""
    return f"{' ' * len(prose[1])}{prose[2]} "


def _add(found: list[Token], form: str, text: str, start: int, stop: int) -> None:
    """Append what a written form stands for: one token, rarely none or several."""
    shown = text[start:stop]
    if form in _SAME:
        found.append(Token(form, shown, start, stop))
    elif form in _KINDS:
        kind = ODD if stop - start > LONGEST_NUMBER and _KINDS[form] == NUMBER else _KINDS[form]
        found.append(Token(kind, shown, start, stop))
    elif form in ("sign", "spoken"):
        found.append(Token(SIGN, _SIGNS[shown], start, stop))
    elif form == "latex":
        if shown not in TRANSPARENT:
            found.append(Token(*_LATEX.get(shown, (UNKNOWN, shown)), start - 1, stop))
    elif form == "mixed":
        found += _mixed(shown, start, stop)
    elif form == "power":
        found += [Token(SIGN, "^", start, stop), Token(NUMBER, "2" if shown == "²" else "3", start, stop)]
    elif form == "root":
        found.append(Token(FUNCTION, "R", start, stop))
    elif form == "bang":
        factorial = text[start - 1 : start] in tuple("0123456789)}") and not EXCLAIMED.match(text, start)
        found.append(Token(FACTORIAL if factorial else END, shown, start, stop))


def _mixed(shown: str, start: int, stop: int) -> list[Token]:
    """A mixed number ("2 1/2"); where the fraction is no proper one, the numbers one after the other."""
    blank = shown.rindex(" ") if " " in shown else shown.rindex("\t")
    above, below = shown[blank + 1 :].split("/")
    if int(above) < int(below):
        return [Token(NUMBER, shown, start, stop)]
    bar = stop - len(below) - 1
    return [
        Token(NUMBER, shown.split()[0], start, start + len(shown.split()[0])),
        Token(NUMBER, above, start + blank + 1, bar),
        Token(SIGN, "/", bar, bar + 1),
        Token(NUMBER, below, bar + 1, stop),
    ]
