"""A reviewer that says what it was told to say: the fake for your tests, and for trying a scheme by hand.

It knows transcripts only by their id.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from dca.errors import ReviewError
from dca.types import Review, Step, Transcript

Script = Mapping[str, Review | Exception] | Callable[[Transcript, tuple[Step, ...]], Review]


@dataclass(frozen=True, slots=True)
class ScriptedReviewer:
    """Reviews by transcript id, or by a function; an exception in the script is raised.

    >>> reviewer = ScriptedReviewer({"a": Review(scores=(1.0, 0.0))})
    >>> reviewer.review(Transcript("2+2?", "2+2=4\\n4", 1.0, id="a"), ()).scores
    (1.0, 0.0)
    """

    script: Script
    name: str = "scripted"
    measure: str = "contribution"

    def review(self, transcript: Transcript, steps: tuple[Step, ...]) -> Review:
        """What the script says of this transcript; `ReviewError` where it says nothing."""
        if callable(self.script):
            return self.script(transcript, steps)
        said = self.script.get(transcript.id)
        if said is None:
            raise ReviewError(f"the script says nothing of transcript {transcript.id!r}; add it to the script")
        if isinstance(said, Exception):
            raise said
        return said
