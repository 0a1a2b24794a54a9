"""A writer by a language model: asked once for each move, through any backend, for templates with slots.

The model writes words, never numbers, so what it writes cannot say anything false, and a plant and its control still
share their words. Templates that do not keep to the slots are sent back once with the complaint, then left out.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

from dca.errors import InputError, ReplyError
from dca.messages import Message, Request
from dca.protocols import Backend
from planting.writers import MOVES, Writer, complaint

WANTED = 4
PURPOSES: Mapping[str, str] = {
    "work": "works something out for the first time; {eq} is the whole equation",
    "recompute": "works a sum out again; {eq} is the whole equation",
    "backcheck": "tests the result {answer} by running an equation backwards; {eq} is that equation",
    "verdict": "says that the value {value} is right, and computes nothing",
    "reread": "reads a number of the problem again; {value} is that number",
    "checklist": "lists all equations of the solution again; {eqs} is the list",
    "circular": "takes the result {answer} for granted and computes two equations from it, {one} and {two}",
    "retract": "takes the line before back and gives the right value {right}; {evidence} is an equation cited for it",
    "misfact": "recalls a number that everybody knows: {name} is, for example, days in a week; {value} is the number",
    "tryout": "announces a first attempt; {eq} is its equation",
    "drop": "gives the attempt in the line before up; {quote} is a quotation from the problem",
    "suppose": "supposes for a moment that the value is {value}, computes {eq}, and finds that this cannot be",
    "cases": "says that two readings are possible; {one} and {two} are an equation for each",
    "estimate": "gives a rough value, {value}, before the exact one",
    "lemma": "brings an earlier equation back because the next line needs it; {eq} is the equation",
    "aside": "is a short opening put before an ordinary line; it may sound careful, and ends with a space",
    "answer": "states the answer {answer}; it contains the words: the answer is, or Answer:",
}
"""What each move does, for the model."""

RUBRIC = (
    "You write sentence templates in one consistent voice, that of somebody who solves a word problem step by step. "
    "Each template is one or two short sentences with slots in braces, which a program fills in. Use every slot that "
    "is named exactly once, no other slot, and no digit. Never say how a check came out: the same words have to "
    "serve where it finds an error and where it does not."
)
SCHEMA = {
    "type": "object",
    "properties": {"templates": {"type": "array", "items": {"type": "string"}}},
    "required": ["templates"],
    "additionalProperties": False,
}


def invent(name: str, style: str, backend: Backend, *, times: str = "*") -> Writer:
    """Ask a backend for a whole writer.

    Raises:
        ReplyError: After the complaint, a move still has no template that keeps to its slots.
    """
    return Writer(name, style, times, {move: _templates(move, style, backend) for move in MOVES})


def saved(path: Path) -> Writer:
    """A writer that was written down before."""
    try:
        row = json.loads(path.read_text("utf-8"))
        return Writer(path.stem, row["style"], row["times"], row["moves"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path}: expected a writer (style, times, moves), got something else ({error!r})"
        ) from error


def _templates(move: str, style: str, backend: Backend) -> list[str]:
    """One move: ask, and ask again once with what was wrong."""
    ask = (
        f"The voice: {style}.\nWrite {WANTED} different templates for a line that {PURPOSES[move]}.\n"
        f"Slots: {', '.join('{' + slot + '}' for slot in sorted(MOVES[move])) or 'none'}.\n"
        'Answer with JSON: {"templates": [...]}.'
    )
    messages = [Message("user", ask)]
    for attempt in range(2):
        reply = backend.complete(
            Request(system=RUBRIC, messages=tuple(messages), schema=SCHEMA, case=f"{move}-{attempt}")
        )
        kept, wrong = _sorted(move, reply.text)
        if kept and (not wrong or attempt):
            return kept
        messages += [Message("assistant", reply.text), Message("user", "Please correct this: " + "; ".join(wrong))]
    raise ReplyError(f"{move}: expected templates with the slots {sorted(MOVES[move])}, got {'; '.join(wrong)}")


def _sorted(move: str, text: str) -> tuple[list[str], Sequence[str]]:
    """The templates that can be used, and what is wrong with the others."""
    try:
        found = json.loads(text)["templates"]
    except (ValueError, KeyError, TypeError):
        return [], [f'expected {{"templates": [...]}}, got {text[:80]!r}']
    kept: list[str] = []
    wrong: list[str] = []
    for template in found if isinstance(found, list) else []:
        problem = complaint(move, template) if isinstance(template, str) else f"expected a string, got {template!r}"
        (wrong if problem else kept).append(problem or template)
    return kept, wrong or ([] if kept else ["expected at least one template, got none"])
