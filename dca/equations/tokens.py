"""Text to tokens: the written forms of numbers, signs, units and LaTeX, told apart in one linear pass.

It knows how things are written, not what they are worth together: it reads no expression and no equation.
"""

from __future__ import annotations

import re
import unicodedata
from fractions import Fraction
from functools import lru_cache
from typing import Final, NamedTuple

NUMBER: Final = "number"
ODD: Final = "odd"
"""An operand that is no plain number: a time, a version, a list, a compound quantity."""
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


class Number(NamedTuple):
    """A number as it was written: its exact value, and one unit in its last shown place (0: not shown)."""

    value: int | Fraction
    place: Fraction


_PAIRS = (
    (r"(?:hours?|hrs?|h)", r"(?:minutes?|mins?|m)"),
    (r"(?:minutes?|mins?|m)", r"(?:seconds?|secs?|s)"),
    (r"(?:feet|foot|ft)", r"(?:inch(?:es)?|in)"),
    (r"(?:pounds?|lbs?)", r"(?:ounces?|oz)"),
    (r"(?:years?|yrs?)", r"(?:months?|weeks?|days?)"),
    (r"months?", r"(?:weeks?|days?)"),
    (r"(?:weeks?|days?)", r"(?:days?|hours?|hrs?)"),
    (r"dollars?", r"cents?"),
    (r"(?:kg|kilograms?)", r"(?:g|grams?)"),
    (r"(?:km|kilomet(?:er|re)s?)", r"(?:m|met(?:er|re)s?)"),
    (r"(?:m|met(?:er|re)s?)", r"(?:cm|centimet(?:er|re)s?)"),
    (r"gallons?", r"quarts?"),
)
"""Units that together measure one quantity: "1 hour 30 minutes"."""

