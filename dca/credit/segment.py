"""From a finished rollout to its steps, losing no character.

    Law 1:  "".join(step.text for step in segment(transcript)) == transcript.completion

A segmenter proposes cuts; cuts in code, maths and tables are dropped, and so are cuts that would leave white space
alone; then, above the cap, the cuts whose removal makes the shortest steps go first. No text is ever dropped.
This module knows how text looks, not what it means. It looks ahead: where a step ends may depend on what follows
it, so credits that must not see the future need another segmenter (`"line"` without a cap looks least far).
"""

from __future__ import annotations

import math
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import cache
from itertools import pairwise
from types import MappingProxyType
from typing import Final

from dca.credit.cuts import (
    all_tags,
    bare,
    clause_cuts,
    is_wrapped,
    line_cuts,
    main_structure,
    numbered_cuts,
    numbered_marks,
    paragraph_cuts,
    section_tags,
    step_tags,
    word_cuts,
)
from dca.credit.merging import merged
from dca.credit.protected import Region, allowed, code_regions, protected_regions
from dca.credit.sentence import sentence_cuts
from dca.errors import InputError
from dca.types import POLICY, Span, Step, Transcript

SEGMENTERS: Final = ("auto", "paragraph", "line", "sentence", "tags", "numbered", "turns")
"""The ways to cut."""

LONG: Final = 1_200
"""A step longer than this (characters) is cut further by `auto`, at the next finer level."""
ORDINARY: Final = 400
"""The mean length (characters) that `auto` aims at when it cuts a long step further."""
UNBROKEN: Final = 5_000
"""Text without a sentence end for longer than this (characters) is cut by `auto` at clauses, then at words."""
FEW: Final = 3
"""`auto` prefers the coarsest level that gives this many steps."""
CROWD: Final = 10_000
"""More pieces than this are nothing a person reads; `auto` then looks no closer."""

_INK: Final = re.compile(r"\S")
_CONTENT: Final = re.compile(r"[^\W_]")
_HEADING: Final = re.compile(r"\s*(?:#{1,6}\s[^\n]*|\*\*[^\n*]+\*\*:?)\s*")
_FORMULA: Final = re.compile(r"\s*(?:\$\$|\\\[|\\begin\{)")
_SEQUEL: Final = re.compile(r"\s*(?:[a-z]{2,}\b|[,;.])")

_FINDERS: Final[Mapping[str, Callable[[str], list[int]]]] = MappingProxyType(
    {
        "paragraph": paragraph_cuts,
        "line": line_cuts,
        "sentence": sentence_cuts,
        "clause": clause_cuts,
        "word": word_cuts,
    }
)
_LEVELS: Final = (("paragraph", LONG), ("line", LONG), ("sentence", LONG), ("clause", UNBROKEN), ("word", UNBROKEN))


def segment(transcript: Transcript, how: str = "auto", *, max_steps: int = 64) -> tuple[Step, ...]:
    r"""Cut a completion into steps.

    `auto` takes the first of these that the text has: ``<step>`` tags, numbered steps, then the coarsest of
    paragraphs, lines and sentences that gives three steps without leaving the reasoning in one of them. It cuts
    further what is much longer than ordinary, and joins what cannot stand alone (a heading, a lead-in, a displayed
    formula) to its neighbour. The others do what they are called, and give one step where they find nothing.
    Every span of the transcript is cut by itself; one that is whole, or that the policy did not write, is one step.

    Args:
        transcript: The rollout.
        how: One of `SEGMENTERS`.
        max_steps: Above this many steps, neighbours of one span are merged, the shortest pair first. Spans are
            never merged: where they alone are more than the cap, there are as many steps as spans.

    Returns:
        K >= 1 steps, contiguous; none is empty unless the completion is.

    Raises:
        InputError: `how` is not a segmenter, or `max_steps` is not a positive number.

    >>> [step.text for step in segment(Transcript("", "Tom has 3.\nHe eats 1.\n3 - 1 = 2.\nA: 2", 1.0))]
    ['Tom has 3.\n', 'He eats 1.\n', '3 - 1 = 2.\n', 'A: 2']
    """
    if how not in SEGMENTERS:
        raise InputError(f"expected a segmenter out of {', '.join(SEGMENTERS)}, got {how!r}")
    if max_steps < 1:
        raise InputError(f"expected at least 1 step, got max_steps={max_steps!r}")
    text = transcript.completion
    spans = [span for span in transcript.spans if span.stop > span.start] or [Span(0, len(text))]
    edges, authors = [0], {}
    for span in spans:
        authors[span.stop] = span.author
        if span.author == POLICY and not span.whole:
            edges += (span.start + cut for cut in _cuts(text[span.start : span.stop], how))
        edges.append(span.stop)
    return _steps(text, merged(edges, authors, max_steps), authors)


def _steps(text: str, edges: Sequence[int], authors: Mapping[int, str]) -> tuple[Step, ...]:
    """The steps between edges; each belongs to the author of the span it lies in."""
    ends = sorted(authors)
    return tuple(
        Step(index, start, stop, text[start:stop], authors[ends[bisect_left(ends, stop)]])
        for index, (start, stop) in enumerate(pairwise(edges))
    )


def _cuts(text: str, how: str) -> list[int]:
    """The cuts of one span."""
    if how == "turns" or not text or text.isspace():
        return []
    if how == "auto":
        return _auto(text)
    if how == "tags":
        return _tagged(text, all_tags)
    regions = protected_regions(text)
    cuts = numbered_cuts(text, regions) if how == "numbered" else _FINDERS[how](text)
    return _glued(text, allowed(text, cuts, regions))


