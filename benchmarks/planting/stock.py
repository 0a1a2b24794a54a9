"""The stock of carriers: which solution serves a family next, so that cases come from many problems."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence

from planting.carriers import Carrier

MOST_USES = 2
"""How often one problem may serve one family."""
MOST_TRIES = 3
"""How often a carrier is tried for a family that it did not serve."""


class Stock:
    """Carriers, those whose problem was used least first, else in random order."""

    def __init__(self, carriers: Sequence[Carrier], rng: random.Random) -> None:
        self._carriers = list(carriers)
        rng.shuffle(self._carriers)
        self._used: Counter[str] = Counter()
        self._served: Counter[tuple[str, str]] = Counter()
        self._failed: Counter[tuple[str, int]] = Counter()

    def by_use(self, family: str) -> Iterator[Carrier]:
        """The carriers that may still serve a family."""
        free = [
            carrier
            for carrier in self._carriers
            if self._served[family, carrier.problem] < MOST_USES and self._failed[family, id(carrier)] < MOST_TRIES
        ]
        yield from sorted(free, key=lambda carrier: self._used[carrier.problem])

    def of_problem(self, carrier: Carrier) -> list[Carrier]:
        """The solutions of a carrier's problem."""
        return [one for one in self._carriers if one.problem == carrier.problem and one.prompt == carrier.prompt]

    def fail(self, carrier: Carrier, family: str) -> None:
        """Note that a carrier did not serve."""
        self._failed[family, id(carrier)] += 1

    def use(self, carrier: Carrier, family: str) -> None:
        """Note that a carrier served."""
        self._used[carrier.problem] += 1
        self._served[family, carrier.problem] += 1
