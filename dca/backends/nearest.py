"""What to tell a person whose question was never recorded: which recording comes nearest, and what differs.

This module knows requests as lines of text; it does not know files or keys.
"""

from __future__ import annotations

import difflib
import json
import re
from collections import Counter
from collections.abc import Sequence
from typing import Final

from dca.messages import Request

_WIDE: Final = 100
_SHOWN_LINES: Final = 40
_SHOWN_WIDTH: Final = 160
_CLAUSE: Final = re.compile(r"(?<=[,;.!?])\s")


def request_lines(request: Request) -> list[str]:
    """A request as lines fit for a diff; a long line is cut where its clauses end."""
    schema = json.dumps(request.schema, indent=1, sort_keys=True, default=dict).splitlines()
    parts = [("system", request.system.splitlines())]
    parts += [(each.role, each.text.splitlines()) for each in request.messages]
    parts += [("schema", schema)]
    lines = [
        f"max_tokens: {request.max_tokens}",
        f"effort: {request.effort}",
        f"sample: {request.sample}",
    ]
    for name, body in parts:
        lines.append(f"{name}:")
        lines.extend(f"  {piece}" for line in body for piece in _pieces(line))
    return lines


def _pieces(line: str) -> list[str]:
    return _CLAUSE.split(line) if len(line) > _WIDE else [line]


def likeness(one: Sequence[str], other: Sequence[str]) -> float:
    """The share of lines that two requests have in common, in [0, 1], whatever their order.

    >>> likeness(["a", "b"], ["b", "c"])
    0.5
    """
    common = (Counter(one) & Counter(other)).total()
    return 2 * common / max(1, len(one) + len(other))


def difference(recorded: Sequence[str], asked: Sequence[str]) -> str:
    """A unified diff of two requests, bounded in length and width.

    >>> print(difference(["a", "b"], ["a", "c"]))
    @@ -1,2 +1,2 @@
     a
    -b
    +c
    """
    lines = list(difflib.unified_diff(recorded, asked, lineterm="", n=1))[2:]
    shown = [line if len(line) <= _SHOWN_WIDTH else f"{line[: _SHOWN_WIDTH - 1]}…" for line in lines]
    if len(shown) > _SHOWN_LINES:
        shown[_SHOWN_LINES:] = [f"… and {len(shown) - _SHOWN_LINES} more lines"]
    return "\n".join(shown)