_COMPOUND = "|".join(
    rf"{large}(?:,?\s+(?:and\s+)?|\s?)\d++(?:\.\d+)?[\s-]?{small}(?![a-zA-Z])" for large, small in _PAIRS
)
_THOUSANDS = r"\d{1,3}(?:(?:,|\{,\}|,\\!)\d{3})+"
_SPACED = r"(?:(?<=[$€£>])\d{1,3}(?: \d{3})+|\d{1,3}(?: 0\d\d)(?: \d{3})*)(?!\d|[.,/]\d)"
_GLYPHS = "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"
_ABC = rf"[^\W\d_²³{_GLYPHS}]"
_FORMS: Final = re.compile(
    r"[ \t\r\f\v\u00a0\u2009\u202f]*(?:"
    r"(?P<equal>(?:is |are )?equal(?:s| to)(?![a-z]))|(?P<spoken>(?:divided|multiplied) by(?![a-z]))"
    rf"|(?P<word>{_ABC}{{2,}}(?:['’-]{_ABC}+)*|{_ABC}['’-]{_ABC}{{2,}}|{_ABC}(?:['’′]+(?!\w))?)"
    rf"|(?=[\d{_GLYPHS}])(?:"
    rf"(?P<compound>\d++\s?(?:{_COMPOUND}))"
    rf"|(?P<odd>\d++(?:\.\d++){{2,}}|\d++:\d++(?::\d++)?|\d++_\{{?\w+\}}?"
    rf"|(?!{_THOUSANDS}(?!,?\d))\d++(?:,\d++)+)"
    r"|(?P<mixed>\d{1,6}(?:[ \t]and[ \t]|[ \t])\d{1,3}/\d{1,3}(?![\d.,/]*\d))"
    rf"|(?P<digits>\d*+[ ]?[{_GLYPHS}])"
    r")"
    rf"|(?P<number>(?:(?:{_SPACED}|{_THOUSANDS}(?!\d)|\d++)(?:\.\d++|\.(?=[-+*/^)]))?|\.\d++)"
    r"(?:[eE][-+]?\d{1,4}(?![\w.]))?)"
    r"|(?P<line>\n\s*|\\begin\{\w*\*?\}(?:\{\w*\})?|\\end\{\w*\*?\}|\\\\(?:\[\w*\])?)"
    r"|(?P<mark><<[^<>\n]{0,300}>>)"
    r"|(?P<relation>[<>!:]=|[-=]+>|<-+|={2,}|[<>≤≥≠→⇒∈∼:;\"“”]|\\[\[\]{}|])"
    r"|(?P<equals>=)"
    r"|(?P<about>≈|≅)"
    r"|(?P<degrees>\^?\s*(?:\{\s*\\circ\s*\}|\\circ)|°)"
    r"|(?P<percent>\\?%)"
    r"|(?P<skip>\\[()!,; $&'~]|[$€£¥₹&~`])"
    r"|(?P<delimiter>\\(?:left|right|[bB]igg?[lr]?)(?![a-zA-Z])\s*\.?)"
    r"|(?P<radical>\\sqrt\s*\[[^\[\]\n]{0,20}\]|_(?:\{[^{}\n]{0,40}\}|\w)|@|(?<!#)\\?#(?!#))"
    r"|\\(?P<latex>[a-zA-Z]+)\*?"
    r"|(?P<dots>\.{2,}|…)"
    r"|(?P<end>[.?](?=[\s\"'”’)\]*$]|\Z))"
    r"|(?P<bang>!)"
    r"|(?P<power>[²³])"
    r"|(?P<sign>\*\*|\\\*|[-+*/^×·∙⋅÷−–✕])"
    r"|(?P<open>[(\[{])|(?P<close>[)\]}])"
    r"|(?P<root>√)"
    r"|(?P<modulo>≡)"
    r"|(?P<bar>[|∣⌊⌋⌈⌉∫∑∏±∞π])"
    r"|(?P<other>\S))"
)
_KINDS: Final = {
    "equal": SAID,
    "equals": EQUALS,
    "about": ABOUT,
    "compound": ODD,
    "odd": ODD,
    "dots": ODD,
    "mixed": NUMBER,
    "digits": NUMBER,
    "number": NUMBER,
    "relation": BREAK,
    "other": BREAK,
    "radical": UNKNOWN,
    "bar": UNKNOWN,
}
_SAME: Final = frozenset({WORD, LINE, MARK, PERCENT, END, OPEN, CLOSE, MODULO})
_SIGNS: Final = {"**": "^", "\\*": "*", "×": "*", "·": "*", "∙": "*", "⋅": "*", "✕": "*"}
_SIGNS_TOO: Final = {"÷": "/", "−": "-", "–": "-", "divided by": "/", "multiplied by": "*"}
_LATEX: Final = (
    dict.fromkeys(("frac", "dfrac", "tfrac", "cfrac"), (FUNCTION, "F"))
    | dict.fromkeys(("binom", "dbinom", "tbinom", "choose"), (FUNCTION, "B"))
    | dict.fromkeys(("times", "cdot", "ast"), (SIGN, "*"))
    | dict.fromkeys(("approx", "simeq", "doteq"), (ABOUT, "≈"))
    | dict.fromkeys(("pmod", "bmod", "mod", "equiv", "pod"), (MODULO, "mod"))
    | dict.fromkeys(("le", "leq", "ge", "geq", "lt", "gt", "ne", "neq", "to", "in", "cong", "sim"), (BREAK, "<"))
    | dict.fromkeys(("implies", "iff", "therefore", "because", "quad", "qquad"), (BREAK, "=>"))
    | dict.fromkeys(("Rightarrow", "rightarrow", "Longrightarrow", "longrightarrow"), (BREAK, "=>"))
    | dict.fromkeys(("Leftrightarrow", "Longleftrightarrow", "mapsto"), (BREAK, "=>"))
    | dict.fromkeys(("dots", "ldots", "cdots", "vdots"), (ODD, "..."))
    | {"sqrt": (FUNCTION, "R"), "div": (SIGN, "/")}
)
_TRANSPARENT: Final = frozenset(
    ["text", "textbf", "textit", "textrm", "mathrm", "mathbf", "mbox", "operatorname", "displaystyle", "boxed", "fbox", "tag", "hline", "limits", "phantom", "hspace", "vspace", "underline", "cancel"]
)
_EXCLAIMED: Final = re.compile(r"!(?:\s*\Z|\s*\n|\s+[^\W\d_a-z]|[\"”’])")


