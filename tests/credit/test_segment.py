"""Segmentation: nothing lost, spans kept, caps obeyed, whatever the text; and what people would call a step."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from strategies import UNICODE

from dca.credit.merging import merged
from dca.credit.segment import LONG, SEGMENTERS, segment
from dca.errors import InputError
from dca.types import POLICY, Span, Step, Transcript

FRAGMENTS = (
    *("\n", "\n\n", "\r\n", "\r", " ", "\t", "\x00", "\u2028", "\u0301", "\u200d", "\ud800", "\udc00", "\xa0"),
    *(
        "```",
        "```python\n",
        "~~~",
        "`",
        "$",
        "$$",
        "\\[",
        "\\]",
        "\\(",
        "\\)",
        "\\\\",
        "\\begin{align}",
        "\\end{align}",
    ),
    *("|", "| a | b |\n", "|---|---|\n", "a | b\n-|-\n", "<step>", "</step>", "<step n='1'>", "<think>", "</think>"),
    *("<answer>", "<", ">", "Step 1: ", "**Step 2.** ", "### Step 3\n", "1. ", "2) ", "(3) ", "步骤 2：", "第一步"),
    *(
        "Dr. ",
        "e.g. ",
        "3.5",
        ". ",
        "? ",
        "! ",
        "... ",
        "。",
        "！",
        '." ',
        "5! ",
        "So ",
        "we get ",
        "x = 3",
        ":",
        "# ",
    ),
    *("$5 and $7", "Answer: 4", "---", "…", "🙂", "👩‍🔬", "é", "}", "A. ", "p.m. "),
)
TEXTS = st.one_of(UNICODE, st.lists(st.sampled_from(FRAGMENTS), max_size=60).map("".join))
HOWS = st.sampled_from(SEGMENTERS)
CAPS = st.one_of(st.integers(1, 8), st.just(64), st.just(10**9))


@st.composite
def transcripts(draw: Callable[..., Any]) -> Transcript:
    """A transcript with or without spans; spans may be empty, whole, and by anyone."""
    text = draw(TEXTS)
    if draw(st.booleans()):
        return Transcript("", text, 1.0)
    inner = draw(st.lists(st.integers(0, len(text)), max_size=6))
    edges = [0, *sorted(inner), len(text)]
    kinds = st.tuples(st.sampled_from((POLICY, POLICY, "tool", "user")), st.booleans())
    spans = tuple(Span(a, b, *draw(kinds)) for a, b in pairwise(edges))
    return Transcript("", text, 1.0, spans=spans)


def texts(text: str, how: str = "auto", max_steps: int = 64) -> list[str]:
    """The steps of a plain completion, as strings."""
    return [step.text for step in segment(Transcript("", text, 1.0), how, max_steps=max_steps)]


def filled(spans: tuple[Span, ...]) -> list[Span]:
    """The spans that hold anything."""
    return [span for span in spans if span.stop > span.start]


@given(transcripts(), HOWS, CAPS)
@settings(max_examples=400)
def test_steps_tile_the_completion(transcript: Transcript, how: str, cap: int) -> None:
    """Law 1: the steps' texts joined are the completion; indices count up; only nothing is an empty step."""
    steps = segment(transcript, how, max_steps=cap)
    assert "".join(step.text for step in steps) == transcript.completion
    assert [step.index for step in steps] == list(range(len(steps)))
    assert [step.stop for step in steps[:-1]] == [step.start for step in steps[1:]]
    assert all(transcript.completion[step.start : step.stop] == step.text for step in steps)
    assert all(step.text for step in steps) or steps == (Step(0, 0, 0, ""),)


@given(transcripts(), HOWS, CAPS)
@settings(max_examples=200)
def test_spans_are_kept(transcript: Transcript, how: str, cap: int) -> None:
    """No step crosses a span; whole spans and other authors' are one step each; authors are the spans'."""
    spans = filled(transcript.spans) or [Span(0, len(transcript.completion))]
    steps = segment(transcript, how, max_steps=cap)
    inside = [[s for s in steps if span.start <= s.start and s.stop <= span.stop] for span in spans]
    assert sum(map(len, inside)) == len(steps)
    for span, own in zip(spans, inside, strict=True):
        assert {step.author for step in own} == {span.author}
        assert len(own) == 1 or (span.author == POLICY and not span.whole and how != "turns")


@given(transcripts(), HOWS, CAPS)
@settings(max_examples=200)
def test_the_cap_merges_neighbours(transcript: Transcript, how: str, cap: int) -> None:
    """Above the cap neighbours are merged, spans never; below it nothing changes."""
    free = {step.stop for step in segment(transcript, how, max_steps=10**9)}
    capped = [step.stop for step in segment(transcript, how, max_steps=cap)]
    assert set(capped) <= free
    assert len(capped) == min(len(free), max(cap, len(filled(transcript.spans)), 1))


@given(TEXTS)
@example("\n\na\n\n \nb\n")
@settings(max_examples=200)
def test_white_space_is_never_a_step(text: str) -> None:
    """A piece of white space joins the step before it, or the first; only a blank completion is blank."""
    for how in SEGMENTERS:
        steps = texts(text, how)
        assert len(steps) == 1 or not any(step.isspace() for step in steps)


@given(TEXTS)
@example("So. \u0301a\r\nb\n\u200dc <step>a</step>\u0301b")
@settings(max_examples=200)
def test_characters_stay_whole(text: str) -> None:
    """No cut parts CRLF, a surrogate pair, or a base from its combining mark."""
    for left, right in (pair for how in SEGMENTERS for pair in pairwise(texts(text, how))):
        assert not (left[-1] == "\r" and right[0] == "\n")
        assert right[0] not in "\u0301\u200d"
        assert not (left[-1] == "\ud800" and right[0] == "\udc00")


