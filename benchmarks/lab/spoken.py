"""Text as `lab.prose` writes it, heard as the policy's words again, and a policy that answers questions put in text.

A line is heard by writing every line that could stand there and seeing which one it is. `Spoken` is the seam
`dca.performativity.policy.Policy` over one small policy: how likely is this number here, and how would it go on.
It cannot be asked for a final answer: such a policy gives none but by going on.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import product
from typing import Final

import torch
from torch import Tensor

from dca.errors import InputError
from dca.performativity.questions import Questions
from dca.types import Step, Transcript
from lab.policy import Played, Policies
from lab.prose import SEPARATOR, USUAL, WRITERS, Place, Writer, asked_by, line, posed_by, result_of, tell, writer_of
from lab.worlds import CHECK, CLEARLY, DIGITS, MOST_FILLERS, NEXT, PAD, WELL, World

NEVER: Final = -60.0
"""The log-probability of what the policy cannot write."""
BATCH: Final = 1024
ENDS: Final = ("\n", ".\n")
"""How a line may end after its last number."""

_FILLINGS: Final = tuple(f for count in range(MOST_FILLERS + 1) for f in product((WELL, CLEARLY), repeat=count))


def tokens_of(world: World, prefix: str, writers: Sequence[str] = USUAL) -> tuple[int, ...]:
    """The policy's words in the beginning of a told rollout; the last line may break off before its number.

    Args:
        world: Where it was played.
        prefix: A prompt, `SEPARATOR`, and what stands so far.
        writers: As told with.

    Raises:
        InputError: Nothing that could be written there reads so.
    """
    prompt, _, text = prefix.partition(SEPARATOR)
    asked, writer = asked_by(prompt), writer_of(prompt, writers)
    start = _Stand(asked.first, asked.first)
    found = next(_read(world, writer, asked.operations, text.splitlines(keepends=True), start), None)
    if found is None:
        raise InputError(f"expected the beginning of a rollout of the {writer.name} writer, got {text[-80:]!r}")
    return found


@dataclass(frozen=True, slots=True)
class _Stand:
    """Where a reader stands: from which number, at which, steps and operations behind, checks of this operation."""

    number: int
    stood: int
    step: int = 0
    operation: int = -1
    checks: int = 0


def _read(
    world: World, writer: Writer, operations: Sequence[tuple[str, int]], lines: Sequence[str], now: _Stand
) -> Iterator[tuple[int, ...]]:
    """All ways to read some lines."""
    if not lines:
        yield ()
        return
    whole, text = lines[0].endswith("\n"), lines[0].removesuffix("\n")
    options = [(NEXT, now.operation + 1, now.stood, 0)] if now.operation + 1 < len(operations) else []
    if now.operation >= 0 and now.checks < world.checks:
        options.append((CHECK, now.operation, now.number, now.checks + 1))
    for opening, at, number, checks in options:
        place = Place(now.step, operations[at], number, now.stood)
        for words in _known(writer.name, opening, place, whole).get(text, ()):
            counts = whole and (opening == NEXT or world.check_counts)
            stood = result_of(place, words[-1]) if counts else now.stood
            for rest in _read(world, writer, operations, lines[1:], _Stand(number, stood, now.step + 1, at, checks)):
                yield words + rest


@lru_cache(maxsize=16_384)
def _known(writer: str, opening: int, place: Place, whole: bool) -> dict[str, list[tuple[int, ...]]]:
    """Every line that could stand in a place (or its beginning, up to the number), and the words it is made of."""
    found: dict[str, list[tuple[int, ...]]] = {}
    for fillers, digit in product(_FILLINGS, range(DIGITS)):
        one = line(WRITERS[writer], place, (opening, *fillers, digit))
        words = (opening, *fillers, digit) if whole else (opening, *fillers)
        mine = found.setdefault(one.text if whole else one.head, [])
        if words not in mine:
            mine.append(words)
    return found


@dataclass
class Spoken:
    """One small policy, asked in text; answers are remembered.

    Args:
        policies: One member.
        world: Whose rules hold.
        writers: As told with.
        generator: Where continuations come from.
    """

    policies: Policies
    world: World
    generator: torch.Generator
    writers: Sequence[str] = USUAL
    _known: dict[tuple[str, str], float] = field(default_factory=dict)
    _gone_on: dict[tuple[str, int], tuple[str, ...]] = field(default_factory=dict)

    def ask(self, questions: Questions, /) -> None:
        """Answer many questions side by side, and remember."""
        new = [pair for pair in questions.pairs if pair not in self._known]
        for at in range(0, len(new), BATCH):
            some = new[at : at + BATCH]
            self._known.update(zip(some, self._likely(some), strict=True))
        begun = [one for one in questions.beginnings if one not in self._gone_on]
        if begun:
            self._gone_on.update(zip(begun, self._continued(begun), strict=True))

    def log_probabilities(self, pairs: Sequence[tuple[str, str]], /) -> list[float]:
        """log P(number | text before it): of the digit that it ends in, for that is what the policy writes."""
        self.ask(Questions(pairs=tuple(pairs)))
        return [self._known[pair] for pair in pairs]

    def continuations(self, prefix: str, count: int, /) -> tuple[str, ...]:
        """So many continuations of whole lines."""
        self.ask(Questions(beginnings=((prefix, count),)))
        return self._gone_on[prefix, count]

    def _likely(self, pairs: Sequence[tuple[str, str]]) -> list[float]:
        known = self._digits(list(dict.fromkeys(prefix for prefix, _ in pairs)))
        return [
            known[prefix][int(said) % DIGITS] if prefix in known else self._follows(prefix, said)
            for prefix, said in pairs
        ]

    def _digits(self, prefixes: Sequence[str]) -> dict[str, list[float]]:
        """The log-probability of each digit after texts that stop just before a number that the digit decides.

        What such a text leaves open is the digit alone: no filler can follow any more.
        """
        begun = {prefix: words for prefix in prefixes if (words := self._words(prefix)) is not None}
        if not begun:
            return {}
        rows = [(*words, digit) for words in begun.values() for digit in range(DIGITS)]
        played = self._played([p for p in begun for _ in range(DIGITS)], rows, max(map(len, rows)))
        last = torch.tensor([len(row) - 1 for row in rows])
        digits = played.log_probs[0].gather(1, last[:, None]).view(-1, DIGITS).log_softmax(1).clamp_min(NEVER)
        return dict(zip(begun, digits.tolist(), strict=True))

    def _follows(self, prefix: str, said: str) -> float:
        """Where the digit was told before, what follows is certain: 0 for what the writer writes, `NEVER` else."""
        return 0.0 if any(self._words(f"{prefix}{said}{end}") is not None for end in ENDS) else NEVER

    def _words(self, prefix: str) -> tuple[int, ...] | None:
        try:
            return tokens_of(self.world, prefix, self.writers)
        except InputError:
            return None

    def _continued(self, begun: Sequence[tuple[str, int]]) -> list[tuple[str, ...]]:
        prefixes = [prefix for prefix, count in begun for _ in range(count)]
        words = {prefix: tokens_of(self.world, prefix, self.writers) for prefix, _ in begun}
        rows = [words[prefix] for prefix in prefixes]
        rollouts = self._played(prefixes, rows, self.world.most_tokens).rollouts
        told = iter(zip(prefixes, tell(self.world, rollouts, self.writers), strict=True))
        return [tuple(_rest(*next(told)) for _ in range(count)) for _, count in begun]

    def _played(self, prefixes: Sequence[str], rows: Sequence[Sequence[int]], most: int) -> Played:
        """Let the policy go on from given words, up to so many of them in all."""
        posed = [posed_by(prefix.partition(SEPARATOR)[0]) for prefix in prefixes]
        state = self.world.pose(torch.tensor([first for first, _ in posed]), torch.tensor([o for _, o in posed]))
        chances = torch.rand(1, len(rows), most, 3, generator=self.generator)
        with torch.no_grad():
            return self.policies.play(self.world, state, chances, given=padded(rows))


def _rest(prefix: str, told: tuple[Transcript, tuple[Step, ...]]) -> str:
    """What of a told rollout comes after its first lines."""
    behind = prefix.partition(SEPARATOR)[2].count("\n")
    return "".join(step.text for step in told[1][behind:])


def padded(rows: Iterable[Sequence[int]]) -> Tensor:
    """(N, T) rows of different lengths, filled up with `PAD`."""
    return torch.nn.utils.rnn.pad_sequence(
        [torch.tensor(row, dtype=torch.long) for row in rows], batch_first=True, padding_value=PAD
    )
