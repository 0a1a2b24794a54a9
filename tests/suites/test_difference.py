"""Two runs of a review, compared step by step."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from strategies import reviews

from dca.assignments import to_record
from dca.pipeline import assign_credit
from dca.review.scripted import ScriptedReviewer
from dca.suites.difference import RowChange, Unpaired, changes, row_change
from dca.types import Review, Step, Transcript

TEXTS = ("One thing.\n", "Another, longer thing.\n", "A: 3")


def line(review: Review | Exception, id: str = "a", texts: tuple[str, ...] = TEXTS) -> dict[str, Any]:
    """A line of the output contract."""
    transcript = Transcript("?", "".join(texts), 1.0, id=id)
    edges = [sum(map(len, texts[:k])) for k in range(len(texts) + 1)]
    steps = tuple(Step(k, edges[k], edges[k + 1], text) for k, text in enumerate(texts))
    return to_record(assign_credit(transcript, ScriptedReviewer({id: review}), segmenter=lambda _: steps))


PLAIN = Review(scores=(1.0, 0.0, 0.0), labels=("key", None, None))


def test_the_same_review_changes_nothing() -> None:
    """Equal lines have no step that differs."""
    found = row_change(line(PLAIN), line(PLAIN))
    assert (found.moved, found.relabelled, found.steps, found.changed, found.lost) == (0.0, 0, (), False, False)


def test_steps_are_compared_most_changed_first() -> None:
    """Scores move by length, labels are counted, and a step that changed more stands first."""
    other = Review(scores=(0.5, -1.0, 0.0), labels=("key", "error", "check"), links=(None, None, 1))
    found = row_change(line(PLAIN), line(other))
    assert found.moved == pytest.approx((11 * 0.5 + 23 * 1.0) / 38)
    assert found.relabelled == 2
    assert [step.index for step in found.steps] == [1, 2, 0]
    assert found.steps[0].labels == (None, "error")
    assert found.steps[1].links == (None, 1)
    assert found.steps[2].scores == (1.0, 0.5)
    assert found.changed


def test_a_review_that_is_lost_is_told() -> None:
    """A row that fell back in the second run only is lost; one that is void for an injection is not."""
    broken = line(ValueError("no"))
    assert row_change(line(PLAIN), broken).lost
    assert row_change(line(PLAIN), broken).fallbacks == (None, "ValueError: no")
    assert not row_change(broken, line(PLAIN)).lost
    assert row_change(broken, broken).changed is False
    void = line(Review(scores=(0.0, 0.0, 0.0), labels=("injection", None, None)))
    assert void["fallback"].startswith("injection")
    assert not row_change(line(PLAIN), void).lost


def test_rows_cut_differently_are_not_compared() -> None:
    """Other steps, or another text, make a row incomparable, and that is a change."""
    found = row_change(
        line(PLAIN), line(Review(scores=(1.0, 0.0)), texts=("One thing.\nAnother, longer thing.\n", "A: 3"))
    )
    assert not found.comparable
    assert found.changed
    assert not row_change(line(PLAIN), line(PLAIN, texts=("One thinG.\n", *TEXTS[1:]))).comparable


def test_runs_are_paired_by_id_whatever_their_order() -> None:
    """Rows find their partner in any order, the n-th of an id the n-th; what has none is told."""
    before = [line(PLAIN, id) for id in ("a", "b", "a", "c")]
    after = [line(PLAIN, id) for id in ("d", "a", "b", "a")]
    found = list(changes(before, after))
    assert sorted(one.id for one in found if isinstance(one, RowChange)) == ["a", "a", "b"]
    assert [one for one in found if isinstance(one, Unpaired)] == [Unpaired("c", "before"), Unpaired("d", "after")]


@given(reviews(3), reviews(3))
def test_a_comparison_is_symmetric(one: Review, other: Review) -> None:
    """Exchanging the runs exchanges before and after, and moves as much."""
    there, back = row_change(line(one), line(other)), row_change(line(other), line(one))
    assert there.moved == pytest.approx(back.moved)
    assert [step.index for step in there.steps] == [step.index for step in back.steps]
    assert [step.labels for step in there.steps] == [step.labels[::-1] for step in back.steps]
    assert 0.0 <= there.moved <= 2.0
    assert there.changed == back.changed
    assert there.changed or one.scores == other.scores


def test_more_change_ranks_higher() -> None:
    """A review that is lost stands before relabelled steps, and these before scores that moved a little."""
    lost = row_change(line(PLAIN), line(ValueError("no")))
    relabelled = row_change(line(PLAIN), line(Review(scores=(1.0, 0.0, 0.0), labels=("progress", "key", None))))
    moved = row_change(line(PLAIN), line(Review(scores=(0.5, 0.0, 0.0), labels=("key", None, None))))
    assert sorted([moved, lost, relabelled], key=lambda row: row.rank, reverse=True) == [lost, relabelled, moved]


@given(st.permutations(["a", "b", "c", "d"]))
def test_every_row_is_counted_once(order: list[str]) -> None:
    """However the second run is ordered, each id is compared exactly once."""
    found = list(changes([line(PLAIN, id) for id in "abcd"], [line(PLAIN, id) for id in order]))
    assert sorted(one.id for one in found) == list("abcd")
