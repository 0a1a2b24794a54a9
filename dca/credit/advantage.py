"""From scores to token advantages: the one formula that files, reports and trainers share.

It knows lengths, scores and marks; it does not know who scored, what a step says, or what a tensor is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

SCALE: Final = 0.75
"""The constant that scores are divided by. It was chosen by experiment, in place of a group's RMS (DESIGN.md, 3)."""


def centred_scores(scores: Sequence[float], lengths: Sequence[int], neutral: Sequence[bool]) -> tuple[float, ...]:
    """z_k, the tilt of each step: zero-sum over the tokens that count, exactly 0 where the reviewer has no say.

        z_k = (s_k - sum_j n_j s_j / N) / 0.75,    N = sum_j n_j over steps that are not neutral

    Centred on differences from the first counted score, so that equal scores give exact zeros: a review
    without an opinion *is* GRPO (Shao et al. 2024, arXiv 2402.03300).

    Args:
        scores: (K,) s_k in [-1, 1].
        lengths: (K,) n_k in policy tokens (or characters); 0 for the environment's steps.
        neutral: (K,) True for verification steps; they get 0 and are left out of the mean.

    Returns:
        (K,) z_k, with |z_k| <= 2 / 0.75.

    >>> centred_scores((1.0, 0.0, 1.0), (10, 20, 5), (False, False, True))
    (0.888..., -0.444..., 0.0)
    """
    counted = [k for k, n in enumerate(lengths) if n > 0 and not neutral[k]]
    if not counted:
        return (0.0,) * len(scores)
    first = scores[counted[0]]
    mean = math.fsum(lengths[k] * (scores[k] - first) for k in counted) / sum(lengths[k] for k in counted)
    tilt = [0.0] * len(scores)
    for k in counted:
        tilt[k] = (scores[k] - first - mean) / SCALE
    return tuple(tilt)


def token_advantages(push: Sequence[float], owners: Sequence[int], mask: Sequence[int]) -> list[float]:
    """A_t = push of the step that owns token t; 0 where the mask is 0 (tools, templates, padding).

    Args:
        push: (K,) the advantage of each step's policy tokens, from a scheme.
        owners: (T,) the step that owns each token, from `dca.credit.align.token_owners`.
        mask: (T,) 1 for tokens the policy is trained on.

    Returns:
        (T,) advantages.

    Raises:
        ValueError: `owners` and `mask` differ in length.

    >>> token_advantages((1.5, 0.5), (0, 0, 1), (1, 0, 1))
    [1.5, 0.0, 0.5]
    """
    return [push[k] if m else 0.0 for k, m in zip(owners, mask, strict=True)]


def token_counts(owners: Sequence[int], mask: Sequence[int], steps: int) -> tuple[int, ...]:
    """n_k: how many trained tokens each of `steps` steps owns.

    >>> token_counts((0, 0, 1, 2), (1, 1, 0, 1), 3)
    (2, 0, 1)
    """
    counts = [0] * steps
    for k, m in zip(owners, mask, strict=True):
        counts[k] += 1 if m else 0
    return tuple(counts)
