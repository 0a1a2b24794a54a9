"""From assignments to token advantages: rows bound once, exactly, and A_i wherever there is no opinion."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest

from dca.credit.align import render
from dca.credit.schemes import Share, ValueDifference
from dca.errors import BudgetError, InputError, ReviewError
from dca.pipeline import assign_ahead
from dca.trl.batch import ReviewBatch
from dca.trl.binding import CreditBatch, MicroBatch
from dca.trl.rollouts import Rollout
from dca.trl.scaling import Scaling
from dca.types import Assignment, Review, Step, Transcript

WORDS = ("One. ", "Two. ", "Three.")
KEY = 5


class Judge:
    """Scores by rule; raises what it is told to."""

    def __init__(self, review: Review | Exception) -> None:
        self.answer = review
        self.asked = 0

    def review(self, transcript: Transcript, steps: tuple[Step, ...]) -> Review:
        self.asked += 1
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


def by_word(transcript: Transcript) -> tuple[Step, ...]:
    """A step for each sentence."""
    steps, at = [], 0
    for index, word in enumerate(WORDS):
        steps.append(Step(index, at, at + len(word), word))
        at += len(word)
    return tuple(steps)


def rollout(reward: float = 1.0, row: int = 0) -> Rollout:
    """A completion of six tokens, two for each step, of which the fifth is a tool's."""
    rendering = render([piece.encode() for word in WORDS for piece in (word[:2], word[2:])])
    transcript = Transcript("?", rendering.text, reward, id=str(row))
    return Rollout(transcript, tuple(range(10 * row, 10 * row + 6)), None, rendering)


def credit_batch(
    judge: Judge,
    *,
    rows: Sequence[int] = (0, 1),
    scheme: Any = Share,
    scaled: Scaling | None = None,
    outcomes: Sequence[float] = (1.0, 0.0),
) -> tuple[CreditBatch, list[Any], list[Exception]]:
    """Two rollouts under review, and what was told of them."""
    rollouts = [rollout(outcome, row) for row, outcome in enumerate(outcomes)]
    ledger = ValueDifference() if scheme is ValueDifference else Share()
    asked = [rollouts[row].transcript for row in rows]
    ahead = assign_ahead(asked, judge, segmenter=by_word, scheme=ledger)
    told: list[tuple[Assignment | None, Any]] = []
    stops: list[Exception] = []
    batch = CreditBatch(
        KEY,
        ReviewBatch(outcomes, rollouts, rows=rows, ahead=ahead),
        scaling=scaled if scaled is not None else Scaling((1.0,) * 2, (0.0,) * 2, (False,) * 2),
        scheme=lambda saturated: scheme() if scheme is not Share else Share(credit_coef=0.1 if saturated else 0.5),
        on_row=lambda assignment, tokens: told.append((assignment, tokens)),
        on_stop=stops.append,
    )
    return batch, told, stops


def micro(
    rows: Sequence[tuple[int, int]] = ((KEY, 0), (KEY, 1)), amounts: Sequence[float] = (1.0, -0.5)
) -> MicroBatch:
    """The rows in a micro-batch of width 8, the tool's token and the padding masked."""
    ids = np.array([[*range(10 * row, 10 * row + 6), 99, 99] for _, row in rows], dtype=np.int64)
    mask = np.array([[1, 1, 1, 1, 0, 1, 0, 0]] * len(rows), dtype=bool)
    return MicroBatch(tuple(rows), ids, mask, np.array(amounts, dtype=np.float32))


OPINION = Review(scores=(1.0, 0.0, -1.0))


def test_token_advantages() -> None:
    """Each policy token gets A_i + coef * z of its step; tools and padding get 0; the mean over a row is A_i."""
    batch, told, _ = credit_batch(Judge(OPINION))
    tokens = batch.tokens(micro())
    assert tokens is not None
    mean = (2 * 1.0 + 2 * 0.0 + 1 * -1.0) / 5
    z = [(s - mean) / 0.75 for s in (1.0, 1.0, 0.0, 0.0, None, -1.0) if s is not None]
    expected = np.float32(
        [1.0 + 0.5 * z[0], 1.0 + 0.5 * z[1], 1.0 + 0.5 * z[2], 1.0 + 0.5 * z[3], 0, 1.0 + 0.5 * z[4], 0, 0]
    )
    assert np.allclose(expected, tokens.advantages[0], atol=1e-6)
    assert tokens.advantages.sum(axis=1) / 5 == pytest.approx([1.0, -0.5], abs=1e-6)
    assert tokens.zero_sum.all()
    assert [assignment is not None and used.tilted for assignment, used in told] == [True, True]


def test_rows_are_bound_once() -> None:
    """A row that comes again (another iteration, another order) gets the same tokens, and nothing is asked anew."""
    judge = Judge(OPINION)
    batch, told, _ = credit_batch(judge)
    first = batch.tokens(micro())
    again = batch.tokens(micro(rows=[(KEY, 1), (KEY, 0)], amounts=[-0.5, 1.0]))
    assert first is not None
    assert again is not None
    assert np.array_equal(first.advantages, again.advantages[::-1])
    assert (judge.asked, len(told)) == (2, 2)


def test_an_advantage_that_changed_is_bound_anew() -> None:
    """Where a trainer changed A_i between two micro-batches, its tokens follow, and the row is counted once."""
    batch, told, _ = credit_batch(Judge(OPINION))
    batch.tokens(micro())
    tokens = batch.tokens(micro(amounts=[3.0, -0.5]))
    assert tokens is not None
    assert tokens.advantages[0].sum() / 5 == pytest.approx(3.0, abs=1e-6)
    assert len(told) == 2


