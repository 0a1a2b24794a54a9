"""Does an episode stand without its words? What is accused must not rest on words of checking, praise or doubt.

An episode stands where one who knows no such words would see it too, or where its steps name nothing but numbers, so
that there is nothing else they could be about. It does not know whether the episode was needed.
"""

from __future__ import annotations

from dca.performativity.episodes import Episode, find_episodes
from dca.performativity.reading import Reading
from dca.performativity.reckoning import named


def stands_without_hints(reading: Reading, episode: Episode) -> bool:
    """Whether an episode is there without hints, or its steps name nothing."""
    looking = {k for k, _ in episode.looks}
    unsure = {k for k in looking if named(reading, k)}
    if episode.kind == "repair":
        unsure |= {k for k, look in episode.looks if look.claim is None or not look.computes}
        if all(_is_certain(reading, episode, k) for k in unsure):
            return True
    if not unsure:
        return True
    plain = {k for one in find_episodes(reading.without_hints()) if one.kind == episode.kind for k in one.steps}
    return unsure <= plain


def _is_certain(reading: Reading, episode: Episode, k: int) -> bool:
    """Whether a repair puts right a certified falsehood, an answer, or what it quotes the problem against."""
    looks = [look for at, look in episode.looks if at == k]
    for look in looks:
        if look.claim is not None and reading.graph.claims[look.claim].false:
            return True
        if look.claim is None and (reading.concludes[look.target] or not named(reading, k)):
            return True
        if not look.computes and reading.contents[k].words & reading.prompt.words:
            return True
    return False