def tokens(text: str) -> list[Token]:
    """Cut a text into tokens; blanks, currency signs and ``$``-delimiters leave none.

    >>> [t.text for t in tokens("$1,200 × 3 = $3,600.") if t.kind in ("number", "sign", "equals")]
    ['1,200', '*', '=', '3,600']
    """
    found: list[Token] = []
    for match in _FORMS.finditer(text):
        form = match.lastgroup
        if form is None or form in ("skip", "degrees", "delimiter"):
            continue
        start, stop = match.span(form)
        _add(found, form, text, start, stop)
    found.append(Token(END, "", len(text), len(text)))
    return found


def _add(found: list[Token], form: str, text: str, start: int, stop: int) -> None:
    """Append what a written form stands for: one token, rarely none or two."""
    shown = text[start:stop]
    if form in _SAME:
        found.append(Token(form, shown, start, stop))
    elif form in ("sign", "spoken"):
        found.append(Token(SIGN, _SIGNS.get(shown) or _SIGNS_TOO.get(shown, shown), start, stop))
    elif form in _KINDS:
        kind = _KINDS[form]
        long = kind == NUMBER and stop - start > LONGEST_NUMBER
        found.append(Token(ODD if long else kind, shown, start, stop))
    elif form == "latex":
        if shown not in _TRANSPARENT:
            kind, meaning = _LATEX.get(shown, (UNKNOWN, shown))
            found.append(Token(kind, meaning, start - 1, stop))
    elif form == "power":
        found.append(Token(SIGN, "^", start, stop))
        found.append(Token(NUMBER, "2" if shown == "²" else "3", start, stop))
    elif form == "root":
        found.append(Token(FUNCTION, "R", start, stop))
    elif form == "bang":
        kind = FACTORIAL if _is_factorial(text, start) else END
        found.append(Token(kind, shown, start, stop))


def _is_factorial(text: str, start: int) -> bool:
    """Is this ``!`` part of the mathematics, or the end of an exclamation?"""
    return text[start - 1 : start] in tuple("0123456789)}") and not _EXCLAIMED.match(text, start)


_DIGITS_ONLY = re.compile(r"[^\d.eE+-]")


@lru_cache(maxsize=8192)
def number(shown: str) -> Number:
    """The exact value of a number as written, and its last shown place.

    >>> number("1,234.50")
    Number(value=Fraction(2469, 2), place=Fraction(1, 100))
    >>> number("2 1/2").value, number("3½").value
    (Fraction(5, 2), Fraction(7, 2))
    """
    if shown.isdecimal():
        return Number(int(shown), Fraction(1))
    if "/" in shown:
        whole, part = shown.replace(" and ", " ").split()
        return Number(int(whole) + Fraction(part) if not part.endswith("/0") else int(whole), Fraction(0))
    last = shown[-1]
    if not last.isdecimal() and last != ".":
        glyph = Fraction(unicodedata.numeric(last)).limit_denominator(8)
        return Number(int(shown[:-1] or 0) + glyph, Fraction(0))
    plain, _, power = _DIGITS_ONLY.sub("", shown).lower().partition("e")
    scale = Fraction(10) ** int(power) if power and abs(int(power)) <= 100 else Fraction(1)
    places = len(plain.partition(".")[2])
    value = Fraction(plain.rstrip(".")) * scale
    return Number(value.numerator if value.denominator == 1 else value, Fraction(1, 10**places) * scale)
