"""Where a text must not be cut: code, maths and tables.

Regions are half-open pairs of character offsets, sorted and disjoint. Every scan is linear: delimiters are paired by
walking over them once, never by searching for a closer from each opener.
This module reads delimiters only. It does not know whether code runs or maths is sound, and it guesses twice:
a dollar sign is currency unless it looks like maths, and a pair of `$$` around prose is two accidents.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Final

Region = tuple[int, int]
Tokens = Sequence[re.Match[str]]

NL: Final = "\n\r\x0b\x0c\x85\u2028\u2029"
"""The characters that end a line, for use inside a character class."""
LS: Final = f"(?<![^{NL}])"
"""The start of a line."""
SP: Final = rf"[^\S{NL}]"
"""White space that does not end a line."""

# A code fence may stand in a list or a quotation; a backtick fence has no backtick in the rest of its line.
_FENCE: Final = re.compile(
    rf"{LS}(?:{SP}|>)*+(?:(?:[-*+]|\d{{1,3}}[.)]){SP}+)?(?P<mark>`{{3,}}|~{{3,}})(?P<rest>[^{NL}]*)"
)
_TOKEN: Final = re.compile(
    rf"\\\\|\\(?:begin|end)\{{[A-Za-z]{{1,40}}\*?\}}|\\[\[\]()$]|\$+|`+|(?>\r\n|[{NL}])(?P<blank>{SP}*+[{NL}]\s*+)?"
)
_ROW: Final = rf"{LS}(?:{SP}|>)*+\|[^{NL}]*+(?>\r\n|[{NL}]|\Z)"
_RULE: Final = rf"{SP}*+\|?{SP}*+:?-++:?{SP}*+(?:\|{SP}*+:?-++:?{SP}*+)++\|?{SP}*+(?>\r\n|[{NL}]|\Z)"
_TABLE: Final = re.compile(
    rf"(?:{_ROW}){{2,}}|{LS}[^{NL}|]++\|[^{NL}]*+(?>\r\n|[{NL}]){_RULE}(?:[^{NL}|]*+\|[^{NL}]*+(?>\r\n|[{NL}]|\Z))*"
)
_SENTENCE_END: Final = re.compile(r"[.?!][\"')]*\s+[A-Za-z][a-z]+\s")
# These environments hold prose; to protect them would make one step of a whole solution.
_PROSE: Final = re.compile(
    "abstract|answer|center|claim|corollary|definition|description|document|enumerate|example|flushleft|flushright|"
    "itemize|lemma|minipage|problem|proof|proposition|quotation|quote|remark|solution|theorem"
)
_CLOSERS: Final = {"\\]": "\\[", "\\)": "\\("}
_BLANK: Final = re.compile(rf"(?>\r\n|[{NL}]){SP}*+[{NL}]")


def protected_regions(text: str) -> list[Region]:
    r"""The stretches of a text in which no cut may fall.

    Fenced code (an open fence runs to the end), inline code, display maths (``$$ $$``, ``\[ \]``,
    ``\begin{X} \end{X}``), inline maths (``$ $``, ``\( \)``) and tables.

    Returns:
        Sorted, disjoint (start, stop); a cut c is forbidden where start < c < stop.

    >>> protected_regions("It costs $5 and $7. Let $x = 5. 5$ be."), protected_regions("a\n```\nb")
    ([(24, 34)], [(2, 7)])
    """
    regions = _fences(text)
    for start, stop in _gaps(regions, len(text)):
        regions += _maths(text, start, stop)
        if text.find("|", start, stop) >= 0:
            regions += (_without_break(text, m.span()) for m in _TABLE.finditer(text, start, stop))
    return _union(regions)


def code_regions(text: str) -> list[Region]:
    """The stretches that are code: what looks like a tag in there is none.

    >>> code_regions("a `<step>` b")
    [(2, 10)]
    """
    regions = _fences(text)
    for start, stop in _gaps(regions, len(text)):
        if text.find("`", start, stop) >= 0:
            regions += _inline(text, list(_TOKEN.finditer(text, start, stop)), "`")
    return _union(regions)


def allowed(text: str, cuts: Iterable[int], regions: Sequence[Region]) -> list[int]:
    r"""The cuts that fall in no region, split no line end and part no character from its combining marks.

    Args:
        cuts: Increasing offsets.
        regions: Sorted and disjoint.

    >>> allowed("a \u0301 $b c$", [2, 4, 7], [(4, 9)])
    [4]
    """
    if text.isascii() and "\r" not in text:
        inside = [cut for cut in cuts if 0 < cut < len(text)]
    else:
        inside = [cut for cut in cuts if 0 < cut < len(text) and not _continues(text, cut)]
    if not regions:
        return inside
    kept, following = [], iter([*regions, (len(text), len(text))])
    start, stop = next(following)
    for cut in inside:
        while stop <= cut:
            start, stop = next(following)
        if cut <= start:
            kept.append(cut)
    return kept


def _continues(text: str, at: int) -> bool:
    """Whether the character at `at` belongs to the one before it."""
    character = text[at]
    if character < "\u0300":
        return character == "\n" and text[at - 1] == "\r"
    joins = character == "\u200d" or text[at - 1] == "\u200d" or "\U0001f3fb" <= character <= "\U0001f3ff"
    halves = "\ud800" <= text[at - 1] <= "\udbff" and "\udc00" <= character <= "\udfff"
    return joins or halves or unicodedata.category(character)[0] == "M"


def _fences(text: str) -> list[Region]:
    """Fenced code blocks, in order."""
    if "```" not in text and "~~~" not in text:
        return []
    regions, opened = [], None
    for m in _FENCE.finditer(text):
        mark, rest = m["mark"], m["rest"]
        if opened is None:
            opened = None if mark[0] == "`" and "`" in rest else m
        elif mark.startswith(opened["mark"]) and not rest.strip():
            regions.append((opened.start(), m.end()))
            opened = None
    return [*regions, (opened.start(), len(text))] if opened else regions


def _maths(text: str, start: int, stop: int) -> Iterator[Region]:
    """Every maths region and inline code, between two offsets."""
    dollar, backslash, tick = (text.find(sign, start, stop) >= 0 for sign in "$\\`")
    if not (dollar or backslash or tick):
        return
    tokens = list(_TOKEN.finditer(text, start, stop))
    if dollar:
        yield from _displays(text, tokens)
        yield from _inline(text, tokens, "$")
    if backslash:
        yield from _brackets(text, tokens)
        yield from _environments(tokens)
    if tick:
        yield from _inline(text, tokens, "`")


def _displays(text: str, tokens: Tokens) -> Iterator[Region]:
    """``$$ ... $$``. When a pair holds prose, its first half was no opener."""
    opened = -1
    for m in tokens:
        if m.group() == "$$":
            if opened >= 0 and not _is_prose(text, opened, m.end()):
                yield opened, m.end()
                opened = -1
            else:
                opened = m.start()


def _brackets(text: str, tokens: Tokens) -> Iterator[Region]:
    r"""``\[ ... \]`` and, within a paragraph, ``\( ... \)``; the latest opener counts."""
    opened: dict[str, int] = {}
    for m in tokens:
        token = m.group()
        opener = _CLOSERS.get(token, "")
        if token in ("\\[", "\\("):
            opened[token] = m.start()
        elif opener in opened:
            at = opened.pop(opener)
            if not _is_prose(text, at, m.end()):
                yield at, m.end()
        elif m["blank"]:
            opened.pop("\\(", None)


def _environments(tokens: Tokens) -> Iterator[Region]:
    r"""``\begin{X} ... \end{X}``, each paired with its own name, nested ones included."""
    opened: dict[str, list[int]] = {}
    for m in tokens:
        command, _, name = m.group().rstrip("}").partition("{")
        if not name or _PROSE.fullmatch(name.rstrip("*")):
            continue
        if command == "\\begin":
            opened.setdefault(name, []).append(m.start())
        elif opened.get(name):
            yield opened[name].pop(), m.end()


def _inline(text: str, tokens: Tokens, sign: str) -> Iterator[Region]:
    """``$ ... $`` or inline code, each within one line."""
    opened: re.Match[str] | None = None
    for m in tokens:
        token = m.group()
        if token[0] in NL or (sign == "$" and token == "$$"):
            opened = None
        elif token[0] != sign or (sign == "$" and len(token) > 1):
            continue
        elif opened and token == opened.group() and (sign == "`" or _closes(text, opened.end(), m.start())):
            yield opened.start(), m.end()
            opened = None
        elif sign == "`":
            opened = opened or m
        else:
            opened = None if text[m.end() : m.end() + 1].isspace() else m


def _closes(text: str, start: int, stop: int) -> bool:
    """Whether the dollar sign at `stop` ends maths begun at `start`, rather than naming a price."""
    if text[stop - 1].isspace() or text[stop + 1 : stop + 2].isdecimal():
        return False
    return not (text[start].isdecimal() and _SENTENCE_END.search(text, start, stop))


def _is_prose(text: str, start: int, stop: int) -> bool:
    """Whether a stretch reads like prose: three sentence ends, or one and a blank line."""
    ends = len(list(islice(_SENTENCE_END.finditer(text, start, stop), 3)))
    return ends == 3 or (ends > 0 and _BLANK.search(text, start, stop) is not None)


def _without_break(text: str, region: Region) -> Region:
    """The region less the line end it closes with."""
    start, stop = region
    return start, start + len(text[start:stop].rstrip())


def _gaps(regions: Sequence[Region], length: int) -> list[Region]:
    """What lies between sorted regions."""
    edges = [0, *(edge for region in regions for edge in region), length]
    return [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if a < b]


def _union(regions: Iterable[Region]) -> list[Region]:
    """Sorted and disjoint regions that cover the same characters."""
    merged: list[Region] = []
    for start, stop in sorted(regions):
        if merged and start < merged[-1][1]:
            merged[-1] = (merged[-1][0], max(stop, merged[-1][1]))
        else:
            merged.append((start, stop))
    return merged
