"""What the options of `dca bench reviewer` put a reviewer through: sets, a suite, chains and interventions."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import typer

from dca.commands.extras import extra

_HUB: Final = re.compile(r"[\w.-]+/[\w.-]+(:[\w.-]+)?")


@dataclass(frozen=True, slots=True)
class Course:
    """What the options say a reviewer is put through."""

    data: tuple[str, ...]
    suite: str
    chains: int
    samples: int
    lists: int
    told: str
    limit: int | None
    seed: int
    resamples: int

    def exam(self) -> Any:
        """Everything read and generated."""
        from dca.bench.chain import rollouts
        from dca.bench.interventions import pairs
        from dca.bench.reviewer import Exam
        from dca.bench.sources import drawn, merged, told
        from dca.suites.case import load_suite

        found = [dataset for where in self.data for dataset in _sets(where)]
        cases = load_suite(self.suite) if self.suite != "none" else None
        valued = tuple(rollouts(self.chains, self.seed))
        carriers = (
            [case.transcript for case in cases.cases if "injection" not in case.expectation.skills] if cases else []
        )
        return Exam(
            datasets=tuple(told(drawn(one, self.limit, self.seed), self.told) for one in merged(found)),
            suite=cases,
            chains=valued,
            sampled=self._sampled(valued),
            pairs=tuple(pairs(carriers, lists=self.lists, seed=self.seed)) if self.lists else (),
            resamples=self.resamples,
            seed=self.seed,
        )

    def _sampled(self, valued: Sequence[Any]) -> tuple[int, tuple[tuple[float, ...], ...]]:
        """The values as sampling finds them, where the extra it needs is there."""
        if not (self.samples and valued):
            return 0, ()
        try:
            from dca.bench.sampled import sampled_changes
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("dca"):
                raise
            typer.echo(f"no sampled values: {error.name} is not installed (pip install 'dca-rl[trl]')", err=True)
            return 0, ()
        return self.samples, tuple(sampled_changes(valued, samples=self.samples, seed=self.seed))


def _sets(where: str) -> list[Any]:
    """The labelled sets at a path, or of the hub by name."""
    from dca.bench.sources import read_sets

    if Path(where).exists() or not _HUB.fullmatch(where):
        return read_sets(Path(where))
    with extra("trl"):
        from dca.bench.hub import hub_sets
    return hub_sets(where)
