"""What people would call a step: expected segmentations spelled out, and the places where no cut may fall."""

from __future__ import annotations

from itertools import accumulate

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dca.credit.segment import SEGMENTERS, segment
from dca.types import Transcript


def texts(text: str, how: str = "auto") -> list[str]:
    """The steps of a plain completion, as strings."""
    return [step.text for step in segment(Transcript("", text, 1.0), how)]


EXPLICIT = [  # how, steps that joined are the text
    ("paragraph", ["a\nb\n\n", "c\n \n\n", "  d"]),
    ("paragraph", ["a\r\nb\r\n\r\n", "c"]),
    ("paragraph", ["\n\na\n\n", "b\n\n"]),
    ("line", ["a\n", "  b\n\n", "c\r\n", "d\u2028", "e\x0c", "f"]),
    ("line", ["\n a \n", "b\n"]),
    ("tags", ["Plan: ", "<step>a</step>\n", "<step n='2'>b > c</step> ", "so d"]),
    ("tags", ["<step>outer ", "<step>inner</step> ", "rest</step>"]),
    ("tags", ["<step>open\n", "<STEP id=2>open too"]),
    ("tags", ["<step>a</step><step></step>", "<step><step>b</step></step>"]),
    ("tags", ["<think>\nHm.\n</think>\n\n", "The answer.\n", "<answer>4</answer>"]),
    ("tags", ["```\n<step>no</step><step>tag</step>\n``` `<step>`"]),
    ("tags", ["<steps>no</steps><stepper>tag</stepper>"]),
    ("numbered", ["Intro.\n", "Step 1: a\nb\n", "Step 2: c"]),
    ("numbered", ["**Step 1.** a\n", "**Step 2.** b\n\nc"]),
    ("numbered", ["### Step 1\na\n", "### Step 2 - more\nb"]),
    ("numbered", ["1. a\n", "2. b\n   1. inner\n   2. inner\n", "3. c"]),
    ("numbered", ["1) a\n", "2) b"]),
    ("numbered", ["(1) a\n", "(2) b"]),
    ("numbered", ["**1.** a\n", "**2.** b"]),
    ("numbered", ["Step 1: a\n1. x\n2. y\n", "Step 2: b"]),
    ("numbered", ["3.5 is a number\n4.5 too"]),
    ("numbered", ["```\n1. a\n2. b\n```\n"]),
    ("numbered", ["```\nStep 1: a\nStep 2: b\n```\n", "1. c\n", "2. d"]),
    ("tags", ["<step>a</step>\u0301 b"]),
    ("numbered", ["步骤1：算。\n", "步骤2：好。"]),
    ("turns", ["a.\n\nb.\n\nc."]),
]


@pytest.mark.parametrize(("how", "expected"), EXPLICIT)
def test_each_segmenter_does_what_it_is_called(how: str, expected: list[str]) -> None:
    """Separators belong to the step before; what a segmenter does not find is not cut."""
    assert texts("".join(expected), how) == expected


SENTENCES = [
    ["It costs $3.50. ", "She pays $5. ", "Then 5 - 3.5 = 1.5."],
    ["Dr. Lee (cf. Fig. 3) says so, e.g. in Eq. (2), i.e. there. ", "Fine."],
    ["Is 3! = 6? ", "Yes! ", "So 5! ways vs. 4! ways. ", "Why?! ", "Because."],
    ["Wait... no. ", "Hmm... ", "The sum 1 + 2 + ... + 9 is 45. ", "OK…"],
    ['He said "Stop." and left. ', '"Why?" she asked. ', "(I do not know.) ", "Well."],
    ["1. Add 2 and 3. ", "2. Double it. ", "Done."],
    ["Step 1. Add 2 and 3. ", "Step 2. Double it."],
    ["The answer is B. ", "Then C. ", "By J. K. Rowling at 5 p.m. on Monday in the U.S. market. ", "So D."],
    ["so x = 3. ", "then y = 4. ", "it weighs 5 lb. and is 3 ft. long. ", "done"],
    ["首先，有3个。", "然后买了2个！", "一共5个？", "是。"],
    ["Let $x = 2. 5$ be. ", "Then $y = 3.$ ", "So \\(a. B\\) holds. ", "End."],
    ["We get $x = 3$ ", "So $y = 4$ ", "Now $z$ is Big."],
    ["No. 5 is first. ", "No. ", "That is Sec. 3 of vol. 2. ", "The end."],
    ["A line that goes\non in lower case. ", "Next.\n", "A line\n", "Another"],
    ["How many are left? ", "5. ", "So 5."],
    ["**Bold.** ", "*Italic!* ", "`code. Here` is code. ", "End."],
]


