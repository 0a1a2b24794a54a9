"""What a training run may set: `DCAGRPOConfig`, six fields beyond GRPO's, and what they mean once read.

The same six can be given to `attach` and to a trainer that takes `DenseCreditMixin`. This module reads and checks
them; it does not know trainers, reviews or tensors.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, Final

from trl import GRPOConfig

from dca.credit.schemes import Share, ValueDifference
from dca.errors import InputError
from dca.protocols import Scheme

SCHEMES: Final[dict[str, Callable[[], Scheme]]] = {"share": Share, "value_difference": ValueDifference}
ARROW: Final = "->"


@dataclass
class DCAGRPOConfig(GRPOConfig):
    r"""
    Configuration class for the [`DCAGRPOTrainer`]: every parameter of [`~trl.GRPOConfig`], and six for dense credit.
    Their defaults were chosen by experiment; with `credit_coef=0` the run is plain GRPO and no reviewer is asked.

    Parameters:
        credit_coef (`float` or `str`, *optional*, defaults to `0.5`):
            How far a reviewer may tilt the advantage of a rollout's tokens:
            `A_t = A_i + credit_coef * (s_k - mean s) / 0.75`. A number, or a schedule that is linear over training,
            such as `"0.5->0"`: the gain is large while failures dominate and vanishes near 80 % accuracy, so it may
            be annealed. In the simulations behind the default, 0.5 to 1 learned fastest with a reviewer that is right
            about most steps; 0.25 is the better choice where its step accuracy is unknown or below about 70 %
            (`dca bench reviewer` measures that, and says which to use). `0` (or `None`) turns the credit off.
        saturated_coef (`float`, *optional*, defaults to `1.0`):
            Multiplies `credit_coef` in groups whose rewards are all equal. GRPO learns nothing there (89 % of the
            groups at the start of the sparse task of the simulations) and the reviewer alone sets the direction:
            most of the gain is found in these groups, and so is what a flattered reviewer could do. Lower it for a
            reviewer one does not trust.
        sign_preserving (`bool`, *optional*, defaults to `False`):
            Shrink the tilt of a rollout until no token's advantage has another sign than the rollout's. The cautious
            form: groups whose rewards are all equal then learn nothing from the reviewer, which gives up most of the
            gain.
        review_timeout (`float`, *optional*, defaults to `60.0`):
            Seconds the reviews of one generation batch may take, counted from the moment its completions exist. What
            is unfinished then falls back to plain GRPO for its rollout. Measured with a scripted reviewer, waiting
            overlaps with the old and reference log-probabilities, the other rewards and the first forward.
        max_fallback_rate (`float`, *optional*, defaults to `0.5`):
            Stop the run, on all ranks together, when more than this share of the latest reviews (the generations that
            together hold at least 64) could not be used: a run that silently became plain GRPO is worse than one that
            says so. `1.0` never stops.
        scheme (`str`, *optional*, defaults to `"share"`):
            How judgement becomes credit. `"share"` moves push between the steps of a rollout and keeps its sum, the
            default out of about 40 mappings compared on five tasks. `"value_difference"` pays each step what it
            changed the value by (VinePPO, https://huggingface.co/papers/2410.01679; RUDDER,
            https://huggingface.co/papers/1806.07857), for reviewers that measure value: the yardstick. It splits the
            reward itself at the trainer's own scale, leaves other rewards their part of the advantage, and uses
            neither `credit_coef` (except that 0 turns it off) nor `saturated_coef`.
    """

    # `None` comes last and `str` second so that a command line reads the value as text, and a schedule can be given.
    credit_coef: float | str | None = field(
        default=0.5,
        metadata={
            "help": "How far a reviewer may tilt a rollout's token advantages: a number, or a linear schedule over "
            "training such as '0.5->0'. 0 is plain GRPO and asks no reviewer."
        },
    )
    saturated_coef: float = field(
        default=1.0,
        metadata={"help": "Multiplies credit_coef in groups whose rewards are all equal, where GRPO learns nothing."},
    )
    sign_preserving: bool = field(
        default=False,
        metadata={"help": "Shrink each rollout's tilt until no token's sign differs from the rollout's."},
    )
    review_timeout: float = field(
        default=60.0,
        metadata={"help": "Seconds the reviews of one generation batch may take; what is unfinished falls back."},
    )
    max_fallback_rate: float = field(
        default=0.5,
        metadata={"help": "Stop the run when more than this share of the latest reviews could not be used."},
    )
    scheme: str = field(
        default="share",
        metadata={"help": "How judgement becomes credit: 'share' or 'value_difference'."},
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        read_options(self)


FIELDS: Final = tuple(f.name for f in fields(DCAGRPOConfig) if f.name not in {g.name for g in fields(GRPOConfig)})
"""The six, by name."""


@dataclass(frozen=True, slots=True)
class Linear:
    """A coefficient that goes from `start` to `stop` while training goes from 0 to 1.

    >>> Linear(0.5, 0.0)(0.25)
    0.375
    """

    start: float
    stop: float

    def __call__(self, progress: float) -> float:
        """The coefficient at one point of training."""
        return self.stop if progress >= 1.0 else self.start + (self.stop - self.start) * max(progress, 0.0)


def coefficient(value: object) -> Callable[[float], float]:
    """A number, a schedule such as "0.5->0", or a function of progress, as a function of progress.

    Args:
        value: What was given; None counts as 0.

    Returns:
        A function from training progress in [0, 1] to the coefficient.

    Raises:
        InputError: The value is none of these, or negative.

    >>> coefficient("0.5->0.1")(1.0), coefficient(0.25)(0.7)
    (0.1, 0.25)
    """
    if callable(value):
        return value
    try:
        parts = str(0.0 if value is None else value).split(ARROW)
        start, stop = (float(part) for part in (parts if len(parts) == 2 else (parts[0], *parts)))
    except ValueError:
        raise InputError(
            f"credit_coef must be a number, a linear schedule such as '0.5->0', or a function of the progress of "
            f"training in [0, 1]; got {value!r}"
        ) from None
    return Linear(_amount("credit_coef", start), _amount("credit_coef", stop))


@dataclass(frozen=True, slots=True)
class CreditOptions:
    """The six options, read and checked; `credit_coef` is a function of the progress of training."""

    credit_coef: Callable[[float], float]
    saturated_coef: float
    review_timeout: float
    max_fallback_rate: float
    scheme: Scheme

    def scheme_at(self, coef: float) -> Scheme:
        """The scheme at one coefficient; a scheme without one of its own is used as it is."""
        if is_dataclass(self.scheme) and any(f.name == "credit_coef" for f in fields(self.scheme)):
            return replace(self.scheme, credit_coef=coef)
        return self.scheme

    def coef_at(self, progress: float) -> float:
        """The coefficient at a point of training.

        Raises:
            InputError: A schedule of the user's own gave something negative, or no number.
        """
        return _amount("credit_coef", self.credit_coef(progress))


def read_options(args: object, *, told: Mapping[str, Any] | None = None, **given: Any) -> CreditOptions:
    """The options of a run.

    Args:
        args: The training arguments; what they hold counts where it is not the default.
        told: What the reward was told; counts where neither `given` nor `args` says otherwise.
        given: Counts first.

    Raises:
        InputError: A value is out of its range, or the field is not one of the six.
    """
    unknown = sorted(set(given) - set(FIELDS))
    if unknown:
        raise InputError(f"expected fields out of {', '.join(FIELDS)}; got {', '.join(unknown)}")
    defaults = {f.name: f.default for f in fields(DCAGRPOConfig) if f.name in FIELDS}
    values = {**defaults, **{name: value for name, value in (told or {}).items() if value is not None}}
    values |= {n: v for n in FIELDS if (v := getattr(args, n, defaults[n])) is not defaults[n] and v != defaults[n]}
    values |= given
    rate = _amount("max_fallback_rate", values["max_fallback_rate"])
    if rate > 1.0:
        raise InputError(f"max_fallback_rate is a share of the reviews, at most 1; got {rate!r}")
    if _amount("review_timeout", values["review_timeout"]) == 0.0:
        raise InputError("review_timeout must be more than 0 seconds; credit_coef=0 asks no reviewer at all")
    return CreditOptions(
        credit_coef=coefficient(values["credit_coef"]),
        saturated_coef=_amount("saturated_coef", values["saturated_coef"]),
        review_timeout=float(values["review_timeout"]),
        max_fallback_rate=rate,
        scheme=_scheme(values["scheme"], bool(values["sign_preserving"])),
    )


def _scheme(value: object, sign_preserving: bool) -> Scheme:
    """The scheme that a name stands for, or the one that was given."""
    scheme = SCHEMES[value]() if isinstance(value, str) and value in SCHEMES else value
    if not callable(scheme):
        raise InputError(f"scheme must be one of {', '.join(SCHEMES)}, or a scheme of your own; got {value!r}")
    if not sign_preserving:
        return scheme
    if not isinstance(scheme, Share):
        raise InputError("sign_preserving belongs to the scheme 'share'; leave one of the two out")
    return replace(scheme, sign_preserving=True)


def _amount(name: str, value: Any) -> float:
    """A finite number of at least 0."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not (math.isfinite(value) and value >= 0.0):
        raise InputError(f"{name} must be a finite number of at least 0, got {value!r}")
    return float(value)