@given(TEXTS, HOWS, CAPS)
def test_segmentation_is_a_function(text: str, how: str, cap: int) -> None:
    """The same transcript gives the same steps."""
    assert texts(text, how, cap) == texts(text, how, cap)


@given(st.lists(st.integers(0, 30), min_size=1, max_size=40), st.data())
def test_the_shortest_pair_is_merged_first(lengths: list[int], data: st.DataObject) -> None:
    """Merging agrees with brute force: the smallest combined length first, the earlier of equals."""
    edges = [sum(lengths[:i]) for i in range(len(lengths) + 1)]
    edges = sorted(set(edges)) if len(set(edges)) > 1 else [0, 1]
    fixed = data.draw(st.sets(st.sampled_from(edges), max_size=4))
    most = data.draw(st.integers(2, 12))
    expected = list(edges)
    while len(expected) - 1 > most:
        free = [i for i in range(1, len(expected) - 1) if expected[i] not in fixed]
        if not free:
            break
        del expected[min(free, key=lambda i: expected[i + 1] - expected[i - 1])]
    assert merged(edges, fixed, most) == expected


@pytest.mark.parametrize("how", SEGMENTERS)
@pytest.mark.parametrize("blank", ["", " ", "\n\n", "\r\n \u2028\x00"[:3]])
def test_a_blank_completion_is_one_step(blank: str, how: str) -> None:
    """There is always a step, even where there is nothing to cut."""
    assert texts(blank, how) == [blank]


def test_unknown_segmenters_and_caps_are_refused() -> None:
    """An unknown name is answered with the names there are; a cap below one with what it was."""
    with pytest.raises(InputError, match=r"auto, paragraph, line, sentence, tags, numbered, turns.*'words'"):
        segment(Transcript("", "a", 1.0), "words")
    with pytest.raises(InputError, match="max_steps=0"):
        segment(Transcript("", "a", 1.0), max_steps=0)


def test_turns_and_given_steps() -> None:
    """Each span is a step under "turns"; `auto` cuts only what the policy wrote and nobody cut yet."""
    text = "Call it.\nThen wait.\nNow.42\nx\nSo 42.\nGiven. Whole."
    spans = (Span(0, 24), Span(24, 29, "tool"), Span(29, 36, POLICY), Span(36, len(text), POLICY, whole=True))
    transcript = Transcript("", text, 1.0, spans=spans)
    turns = ["Call it.\nThen wait.\nNow.", "42\nx\n", "So 42.\n", "Given. Whole."]
    assert [s.text for s in segment(transcript, "turns")] == turns
    assert [s.text for s in segment(transcript)] == ["Call it.\n", "Then wait.\n", "Now.", *turns[1:]]
    assert [s.author for s in segment(transcript)] == [*[POLICY] * 3, "tool", POLICY, POLICY]
    assert [s.text for s in segment(transcript, max_steps=2)] == turns


SENTENCES = "Take the next number and add it to the sum, as before. "


@pytest.mark.parametrize(
    "paragraph", [SENTENCES * 2200, "and so on we go " * 7000, "我们继续计算下一个数，然后相加。" * 4000]
)
def test_one_giant_paragraph_gives_as_many_steps_as_allowed(paragraph: str) -> None:
    """A 30,000-token trace without a line break becomes 64 steps of like length, cut at sentences if it has any."""
    steps = texts(paragraph)
    assert len(steps) == 64
    assert max(map(len, steps)) < 4 * len(paragraph) / 64
    assert all(step.rstrip().endswith((".", "。", "we", "go", "so", "on", "and")) for step in steps)
    assert len(texts(paragraph, max_steps=30)) == 30


def test_long_steps_are_cut_at_the_next_level() -> None:
    """A paragraph much longer than its neighbours is cut at sentences into steps of ordinary length."""
    steps = texts(f"First.\n\nSecond.\n\n{SENTENCES * 60}\n\nLast.")
    assert steps[:2] == ["First.\n\n", "Second.\n\n"]
    assert steps[-1] == "Last."
    assert all(200 < len(step) < LONG for step in steps[2:-1])


@pytest.mark.parametrize("how", SEGMENTERS)
def test_a_word_is_never_cut(how: str) -> None:
    """Text without white space or punctuation stays whole, however long."""
    assert texts("x" * 100_000, how) == ["x" * 100_000]


HOSTILE = (
    *(
        "$",
        "$$ ",
        "<step>",
        '<step "',
        "<think>a",
        "```",
        "```\n",
        "`a",
        "(",
        "\\[",
        "\\begin{a}",
        "1.\n",
        "1. a\n",
        "1.",
    ),
    *(
        " ",
        "\n",
        "\r\n",
        "a\n",
        ".",
        ". ",
        '."',
        "a. ",
        "|",
        "|\n",
        "-|",
        "a|b\n-|-\n",
        "#",
        "<",
        ">",
        "a ",
        "*",
        "。",
        "a:\n\n",
    ),
)


@pytest.mark.parametrize("unit", HOSTILE)
def test_hostile_text_is_cut_all_the_same(unit: str) -> None:
    """A quarter of a megabyte of one delimiter neither hangs nor loses a character."""
    text = unit * (250_000 // len(unit))
    assert "".join(texts(text)) == text