@pytest.mark.parametrize("expected", SENTENCES)
def test_sentences_end_where_a_reader_would_end_them(expected: list[str]) -> None:
    """Full stops of numbers, abbreviations, initials, list markers, factorials and formulas end no sentence."""
    assert texts("".join(expected), "sentence") == expected


AUTO = {
    "four lines": ["Tom has 3 apples\n", "He buys 2 * 4 = <<2*4=8>>8\n", "So he has 11\n", "#### 11"],
    "sentences": ["She has 16 - 3 = 13 eggs. ", "She sells 13 * 2 = $26. ", "A: 26"],
    "paragraphs": ["We add. It is easy.\n\n", "We double. Then we halve.\n\n", "So 4."],
    "two paragraphs are too few": ["She has 13. ", "She sells 13 * 2 = 26.\n\n", "A: 26"],
    "one paragraph holds the reasoning": [
        "Sure.\n\n",
        "He has 3. ",
        "He buys 4. ",
        "So 7. ",
        "He eats 2. ",
        "5.\n\n",
        "**5**",
    ],
    "tags": ["Plan.\n", "<step>Step 1: a. b\n\nc</step>\n", "<step>d</step>"],
    "named steps": [
        "Plan.\n\n",
        "**Step 1: Add**\n\n3 + 4 = 7\n\n",
        "**Step 2: Double**\n\n14\n\n",
        "**Answer:** 14",
    ],
    "numbers": ["Here is how:\n", "1. 3 * $2 = $6.\n", "2. $6 + $1 = $7.\n\n", "So she pays $7. And that is all."],
    "nested numbers": ["1. **Set up**\n   - Let x.\n\n", "2. **Solve**\n   - x = 4.\n\n", "Final answer: 4"],
    "a short list in an essay": [
        "There are two ways to do this, and both of them work.\n\n",
        "These are the ways:\n\n1. force\n2. thought\n\n",
        "We think, since it is short, and since it is the point of the exercise.\n\n",
        "So we are done.",
    ],
    "headings": ["# Plan\n\nWe add.\n\n", "## Sum\n\n3 + 4 = 7, which is prime.\n\n", "The end.\n\n---\n\n", "Bye."],
    "displays": [
        "We have\n\n\\[ x = 3. Y \\]\n\nwhere x is odd.\n\n",
        "Then we get:\n\n$$y = 4$$\n\n",
        "Done.\n\n",
        "QED",
    ],
    "code": ["Here it is:\n\n```python\nx = 1\n\ny = 2\n```\n\n", "It prints 1.\n\n", "Done."],
    "sections": ["<think>\nOkay.\n\n", "3 + 4 = 7.\n\n", "Wait, yes.\n</think>\n\n", "1. Add.\n", "2. Get 7."],
    "wrapped lines": [
        "We count the number of apples in the basket and find that the\nnumber of them is equal to twelve. ",
        "Therefore the price of all the\napples that we have is equal to 24. ",
        "We are done.",
    ],
    "Chinese": ["首先，有3个。", "然后买了2个！", "答案是5。"],
}


@pytest.mark.parametrize("name", AUTO)
def test_auto_finds_the_steps_a_reader_would(name: str) -> None:
    """Tags, then numbers, then the coarsest level that gives a few; lead-ins and formulas stay with their text."""
    assert texts("".join(AUTO[name])) == AUTO[name]