def _tagged(text: str, find: Callable[[str, Sequence[Region]], list[int]]) -> list[int]:
    """The cuts at tags, which hold in maths and tables too: whoever writes tags means them."""
    return _glued(text, allowed(text, find(text, code_regions(text)), ())) if "<" in text else []


def _glued(text: str, cuts: Sequence[int]) -> list[int]:
    """The cuts that leave no piece of white space alone: it joins the piece before, or else the first."""
    first, last = _INK.search(text), len(text.rstrip())
    kept: list[int] = [first.start() if first else 0]
    for cut in cuts:
        if kept[0] < cut < last:
            if len(kept) > 1 and text[kept[-1] : cut].isspace():
                kept.pop()
            kept.append(cut)
    return kept[1:]


def _auto(text: str) -> list[int]:
    """Sections first (``<think>`` and the like), each cut in its own way."""
    outer = _tagged(text, section_tags)
    if len(outer) > CROWD:
        return outer
    cuts: list[int] = []
    for start, stop in pairwise([0, *outer, len(text)]):
        cuts += [start] * (start > 0)
        cuts += (start + cut for cut in _section(text[start:stop]))
    return cuts


def _section(text: str) -> list[int]:
    """The best level for one section, and finer ones for what is long."""
    regions = protected_regions(text)

    @cache
    def level(name: str) -> list[int]:
        return _glued(text, allowed(text, _FINDERS[name](text), regions))

    cuts = _tagged(text, step_tags)
    if not cuts:
        marks = numbered_marks(text, regions)
        numbered = _glued(text, allowed(text, main_structure(text, marks), regions))
        cuts = _joined(text, numbered, regions, {m.start() for m in marks}) or _coarsest(text, level, regions)
    edges = [0]
    for start, stop in pairwise([0, *cuts, len(text)]):
        if stop - start > LONG:
            edges += _refined(start, stop, level)
        edges.append(stop)
    return edges[1:-1]


def _coarsest(text: str, level: Callable[[str], list[int]], regions: Sequence[Region]) -> list[int]:
    """Paragraphs, or lines, or sentences: the first that gives a few steps, else the one that gives most."""
    best: list[int] = []
    for name in ("paragraph", "line", "sentence"):
        if name == "line" and is_wrapped(text):
            continue
        cuts = _joined(text, level(name), regions)
        if len(cuts) + 1 >= FEW and (name == "sentence" or not _is_lopsided([0, *cuts, len(text)], level)):
            return cuts
        best = max(best, cuts, key=len)
    return best


def _is_lopsided(edges: Sequence[int], level: Callable[[str], list[int]]) -> bool:
    """Whether one of a few steps is more than half the text, has several sentences, and is not too long anyway."""
    start, stop = max(pairwise(edges), key=lambda piece: piece[1] - piece[0])
    if len(edges) > 2 * FEW or not edges[-1] / 2 < stop - start <= LONG:
        return False
    sentences = level("sentence")
    return bisect_left(sentences, stop) - bisect_right(sentences, start) >= FEW


def _refined(start: int, stop: int, level: Callable[[str], list[int]]) -> list[int]:
    """Inner cuts of one long step: ever finer where needed, then merged to steps of ordinary length."""
    edges = [start, stop]
    for name, limit in _LEVELS:
        if all(b - a <= limit for a, b in pairwise(edges)):
            continue
        finer, cuts = [start], level(name)
        for a, b in pairwise(edges):
            if b - a > limit:
                finer += cuts[bisect_right(cuts, a) : bisect_left(cuts, b)]
            finer.append(b)
        edges = finer
    return merged(edges, (), math.ceil((stop - start) / ORDINARY))[1:-1]


def _joined(text: str, cuts: Sequence[int], regions: Sequence[Region], numbers: Collection[int] = ()) -> list[int]:
    """The cuts that leave no piece which cannot stand alone.

    A piece without letters or digits, a displayed formula, and what goes on after one join the piece before; a
    heading and a lead-in that ends in a colon join the piece after. The steps that begin at `numbers` stay apart.
    """
    if len(cuts) > CROWD:
        return list(cuts)
    kept = [0]
    for before, cut, after in zip([0, *cuts], cuts, [*cuts[1:], len(text)], strict=False):
        left, right = text[before:cut], text[cut:after]
        is_part = not _CONTENT.search(bare(right)) or (before == kept[-1] and not _CONTENT.search(bare(left)))
        if after - kept[-1] <= LONG and not (cut in numbers and before in numbers):
            is_part = is_part or _leads(left, cut in numbers) or _follows(left, right, cut, after, regions)
        if not is_part:
            kept.append(cut)
    return kept[1:]


def _leads(left: str, numbered: bool) -> bool:
    """Whether a piece only announces the next one, which may be a numbered step."""
    if len(left) > ORDINARY:
        return False
    announces = not numbered and left.rstrip().rstrip("*_").endswith((":", "："))
    return announces or _HEADING.fullmatch(left) is not None


def _follows(left: str, right: str, start: int, stop: int, regions: Sequence[Region]) -> bool:
    """Whether a piece is a displayed formula alone, or goes on with a sentence that a formula interrupted."""
    formula = _FORMULA.match(right)
    if formula:
        at = bisect_right(regions, (start + len(right) - len(right.lstrip()), stop + 1)) - 1
        return at >= 0 and not _CONTENT.search(right, max(0, regions[at][1] - start))
    ends = left.rstrip()
    return ends.endswith(("$$", "\\]", "}")) and _SEQUEL.match(right) is not None
