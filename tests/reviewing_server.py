"""Replies that a reviewing model might give, good and bad, for the local server that speaks ``/v1/messages``.

By itself, for benchmarks: ``python reviewing_server.py --delay 0.2`` is a reviewer that answers after 200 ms.
"""

from __future__ import annotations

import json
from typing import Any

from backends.server import Answer, Seen, main, message


def asked(seen: Seen) -> Any:
    """The JSON object that a review request holds."""
    return json.loads(next(m for m in seen.body["messages"] if m["role"] == "user")["content"])


def opinion(seen: Seen, **change: Any) -> dict[str, Any]:
    """A good reply: step 0 of each attempt is the key. `change` spoils its step."""
    step = {"index": 0, "reason": "It sets the sum up.", "label": "key", "score": 2, **change}
    attempts = asked(seen)["attempts"]
    return {"attempts": [{"transcript": a["transcript"], "steps": [step], "shortest": [0]} for a in attempts]}


def good(seen: Seen) -> Answer:
    """Answer as a good reviewer does."""
    return message(json.dumps(opinion(seen)))


def spoiled(**change: Any) -> Any:
    """Answer with one thing wrong in every step."""
    return lambda seen: message(json.dumps(opinion(seen, **change)))


def twice(seen: Seen) -> Answer:
    """Answer with one step listed twice."""
    said = opinion(seen)
    for attempt in said["attempts"]:
        attempt["steps"] *= 2
    return message(json.dumps(said))


def another(seen: Seen) -> Answer:
    """Answer about some other transcript."""
    said = opinion(seen)
    for attempt in said["attempts"]:
        attempt["transcript"] = "00000000"
    return message(json.dumps(said))


if __name__ == "__main__":
    main(good)