WORDS = st.lists(
    st.sampled_from(("alpha", "x=3.", "Beta", "2.", "So", "we", "get!", "1.", "-", "y?", "Gamma")), max_size=6
).map(" ".join)
LINES = st.lists(st.one_of(WORDS, st.sampled_from(("", "1. a", "Step 2: b", "- c"))), max_size=5).map("\n".join)
PROTECTED = st.one_of(
    LINES.map("```python\n{}\n```".format),
    LINES.map("~~~~\n{}\n```\n~~~~".format),
    LINES.map("  - ```\n{}\n  ```".format).map(lambda s: s[2:]),
    LINES.map("\\begin{{cases}}{}\\end{{cases}}".format),
    LINES.map("\\begin{{align*}}\n\\begin{{matrix}}\n{}\n\\end{{matrix}}\\\\[2pt]\n\\end{{align*}}".format),
    st.sampled_from(("a = 1\n\nb = 2", "a. B\nc", "\nx\n\n", "1. a\n2. b")).map("$${}$$".format),
    st.sampled_from(("a = 1\n\nb = 2", "a. B\nc", "\nx\n\n", "1. a\n2. b")).map("\\[{}\\]".format),
    st.sampled_from(("x. Y", "a = 2. 5", "x! Y", "\\text{So. We}")).map("${}$".format),
    st.sampled_from(("x. Y", "a\n= 2. 5", "x! Y")).map("\\({}\\)".format),
    st.lists(WORDS, min_size=1, max_size=3).map(lambda cells: "| {} |\n".format(" | ".join(cells)) * 3 + "|---|"),
    st.lists(WORDS, min_size=2, max_size=3).map(lambda cells: "{}\n---|:-:\n".format(" | ".join(cells)) + "1. A | B"),
)


@given(
    st.lists(st.tuples(st.sampled_from(("So. ", "Step 1: a\n", "A b.\n\n", "")), PROTECTED), min_size=1, max_size=6)
)
@settings(max_examples=400)
def test_code_maths_and_tables_are_never_cut(parts: list[tuple[str, str]]) -> None:
    """No cut falls inside a fence, a formula or a table, whichever segmenter is used."""
    pieces = [f"\n\n{lead}\n\n{block}" for lead, block in parts]
    stops = list(accumulate(map(len, pieces)))
    inside = {c for (_, b), stop in zip(parts, stops, strict=True) for c in range(stop - len(b) + 1, stop)}
    for how in SEGMENTERS:
        steps = segment(Transcript("", "".join(pieces), 1.0), how)
        assert not inside & {step.start for step in steps}


UNPROTECTED = [
    ("line", ["It costs $5.\n", "Then $6 more.\n", "So $11"]),
    ("sentence", ["It costs $5 and $7. ", "So $12 in all. ", "Or US$ 12."]),
    ("paragraph", ["A stray $$ here. Then more of it.\n\n", "And $$ there. Then more."]),
    ("paragraph", ["An open \\[ bracket.\n\n", "An open \\begin{align} too.\n\n", "And \\] alone."]),
    ("paragraph", ["\\begin{proof}\nFirst.\n\n", "Second.\n\\end{proof}"]),
    ("line", ["|x| = 5\n", "so x = 5"]),
    ("sentence", ["|x| = 5. ", "So x = 5 or x = -5."]),
    ("line", ["An `open tick\n", "and another ` here"]),
    ("paragraph", ["```a``` is inline.\n\n", "So is this.\n\n", "```\nthis runs\n\nto the end"]),
    ("line", ["\\\\[2pt]\n", "\\\\]"]),
]


@pytest.mark.parametrize(("how", "expected"), UNPROTECTED)
def test_what_only_looks_protected_is_cut(how: str, expected: list[str]) -> None:
    """Prices, stray delimiters, absolute values and prose environments protect nothing; an open fence does."""
    assert texts("".join(expected), how) == expected
