"""The methods: each one pure function from a reviewed batch to the push of every step's tokens.

    def mine(batch: Batch) -> Tensor: ...        # (N, S): the advantage of each token of each step
    ARMS["mine"] = Arm(mine, "what it is")       # that is all it takes to add one

DCA's own arms call `dca.credit.schemes` row by row: what is measured here is the code that is shipped. The other
rules are written from the papers named in their docstrings. No arm mixes rollouts of different prompts.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Final

import torch
from torch import Tensor

from dca.credit.schemes import Share, ValueDifference, verification_mask
from dca.protocols import Scheme
from dca.types import LABELS, Review, Row
from lab.reviewers import CODES, NO_LABEL, VERIFICATION_CODES, Judgement

EPSILON: Final = 1e-4
"""What TRL adds to a group's standard deviation."""

BONUS: Final = 0.1
TEMPERATURE: Final = 0.1


@dataclass(frozen=True, slots=True)
class Batch:
    """N reviewed rollouts of at most S steps, the G of one prompt side by side.

    Attributes:
        judgement: What the reviewer says.
        lengths: (N, S) n_k, the policy's tokens; 0 where there is no step.
        present: (N, S) there is such a step.
        rewards: (N,) R_i.
        group: G.
    """

    judgement: Judgement
    lengths: Tensor
    present: Tensor
    rewards: Tensor
    group: int

    @property
    def advantages(self) -> Tensor:
        """(N,) A_i = (R_i - mean) / (std + 1e-4) over the group (GRPO, Shao et al. 2024, arXiv 2402.03300)."""
        return standardised(self.rewards, self.group)

    @property
    def scale(self) -> Tensor:
        """(N,) k_i: what A_i multiplies a reward by; 0 where the group's rewards are all alike."""
        std = self.rewards.view(-1, self.group).std(1)
        return torch.where(std > 0, 1 / (std + EPSILON), 0.0).repeat_interleave(self.group)


def standardised(rewards: Tensor, group: int) -> Tensor:
    """(N,) rewards less their group's mean, over its standard deviation."""
    table = rewards.view(-1, group)
    return ((table - table.mean(1, keepdim=True)) / (table.std(1, keepdim=True) + EPSILON)).view(-1)


def grpo(batch: Batch) -> Tensor:
    """Outcome only: push = A_i for every token (GRPO, Shao et al. 2024, arXiv 2402.03300)."""
    return batch.advantages[:, None].expand_as(batch.lengths)


def share(batch: Batch, *, credit_coef: float, withhold: bool = False) -> Tensor:
    """DCA: push = A_i + credit_coef * z_k, by `dca.credit.schemes.Share`, one call a row."""
    scheme = Share(credit_coef=credit_coef, withhold=withhold)
    return by_row(batch, scheme, amounts=batch.advantages, scales=torch.ones_like(batch.rewards))


def value_difference(batch: Batch) -> Tensor:
    """push = k_i * (V_k - V_(k-1)), by `dca.credit.schemes.ValueDifference` (VinePPO, 2024, arXiv 2410.01679)."""
    return by_row(batch, ValueDifference(), amounts=batch.rewards, scales=batch.scale)


def by_row(batch: Batch, scheme: Scheme, *, amounts: Tensor, scales: Tensor) -> Tensor:
    """The push a scheme of this package gives, each rollout by itself."""
    said, values = batch.judgement, getattr(scheme, "measure", "") == "value"
    scores = (said.values if values else said.scores).double().tolist()
    labels, lengths, present = said.labels.tolist(), batch.lengths.tolist(), batch.present.sum(1).tolist()
    baseline = said.baseline.double().tolist() if values else [None] * len(scores)
    rest = amounts.double().tolist(), scales.double().tolist()
    push = batch.advantages[:, None].repeat(1, batch.lengths.shape[1]).double().tolist()
    recognised = [()] * len(scores) if said.recognised is None else list(map(_places, said.recognised))
    findings = said.findings or ((),) * len(scores)
    for i, (amount, scale) in enumerate(zip(*rest, strict=True)):
        k = present[i]
        review = Review(
            scores=tuple(scores[i][:k]),
            labels=tuple(LABELS[c] if c != NO_LABEL else None for c in labels[i][:k]),
            measure="value" if values else "contribution",
            baseline=baseline[i],
        )
        mask = verification_mask(review, recognised[i])
        row = Row(review, tuple(lengths[i][:k]), mask, findings[i], amount=amount, scale=scale)
        push[i][:k] = scheme(row).push
    return torch.tensor(push, dtype=torch.float32)


def _places(marks: Tensor) -> tuple[int, ...]:
    """Where a row is marked."""
    return tuple(marks.nonzero()[:, 0].tolist())


def draco(batch: Batch) -> Tensor:
    """A conserving multiplicative split: push = A_i * T * w_k / (n_k * sum_j w_j).

    Q_k = (1 + s_k) / 2 is a step's quality, w_k = Q_k where A_i >= 0 and 1 - Q_k elsewhere; uniform where all w are 0
    (DRACO, 2026, arXiv 2609.04094, whose judge grades rubric criteria; here the reviewer's score stands for Q).
    """
    quality = (1 + batch.judgement.scores) / 2
    amount = batch.advantages[:, None]
    weight = torch.where(amount >= 0, quality, 1 - quality) * (batch.lengths > 0)
    total, tokens = weight.sum(1, keepdim=True), batch.lengths.sum(1, keepdim=True)
    split = tokens * weight / (batch.lengths.clamp_min(1) * total.clamp_min(1e-12))
    return amount * torch.where(total > 0, split, 1.0)


