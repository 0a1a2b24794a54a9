"""The six options beyond GRPO's: read, checked, and given on a command line."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from transformers import HfArgumentParser
from trl import GRPOConfig

from dca.credit.schemes import Share, ValueDifference
from dca.errors import InputError
from dca.trl.config import FIELDS, DCAGRPOConfig, Linear, coefficient, read_options
from dca.types import Row, Split

# TRL 1.16 sets a default under a name that transformers 5.23 calls deprecated.
pytestmark = pytest.mark.filterwarnings("ignore:`gradient_checkpointing` is deprecated:FutureWarning")


def own_scheme(row: Row) -> Split:
    """A scheme of a user's own."""
    return Share()(row)


def test_there_are_six_fields_beyond_grpo() -> None:
    """The configuration adds exactly six fields, each with a word of help, and changes no default of GRPO's."""
    expected = (
        "credit_coef",
        "saturated_coef",
        "sign_preserving",
        "review_timeout",
        "max_fallback_rate",
        "scheme",
    )
    assert expected == FIELDS
    ours = {f.name: f for f in dataclasses.fields(DCAGRPOConfig)}
    assert all(ours[name].metadata["help"] for name in FIELDS)
    assert {f.name: f.default for f in dataclasses.fields(GRPOConfig)} == {
        name: f.default for name, f in ours.items() if name not in FIELDS
    }


def test_each_field_is_documented() -> None:
    """The class's documentation has a paragraph for each of the six."""
    assert [name for name in FIELDS if f"        {name} (`" not in (DCAGRPOConfig.__doc__ or "")] == []


@pytest.mark.parametrize(
    ("value", "at_start", "half_way", "at_end"),
    [
        (0.5, 0.5, 0.5, 0.5),
        (0, 0.0, 0.0, 0.0),
        (None, 0.0, 0.0, 0.0),
        ("0.25", 0.25, 0.25, 0.25),
        ("0.5->0", 0.5, 0.25, 0.0),
        ("0 -> 1", 0.0, 0.5, 1.0),
        (lambda progress: progress**2, 0.0, 0.25, 1.0),
    ],
)
def test_coefficient(value: object, at_start: float, half_way: float, at_end: float) -> None:
    """A number, a schedule as text, or a function becomes a function of the progress of training."""
    of = coefficient(value)
    assert (at_start, half_way, at_end) == (of(0.0), of(0.5), of(1.0))


def test_a_schedule_stays_within_its_ends() -> None:
    """Progress outside [0, 1] counts as the nearer end."""
    assert (Linear(0.5, 0.0)(-1.0), Linear(0.5, 0.0)(7.0)) == (0.5, 0.0)


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("credit_coef", -0.1, "credit_coef must be a finite number of at least 0"),
        ("credit_coef", "0.5->", "a linear schedule such as '0.5->0'"),
        ("credit_coef", "0.5->0->1", "a linear schedule such as '0.5->0'"),
        ("credit_coef", "nan", "credit_coef must be a finite number"),
        ("credit_coef", "warm", "got 'warm'"),
        ("saturated_coef", -1.0, "saturated_coef must be a finite number"),
        ("review_timeout", 0.0, "review_timeout must be more than 0 seconds"),
        ("max_fallback_rate", 1.5, "max_fallback_rate is a share of the reviews"),
        ("max_fallback_rate", True, "max_fallback_rate must be a finite number"),
        ("scheme", "fair", "scheme must be one of share, value_difference"),
    ],
)
def test_refuses(tmp_path: Path, field: str, value: object, words: str) -> None:
    """A value out of range is refused by the configuration itself, saying what it must be."""
    with pytest.raises(InputError, match=words):
        DCAGRPOConfig(output_dir=str(tmp_path), use_cpu=True, **{field: value})


def test_refuses_sign_preserving_elsewhere() -> None:
    """Only the scheme "share" keeps signs."""
    with pytest.raises(InputError, match="sign_preserving belongs to the scheme 'share'"):
        read_options(object(), scheme="value_difference", sign_preserving=True)


def test_refuses_an_unknown_field() -> None:
    """A field that is none of the six is named, with the six."""
    with pytest.raises(InputError, match=r"expected fields out of credit_coef.*got coefficient"):
        read_options(object(), coefficient=0.5)


def test_what_is_given_overrules_the_arguments(tmp_path: Path) -> None:
    """Fields given to a trainer come first, then its arguments, then the defaults."""
    args = DCAGRPOConfig(output_dir=str(tmp_path), use_cpu=True, credit_coef=0.3, saturated_coef=0.4)
    options = read_options(args, credit_coef="0.2->0.1")
    assert (options.coef_at(0.0), options.saturated_coef, options.review_timeout) == (0.2, 0.4, 60.0)
    assert read_options(object()).coef_at(0.0) == 0.5


def test_what_the_reward_was_told_counts_before_a_default(tmp_path: Path) -> None:
    """A scheme or a deadline told to the reward counts where neither the call nor the arguments say otherwise."""
    told = {"scheme": Share(withhold=True), "review_timeout": 5.0}
    args = DCAGRPOConfig(output_dir=str(tmp_path), use_cpu=True)
    options = read_options(args, told=told)
    assert (options.review_timeout, options.scheme_at(0.1)) == (5.0, Share(credit_coef=0.1, withhold=True))
    args.review_timeout = 7.0
    assert read_options(args, told=told, scheme="share").review_timeout == 7.0
    assert read_options(args, told=told, scheme="share").scheme_at(0.1) == Share(credit_coef=0.1)
    assert read_options(object(), told={"review_timeout": None}).review_timeout == 60.0


def test_a_schedule_of_ones_own_is_checked_when_it_is_used() -> None:
    """A function that gives a negative coefficient is refused at that point."""
    options = read_options(object(), credit_coef=lambda progress: 0.5 - progress)
    with pytest.raises(InputError, match=r"credit_coef must be a finite number of at least 0, got -0.5"):
        options.coef_at(1.0)


def test_schemes() -> None:
    """Names become schemes, at the coefficient of the moment where they have one; a scheme of one's own is kept."""
    share = read_options(object(), sign_preserving=True)
    assert share.scheme_at(0.25) == Share(credit_coef=0.25, sign_preserving=True)
    withheld = read_options(object(), scheme=Share(withhold=True))
    assert withheld.scheme_at(0.1) == Share(credit_coef=0.1, withhold=True)
    assert read_options(object(), scheme="value_difference").scheme_at(0.1) == ValueDifference()
    assert read_options(object(), scheme=own_scheme).scheme_at(0.1) is own_scheme


def test_command_line(tmp_path: Path) -> None:
    """The command line of TRL's scripts takes all six, a schedule included."""
    (args,) = HfArgumentParser(DCAGRPOConfig).parse_args_into_dataclasses(
        f"--output_dir {tmp_path} --use_cpu True --credit_coef 0.5->0.1 --sign_preserving True "
        f"--max_fallback_rate 0.25 --scheme share --saturated_coef 0.5 --review_timeout 9".split()
    )
    options = read_options(args)
    assert (options.coef_at(0.0), options.coef_at(1.0)) == (0.5, 0.1)
    assert (options.max_fallback_rate, options.review_timeout, options.saturated_coef) == (0.25, 9.0, 0.5)
    assert options.scheme == Share(sign_preserving=True)
