"""What is asked of a backend, and what it answers.

These records know no provider; a backend translates them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from dca.usage import NO_USAGE, Usage


@dataclass(frozen=True, slots=True)
class Message:
    """One turn of a request: role ``"user"`` or ``"assistant"``, and its text."""

    role: str
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What a backend is asked.

    Attributes:
        system: The rubric; constant for a prompt version, so providers can cache it.
        messages: The conversation, user first; a repair re-ask appends the reply and the complaint.
        schema: JSON schema of the reply; constant for a prompt version.
        max_tokens: Room for the reply, thinking included.
        effort: "off", "low", "medium" or "high": how much the model may think.
        sample: Which of k votes this is; part of the cache key.
        case: A readable name for recordings; not part of the key.
    """

    system: str
    messages: tuple[Message, ...]
    schema: Mapping[str, Any]
    max_tokens: int = 4096
    effort: str = "off"
    sample: int = 0
    case: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What a backend answered: the text, why it stopped, what it cost, who produced it."""

    text: str
    stop_reason: str = "end_turn"
    usage: Usage = NO_USAGE
    model: str = ""
    category: str | None = None
