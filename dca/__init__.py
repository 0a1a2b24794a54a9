"""DCA: reviewer-granted dense credit assignment for RL of reasoning models.

    transcript -> steps -> review -> (findings) -> credits -> token advantages

A reviewer looks back over a finished rollout and splits the reward that correctness paid over the reasoning steps.
The total never changes. Importing this loads no torch, no transformers, no trl and no anthropic.
"""

from importlib import import_module
from typing import Any

from dca.credit.schemes import Share, ValueDifference
from dca.credit.segment import segment
from dca.errors import DCAError
from dca.pipeline import Progress, assign_credit, assign_many
from dca.review.arithmetic import ArithmeticReviewer
from dca.review.scripted import ScriptedReviewer
from dca.types import Assignment, Credits, Finding, Review, Row, Split, Step, Transcript
from dca.usage import Usage

__version__ = "0.1.0"

__all__ = [
    "AnthropicBackend",
    "ArithmeticReviewer",
    "Assignment",
    "Credits",
    "DCAError",
    "Finding",
    "LLMReviewer",
    "Progress",
    "Review",
    "Row",
    "ScriptedBackend",
    "ScriptedReviewer",
    "Share",
    "Split",
    "Step",
    "Transcript",
    "TranscriptDetector",
    "Usage",
    "ValueDifference",
    "assign_credit",
    "assign_many",
    "segment",
]

_LAZY = {  # these load what most uses do without
    "AnthropicBackend": "dca.backends.anthropic",
    "LLMReviewer": "dca.review.llm",
    "ScriptedBackend": "dca.backends.scripted",
    "TranscriptDetector": "dca.performativity.detect",
}


def __getattr__(name: str) -> Any:
    if name not in _LAZY:
        raise AttributeError(f"module 'dca' has no attribute {name!r}")
    return getattr(import_module(_LAZY[name]), name)