@pytest.mark.parametrize(
    "answer",
    [Review(scores=(0.25, 0.25, 0.25)), Review(scores=(1, -1, 0.3), labels=("check",) * 3), ReviewError("no")],
)
def test_no_opinion_leaves_the_plain_advantages(answer: Review | Exception) -> None:
    """Equal scores, neutral steps only, and failed reviews give no token advantages at all."""
    batch, _, stops = credit_batch(Judge(answer))
    assert batch.tokens(micro()) is None
    assert stops == []


def test_a_row_without_a_review_keeps_its_advantage() -> None:
    """Beside a reviewed row, one that was not reviewed has A_i on all its policy tokens."""
    batch, told, _ = credit_batch(Judge(OPINION), rows=[0])
    tokens = batch.tokens(micro())
    assert tokens is not None
    assert tokens.advantages[1].tolist() == [-0.5, -0.5, -0.5, -0.5, 0.0, -0.5, 0.0, 0.0]
    assert [assignment is None for assignment, _ in told] == [False, True]


def test_a_row_of_another_batch_keeps_its_advantage() -> None:
    """A row left over from another generation is never bound to this one's reviews."""
    batch, told, _ = credit_batch(Judge(OPINION))
    tokens = batch.tokens(micro(rows=[(KEY - 1, 0), (KEY, 1)]))
    assert tokens is not None
    assert tokens.advantages[0].tolist() == [1.0, 1.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0]
    assert len(told) == 1


def test_a_reordered_row_is_refused() -> None:
    """A row that holds another completion than the one that was reviewed is a clear error."""
    batch, _, _ = credit_batch(Judge(OPINION))
    wrong = micro()
    swapped = MicroBatch(wrong.rows, wrong.ids[::-1].copy(), wrong.mask, wrong.amounts)
    with pytest.raises(InputError, match=r"another completion than row 0 of the reward call.*'dca_row'"):
        batch.tokens(swapped)


def test_verification_is_neutral() -> None:
    """A verification step has exactly A_i, whatever its score, and is left out of the tokens that count."""
    batch, _, _ = credit_batch(Judge(Review(scores=(1.0, -1.0, 0.0), labels=(None, "check", None))))
    tokens = batch.tokens(micro())
    assert tokens is not None
    assert tokens.advantages[0, 2:4].tolist() == [1.0, 1.0]
    assert tokens.counted[0].tolist() == [True, True, False, False, False, True, False, False]


def test_saturated_groups_have_a_coefficient_of_their_own() -> None:
    """The scheme of a saturated row is asked for as such."""
    batch, _, _ = credit_batch(Judge(OPINION), scaled=Scaling((0.0, 1.0), (0.0, 0.0), (True, False)))
    tokens = batch.tokens(micro(amounts=[0.0, 0.0]))
    assert tokens is not None
    assert tokens.advantages[0] == pytest.approx(tokens.advantages[1] / 5.0, abs=1e-6)


VALUES = Review(scores=(0.5, 0.25, 1.0), measure="value", baseline=0.5)


def test_values_split_the_reward() -> None:
    """A scheme of values splits R_i, not A_i, at the trainer's own scale, and keeps no sum."""
    batch, _, _ = credit_batch(
        Judge(VALUES), scheme=ValueDifference, scaled=Scaling((2.0, 0.0), (1.0, 0.0), (False, True))
    )
    tokens = batch.tokens(micro())
    assert tokens is not None
    assert pytest.approx(tokens.advantages[0].tolist()) == [0.0, 0.0, -0.5, -0.5, 0.0, 1.5, 0.0, 0.0]
    assert not tokens.zero_sum[0]


def test_values_leave_other_rewards_their_part() -> None:
    """What other rewards gave of A_i stays on every policy token, also where this one is constant in its group."""
    batch, _, _ = credit_batch(
        Judge(VALUES), scheme=ValueDifference, scaled=Scaling((2.0, 0.0), (0.25, 0.0), (False, True))
    )
    tokens = batch.tokens(micro())
    assert tokens is not None
    assert pytest.approx(tokens.advantages[0].tolist()) == [0.75, 0.75, 0.25, 0.25, 0.0, 2.25, 0.0, 0.0]
    assert tokens.advantages[1].tolist() == [-0.5, -0.5, -0.5, -0.5, 0.0, -0.5, 0.0, 0.0]


def test_what_must_stop_the_run_is_told() -> None:
    """A spent budget, or a scheme that breaks, is told once for each row; the row keeps A_i meanwhile."""
    batch, told, stops = credit_batch(Judge(BudgetError("spent")))
    assert batch.tokens(micro()) is None
    assert [str(stop) for stop in stops] == ["spent", "spent"]
    assert told == []

    def broken(row: object) -> Any:
        raise ZeroDivisionError("in a scheme")

    batch, _, stops = credit_batch(Judge(OPINION), scheme=lambda: broken)
    assert batch.tokens(micro()) is None
    assert [str(stop) for stop in stops] == ["in a scheme", "in a scheme"]


def test_a_truncated_row_keeps_its_advantage() -> None:
    """A row whose tokens are all masked out has no token to tilt."""
    batch, _, _ = credit_batch(Judge(OPINION))
    known = micro()
    mask = known.mask.copy()
    mask[0] = False
    tokens = batch.tokens(MicroBatch(known.rows, known.ids, mask, known.amounts))
    assert tokens is not None
    assert not tokens.advantages[0].any()
