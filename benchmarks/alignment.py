"""How fast tokens are rendered and given to steps, on one core.

Rows of 1,000 and 20,000 tokens, English and mixed Unicode, 20 to 500 steps. The yardstick is decoding the same bytes
once (`bytes.decode`), which anything that wants text must do.

    python benchmarks/alignment.py
"""

from __future__ import annotations

import random
import time

from dca.credit.advantage import token_advantages, token_counts
from dca.credit.align import render, token_owners
from dca.types import Step

ENGLISH = b"So the total is 54 + 18 = 72 clips, because half of 48 is 24. "
MIXED = "Die Summe beträgt 54 + 18 = 72 🙂, 因为一半是二十四。 ".encode()


def tokens(sample: bytes, count: int, dice: random.Random) -> list[bytes]:
    """Tokens of 1 to 7 bytes, cut without regard to characters; every hundredth stands for nothing."""
    pieces: list[bytes] = []
    at = 0
    while len(pieces) < count:
        width = dice.randint(1, 7) if len(pieces) % 100 else 0
        pieces.append((sample * 2)[at % len(sample) : at % len(sample) + width])
        at += width
    return pieces


def tile(text: str, steps: int) -> list[Step]:
    edges = [len(text) * k // steps for k in range(steps + 1)]
    return [Step(k, edges[k], edges[k + 1], text[edges[k] : edges[k + 1]]) for k in range(steps)]


def seconds(action: object, repeats: int) -> float:
    """The best of five timings of `repeats` calls."""
    best = float("inf")
    for _ in range(5):
        began = time.perf_counter()
        for _ in range(repeats):
            action()  # type: ignore[operator]
        best = min(best, time.perf_counter() - began)
    return best / repeats


def main() -> None:
    dice = random.Random(0)
    print("| text | tokens | steps | owners, M tokens/s | with advantages, M tokens/s | times one bytes.decode |")
    print("|---|---|---|---|---|---|")
    for name, sample in (("English", ENGLISH), ("mixed Unicode", MIXED)):
        for count, steps in ((1_000, 20), (20_000, 500)):
            pieces = tokens(sample, count, dice)
            cut = tile(render(pieces).text, steps)
            push, mask = [0.5] * steps, [1] * count

            def owners() -> list[int]:
                return token_owners(render(pieces), cut)  # noqa: B023 -- called within the loop

            def whole() -> None:
                owned = owners()
                token_counts(owned, mask, steps)  # noqa: B023
                token_advantages(push, owned, mask)  # noqa: B023

            repeats = 200_000 // count
            spent, all_of_it = seconds(owners, repeats), seconds(whole, repeats)
            decode = seconds(lambda: b"".join(pieces).decode("utf-8", "replace"), repeats)  # noqa: B023
            rates = f"{count / spent / 1e6:.1f} | {count / all_of_it / 1e6:.1f} | {spent / decode:.1f}"
            print(f"| {name} | {count:,} | {steps} | {rates} |")


if __name__ == "__main__":
    main()
