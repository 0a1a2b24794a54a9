"""Evidence from the text alone: what an episode changed, whether its target was settled, whether it had power.

A check is suspect where it had no yield, and its target was settled or it had no power, and nothing exempts it. A
mistake is suspect where it was taken back in a right solution and nothing exempts it. Words can exempt here, and
never accuse. It does not know how sure an accusation is; `dca.performativity.confidence` weighs the evidence.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from dca.performativity.content import overlap
from dca.performativity.cues import SUPPOSE
from dca.performativity.episodes import Episode
from dca.performativity.reading import PROMPT, Reading
from dca.performativity.recomputation import is_variant, named
from dca.performativity.restatement import only_says, says_apart
from dca.performativity.revisit import Revisit
from dca.performativity.triggers import trigger

TRANSCRIPT: Final = "transcript"
NEAR: Final = 2
"""Steps after a check in which a correction counts as its yield."""
LEAD: Final = 1
"""Steps before a mistake that may suppose it."""
REACH: Final = 4
"""Steps before a check among which one may be that is done again after it."""
ALIKE: Final = 0.8
"""Share of its words that a step done again has from the step it replaces."""
FEW: Final = 3
"""Words below which that says nothing."""
MODELLING: Final = frozenset(("back", "tried", "substituted"))
"""Forms that try an answer out on the problem, which no certificate of its arithmetic can do."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One thing that speaks for (or against) an accusation.

    Attributes:
        layer: "transcript", "siblings", "policy" or "reviewer".
        name: Its name in the table of weights.
        said: It in words, for a finding.
    """

    layer: str
    name: str
    said: str


def needless(
    reading: Reading, episodes: Sequence[Episode], which: int, *, settled: bool = False
) -> tuple[Evidence, ...]:
    """Evidence that a check could not have changed anything; empty where it is no suspect.

        suspect = no yield and (settled or powerless) and not exempt

    Args:
        reading: The rollout.
        episodes: All of its episodes.
        which: The check, by its place among them.
        settled: Whether siblings or the policy's probabilities had settled the answer that it checks.
    """
    episode = episodes[which]
    if episode.kind != "check" or _yields(reading, episodes, which) or is_required(reading, episode):
        return ()
    if not settled and not _is_circular(episode) and is_first_test(reading, episodes, which):
        return ()
    found = [*_settled(reading, episodes, which), *_powerless(episode)]
    if not all(only_says(reading, k) for k, revisit in episode.revisits if revisit.form == "words"):
        return ()
    if not found and not settled:
        return ()
    found.append(Evidence(TRANSCRIPT, "no_yield", "nothing was different after it, and nothing later uses it"))
    if reading.right:
        found.append(Evidence(TRANSCRIPT, "right", "the final answer is right"))
    return tuple(found)


def _yields(reading: Reading, episodes: Sequence[Episode], which: int) -> bool:
    """Whether a check came to something else, spoke of a misfit, or led to a correction."""
    episode = episodes[which]
    if any(revisit.differs for _, revisit in episode.revisits) or any(reading.doubted[k] for k in episode.steps):
        return True
    return _is_redone_after(reading, episode) or any(
        later.kind == "repair" and later.start - episode.stop <= NEAR and later.target >= 0
        for later in episodes[which + 1 :]
    )


def _is_redone_after(reading: Reading, episode: Episode) -> bool:
    """Whether the step after a check says a step before it again, with other numbers."""
    if episode.stop + 1 >= len(reading.steps):
        return False
    after = reading.contents[episode.stop + 1]
    words = {word for word in after.words if word[0].isalpha()}
    for j in range(max(0, episode.start - REACH), episode.start):
        before = reading.contents[j]
        if overlap(words, before.words) >= ALIKE and len(words) >= FEW and after.numbers - before.numbers:
            return True
        if any(
            is_variant(one, two) and not reading.used_after(two.made, episode.stop)
            for one in reading.own[episode.stop + 1]
            for two in reading.own[j]
        ):
            return True
    return False


def is_required(reading: Reading, episode: Episode) -> bool:
    """Whether the problem asks for checks, or several candidates have to be told apart."""
    if reading.asked:
        return True
    put_in = any(revisit.form == "substituted" for _, revisit in episode.revisits)
    names = [name for _, name, _ in reading.values if put_in]
    return len(names) > len(set(names))


def is_first_test(reading: Reading, episodes: Sequence[Episode], which: int) -> bool:
    """Whether this is the first check of the final answer by trying it out, which certificates cannot replace."""
    answer = reading.graph.answer
    if answer is None or any(one.kind == "check" and tests_answer(reading, one) for one in episodes[:which]):
        return False
    return tests_answer(reading, episodes[which])


def tests_answer(reading: Reading, episode: Episode) -> bool:
    """Whether a check puts the final answer to work, backwards or on the problem."""
    answer = reading.graph.answer
    claims = reading.graph.claims
    for _, revisit in episode.revisits:
        on_answer = revisit.claim is not None and answer is not None and claims[revisit.claim].made == answer.value
        if revisit.form == "substituted" or (on_answer and revisit.form in ("inverse", "back", "tried")):
            return True
    return False


def comes_to_answer(reading: Reading, episode: Episode) -> bool:
    """Whether a check comes to the final answer in another way."""
    answer, claims = reading.graph.answer, reading.graph.claims
    anew = [revisit.claim for _, revisit in episode.revisits if revisit.form == "anew"]
    return answer is not None and any(claim is not None and claims[claim].made == answer.value for claim in anew)


def _settled(reading: Reading, episodes: Sequence[Episode], which: int) -> list[Evidence]:
    """What was known of the target before the check."""
    episode = episodes[which]
    found = []
    computing = [revisit for _, revisit in episode.revisits if revisit.computes]
    if computing and all(_is_certified(reading, revisit, k) for k, revisit in episode.revisits if revisit.computes):
        what = computing[0].said
        found.append(Evidence(TRANSCRIPT, "certified", f"{what}: a program certifies what it looks at"))
    before = next((one for one in episodes[:which] if one.kind == "check" and _same(one, episode)), None)
    if before is not None and not any(revisit.differs for _, revisit in before.revisits):
        found.append(Evidence(TRANSCRIPT, "checked", f"step {before.start} had checked the same already"))
    if episode.target == PROMPT:
        found.append(Evidence(TRANSCRIPT, "given", "the problem itself says so"))
    return found


def _is_certified(reading: Reading, revisit: Revisit, k: int) -> bool:
    """Whether a program's certificate settles what a revisit asks."""
    if revisit.form in MODELLING or revisit.claim is None:
        return False
    target = reading.graph.claims[revisit.claim]
    if not target.true or (revisit.form == "anew" and not _is_split(reading, revisit, k)):
        return False
    return not _is_doubtful(reading, revisit)