def capo(batch: Batch) -> Tensor:
    """An unconserved penalty: r_t = 2 R_i - [the step is flagged wrong], standardised over all tokens of the group.

    CAPO (Xie et al. 2025, arXiv 2508.02298), with its weights of 2 and 1. Flagged: a score below 0.
    """
    reward = 2 * batch.rewards[:, None] - (batch.judgement.scores < 0).float()
    tokens = batch.lengths.float()
    shape = (-1, batch.group * tokens.shape[1])
    n, r = tokens.reshape(shape), reward.reshape(shape)
    count = n.sum(1, keepdim=True)
    mean = (n * r).sum(1, keepdim=True) / count
    std = ((n * (r - mean) ** 2).sum(1, keepdim=True) / count).sqrt()
    return ((r - mean) / (std + EPSILON)).view_as(tokens)


def process_grpo(batch: Batch) -> Tensor:
    """Process supervision: push_k = sum over j >= k of the step rewards, standardised over all steps of the group.

    DeepSeekMath, section 4.1.3 (Shao et al. 2024, arXiv 2402.03300); a step's reward is its score, and the outcome
    enters only through the steps.
    """
    shape = (-1, batch.group * batch.present.shape[1])
    present = batch.present.float().reshape(shape)
    reward = batch.judgement.scores.reshape(shape)
    count = present.sum(1, keepdim=True)
    mean = (present * reward).sum(1, keepdim=True) / count
    std = ((present * (reward - mean) ** 2).sum(1, keepdim=True) / (count - 1).clamp_min(1)).sqrt()
    step = (present * (reward - mean) / (std + EPSILON)).view_as(batch.judgement.scores)
    return step.flip(1).cumsum(1).flip(1)


def pure(batch: Batch) -> Tensor:
    """Min-form: push_k = R_i - mean of the others' R, plus the sum over j >= k of (r*_j - b_i n_j).

    r*_k = s_k * softmax(-s / 0.1)_k, whose sum is nearly the smallest score; b_i is the others' r* per token. PURE
    (Cheng et al. 2025, arXiv 2504.15275), process and verifiable rewards with leave-one-out baselines.
    """
    scores = batch.judgement.scores.masked_fill(~batch.present, torch.inf)
    shaped = torch.where(batch.present, (-scores / TEMPERATURE).softmax(1) * batch.judgement.scores, 0.0)
    per_token = others(shaped.sum(1), batch.group) / others(batch.lengths.sum(1).float(), batch.group)
    step = shaped - per_token[:, None] * batch.lengths
    outcome = batch.rewards - others(batch.rewards, batch.group) / (batch.group - 1)
    return outcome[:, None] + step.flip(1).cumsum(1).flip(1)


def others(values: Tensor, group: int) -> Tensor:
    """(N,) the sum of the values of the other rollouts in the group."""
    table = values.view(-1, group)
    return (table.sum(1, keepdim=True) - table).view(-1)


def bonus(batch: Batch, *, dose: float = BONUS) -> Tensor:
    """What DCA refuses to do: GRPO on R_i + a dose for each check and each catch, as the reviewer labels them."""
    labels = batch.judgement.labels
    checks = torch.isin(labels, torch.tensor(VERIFICATION_CODES)).sum(1)
    catches = (labels == CODES["recovery"]).sum(1)
    return standardised(batch.rewards + dose * (checks + catches), batch.group)[:, None].expand_as(batch.lengths)


@dataclass(frozen=True, slots=True)
class Arm:
    """A method: how it pushes, what it is, and whether it looks at the reviewer at all."""

    push: Callable[[Batch], Tensor]
    about: str
    reviewed: bool = True


ARMS: Final = {
    "grpo": Arm(grpo, "outcome only", reviewed=False),
    "dca": Arm(partial(share, credit_coef=0.5), "DCA, credit_coef 0.5: the default"),
    "withhold": Arm(
        partial(share, credit_coef=0.5, withhold=True), "DCA that pays a step in a finding nothing; needs a detector"
    ),
    "dca.25": Arm(partial(share, credit_coef=0.25), "DCA, credit_coef 0.25: for weak reviewers"),
    "draco": Arm(draco, "conserving multiplicative split"),
    "capo": Arm(capo, "unconserved penalty on wrong steps"),
    "process": Arm(process_grpo, "process-supervision GRPO"),
    "pure": Arm(pure, "min-form process reward with outcome"),
    "bonus": Arm(bonus, "GRPO with 0.1 for each check and catch"),
    "bonus.3": Arm(partial(bonus, dose=0.3), "the same with 0.3"),
    "bonus1": Arm(partial(bonus, dose=1.0), "the same with 1"),
    "value": Arm(value_difference, "value difference, DCA's yardstick scheme"),
}
"""All methods by name."""
