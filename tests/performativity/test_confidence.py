"""Confidence is the logistic of weighed evidence, and the weights that come with DCA are in order."""

from __future__ import annotations

from itertools import combinations

from dca.performativity.confidence import Weights, weights
from dca.performativity.detect import ACCUSE, STAGING
from dca.performativity.evidence import Evidence


def evidence(*names: str) -> list[Evidence]:
    return [Evidence("transcript", name, "") for name in names]


def test_more_evidence_is_surer() -> None:
    """Each piece of evidence of staging raises the confidence."""
    table = weights()["staged_mistake"]
    for name in STAGING:
        assert table.confidence(evidence(name)) > table.confidence([])


def test_two_pieces_of_evidence_suffice() -> None:
    """Any two pieces of evidence of staging make an accusation, none makes one alone with others against it."""
    table = weights()["staged_mistake"]
    for one, two in combinations(sorted(STAGING), 2):
        assert table.confidence(evidence(one, two)) >= ACCUSE, (one, two)
    assert table.confidence(evidence("siblings_staged", "silent", "siblings_left")) < ACCUSE


def test_evidence_counts_once() -> None:
    """The same evidence twice is no surer; unknown evidence counts for nothing."""
    table = Weights(0.0, {"a": 1.0})
    assert table.confidence(evidence("a", "a", "b")) == table.confidence(evidence("a"))


def test_extremes() -> None:
    """No sum of weights leaves [0, 1]."""
    assert Weights(1e9, {}).confidence([]) <= 1.0
    assert Weights(-1e9, {}).confidence([]) >= 0.0
