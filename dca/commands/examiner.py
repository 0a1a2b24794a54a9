"""Asking a reviewer for all that `dca bench reviewer` needs: forecast, progress, and what a stopped run leaves."""

from __future__ import annotations

import importlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import typer

from dca.commands.review import STOPPED
from dca.errors import BudgetError, InputError, PendingReply
from dca.reviewers import Opened, ReviewerChoice
from dca.usage import NO_USAGE, Usage

FREE: Final = ("arithmetic", "silent")
"""Reviewers that take no time worth keeping their reviews for."""

SAMPLE: Final = 200
"""Rollouts whose tokens a forecast counts."""


@dataclass(frozen=True, slots=True)
class Examiner:
    """Puts reviewers through an exam.

    Attributes:
        exam: What they are put through.
        choice: Who, and by which options.
        kept: Where reviews are kept; None: nowhere.
        retry: Ask again for reviews that failed.
        dry_run: Say what would be asked, and ask nothing.
    """

    exam: Any
    choice: ReviewerChoice
    kept: Path | None = None
    retry: bool = False
    dry_run: bool = False

    def reports(self, efforts: Sequence[str]) -> list[Any]:
        """A report for each effort; one budget for them all."""
        from dca.bench.reviewer import report
        from dca.bench.rows import Book
        from dca.dispatch import signature

        book, found, spent = Book(self.kept, retry=self.retry), list[Any](), NO_USAGE
        try:
            for effort in efforts[:1] if self.choice.name in FREE else efforts:
                choice = _with_rest(replace(self.choice, effort=effort), spent)
                if choice is None:
                    typer.echo(f"the budget is spent; nothing was asked at effort {effort}", err=True)
                    break
                with _opened(choice) as opened:
                    spent += self._ask(opened, book, choice)
                    judge, called = opened.reviewer, _called(choice)
                    said = effort if len(efforts) > 1 or effort != "off" else ""
                    found.append(report(self.exam, judge, book, name=called, identity=signature(judge), effort=said))
                if found[-1].left and not self.dry_run:
                    break
        finally:
            book.close()
        return found

    def _ask(self, opened: Opened, book: Any, choice: ReviewerChoice) -> Usage:
        """Review what is not in the book, until a budget is spent; returns what it cost."""
        from dca.bench.rows import ask, wanted
        from dca.report.progress import run_bar

        transcripts = self.exam.transcripts()
        open_ = wanted(opened.reviewer, transcripts, book)
        _forecast(open_, opened, choice)
        if self.dry_run or not open_:
            return NO_USAGE
        if opened.notice:
            typer.echo(opened.notice, err=True)
        in_flight = choice.max_in_flight if opened.waits else 1
        try:
            with run_bar(total=len(open_), done=0) as bar:
                ask(opened.reviewer, open_.values(), book, max_in_flight=in_flight, on_progress=bar)
        except BudgetError as error:
            typer.echo(f"{error}\n{self._left(opened, book, open_)}", err=True)
        except KeyboardInterrupt:
            typer.echo(f"\nStopped. {self._left(opened, book, open_)}", err=True)
            raise typer.Exit(STOPPED) from None
        if opened.prompts is not None:
            _await_replies(open_, book, opened.prompts)
        return Usage.total(one.usage for key in open_ if (one := book.find(key)) is not None)

    def _left(self, opened: Opened, book: Any, open_: dict[str, Any]) -> str:
        """How much is still to do, and how to go on."""
        from dca.bench.rows import wanted

        left = len(wanted(opened.reviewer, open_.values(), book))
        goes_on = f"the same command goes on with {self.kept}" if self.kept else "give --rows FILE to keep reviews"
        return f"{left:,} of {len(open_):,} reviews are left: {goes_on}"


def _with_rest(choice: ReviewerChoice, spent: Usage) -> ReviewerChoice | None:
    """The choice with what earlier efforts have left of its budget; None where that is nothing."""
    tokens = spent.input_tokens + spent.output_tokens + spent.cache_read_tokens + spent.cache_write_tokens
    usd = None if choice.budget_usd is None else choice.budget_usd - spent.cost_usd
    rest = None if choice.budget_tokens is None else choice.budget_tokens - tokens
    if (usd is not None and usd <= 0) or (rest is not None and rest <= 0):
        return None
    return replace(choice, budget_usd=usd, budget_tokens=rest)


def _forecast(open_: dict[str, Any], opened: Opened, choice: ReviewerChoice) -> None:
    """Say how many reviews are to come and, for a model, about how much they take."""
    from dca.backends.prices import load_prices
    from dca.bench.rows import given_steps
    from dca.estimate import forecast, loads, scaled
    from dca.review.llm import LLMReviewer

    said = f"{len(open_):,} reviews to come"
    if isinstance(opened.reviewer, LLMReviewer) and open_:
        sheets = [(one, given_steps(one)) for one in list(open_.values())[:SAMPLE]]
        factor = len(open_) / len(sheets)
        one = scaled({"": forecast(loads(opened.reviewer, sheets), cached=True)}, factor)[""]
        read = factor * sum(usage.input_tokens + usage.cache_read_tokens for usage in one.requests)
        wrote = factor * sum(usage.output_tokens for usage in one.requests)
        dollars = one.dollars(load_prices().price(choice.model or _default_model()))
        price = "no price known" if dollars is None else f"about ${dollars:,.2f} at list prices"
        said += f": about {read:,.0f} tokens in and {wrote:,.0f} out, {price}"
    typer.echo(said, err=True)


def _await_replies(open_: dict[str, Any], book: Any, prompts: Path) -> None:
    """Stop, with what to do, while a person still has prompts to answer."""
    waiting = sum((book.find(key).fallback or "").startswith(PendingReply.__name__) for key in open_)
    if waiting:
        typer.echo(
            f"{waiting} replies are awaited. For each NAME.prompt.md in {prompts}, save the answer beside it as "
            f"NAME.reply.txt, and run the same command again.",
            err=True,
        )
        raise typer.Exit(3)


@contextmanager
def _opened(choice: ReviewerChoice) -> Iterator[Opened]:
    """A reviewer by name, no opinion at all, or an object of the user's own."""
    if choice.name == "silent":
        from dca.suites.evaluation import SilentReviewer

        yield Opened(SilentReviewer())
    elif ":" in choice.name and not choice.name.startswith(("replay:", "manual:")):
        own = _own(choice.name)
        yield Opened(own, waits=not getattr(own, "in_process", False))
    else:
        with choice.open() as opened:
            yield opened


def _own(path: str) -> Any:
    """What stands at ``package.module:name``: a reviewer or a panel, or a class or function that makes one."""
    module, _, attribute = path.partition(":")
    try:
        found = getattr(importlib.import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise InputError(f"--reviewer: expected package.module:name, got {path!r} ({error})") from error
    try:
        made = found() if isinstance(found, type) or not hasattr(found, "review") else found
    except TypeError as error:
        raise InputError(f"--reviewer: {path!r} cannot be made without arguments ({error}); wrap it") from error
    if not hasattr(made, "review"):
        raise InputError(f"--reviewer: {path!r} has no method `review`; see dca.protocols.Reviewer")
    return made


def _called(choice: ReviewerChoice) -> str:
    """What tables call a reviewer: the model, where there is one."""
    return choice.model or _default_model() if choice.name == "anthropic" else choice.name


def _default_model() -> str:
    from dca.backends.anthropic import DEFAULT_MODEL

    return str(DEFAULT_MODEL)
