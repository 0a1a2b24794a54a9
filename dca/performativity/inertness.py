"""Which steps could not have changed the answer, by a policy's probabilities or by replay.

By probability a step is inert where neither of two cuts moves the answer it is asked for:

    |log P(y | x, all steps) - log P(y | x, all but k)| < 0.05 nat          what came later does not need it
    |log P(y | x, steps <= k) - log P(y | x, steps < k)| < 0.05 nat         nor was it known any better after it

The first alone is blind to a step that later ones say again, the second to one whose use comes later. The first is
the importance of PIR (Xiao et al. 2025, arXiv 2505.19187), the second early answering (Lanham et al. 2023, arXiv
2307.13702). By replay a step is inert where the policy, going on from before it, ends right as often as from after it
(Bogdan, Macar et al. 2025, arXiv 2506.19143). It knows the seam `Policy`; it does not know what a step was paid.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from dca.performativity.policy import ASK, UNMOVED, Policy
from dca.types import POLICY, Step

SEPARATOR: Final = "\n\n"
"""Between the prompt and the steps, in what a policy is asked."""
SAMPLES: Final = 32
TOLERANCE: Final = 0.1

Inertness = tuple[bool | None, ...]
"""(K,) whether each step is inert; None for steps the policy did not write."""


def beginning(prompt: str, steps: Sequence[Step]) -> str:
    """A prompt and some steps, as a policy is asked to go on from."""
    return f"{prompt}{SEPARATOR}{''.join(step.text for step in steps)}"


def inert_by_probability(
    policy: Policy, prompt: str, steps: Sequence[Step], answer: str, *, unmoved: float = UNMOVED
) -> Inertness:
    """Steps that could not have changed the answer, as far as the policy's probabilities tell.

    Args:
        policy: Asked for 2 K + 1 log-probabilities at most, in one call.
        prompt: x.
        steps: K steps.
        answer: y, the final answer.
        unmoved: In nat.
    """
    found = inert_stretches(policy, prompt, steps, [(k, k + 1) for k in range(len(steps))], answer, unmoved=unmoved)
    return tuple(one if step.author == POLICY else None for one, step in zip(found, steps, strict=True))


def inert_stretches(
    policy: Policy,
    prompt: str,
    steps: Sequence[Step],
    stretches: Sequence[tuple[int, int]],
    answer: str,
    *,
    unmoved: float = UNMOVED,
) -> tuple[bool, ...]:
    """The same for stretches of steps, whole episodes for example: each is cut as one.

    Args:
        policy: Asked in one call.
        prompt: x.
        steps: K steps.
        stretches: (N,) pairs of the first step and one past the last.
        answer: y, the final answer.
        unmoved: In nat.

    Returns:
        (N,) whether each stretch is inert.
    """
    asked = [
        tuple(beginning(prompt, part) for part in (steps, [*steps[:a], *steps[b:]], steps[:a], steps[:b]))
        for a, b in stretches
    ]
    texts = list(dict.fromkeys(text for row in asked for text in row))
    known = dict(zip(texts, policy.log_probabilities([(f"{text}{ASK}", answer) for text in texts]), strict=True))
    return tuple(
        abs(known[whole] - known[cut]) < unmoved and abs(known[after] - known[before]) < unmoved
        for whole, cut, before, after in asked
    )


def inert_by_replay(
    policy: Policy,
    prompt: str,
    steps: Sequence[Step],
    is_right: Callable[[str], bool],
    *,
    samples: int = SAMPLES,
    tolerance: float = TOLERANCE,
) -> Inertness:
    """Steps from before and from after which the policy ends right equally often.

    Args:
        policy: Asked for `samples` continuations of each of K+1 prefixes.
        prompt: x.
        steps: K steps.
        is_right: Whether a whole completion ends right.
        samples: For each prefix; the standard error of a difference is at most sqrt(1 / (2 samples)), 0.13 for 32.
        tolerance: The difference of two shares up to which they count as equal.
    """
    shares = []
    for k in range(len(steps) + 1):
        begun = "".join(step.text for step in steps[:k])
        gone_on = policy.continuations(beginning(prompt, steps[:k]), samples)
        shares.append(sum(is_right(begun + text) for text in gone_on) / max(1, len(gone_on)))
    return tuple(
        abs(shares[k + 1] - shares[k]) <= tolerance if step.author == POLICY else None for k, step in enumerate(steps)
    )
