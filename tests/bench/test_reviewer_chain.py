"""The values of the chain are exact: they obey the policy's own chances, and sampling comes to the same."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from dca.bench.chain import (
    OFF,
    Chain,
    Chances,
    Place,
    chain_of,
    going_on,
    grade,
    place_after,
    rollout,
    rollouts,
    worked,
)
from dca.errors import InputError

SUM = Chain(7, (("+", 5), ("*", 3)))


def test_a_chain_of_one_is_worked_out_by_hand() -> None:
    """V_0 = (1 - slip) + slip * check * catch: right at once, or caught."""
    chances = Chances()
    expected = (1 - chances.slip) + chances.slip * chances.check * chances.catch
    assert Chain(7, (("+", 5),)).value_before(0, 7) == expected


def test_a_slip_can_cancel_another() -> None:
    """The value of a wrong sum is not 0: a later slip may bring it back."""
    chances = Chances(check=Fraction(0))
    chain = Chain(7, (("+", 5), ("+", 3)), chances)
    assert chain.value_before(1, 13) == chances.slip / len(OFF)  # 13 is off by 1, and a slip of -1 mends it
    assert chain.value_before(1, 15) == 0


def test_values_telescope_to_the_outcome() -> None:
    """What all steps change adds up to R - V_0, and right steps that are checked in vain change nothing."""
    for row in rollouts(6, seed=3):
        assert sum(row.changes, Fraction(0)) == Fraction(int(row.transcript.reward)) - row.values[0]
        for step, change in zip(row.steps[:-1], row.changes[:-1], strict=True):
            if step.text.startswith("Let me check") and "as before" in step.text:
                operand, sign, number, said = step.text[len("Let me check: ") :].replace(" =", "").split()[:4]
                if worked(int(operand), sign, int(number)) == int(said.rstrip(",")):
                    assert change == 0


def test_sampling_finds_the_exact_value() -> None:
    """The share of continuations that end right is V within four standard errors, from three places."""
    for prefix in ("", "7 + 5 = 13.\n", "7 + 5 = 12.\nThe value so far is 12.\n"):
        value = float(SUM.value(place_after(SUM, prefix)) if prefix else SUM.value_before(0, 7))
        texts = going_on(SUM.prompt, prefix, 2000, seed=1)
        share = sum(grade(prefix + text, str(SUM.answer)) for text in texts) / 2000
        assert abs(share - value) < 4 * (value * (1 - value) / 2000) ** 0.5


def test_a_prompt_and_a_prefix_read_back() -> None:
    """The problem and the place are told from the text alone, as a sampler must."""
    assert chain_of(SUM.prompt) == SUM
    assert place_after(SUM, "7 + 5 = 13.\n") == Place(1, 7, 13, True)
    assert place_after(SUM, "7 + 5 = 13.\nLet me check: 7 + 5 = 12, so 13 was wrong.\n") == Place(1, 7, 12, False)
    with pytest.raises(InputError, match="expected a problem such as"):
        chain_of("What is love?")


def test_a_rollout_is_of_its_seed() -> None:
    """The same seed writes the same text; the last step states the answer."""
    one, same = (rollout(SUM, "a", random.Random(5)) for _ in range(2))
    assert one.transcript == same.transcript
    assert "Answer:" in one.steps[-1].text
    assert all("Answer:" not in step.text for step in one.steps[:-1])


def test_the_monte_carlo_reviewer_comes_near_the_exact_changes() -> None:
    """What `MonteCarloReviewer` finds by sampling is, step by step, within five standard errors of what is exact."""
    pytest.importorskip("trl")
    from dca.bench.sampled import sampled_changes

    rows, samples = rollouts(2), 400
    for row, found in zip(rows, sampled_changes(rows, samples=samples, seed=0), strict=True):
        bound = 5 * (2 * 0.25 / samples) ** 0.5  # of a difference of two shares
        assert len(found) == len(row.steps)
        assert all(abs(a - float(b)) < bound for a, b in zip(found, row.changes, strict=True))
