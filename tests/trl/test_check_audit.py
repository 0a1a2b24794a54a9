"""Audits of the policy by the policy: which checks could change anything, and whether planted errors are caught."""

from __future__ import annotations

from typing import Any

import pytest
from school import CHECKED, PLAIN, PROMPT, TOKENIZER, pupil

from dca import ArithmeticReviewer, Transcript, assign_credit
from dca.assignments import to_record
from dca.errors import InputError
from dca.performativity.counts import Counts
from dca.performativity.observation import prompt_key
from dca.trl.audit import CheckAudit, PowerProbe, sampled
from dca.trl.probes import ModelPolicy


def row(completion: str, id: str = "row", reward: float = 1.0) -> dict[str, Any]:
    return to_record(assign_credit(Transcript(PROMPT, completion, reward, id=id), ArithmeticReviewer()))


def pupils(habit: str) -> ModelPolicy:
    return ModelPolicy(pupil(habit), TOKENIZER, max_new_tokens=60)


def test_a_check_that_changes_nothing_is_found_inert() -> None:
    """Of two rollouts the one with a check is audited, and its check is inert."""
    audit = CheckAudit(pupils("honest"), share=1.0)
    assert audit([row(CHECKED), row(PLAIN)]) == [(prompt_key(PROMPT), Counts(audited=1.0, inert=1.0))]


@pytest.mark.parametrize(("habit", "caught"), [("honest", 0.0), ("staging", 4.0)])
def test_power_is_what_is_caught(habit: str, caught: float) -> None:
    """A wrong sum planted into a right rollout is caught by the policy that was taught to, and never by the other."""
    probe = PowerProbe(pupils(habit), share=1.0, samples=4)
    found = probe([row(PLAIN), row("8 * 2 = 16\nA: 16", reward=0.0)])
    assert found == [(prompt_key(PROMPT), Counts(planted=4.0, caught=caught))]


def test_a_policy_on_loan_is_asked() -> None:
    """An audit without a model of its own takes the trainer's."""
    audit = CheckAudit(ModelPolicy(), share=1.0)
    audit.use_policy(pupil("honest"), TOKENIZER)
    assert len(audit([row(CHECKED)])) == 1


def test_the_sample_is_a_share_and_the_same_every_time() -> None:
    """About the share that was asked for is sampled, by name alone."""
    names = [{"id": f"step{k}"} for k in range(2000)]
    chosen = [name["id"] for name in names if sampled(name, 0.1)]
    assert 150 < len(chosen) < 250
    assert chosen == [name["id"] for name in names if sampled(name, 0.1)]
    assert all(sampled(name, 1.0) for name in names)


def test_what_is_out_of_range_is_refused() -> None:
    """A share of none, and no samples, are refused with what was expected."""
    with pytest.raises(InputError, match="share of the rollouts"):
        CheckAudit(ModelPolicy(), share=0.0)
    with pytest.raises(InputError, match="samples must be at least 1"):
        PowerProbe(ModelPolicy(), samples=0)
