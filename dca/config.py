"""The switchboard: from the names on a command line to the parts they stand for.

The only room that knows concrete reviewers, schemes and segmenters together. Parts are imported when they are asked
for, so that naming one costs nothing for the others.
"""

from __future__ import annotations

from collections.abc import Callable
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
LAYERS: Final = ("transcript", "siblings", "reviewer", "policy")
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
    """Where a detector's evidence comes from: layers by name, separated by commas, or "none".

    Attributes:
        layers: Some of `LAYERS`, or `NO_DETECTOR`.
        policy: For the layer "policy": the model that wrote the rollouts, a folder or a name on the hub.
        reference: The model it was trained from, where there is one.
        samples: Continuations that the policy is asked for, for each probe.
    """

    layers: str = "transcript"
    policy: str | None = None
    reference: str | None = None
    samples: int = 8

    @property
    def asks(self) -> bool:
        """Whether a model is asked."""
        return "policy" in self._named()

    def check(self) -> None:
        """Refuse what does not go together, before anything is loaded."""
        named = () if self.layers == NO_DETECTOR else self._named()
        if any(name not in LAYERS for name in named):
            raise InputError(
                f"--detect: expected {NO_DETECTOR}, or some of {', '.join(LAYERS)} with commas between, got "
                f"{self.layers!r}"
            )
        if self.asks and self.policy is None:
            raise InputError(
                "--detect policy asks the model that wrote the rollouts; name it with --policy, a folder or a name "
                "on the hub"
            )
        given = [flag for flag, name in (("--policy", self.policy), ("--reference", self.reference)) if name]
        if given and not self.asks:
            raise InputError(f"{given[0]} is asked with --detect transcript,policy only; give that, or leave it out")

    def build(self, *, weights: bool = True) -> Detector | None:
        """The detector itself; None for "none".

        Args:
            weights: False: with models that can only be measured, for a forecast.
        """
        from dca.performativity.detect import TranscriptDetector

        self.check()
        if self.layers == NO_DETECTOR:
            return None
        others = tuple(name for name in self._named() if name not in ("transcript", "policy"))
        detector = TranscriptDetector(("transcript", *others))
        if not self.asks:
            return detector
        from dca.performativity.inquiry import PolicyDetector

        load = _loader()
        reference = None if self.reference is None else load(self.reference, weights=weights)
        return PolicyDetector(detector, load(self.policy, weights=weights), reference, samples=self.samples)

    def options(self) -> dict[str, Any]:
        """What a reader needs to build the same detector again."""
        told = {} if self.layers == NO_DETECTOR else {"detect": self.layers}
        if not self.asks:
            return told
        reference = {} if self.reference is None else {"reference": self.reference}
        return {**told, "policy": self.policy, **reference, "policy_samples": self.samples}

    def _named(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys(name.strip() for name in self.layers.split(",")))


def _loader() -> Callable[..., Any]:
    """What loads a model by name, once what it needs is known to be there."""
    try:
        from dca.trl.loading import load_policy
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("dca"):
            raise
        raise InputError(
            f"--detect policy: {error.name} is needed to ask a model; install it with: pip install 'dca-rl[trl]'"
        ) from error
    return load_policy


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
