"""What recordings lack, in words: which are stale or missing and why, for how much new ones can be had, and how."""

from __future__ import annotations

import dataclasses
import math
import shlex
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any, Final

import typer

from dca.commands.candidates import Asking
from dca.commands.cost import DEFAULT_MODELS

NAMED: Final = 8
"""Cases listed by name."""

SHOWN: Final = 3
"""Files listed by path."""

RECORDINGS: Final = Path("recordings")
"""Where recordings are unless told otherwise."""

WAYS: Final = (
    "--reviewer anthropic asks with your key. Your own server: --reviewer anthropic --base-url http://localhost:8000 "
    "--model MODEL. By hand: --reviewer manual:replies --answered-by WHO writes each question as a file, and reads "
    "the replies when it is run again."
)

Table = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Again:
    """The options that a command to record needs to repeat.

    Attributes:
        suite: As it was given.
        recordings: Where those of the prompt are.
        others: Where those of the other prompt are; None: in the same place.
        asking: How questions are put.
    """

    suite: str
    recordings: Path
    others: Path | None
    asking: Asking

    @property
    def places(self) -> tuple[Path, Path]:
        """Where the recordings of both are."""
        return self.recordings, self.others or self.recordings

    def commands(self, evaluations: Sequence[Any], quotes: Sequence[Table]) -> list[str]:
        """A command for each prompt that lacks recordings; the one it is held against comes first."""
        names = [evaluation.name for evaluation in evaluations]
        found = []
        for k in reversed(range(len(names))):
            if quotes[k]["requests"]:
                against = "".join(names[1:]) if k == 0 else ""
                other = self.others if against else None
                found.append(self._command(names[k], against, self.places[k], other, quotes[k]))
        return found

    def _command(self, name: str, against: str, place: Path, other: Path | None, quote: Table) -> str:
        asking = self.asking
        options = {
            "--against": against,
            "--suite": self.suite,
            "--recordings": place if place != RECORDINGS else None,
            "--against-recordings": other,
            "--effort": asking.effort if asking.effort != "off" else None,
            "--votes": asking.votes if asking.votes > 1 else None,
            "--redact": asking.redact,
            "--record": "missing",
            "--reviewer": "anthropic",
            "--budget-usd": _budget(quote),
        }
        given = [str(part) for option in options.items() if option[1] for part in option]
        return shlex.join(["dca", "prompts", "eval", name, *given])


def quoted(suite: Any, evaluation: Any, model: str | None) -> dict[str, Any]:
    """What recording the rest of one evaluation would cost."""
    from dca.backends.prices import load_prices
    from dca.suites.price import quote

    models = (model,) if model else DEFAULT_MODELS
    return dataclasses.asdict(quote(suite, evaluation.stale_or_missing(), load_prices(), models))


def tell(table: Table, places: Iterable[Path], *, waiting: bool) -> None:
    """Say on standard error which recordings the candidates lack, why, for how much they can be had, and how.

    Args:
        table: What `--json` prints.
        places: Where the recordings of each candidate are.
        waiting: A person has still to answer; nothing is said of prices then.
    """
    for candidate, quote, place in zip(table["candidates"], table["quotes"], places, strict=False):
        for line in _lacking(candidate, table["cases"], place):
            typer.echo(line, err=True)
        if quote["requests"] and not waiting:
            typer.echo(f"{candidate['name']}: {_price(quote)}", err=True)
        for line in _left_over(candidate):
            typer.echo(line, err=True)
    if table["commands"]:
        typer.echo("\n".join(("to get them:", *(f"  {one}" for one in table["commands"]), WAYS)), err=True)


def loose(table: Table) -> str:
    """Why the recordings do not fit exactly; "" where they do."""
    for candidate in table["candidates"]:
        for kind in ("stale", "missing", "orphans"):
            if candidate[kind]:
                return f"strict: {candidate['name']} has {len(candidate[kind])} {kind} recordings"
    return ""


def _lacking(candidate: Table, cases: int, place: Path) -> Iterator[str]:
    """Which recordings are stale or missing; of edits that are alike, one is shown."""
    wanted = sorted(candidate["wanted"], key=lambda one: (one["state"], one["changed"]))
    for (state, changed), members in groupby(wanted, key=lambda one: (one["state"], one["changed"])):
        group = list(members)
        why = f" ({', '.join(changed)} changed)" if state == "stale" else f" in {place}"
        yield f"{candidate['name']}: {_counted(group, cases)} {state}{why}{_names(group, cases)}"
        alike = not all(change.startswith("slot ") for change in changed)  # the same edit, case for case
        for one in group[:1] if alike else group:
            if one["diff"]:
                yield f"{one['case']} (- recorded, + asked now)\n{one['diff']}"


def _counted(group: Sequence[Table], cases: int) -> str:
    return f"all {cases}" if len(group) == cases else str(len(group))


def _names(group: Sequence[Table], cases: int) -> str:
    """The cases by name, unless they are all, or too many."""
    if len(group) == cases > NAMED:
        return ""
    rest = f" and {len(group) - NAMED} more (--json lists them)" if len(group) > NAMED else ""
    return f": {', '.join(one['case'] for one in group[:NAMED])}{rest}"


def _price(quote: Table) -> str:
    prices = ", ".join(
        f"{model} {'no price' if dollars is None else f'${dollars:.4f}'}"
        for model, dollars in quote["dollars"].items()
    )
    return (
        f"{quote['requests']} new recordings would take about {quote['tokens_in']:,} tokens in and "
        f"{quote['tokens_out']:,} out: {prices}"
    )


def _budget(quote: Table) -> int:
    """Whole dollars that are surely enough for the dearest of the models quoted."""
    known = [dollars for dollars in quote["dollars"].values() if dollars is not None]
    return max(1, math.ceil(2 * max(known, default=0.0)))


def _left_over(candidate: Table) -> Iterator[str]:
    """Recordings that nothing asks for; those of an earlier wording are among them until they are recorded anew."""
    orphans = candidate["orphans"]
    if orphans:
        rest = f" and {len(orphans) - SHOWN} more (--json lists them)" if len(orphans) > SHOWN else ""
        yield (
            f"{candidate['name']}: {len(orphans)} left over, nothing here asks for {', '.join(orphans[:SHOWN])}{rest}"
        )
