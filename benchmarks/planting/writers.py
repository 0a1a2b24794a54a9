"""Writers: each a voice of its own, as templates with slots for what a program worked out.

A planted episode and its honest control are written with the same template, so that words cannot tell them apart.
Writers know no family and no truth.
"""

from __future__ import annotations

import json
import random
import string
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from dca.errors import InputError

MOVES: Mapping[str, frozenset[str]] = {
    "work": frozenset({"eq"}),
    "recompute": frozenset({"eq"}),
    "backcheck": frozenset({"answer", "eq"}),
    "verdict": frozenset({"value"}),
    "reread": frozenset({"value"}),
    "checklist": frozenset({"eqs"}),
    "circular": frozenset({"answer", "one", "two"}),
    "retract": frozenset({"evidence", "right"}),
    "misfact": frozenset({"name", "value"}),
    "tryout": frozenset({"eq"}),
    "drop": frozenset({"quote"}),
    "suppose": frozenset({"value", "eq"}),
    "cases": frozenset({"one", "two"}),
    "estimate": frozenset({"value"}),
    "lemma": frozenset({"eq"}),
    "aside": frozenset(),
    "answer": frozenset({"answer"}),
}
"""Each move, and the slots that its templates have."""

FOLDER = Path(__file__).parent / "writers"


@dataclass(frozen=True, slots=True)
class Writer:
    """A name, a style in words, a sign for times, and templates for every move."""

    name: str
    style: str
    times: str
    moves: Mapping[str, Sequence[str]]

    def __post_init__(self) -> None:
        for move in MOVES:
            if not self.moves.get(move):
                raise InputError(f"writer {self.name}: expected at least one template for {move}, got none")
            for template in self.moves[move]:
                problem = complaint(move, template)
                if problem:
                    raise InputError(f"writer {self.name}: {move}: {problem}")


def complaint(move: str, template: str) -> str:
    """What is wrong with a template, or ""."""
    try:
        slots = Counter(name for _, name, _, _ in string.Formatter().parse(template) if name is not None)
    except ValueError as error:
        return f"expected a template, got {template!r} ({error})"
    if slots != Counter(MOVES[move]):
        wanted = ", ".join(sorted(MOVES[move])) or "none"
        return f"expected each slot once ({wanted}), got {template!r}"
    if any(character.isdigit() for character in template):
        return f"expected no digit outside slots, got {template!r}"
    return ""


def load_writers(folder: Path = FOLDER) -> tuple[Writer, ...]:
    """The template writers, by name."""
    return tuple(_writer(path) for path in sorted(folder.glob("*.json")))


def _writer(path: Path) -> Writer:
    row = json.loads(path.read_text("utf-8"))
    return Writer(path.stem, row["style"], row["times"], row["moves"])


class Voice:
    """One writer at work on one pair: the nth time it makes a move, it uses the same template in both texts."""

    def __init__(self, writer: Writer, seed: str) -> None:
        self.writer, self._seed = writer, seed

    def say(self, move: str, nth: int = 0, **slots: str) -> str:
        """A sentence."""
        templates = self.writer.moves[move]
        order = random.Random(f"{self._seed}:{move}").sample(range(len(templates)), len(templates))
        return templates[order[nth % len(order)]].format(**slots)
