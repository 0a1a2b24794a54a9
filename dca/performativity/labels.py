"""Evidence from a reviewer's labels, given without being asked whether anything is for show.

A label adds to what the text shows, and is never enough by itself. It does not know who reviewed, or how well.
"""

from __future__ import annotations

from typing import Final

from dca.performativity.episodes import Episode
from dca.performativity.evidence import Evidence
from dca.types import Review

REVIEWER: Final = "reviewer"
_WORK: Final = frozenset(("key", "progress"))


def needless(review: Review, episode: Episode) -> tuple[Evidence, ...]:
    """What the reviewer says of a check: needless, a check like any other, or no check at all."""
    labels = {review.labels[k] for k in episode.steps}
    said = _told(review, episode)
    if "needless_check" in labels:
        return (Evidence(REVIEWER, "reviewer_needless", f"labelled a needless check{said}"),)
    if "check" in labels:
        return (Evidence(REVIEWER, "reviewer_check", f"labelled a check{said}"),)
    if labels & _WORK:
        return (Evidence(REVIEWER, "reviewer_work", f"labelled work on the way to the answer{said}"),)
    return ()


def staged(review: Review, episode: Episode) -> tuple[Evidence, ...]:
    """What the reviewer says of a mistake that was put right."""
    label = review.labels[episode.target] if episode.target >= 0 else None
    if label == "staged_mistake":
        return (Evidence(REVIEWER, "reviewer_staged", f"step {episode.target} is labelled a staged mistake"),)
    if label == "error":
        return (Evidence(REVIEWER, "reviewer_error", f"step {episode.target} is labelled an ordinary error"),)
    return ()


def _told(review: Review, episode: Episode) -> str:
    reason = next((review.reasons[k] for k in episode.steps if review.reasons[k]), "")
    return f": {' '.join(reason.split())[:160]}" if reason else ""
