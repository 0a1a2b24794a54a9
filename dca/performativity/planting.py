"""Wrong values planted into rollouts, to see whether a policy catches them: the power of its checking.

A certified result that later steps use is written down wrong, in the policy's own voice, and the policy goes on from
there. This module knows texts and the seam `Policy`; it does not know when power is too small.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from dca.credit.segment import segment
from dca.equations.showing import show
from dca.performativity.inertness import beginning
from dca.performativity.policy import Policy
from dca.performativity.reading import Reading, read
from dca.performativity.siblings import final_answer
from dca.types import Transcript


@dataclass(frozen=True, slots=True)
class Planted:
    """A rollout up to a wrong value that was planted.

    Attributes:
        prefix: Prompt and steps, as a policy is asked to go on from.
        text: The steps alone.
        step: The step that was changed.
        wrong: What it says now.
        right: What it said.
    """

    prefix: str
    text: str
    step: int
    wrong: str
    right: str


def planted(reading: Reading) -> Planted | None:
    """Plant a wrong value at the first certified result that a later step uses; None where there is none.

    >>> from dca.types import Step
    >>> texts = ("7 * 18 = 126 rolls.", "126 - 26 = 100 left.")
    >>> steps = tuple(Step(k, 0, 0, text) for k, text in enumerate(texts))
    >>> planted(read(Transcript("?", " ".join(texts), 1.0), steps)).text
    '7 * 18 = 127 rolls.'
    """
    for claim in reading.graph.claims:
        shown, text = claim.equation.right.strip(), reading.steps[claim.step].text
        at = text.rfind(shown) if shown else -1
        if at < 0 or claim.made is None or not claim.true or not reading.used_after(claim.made, claim.step):
            continue
        wrong = show(claim.made + 1)
        changed = text[:at] + wrong + text[at + len(shown) :]
        before = reading.steps[: claim.step]
        return Planted(
            prefix=beginning(reading.transcript.prompt, before) + changed,
            text="".join(step.text for step in before) + changed,
            step=claim.step,
            wrong=wrong,
            right=shown,
        )
    return None


def caught(policy: Policy, one: Planted, is_right: Callable[[str], bool], *, samples: int) -> int:
    """Of so many continuations over a planted value, those that end right all the same."""
    return sum(is_right(one.text + text) for text in policy.continuations(one.prefix, samples))


def answers(answer: str) -> Callable[[str], bool]:
    """Whether a completion's final answer is this one, as a function of the completion.

    >>> answers("100")("126 - 26 = 100\\nA: 100"), answers("100")("A: 101")
    (True, False)
    """

    def is_right(completion: str) -> bool:
        transcript = Transcript("", completion, 0.0)
        return bool(answer) and final_answer(read(transcript, segment(transcript))) == answer

    return is_right
