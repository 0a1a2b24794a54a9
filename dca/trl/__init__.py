"""Dense credit in TRL: a reward function that reviews, and a trainer that turns step credit into token advantages.

DCAReward             in `reward_funcs` of any TRL trainer: the outcome, unchanged, and a review of every rollout
DCAGRPOTrainer        GRPO with dense credit, set by DCAGRPOConfig
DenseCreditMixin      the same for a GRPOTrainer subclass of your own; `attach` for a trainer that lives already
AtMost, LargestAdvantage, MixedGroups      which rollouts are worth a review
LikelihoodReviewer, MonteCarloReviewer     reviewers that need no judge; PolicySampler continues for the latter
"""

from dca.trl.config import DCAGRPOConfig
from dca.trl.likelihood import LikelihoodReviewer
from dca.trl.mixin import DenseCreditMixin
from dca.trl.monte_carlo import MonteCarloReviewer
from dca.trl.reward import DCAReward
from dca.trl.sampling import PolicySampler
from dca.trl.selection import AtMost, LargestAdvantage, MixedGroups
from dca.trl.trainer import DCAGRPOTrainer, attach

__all__ = [
    "AtMost",
    "DCAGRPOConfig",
    "DCAGRPOTrainer",
    "DCAReward",
    "DenseCreditMixin",
    "LargestAdvantage",
    "LikelihoodReviewer",
    "MixedGroups",
    "MonteCarloReviewer",
    "PolicySampler",
    "attach",
]
