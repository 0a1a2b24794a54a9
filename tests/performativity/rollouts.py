"""Rollouts for the tests of the detector: steps given as texts."""

from __future__ import annotations

from typing import Any

from dca.performativity.episodes import Episode, find_episodes
from dca.performativity.reading import Reading, read
from dca.types import Review, Step, Transcript


def rollout(
    prompt: str, texts: tuple[str, ...], reward: float = 1.0, **more: Any
) -> tuple[Transcript, tuple[Step, ...]]:
    """A transcript and its steps, one for each text."""
    steps, at = [], 0
    for k, text in enumerate(texts):
        steps.append(Step(k, at, at + len(text) + 1, f"{text}\n"))
        at += len(text) + 1
    return Transcript(prompt, "".join(step.text for step in steps), reward, **more), tuple(steps)


def reading(prompt: str, *texts: str, reward: float = 1.0) -> Reading:
    """A rollout, read."""
    return read(*rollout(prompt, texts, reward))


def episodes(prompt: str, *texts: str, reward: float = 1.0) -> tuple[Episode, ...]:
    """The episodes of a rollout."""
    return find_episodes(reading(prompt, *texts, reward=reward))


def verified(prompt: str, *texts: str, reward: float = 1.0) -> list[int]:
    """The steps that are called verification."""
    return [k for episode in episodes(prompt, *texts, reward=reward) for k in episode.steps]


def blank(count: int, **more: Any) -> Review:
    """A review without an opinion on so many steps."""
    return Review(scores=(0.0,) * count, **more)
