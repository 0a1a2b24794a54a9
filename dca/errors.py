"""Every error DCA raises on purpose, drawn as a tree.

    DCAError
    ├── InputError (ValueError)             a file, a record or an option is not what it must be
    ├── LedgerError (ValueError)            credits that do not add up to the amount they split
    ├── SchemeError (ValueError)            a scheme got a review it cannot use
    ├── ReviewError (ValueError)            one review failed: the row falls back, the run goes on
    │   ├── ReplyError                      the reviewer answered, but not in the agreed form
    │   ├── RefusedError                    the reviewer declined to answer (`category` says why)
    │   ├── TruncatedError                  the answer was cut off
    │   ├── TransportError                  no answer arrived within the time allowed
    │   └── PendingReply                    the answer is still to be written by a person
    └── RunError (RuntimeError)             the run must stop: these are never turned into a fallback
        ├── RecordingMiss (LookupError)     a replay asked for something that was never recorded
        ├── CredentialError (PermissionError)  the key or the account was refused
        ├── BudgetError                     the money or the tokens set aside are spent
        └── FallbackRateError               too many reviews failed

Each message says what was expected, what came, and what to do.
"""

from __future__ import annotations

from typing import Self

from dca.usage import NO_USAGE, Usage


class DCAError(Exception):
    """Anything DCA raises on purpose."""


class InputError(DCAError, ValueError):
    """A file, a record or an option is not what it must be."""


class LedgerError(DCAError, ValueError):
    """Credits that do not add up to the amount they split."""


class SchemeError(DCAError, ValueError):
    """A scheme got a review it cannot use."""


class ReviewError(DCAError, ValueError):
    """One review failed. The pipeline turns it into a fallback and counts it.

    Attributes:
        usage: What the failed attempts cost all the same.
    """

    def __init__(self, message: str, *, usage: Usage = NO_USAGE) -> None:
        super().__init__(message)
        self.usage = usage

    def charged(self, usage: Usage) -> Self:
        """The same failure with another cost: where several rows or callers share one, each has its own part."""
        echo = type(self).__new__(type(self), *self.args)  # a subclass may want other arguments than a message
        echo.__dict__.update(self.__dict__)
        echo.usage, echo.__cause__ = usage, self
        return echo


class ReplyError(ReviewError):
    """The reviewer answered, but not in the agreed form."""


class RefusedError(ReviewError):
    """The reviewer declined to answer.

    Attributes:
        category: The provider's word for why, or "unspecified".
    """

    def __init__(self, message: str, *, category: str = "unspecified", usage: Usage = NO_USAGE) -> None:
        super().__init__(message, usage=usage)
        self.category = category


class TruncatedError(ReviewError):
    """The answer was cut off before its end."""


class TransportError(ReviewError):
    """No answer arrived within the time allowed."""


class PendingReply(ReviewError):
    """The question lies ready for a person, who has not answered yet: the row is pending, not failed."""


class RunError(DCAError, RuntimeError):
    """The run must stop: never turned into a fallback."""


class RecordingMiss(RunError, LookupError):
    """A replay asked for something that was never recorded."""


class CredentialError(RunError, PermissionError):
    """The key or the account was refused."""


class BudgetError(RunError):
    """The money or the tokens set aside are spent."""


class FallbackRateError(RunError):
    """Too many reviews failed for the run to mean anything."""
