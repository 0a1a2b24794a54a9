"""The switchboard: from the names on a command line to the parts they stand for.

The only room that knows concrete reviewers, schemes and segmenters together. Parts are imported when they are asked
for, so that naming one costs nothing for the others.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from functools import partial
from importlib import resources
from pathlib import Path
from typing import Any, Final

from dca.errors import InputError
from dca.protocols import Detector, Scheme, Segmenter
from dca.transcripts.fields import Grade

SCHEMES: Final = ("share", "value_difference")
GRADERS: Final = ("exact", "math")
LAYERS: Final = ("transcript", "siblings", "reviewer")
NO_DETECTOR: Final = "none"


@dataclass(frozen=True, slots=True)
class SchemeChoice:
    """A scheme by name, with the options that apply to it."""

    name: str = "share"
    credit_coef: float = 0.5
    sign_preserving: bool = False
    withhold: bool = False

    def build(self) -> Scheme:
        """The scheme itself."""
        from dca.credit.schemes import Share, ValueDifference

        if self.name == "share":
            return Share(self.credit_coef, self.sign_preserving, self.withhold)
        if self.name == "value_difference":
            return ValueDifference()
        raise InputError(f"--scheme: expected one of {', '.join(SCHEMES)}, got {self.name!r}")

    def options(self) -> dict[str, Any]:
        """What a reader needs to build the same scheme again."""
        return {k: v for k, v in asdict(self).items() if k != "name"} if self.name == "share" else {}


@dataclass(frozen=True, slots=True)
class DetectorChoice:
    """Where a detector's evidence comes from: layers by name, separated by commas, or "none"."""

    layers: str = "transcript"

    def build(self) -> Detector | None:
        """The detector itself; None for "none"."""
        from dca.performativity.detect import TranscriptDetector

        if self.layers == NO_DETECTOR:
            return None
        named = tuple(dict.fromkeys(name.strip() for name in self.layers.split(",")))
        unknown = [name for name in named if name not in LAYERS]
        if unknown:
            raise InputError(
                f"--detect: expected {NO_DETECTOR}, or some of {', '.join(LAYERS)} with commas between, got "
                f"{self.layers!r}; evidence from a policy's probabilities needs the model, and so Python: see "
                f"dca.performativity.policy"
            )
        return TranscriptDetector(named if "transcript" in named else ("transcript", *named))

    def options(self) -> dict[str, Any]:
        """What a reader needs to build the same detector again."""
        return {} if self.layers == NO_DETECTOR else {"detect": self.layers}


def segmenter(how: str, max_steps: int) -> Segmenter:
    """A way of cutting completions by name, with a cap on the number of steps."""
    from dca.credit.segment import SEGMENTERS, segment

    if how not in SEGMENTERS:
        raise InputError(f"--segment: expected one of {', '.join(SEGMENTERS)}, got {how!r}")
    return partial(segment, how=how, max_steps=max_steps)


def grader(name: str) -> Grade:
    """A way of grading by name, once it is known to work here."""
    from dca.grading import find_grader

    try:
        return find_grader(name)
    except InputError as error:
        raise InputError(f"--grade: {error}") from error


def bundled_transcripts() -> Path:
    """The transcripts that come with DCA, written for it; see the README beside them."""
    return Path(str(resources.files("dca") / "data" / "transcripts.jsonl"))


DEMO_TRANSCRIPT: Final = "party-glasses"
"""The bundled transcript that the demo shows in full."""
