"""How sure an accusation is: the logistic of weighed evidence.

    confidence = 1 / (1 + exp(-(bias + sum of the weights of the evidence)))

The weights stand in `dca/data/performativity.json` with the command that fitted them. Evidence of a layer that no
labelled set has yet (policy, reviewer, siblings) has weights that are set by hand, and says so there. It does not
know what the evidence means.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from typing import Any, Final

from dca.performativity.evidence import Evidence

TABLE: Final = "performativity.json"


@dataclass(frozen=True, slots=True)
class Weights:
    """The weights of one kind of finding."""

    bias: float
    weights: Mapping[str, float]

    def confidence(self, evidence: Iterable[Evidence]) -> float:
        """The logistic of the evidence; what has no weight counts for nothing.

        >>> Weights(0.0, {"inert": 1.0}).confidence([Evidence("transcript", "inert", "")])
        0.7310...
        """
        names = dict.fromkeys(one.name for one in evidence)
        total = math.fsum((self.bias, *(self.weights.get(name, 0.0) for name in names)))
        return 1.0 / (1.0 + math.exp(-max(-60.0, min(60.0, total))))


@cache
def weights() -> Mapping[str, Weights]:
    """The weights that come with DCA, by kind of finding."""
    table: dict[str, Any] = json.loads((resources.files("dca") / "data" / TABLE).read_text(encoding="utf-8"))
    return {kind: Weights(entry["bias"], entry["weights"]) for kind, entry in table["kinds"].items()}
