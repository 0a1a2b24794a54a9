"""Where a text may be cut: paragraphs, lines, tags, numbered steps, clauses and words.

Each finder returns increasing offsets and looks at one kind of mark alone; whether a cut is allowed, and whether it
leaves a piece worth having, is decided by who asked.
This module knows nothing of protected regions, of caps, or of which finder suits a text.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Final

from dca.credit.protected import LS, NL, SP, Region

_BREAK: Final = re.compile(rf"(?>\r\n|[{NL}])(?:{SP}*+[{NL}])*+")
_BLANK: Final = re.compile(rf"(?>\r\n|[{NL}])(?:{SP}*+[{NL}])++")
_CLAUSE: Final = re.compile(r"[,;:，；：、]\s+|[，；：、](?=\S)")
_GAP: Final = re.compile(r"\s+")
_NARROW: Final = 40  # characters; nobody wraps lines shorter than this
_INK: Final = re.compile(r"\S")

_ATTRIBUTES: Final = r"(?:[^<>\"']|\"[^\"<]{0,200}\"|'[^'<]{0,200}'|[\"'])*+"
_STEP_NAME: Final = rf"step(?:[ _-]?\d+)?(?=[\s/>]){_ATTRIBUTES}"
_SECTION_NAME: Final = r"(?:think(?:ing)?|thought|reasoning|reflection|scratchpad|answer|solution)"
_STEP: Final = re.compile(rf"<(?P<end>/?){_STEP_NAME}>", re.IGNORECASE)
_SECTION: Final = re.compile(rf"<(?P<end>/?){_SECTION_NAME}>", re.IGNORECASE)
_ANY_TAG: Final = re.compile(rf"<(?P<end>/?)(?:{_SECTION_NAME}|{_STEP_NAME})>", re.IGNORECASE)

_NUMBER: Final = r"\d{1,3}|one|two|three|four|five|six|seven|eight|nine|ten"
_MARK: Final = re.compile(
    rf"""
    {LS}(?P<indent>{SP}*+)(?:>{SP}*+)?(?P<hash>\#{{1,6}}{SP}*+)?(?P<bold>[*_]{{1,3}})?
    (?:
        (?P<word>step|stage|phase|part|case){SP}*+[-_\#]?+{SP}*+(?P<named>{_NUMBER})\b
        (?:{SP}*+[*_]*+{SP}*+(?:[.:)(\-–—]|(?=[{NL}]|\Z))|[*_]+|(?(hash)|(?!)))
      | (?:步骤{SP}*+|第)(?P<han>\d{{1,3}}|[一二三四五六七八九十]{{1,3}})(?:步|(?=\s*[：:.、]))
      | (?P<dotted>\d{{1,3}})\\?[.、](?=[\s*_]|\Z)
      | (?P<bracket>\d{{1,3}})\)(?=[\s*_]|\Z)
      | \((?P<round>\d{{1,3}})\)(?=[\s*_]|\Z)
    )
    """,
    re.VERBOSE | re.IGNORECASE,
)
_HEADING: Final = re.compile(rf"{LS}{SP}*+(?P<hash>\#{{1,6}}){SP}")
_STYLES: Final = ("dotted", "bracket", "round")
_CLOSING: Final = re.compile(
    rf"{LS}{SP}*+(?:\#{{1,6}}{SP}*+)?[*_]{{0,3}}"
    rf"(?:(?:the{SP})?(?:final{SP}+)?(?:answer|solution|conclusion|result)[*_]{{0,3}}{SP}*:|\#\#\#\#{SP}|答案)",
    re.IGNORECASE,
)
_CONCLUSION: Final = re.compile(
    r"[\s*_]*(?:therefore|thus|hence|so|in conclusion|in summary|finally)\b", re.IGNORECASE
)


def line_cuts(text: str) -> list[int]:
    r"""After each line end; blank lines belong to the line before.

    >>> line_cuts("a\nb\n\nc")
    [2, 5]
    """
    return [m.end() for m in _BREAK.finditer(text)]


def paragraph_cuts(text: str) -> list[int]:
    r"""After each blank line.

    >>> paragraph_cuts("a\nb\n\nc")
    [5]
    """
    return [m.end() for m in _BLANK.finditer(text)]


def is_wrapped(text: str) -> bool:
    """Whether lines end where the next word would not have fitted, so that they say nothing about steps."""
    lines = text.splitlines()
    width = max(map(len, lines), default=0)
    if width < _NARROW:
        return False
    breaks = [(a, b.split(None, 1)[0]) for a, b in pairwise(lines) if a.strip() and b.strip()]
    return len(breaks) > 1 and all(len(a.rstrip()) + 1 + len(word) > width for a, word in breaks)


def clause_cuts(text: str) -> list[int]:
    """After commas, semicolons and colons, with the white space that follows them."""
    return [m.end() for m in _CLAUSE.finditer(text)]


def word_cuts(text: str) -> list[int]:
    """After white space."""
    return [m.end() for m in _GAP.finditer(text)]


def step_tags(text: str, code: Sequence[Region]) -> list[int]:
    """Between ``<step>`` elements; tags without content between them stay together.

    >>> step_tags("<step>a</step> <step n='2'>b</step>", ())
    [15]
    """
    return _tag_cuts(_STEP, text, code)


def section_tags(text: str, code: Sequence[Region]) -> list[int]:
    """Between ``<think>``, ``<answer>`` and the like, and what surrounds them."""
    return _tag_cuts(_SECTION, text, code)


def all_tags(text: str, code: Sequence[Region]) -> list[int]:
    """Between elements of either kind."""
    return _tag_cuts(_ANY_TAG, text, code)


def bare(text: str) -> str:
    """A text without its tags."""
    return _ANY_TAG.sub("", text) if "<" in text else text


def _tag_cuts(tag: re.Pattern[str], text: str, code: Sequence[Region]) -> list[int]:
    """One cut in each run of tags between two contents: after its last closing tag, or before its first opening."""
    cuts: list[int] = []
    previous, pending, begun = 0, -1, False
    for m in _outside(tag, text, code):
        if _INK.search(text, previous, m.start()):
            if begun and pending >= 0:
                cuts.append(pending)
            pending, begun = -1, True
        if m["end"]:
            following = _INK.search(text, m.end())
            pending = following.start() if following else len(text)
        elif pending < 0:
            pending = m.start()
        previous = m.end()
    if begun and pending >= 0 and _INK.search(text, previous):
        cuts.append(pending)
    return cuts


def _outside(pattern: re.Pattern[str], text: str, regions: Sequence[Region]) -> Iterator[re.Match[str]]:
    """Matches that begin in none of the regions."""
    if not regions:
        yield from pattern.finditer(text)
        return
    following = iter([*regions, (len(text), len(text) + 1)])
    start, stop = next(following)
    for m in pattern.finditer(text):
        while stop <= m.start():
            start, stop = next(following)
        if m.start() < start:
            yield m


def numbered_cuts(text: str, regions: Sequence[Region] = ()) -> list[int]:
    r"""Before each numbered step: "Step 3:", "**Step 3.**", "### Step 3", "3.", "3)" or "(3)" at a line's start.

    Of several kinds of number the outermost counts: named steps first, then the kind that comes first.

    >>> numbered_cuts("Plan.\nStep 1: a\n1. x\n2. y\nStep 2: b")
    [6, 26]
    """
    return [m.start() for m in numbered_marks(text, regions)]


def numbered_marks(text: str, regions: Sequence[Region] = ()) -> list[re.Match[str]]:
    """The marks of the outermost kind of numbering, those in protected regions left out."""
    marks = list(_outside(_MARK, text, regions))
    families = list(map(_family, marks))
    counts = Counter(families)
    repeated = [family for family in families if counts[family] > 1] or families
    named = [family for family in repeated if family[0] == "step"]
    chosen = next(iter(named or repeated), None)
    return [m for m, family in zip(marks, families, strict=True) if family == chosen]


def main_structure(text: str, marks: Sequence[re.Match[str]]) -> list[int]:
    """The cuts of numbered steps where they are how the whole text is built, else none.

    Named steps are, wherever there are two. Bare numbers must count upwards from 0 or 1 and, from the first to the
    end of the last one's paragraph, take up a third of the text: a short list in an essay is no essay's structure.
    What comes before is cut by paragraphs, and so is what comes after, if no step but the last has a blank line;
    an answer or a conclusion that closes the text is a step of its own.

    Args:
        text: The text.
        marks: Its `numbered_marks`.
    """
    if len(marks) < 2:
        return []
    first, last = marks[0].start(), marks[-1].start()
    blank = _BLANK.search(text, last)
    tail = blank.end() if blank else len(text)
    if _family(marks[0])[0] != "step" and not (_rises(marks) and tail - first >= len(text) / 3):
        return []
    single = not any(_BLANK.search(text[a.start() : b.start()].rstrip()) for a, b in pairwise(marks))
    after = [m.end() for m in _BLANK.finditer(text, last, len(text.rstrip()))]
    if not single:
        after = [cut for cut in after[-1:] if _CONCLUSION.match(text, cut)]
    closing = [m.start() for m in _CLOSING.finditer(text, last)]
    level = len((marks[0]["hash"] or "").strip())
    headings = [m.start() for m in _HEADING.finditer(text, first) if len(m["hash"]) <= level]
    numbers = [m.start() for m in marks]
    return sorted({*paragraph_cuts(text[:first]), *numbers, *after, *closing, *headings})


def _family(mark: re.Match[str]) -> tuple[str, ...]:
    """What tells one kind of numbering from another: its word, or its style, indentation and emphasis."""
    if mark["word"] or mark["han"]:
        return ((mark["word"] or "step").lower(),)
    style = next(name for name in _STYLES if mark[name])
    return style, mark["indent"], (mark["hash"] or "").strip(), mark["bold"] or ""


def _rises(marks: Sequence[re.Match[str]]) -> bool:
    """Whether bare numbers count 0, 1, 2, ... or 1, 2, 3, ..."""
    numbers = [m["dotted"] or m["bracket"] or m["round"] or m["named"] or "" for m in marks]
    if not all(n.isdecimal() for n in numbers):
        return False
    values = [int(n) for n in numbers]
    return values[0] in (0, 1) and values == list(range(values[0], values[0] + len(values)))