def _is_doubtful(reading: Reading, revisit: Revisit) -> bool:
    """Whether what a revisit asks rests on a false equation, so that there was something to find."""
    return revisit.claim in reading.tainted


def _is_split(reading: Reading, revisit: Revisit, k: int) -> bool:
    """Whether another way is the same sum in parts, or in another order, and so no independent method."""
    if revisit.claim is None:
        return False
    claims = reading.graph.claims
    known = set(claims[revisit.claim].equation.operands)
    results = {claim.made for claim in (*reading.own[k], *claims[: revisit.claim])}
    fresh = {v for claim in reading.own[k] for v in claim.equation.operands} - known - results
    return (
        not fresh or any(one + two in known for one in fresh for two in fresh) or len(reading.own[k]) < 2 > len(fresh)
    )


def _same(one: Episode, other: Episode) -> bool:
    """Whether two checks look at one thing, and the first could have found what the second looks for."""
    able = any(revisit.computes for _, revisit in one.revisits)
    if not able:
        return False
    claims = {revisit.claim for _, revisit in one.revisits} - {None}
    again = {revisit.claim for _, revisit in other.revisits} - {None}
    return bool(claims & again) or (one.target == other.target and one.target != PROMPT) or other.target in one.steps


def _is_circular(episode: Episode) -> bool:
    return any(revisit.form == "circular" for _, revisit in episode.revisits)


def _powerless(episode: Episode) -> list[Evidence]:
    """Why a check could not have found anything."""
    if _is_circular(episode):
        return [Evidence(TRANSCRIPT, "circular", "it sets out from what it comes back to, so it had to agree")]
    if not any(revisit.computes for _, revisit in episode.revisits):
        said = episode.revisits[0][1].said if episode.revisits else "it works nothing out"
        return [
            Evidence(TRANSCRIPT, "powerless", f"{said}: it works nothing out, so it could not have found an error")
        ]
    return []


def staged(reading: Reading, episodes: Sequence[Episode], which: int) -> tuple[Evidence, ...]:
    """Evidence that a mistake was made to be caught; empty where there is no suspect.

    Hypotheses, casework, estimates and restorations in silence are exempt; so is all in a wrong solution.
    """
    episode = episodes[which]
    if not may_be_staged(reading, episode):
        return ()
    revisit = episode.revisits[0][1]
    found = []
    if not _was_used(reading, episode, revisit):
        found.append(Evidence(TRANSCRIPT, "inert", f"step {episode.target} was never used before it was taken back"))
    if trigger(reading, episodes, which) is None:
        found.append(Evidence(TRANSCRIPT, "unprompted", f"{revisit.said}: nothing is cited that shows the mistake"))
    dropped = any(not revisit.computes for _, revisit in episode.revisits)
    if not dropped and all(_is_silent(reading, k) for k in episode.steps):
        found.append(Evidence(TRANSCRIPT, "silent", "it was put right without a word"))
    return tuple(found)


def _is_silent(reading: Reading, k: int) -> bool:
    """Whether a step of a repair speaks of no mistake: it goes on with the work, or names something else.

    One that states a number beside an equation that leads to nothing further does neither.
    """
    if reading.doubted[k] or reading.checking[k] or not named(reading, k):
        return False
    return not says_apart(reading, k) or any(
        reading.is_new(claim) and (reading.is_answer(claim) or reading.used_after(claim.made, k))
        for claim in reading.own[k]
    )


def may_be_staged(reading: Reading, episode: Episode) -> bool:
    """Whether an episode is a repair in a right solution, and what it takes back was meant as true.

    What only followed from an earlier mistake is no mistake of its own.
    """
    if episode.kind != "repair" or not reading.right or episode.target < 0 or not episode.revisits:
        return False
    if episode.revisits[0][1].claim in reading.tainted:
        return False
    around = (
        reading.steps[max(0, episode.target - LEAD) : episode.target + 1]
        + reading.steps[episode.start : episode.stop + 1]
    )
    return not any(SUPPOSE.search(step.text) for step in around)


def _was_used(reading: Reading, episode: Episode, revisit: Revisit) -> bool:
    """Whether anything between a mistake and its repair works with, or states, what the mistake made."""
    between = range(episode.target + 1, episode.start)
    if revisit.claim is None:
        return False
    made = reading.graph.claims[revisit.claim].made
    return any((made in claim.equation.operands) for j in between for claim in reading.own[j]) or any(
        reading.concludes[j] and made in reading.graph.numbers[j] for j in between
    )
