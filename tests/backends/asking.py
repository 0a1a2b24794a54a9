"""What the tests of the Anthropic backend share: a request, what it costs, and how its failure is caught."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from dca.backends.anthropic import AnthropicBackend
from dca.errors import DCAError
from dca.messages import Message, Request
from dca.usage import Usage

SCHEMA = {"type": "object", "properties": {"steps": {"type": "array"}}, "required": ["steps"]}
REQUEST = Request(system="the rubric", messages=(Message("user", "the rollout"),), schema=SCHEMA, max_tokens=500)
REPLY = '{"steps": []}'
ONE = Usage(requests=1, input_tokens=100, output_tokens=20, cache_read_tokens=7, cache_write_tokens=3)
"""What the server's usual message reports."""

Make = Callable[..., AnthropicBackend]


def failure(backend: AnthropicBackend, request: Request = REQUEST) -> DCAError:
    """The error a request ends in."""
    with pytest.raises(DCAError) as caught:
        backend.complete(request)
    return caught.value
