"""How fast completions are cut into steps, on one core: ordinary texts first, then a megabyte of hostile ones.

    python benchmarks/segmentation.py [--seconds 1.0]

A token is taken as 4 characters. The texts are made here; they look like solutions, and mean nothing.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from itertools import cycle, islice

from dca.credit.segment import segment
from dca.types import Transcript

CHARACTERS_PER_TOKEN = 4
TRACE_TOKENS = 30_000

SHORT = "Tom has 16 - 3 = <<16-3=13>>13 eggs.\nHe sells 13 * $2 = $<<13*2=26>>26 of them.\nA: 26\n"
SENTENCES = (
    "Okay, so the train goes 3.5 km in 2 min, i.e. 1.75 km/min. ",
    "Wait... is that right? ",
    "Let $v = 1.75$ and $t = 60$, cf. Eq. (2) above. ",
    "Then 5! = 120 ways, vs. 24 before, and so the answer would be 105 km. ",
    "Hmm, let me check it by Dr. Lee's method again! ",
)
RICH = (
    "## Part\n\nWe have the following:\n\n$$\nx^2 + y^2 = 1\n\n z = 2\n$$\n\n",
    "where $x$ is odd. So \\(y. z\\) holds.\n\n",
    "```python\ndef f(x):\n\n    return x  # a. B\n```\n\n",
    "| a | b |\n|---|---|\n| 1. | 2. |\n\n\\begin{align}\na &= b \\\\[2pt]\nc &= d\n\\end{align}\n\n",
)
HOSTILE = (
    "$",
    "$$ ",
    "<step>",
    "<step>a</step>",
    "```",
    "(",
    "\\[",
    "\\begin{a}",
    "1.\n",
    "1. a\n",
    " ",
    "\n",
    "a\n",
    "a. ",
    "|\n",
)


def filled(parts: tuple[str, ...], characters: int) -> str:
    """The parts, over and over, up to a length."""
    return "".join(islice(cycle(parts), 1 + characters * len(parts) // sum(map(len, parts))))[:characters]


def ordinary() -> Iterator[tuple[str, str]]:
    """Names and texts of what the package is for."""
    trace = TRACE_TOKENS * CHARACTERS_PER_TOKEN
    yield "short solution, 3 lines", SHORT
    yield "short solution, 40 lines", SHORT * 13
    yield "trace, one giant paragraph", filled(SENTENCES, trace)
    yield "trace, short paragraphs", filled(tuple(f"{s}\n\n" for s in SENTENCES), trace)
    yield "trace, code, maths and tables", filled(RICH, trace)
    yield "trace, no punctuation", filled(("and then we go on ",), trace)


def rate(text: str, seconds: float) -> tuple[float, int]:
    """Characters a second, and how many steps they make."""
    transcript = Transcript("", text, 1.0)
    steps = len(segment(transcript))
    runs, start = 0, time.perf_counter()
    while (spent := time.perf_counter() - start) < seconds or not runs:
        segment(transcript)
        runs += 1
    return runs * len(text) / spent, steps


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=1.0, help="time for each ordinary text")
    seconds: float = parser.parse_args().seconds
    print(f"{'text':<32}{'chars':>9}{'steps':>7}{'MB/s':>8}{'tokens/s':>12}{'ms each':>10}")
    for name, text in ordinary():
        characters, steps = rate(text, seconds)
        print(
            f"{name:<32}{len(text):>9,}{steps:>7}{characters / 1e6:>8.1f}{characters / CHARACTERS_PER_TOKEN:>12,.0f}"
            f"{1000 * len(text) / characters:>10.2f}"
        )
    print(f"\n{'one megabyte of':<32}{'steps':>16}{'seconds':>10}")
    for unit in HOSTILE:
        text = unit * (1_000_000 // len(unit))
        characters, steps = rate(text, 0.0)
        print(f"{unit!r:<32}{steps:>16}{len(text) / characters:>10.2f}")


if __name__ == "__main__":
    main()
