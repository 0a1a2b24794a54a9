"""What a trainer hands to its reward functions, as transcripts, with the way back to the tokens.

A completion is rendered from its token ids, never taken from message text, which is stripped and parsed; where there
are no ids or no tokenizer it is read from the messages, and then has no way back. This module knows the shapes of
TRL's arguments; it does not know rewards, reviewers or credit.
"""

from __future__ import annotations

import codecs
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any, Final

from dca.credit.align import Rendering, render, token_owners
from dca.errors import InputError
from dca.transcripts.chat import ASSISTANT, Text, completion_text, is_chat, prompt_text
from dca.trl.rendering import TokenTable
from dca.types import POLICY, Span, Step, Transcript

REFERENCE_FIELDS: Final = ("solution", "answer", "reference", "ground_truth")
"""Columns that hold the expected answer, the first that is there counts."""

TOOL: Final = "tool"
"""The author of tokens that the mask says the policy did not write."""


@dataclass(frozen=True, slots=True)
class Rollout:
    """One completion as text, and the way back to its tokens.

    Attributes:
        transcript: The rollout; its completion is the rendering's text where there is a rendering.
        completion_ids: (T,) tokens, where known.
        mask: (T,) 1 where the policy wrote the token; None where that is not known.
        rendering: What the tokens spell; None where the text was read from messages, which aligns with no token.
    """

    transcript: Transcript
    completion_ids: tuple[int, ...] | None
    mask: tuple[int, ...] | None
    rendering: Rendering | None

    def owners(self, steps: Sequence[Step]) -> list[int]:
        """(T,) the step that owns each token; see `dca.credit.align.token_owners`.

        Raises:
            InputError: There is no rendering.
            ValueError: The steps do not tile the transcript's completion.
        """
        if self.rendering is None:
            raise InputError(
                f"rollout {self.transcript.id!r} was read from messages, so its tokens are not known; "
                "give token ids and a tokenizer"
            )
        return token_owners(self.rendering, steps)


def to_rollouts(
    prompts: Sequence[Any],
    completions: Sequence[Any],
    completion_ids: Sequence[Sequence[int]] | None,
    outcomes: Sequence[float | None],
    *,
    columns: Mapping[str, Any],
    table: TokenTable | None,
    masks: Sequence[Sequence[int]] | None = None,
    prompt_ids: Sequence[Sequence[int]] | None = None,
    reference_field: str | None = None,
    first_id: str = "",
) -> list[Rollout | None]:
    """The rows of one reward call as rollouts.

    Args:
        prompts: (B,) strings or lists of messages.
        completions: (B,) strings or lists of messages.
        completion_ids: (B,) token ids with tool and template tokens, without padding; None where unknown.
        outcomes: (B,) R of each row; None, or not finite, where the task has no verdict.
        columns: The data set's columns, as lists of B values; anything else in there is left alone.
        table: Of the policy's tokenizer; None: texts are read from the completions.
        masks: (B,) 1 where the policy wrote the token (`tool_mask`, `env_mask`); None: the policy wrote all, unless
            a completion has messages of others, which then is read from the messages.
        prompt_ids: (B,) the prompts' token ids, for reviewers that run a model.
        reference_field: The column with the expected answer; None: the first of `REFERENCE_FIELDS` that is there.
        first_id: Put before a row's number to name it.

    Returns:
        (B,) rollouts; None where the outcome is.

    Raises:
        InputError: Lengths that differ, a reference field that is not there, an id that is no token.
    """
    count = len(prompts)
    given = {"completion_ids": completion_ids, "masks": masks, "prompt_ids": prompt_ids}
    for name, rows in {"completions": completions, "outcomes": outcomes, **given}.items():
        if rows is not None and len(rows) != count:
            raise InputError(f"expected {count} {name}, one for each prompt, got {len(rows)}")
    references = _references(columns, reference_field, count)
    rollouts: list[Rollout | None] = [None] * count
    for row, outcome in enumerate(outcomes):
        if outcome is None or not math.isfinite(outcome):
            continue
        body = _body(completions[row], _row(completion_ids, row), _row(masks, row), table)
        known = {"prompt_ids": _row(prompt_ids, row), "completion_ids": body.ids}
        transcript = Transcript(
            prompt=prompt_text(prompts[row]),
            completion=body.text.text,
            reward=float(outcome),
            id=f"{first_id}{row}",
            reference=references[row],
            metadata={name: ids for name, ids in known.items() if ids is not None},
            spans=body.text.spans,
        )
        rollouts[row] = Rollout(transcript, body.ids, body.mask, body.rendering)
    return rollouts


@dataclass(frozen=True, slots=True)
class _Body:
    """A completion: its text and turns, and the tokens it came from."""

    text: Text
    ids: tuple[int, ...] | None
    mask: tuple[int, ...] | None
    rendering: Rendering | None


def _body(
    completion: Any, ids: tuple[int, ...] | None, mask: tuple[int, ...] | None, table: TokenTable | None
) -> _Body:
    """A completion from its tokens; from its messages where the tokens, or who wrote them, are not known."""
    others = is_chat(completion) and any(message["role"] != ASSISTANT for message in completion)
    if ids is None or table is None or (mask is None and others):
        return _Body(_said(completion), ids, mask, None)
    mask = mask if mask is not None else (1,) * len(ids)
    if len(mask) != len(ids):
        raise InputError(f"expected a mask of {len(ids)} numbers, one for each token, got {len(mask)}")
    pieces = table.pieces(ids)
    rendering = render(pieces)
    return _Body(Text(rendering.text, _turns(pieces, mask)), ids, mask, rendering)


def _said(completion: Any) -> Text:
    """A completion as it stands in its messages; an empty one is a rollout too."""
    if isinstance(completion, str):
        return Text(completion)
    try:
        return completion_text(completion)
    except InputError:
        if is_chat(completion) and not any(message.get("content") for message in completion):
            return Text("")
        raise


def _turns(pieces: Sequence[bytes], mask: Sequence[int]) -> tuple[Span, ...]:
    """Runs of tokens by one author, as spans of the text they spell; none where the policy wrote all.

    A character split between two authors belongs to the one who began it.
    """
    if all(mask):
        return ()
    decoder = codecs.getincrementaldecoder("utf-8")("replace")
    spans: list[Span] = []
    finished = stop = 0
    for wrote, run in groupby(zip(mask, pieces, strict=True), lambda token: bool(token[0])):
        finished += len(decoder.decode(b"".join(piece for _, piece in run)))
        begun = decoder.getstate()[0].decode("utf-8", "replace")
        start, stop = stop, finished + len(begun)
        if stop > start:
            spans.append(Span(start, stop, POLICY if wrote else TOOL))
    return tuple(spans)


def _references(columns: Mapping[str, Any], field: str | None, count: int) -> list[str | None]:
    """The expected answer of each row, where there is a column for it."""
    for name in REFERENCE_FIELDS if field is None else (field,):
        column = columns.get(name)
        if isinstance(column, (list, tuple)) and len(column) == count:
            return [None if value is None else str(value) for value in column]
    if field is not None:
        there = ", ".join(columns) or "no columns"
        raise InputError(f"expected a column {field!r} with {count} values for the reference, got {there}")
    return [None] * count


def _row(rows: Sequence[Sequence[int]] | None, row: int) -> tuple[int, ...] | None:
    return None if rows is None else tuple(map(int, rows[row]))
