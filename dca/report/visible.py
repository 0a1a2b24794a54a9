"""Text a reader may trust: what would act on a terminal, or hide in it, is shown instead of obeyed.

Knows characters and number formats only; what the text says, and where it is shown, is not its business.
The page's script (`text.js`) treats the same characters the same way; a browser test holds the two together.
"""

from __future__ import annotations

import re
from typing import Final

HIDDEN: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # control characters, escape among them
    "\u061c\u200b\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff"  # bidirectional overrides, invisible breaks
    "\U000e0000-\U000e007f]"  # tag characters: invisible ASCII, used to smuggle instructions
)
_LONE: Final = re.compile("[\ud800-\udfff]")
_MINUS: Final = "\u2212"


def visible(text: str) -> str:
    r"""The text with control, override and invisible characters spelled out, so that none can act.

    Line feeds and tabs stay; a lone surrogate, which no encoding can carry, becomes U+FFFD.

    >>> visible("ok\r\n\x1b[31mred \u202eevil")
    'ok\n⟨U+001B⟩[31mred ⟨U+202E⟩evil'
    """
    return HIDDEN.sub(_spelled, _LONE.sub("\ufffd", text.replace("\r\n", "\n")))


def _spelled(match: re.Match[str]) -> str:
    return f"⟨U+{ord(match[0]):04X}⟩"


def words(label: str) -> str:
    """A label, a kind or an author as one says it.

    >>> words("needless_check")
    'needless check'
    """
    return visible(label).replace("_", " ")


def signed(value: float, digits: int = 2) -> str:
    """A number that always shows its sign, unless it rounds to zero.

    >>> signed(0.416), signed(-0.3), signed(-0.001)
    ('+0.42', '−0.30', '0.00')
    """
    text = f"{value:+.{digits}f}"
    return text[1:] if float(text) == 0.0 else text.replace("-", _MINUS)


def plain(value: float) -> str:
    """A number as short as it may be, up to 6 significant digits; rounding dust is 0.

    >>> plain(1.0), plain(-0.25), plain(1 / 3), plain(-4e-17)
    ('1', '−0.25', '0.333333', '0')
    """
    return f"{round(value, 9) + 0.0:.6g}".replace("-", _MINUS)


def percent(part: float, whole: float) -> str:
    """A share in whole percent; "–" of nothing.

    >>> percent(1, 4), percent(0, 0)
    ('25 %', '–')
    """
    return f"{part / whole:.0%}".replace("%", " %") if whole else "–"


def compact(count: float) -> str:
    """A count that fits a tile.

    >>> compact(950), compact(41_230), compact(2_500_000)
    ('950', '41.2k', '2.5M')
    """
    for size, mark in ((1_000_000, "M"), (1_000, "k")):
        if count >= size:
            return f"{count / size:.3g}{mark}"
    return f"{count:g}"
