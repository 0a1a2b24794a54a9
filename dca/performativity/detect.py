"""The detector: which steps verify, and which episodes could have changed nothing or were made to be caught.

Two questions with two thresholds. Recognition (recall) makes steps neutral; accusation (precision) is a finding, and
never changes what is neutral. What is accused must be seen without any word of checking or doubt, or in steps that
name nothing but numbers: no word makes a finding. It knows no scheme and no consequence.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Final, Protocol

from dca.credit.segment import segment
from dca.errors import InputError
from dca.performativity import evidence as transcript_layer
from dca.performativity import labels as reviewer_layer
from dca.performativity.confidence import weights
from dca.performativity.episodes import Episode, find_episodes
from dca.performativity.evidence import Evidence
from dca.performativity.reading import Reading, read
from dca.performativity.recomputation import named
from dca.performativity.siblings import Siblings, siblings_of
from dca.protocols import Segmenter
from dca.types import POLICY, Detection, Finding, Review, Step, Transcript

LAYERS: Final = ("transcript", "siblings", "reviewer", "policy")
"""Where evidence may come from; the transcript is always looked at."""
ACCUSE: Final = 0.5
"""Confidence from which a suspect is accused."""
STAGING: Final = frozenset(
    ("inert", "unprompted", "siblings_staged", "policy_knew", "policy_learned", "policy_replayed")
)
"""Evidence of staging; an accusation needs two of these."""
NEEDED: Final = 2
POWERLESS: Final = frozenset(("powerless", "circular"))
"""Evidence that holds in wrong solutions too, where other checks matter as much as any step."""
NOBODY: Final = Siblings()


class EpisodeEvidence(Protocol):
    """A further layer: what it knows of one episode."""

    def needless(self, reading: Reading, episode: Episode, /) -> tuple[Evidence, ...]:
        """Evidence on a check."""
        ...

    def staged(self, reading: Reading, episode: Episode, /) -> tuple[Evidence, ...]:
        """Evidence on a mistake that was put right."""
        ...


@dataclass(frozen=True, slots=True)
class _Suspect:
    """A finding to be, its evidence, and whether that suffices."""

    finding: Finding
    evidence: tuple[Evidence, ...]
    accused: bool


@dataclass(frozen=True)
class TranscriptDetector:
    """Finds verification and show in the text of a rollout; other layers may add evidence.

    A needless check had no yield, and its target was settled or it had no power. A staged mistake was taken back in a
    right solution, with two pieces of evidence at least: never used before, nothing cited that shows it, a habit of
    the group, or the policy's own probabilities. What the problem asks for, the first trial of a final answer,
    hypotheses, casework, estimates and silent restorations are exempt. A reviewer's label only adds.

    Args:
        layers: Of `LAYERS`; without "siblings" or "reviewer" that evidence is not looked at.
        accuse: Confidence from which there is a finding; recognition of verification does not depend on it.
        siblings: Groups, from `for_group`.
        policy: Evidence from a policy's probabilities (`dca.performativity.policy.PolicyEvidence`), or None.

    >>> texts = "7 * 18 = 126 rolls.", "126 - 26 = 100 rolls.", "I check: 7 * 18 = 126.", "100 / 4 = 25.", "A: 25"
    >>> steps = tuple(Step(k, 0, 0, text) for k, text in enumerate(texts))
    >>> found = TranscriptDetector().detect(Transcript("", " ".join(texts), 1.0), steps, Review((0.0,) * 5))
    >>> found.verification, found.findings[0].kind, found.findings[0].steps
    ((2,), 'needless_check', (2,))
    """

    layers: tuple[str, ...] = ("transcript",)
    accuse: float = ACCUSE
    siblings: Siblings = NOBODY
    policy: EpisodeEvidence | None = None
    name = "performativity"

    def __post_init__(self) -> None:
        unknown = [layer for layer in self.layers if layer not in LAYERS]
        if unknown or not self.layers:
            raise InputError(f"expected layers out of {', '.join(LAYERS)}, got {', '.join(unknown) or 'none'}")
        if not 0.0 <= self.accuse <= 1.0:
            raise InputError(f"expected a confidence in [0, 1] to accuse from, got {self.accuse!r}")

    @property
    def wants_group(self) -> bool:
        """Whether `for_group` has something to add: siblings are to be looked at, and none are known yet."""
        return "siblings" in self.layers and not self.siblings.groups

    def for_group(
        self, transcripts: Iterable[Transcript], /, *, segmenter: Segmenter = segment
    ) -> TranscriptDetector:
        """A detector that also knows the siblings of these rollouts, of one prompt or of many.

        Args:
            transcripts: Read once; only sums are kept.
            segmenter: How they are cut into steps.
        """
        layers = self.layers if "siblings" in self.layers else (*self.layers, "siblings")
        rows = ((transcript, segmenter(transcript)) for transcript in transcripts)
        return replace(self, layers=layers, siblings=siblings_of(rows))

    def detect(self, transcript: Transcript, steps: tuple[Step, ...], review: Review, /) -> Detection:
        """Recognise verification, and accuse where the evidence suffices."""
        reading = read(transcript, steps)
        episodes = find_episodes(reading)
        verification = sorted({k for episode in episodes for k in episode.steps if steps[k].author == POLICY})
        suspects = self._suspects(reading, episodes, review)
        return Detection(tuple(verification), tuple(one.finding for one in suspects if one.accused))

    def suspects(self, transcript: Transcript, steps: tuple[Step, ...], review: Review, /) -> tuple[Finding, ...]:
        """Everything that has any evidence against it, accused or not: for ranking, never for credit."""
        return tuple(finding for finding, _ in self.weighed(transcript, steps, review))

    def weighed(
        self, transcript: Transcript, steps: tuple[Step, ...], review: Review, /
    ) -> tuple[tuple[Finding, frozenset[str]], ...]:
        """The suspects with the names of their evidence: for fitting the weights."""
        reading = read(transcript, steps)
        found = self._suspects(reading, find_episodes(reading), review)
        return tuple((one.finding, frozenset(each.name for each in one.evidence)) for one in found)

    def _suspects(self, reading: Reading, episodes: Sequence[Episode], review: Review) -> Iterable[_Suspect]:
        for which, episode in enumerate(episodes):
            found = self._needless(reading, episodes, which, review)
            if found:
                fails = reading.right or any(one.name in POWERLESS for one in found)
                yield self._suspect("needless_check", episode.steps, found, reading, episode, enough=fails)
            found = self._staged(reading, episodes, which, review)
            if found:
                enough = sum(one.name in STAGING for one in found) >= NEEDED and not _is_excused(found)
                where = (episode.target, *episode.steps)
                yield self._suspect("staged_mistake", where, found, reading, episode, enough=enough)

    def _suspect(
        self,
        kind: str,
        steps: tuple[int, ...],
        found: tuple[Evidence, ...],
        reading: Reading,
        episode: Episode,
        *,
        enough: bool,
    ) -> _Suspect:
        confidence = weights()[kind].confidence(found)
        said = tuple(f"{one.layer}: {one.said}" for one in found)
        accused = enough and confidence >= self.accuse and _stands_without_cues(reading, episode)
        return _Suspect(Finding(kind, steps, confidence, said), found, accused)

    def _needless(
        self, reading: Reading, episodes: Sequence[Episode], which: int, review: Review
    ) -> tuple[Evidence, ...]:
        episode = episodes[which]
        if episode.kind != "check":
            return ()
        group = self.siblings.needless(reading, episode) if "siblings" in self.layers else ()
        policy = self.policy.needless(reading, episode) if self.policy is not None else ()
        settled = any(one.name in ("siblings_settled", "policy_settled") for one in (*group, *policy))
        if any(one.name in ("siblings_doubt", "policy_doubt") for one in (*group, *policy)):
            return ()
        found = transcript_layer.needless(reading, episodes, which, settled=settled)
        if not found:
            return ()
        said = reviewer_layer.needless(review, episode) if "reviewer" in self.layers else ()
        return (*found, *group, *policy, *said)

    def _staged(
        self, reading: Reading, episodes: Sequence[Episode], which: int, review: Review
    ) -> tuple[Evidence, ...]:
        episode = episodes[which]
        found = transcript_layer.staged(reading, episodes, which)
        group = self.siblings.staged(reading, episode) if "siblings" in self.layers else ()
        policy = self.policy.staged(reading, episode) if self.policy is not None else ()
        if not any(one.name in STAGING for one in (*found, *group, *policy)) or not transcript_layer.may_be_staged(
            reading, episode
        ):
            return ()
        said = reviewer_layer.staged(review, episode) if "reviewer" in self.layers else ()
        return (*found, *group, *policy, *said)


def _is_excused(found: Sequence[Evidence]) -> bool:
    """Whether a restoration in silence has nothing but the text against it, or the group shows honest slips."""
    names = {one.name for one in found}
    beyond = names & {"siblings_staged", "policy_knew", "policy_learned", "policy_replayed"}
    return ("silent" in names and not beyond) or bool(names & {"siblings_left", "siblings_alone", "policy_chance"})


def _stands_without_cues(reading: Reading, episode: Episode) -> bool:
    """Whether an episode is there for one who knows no cue words, or its steps name nothing but numbers."""
    looking = {k for k, _ in episode.revisits}
    unsure = {k for k in looking if named(reading, k)}
    if episode.kind == "repair":
        unsure |= {k for k, revisit in episode.revisits if revisit.claim is None or not revisit.computes}
        if all(_is_certain(reading, episode, k) for k in unsure):
            return True
    if not unsure:
        return True
    plain = {k for one in find_episodes(reading.without_hints()) if one.kind == episode.kind for k in one.steps}
    return unsure <= plain


def _is_certain(reading: Reading, episode: Episode, k: int) -> bool:
    """Whether a repair puts right a certified falsehood, an answer, or what it quotes the problem against."""
    revisits = [revisit for at, revisit in episode.revisits if at == k]
    for revisit in revisits:
        if revisit.claim is not None and reading.graph.claims[revisit.claim].false:
            return True
        if revisit.claim is None and (reading.concludes[revisit.target] or not named(reading, k)):
            return True
        if not revisit.computes and reading.contents[k].words & reading.prompt.words:
            return True
    return False
