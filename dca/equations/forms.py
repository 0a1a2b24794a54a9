"""The written forms that a text is cut into, as one pattern, and what each LaTeX command stands for.

It knows spelling alone; `tokens` says what a form means.
"""

from __future__ import annotations

import re
from typing import Final

GLYPHS: Final = "½⅓⅔¼¾⅕⅖⅗⅘⅙⅚⅛⅜⅝⅞"

PAIRS: Final = (
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

_THOUSANDS = r"\d{1,3}(?:(?:,|\{,\}|,\\!)\d{3})+"
_SPACED = r"(?:(?<=[$€£>])\d{1,3}(?: \d{3})+|\d{1,3} 0\d\d(?: \d{3})*)(?!\d|[.,/]\d)"
_LETTER = rf"[^\W\d_²³{GLYPHS}]"
_QUANTITIES = "|".join(
    rf"{large}(?:,?\s+(?:and\s+)?|\s?)\d++(?:\.\d+)?[\s-]?{small}(?![a-zA-Z])" for large, small in PAIRS
)

FORMS: Final = re.compile(
    r"[ \t\r\f\v\u00a0\u2009\u202f]*(?:"
    # words, the commonest form, come first
    r"(?P<said>(?:is |are )?equal(?:s| to)(?![a-z]))|(?P<spoken>(?:divided|multiplied) by(?![a-z]))"
    rf"|(?P<word>{_LETTER}{{2,}}(?:['’-]{_LETTER}+)*|{_LETTER}['’-]{_LETTER}{{2,}}|{_LETTER}(?:['’′]+(?!\w))?)"
    # numbers: quantities of two units, times, versions, lists, bases, mixed numbers, glyphs, plain ones
    rf"|(?=[\d{GLYPHS}])(?:(?P<quantity>\d++\s?(?:{_QUANTITIES}))"
    rf"|(?P<odd>\d++(?:\.\d++){{2,}}|\d++:\d++(?::\d++)?|\d++_\{{?\w+\}}?|(?!{_THOUSANDS}(?!,?\d))\d++(?:,\d++)+)"
    rf"|(?P<mixed>\d{{1,6}}(?:[ \t]and[ \t]|[ \t])\d{{1,3}}/\d{{1,3}}(?![\d.,/]*\d))|(?P<glyph>\d*+[ ]?[{GLYPHS}]))"
    rf"|(?P<number>(?:(?:{_SPACED}|{_THOUSANDS}(?!\d)|\d++)(?:\.\d++|\.(?=[-+*/^)]))?|\.\d++)"
    r"(?:[eE][-+]?\d{1,2}(?![\w.]))?)"
    # lines, marks, relations
    r"|(?P<line>\n\s*|\\begin\{\w*\*?\}(?:\{\w*\})?|\\end\{\w*\*?\}|\\\\(?:\[\w*\])?)"
    r"|(?P<mark><<[^<>\n]{0,300}>>)"
    r"|(?P<relation>[<>!:]=|[-=]{1,3}>|<-{1,3}|={2,}|[<>≤≥≠→⇒∈∼:;\"“”]|\\[\[\]{}|])"
    r"|(?P<equals>=)|(?P<about>[≈≅])"
    # LaTeX and signs
    r"|(?P<degrees>\^?\s*(?:\{\s*\\circ\s*\}|\\circ)|°)|(?P<percent>\\?%)"
    r"|(?P<open>(?:\\left\s*)?[(\[{])|(?P<close>(?:\\right\s*)?[)\]}])"
    r"|(?P<nothing>\\[()!,; $&'~]|[$€£¥₹&~`]|\\(?:left|right|[bB]igg?[lr]?)(?![a-zA-Z])\s*\.?)"
    r"|(?P<radical>\\sqrt\s*\[[^\[\]\n]{0,20}\]|_(?:\{[^{}\n]{0,40}\}|\w)|@|(?<!#)\\?#(?!#))"
    r"|\\(?P<latex>[a-zA-Z]+)\*?|(?P<dots>\.{2,}|…)|(?P<end>[.?](?=[\s\"'”’)\]*$]|\Z))|(?P<bang>!)"
    r"|(?P<power>[²³])|(?P<sign>\*\*|\\\*|[-+*/^×·∙⋅÷−–✕])|(?P<root>√)"
    r"|(?P<modulo>≡)|(?P<bar>[|∣⌊⌋⌈⌉∫∑∏±∞π])|(?P<other>\S))"
)
"""Every form, in the order in which they are tried; blanks before one belong to none.

Possessive repeats keep the cut linear on any text.
"""

EXCLAIMED: Final = re.compile(r"!(?:\s*\Z|\s*\n|\s+[^\W\d_a-z]|[\"”’])")
"""A "!" that ends an exclamation rather than making a factorial."""

PROSE: Final = re.compile(r"(\\(?:text(?:bf|it|rm)?|mathrm|mathbf|mbox|operatorname)\s*\{)([^{}\\\n]{0,200})\}")
"""Words set within mathematics."""

TRANSPARENT: Final = frozenset(
    "text textbf textit textrm mathrm mathbf mbox operatorname displaystyle boxed fbox tag hline limits "
    "phantom hspace vspace underline cancel".split(" ")
)
"""LaTeX commands that change how something looks, not what it is."""
