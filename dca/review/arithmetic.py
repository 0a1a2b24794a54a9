"""The offline reviewer: certified arithmetic and the graph of values; no model, no key.

It knows which equations are true, which steps use which results, and whether the answer was right.
It does not know what the numbers are about: a wrong set-up with right arithmetic looks right to it,
and it says nothing of steps in words.
"""

from __future__ import annotations

from dataclasses import dataclass

from dca.arithmetic.dependence import dependence
from dca.review.judge import judge_of
from dca.types import Review, Step, Transcript


@dataclass(frozen=True)
class ArithmeticReviewer:
    """Judges steps by the arithmetic in them: no model, deterministic, under a millisecond a solution.

    Equations are certified with exact rationals; values are traced from step to step; the walk back from the
    final answer tells which steps it rests on. The scores, and why each is what it is:

    | step | R > 0 | R <= 0 | because |
    |---|---|---|---|
    | makes the final answer, certified (`key`) | 1 | 0 | the most a program can confirm |
    | certified, on the path to it (`progress`) | 0.75 | 0 | needed, but one of several |
    | on the path, not certified, or states the answer (`progress`) | 0.5 | 0 | needed as far as can be seen |
    | false, and the answer rests on it (`error`) | -0.5 | -1 | it explains a wrong answer; a right one survived it |
    | takes a problem that is one expression for another (`error`) | -0.5 | -1 | the answer rests on it |
    | false, and the answer does not rest on it (`error`) | -0.5 | -0.5 | false, but without consequence |
    | false, put right within the step (`error`) | -0.25 | -0.25 | the step as a whole hands on the right value |
    | right, but from a wrong value | 0 | 0 | no praise for an inherited error, no second punishment |
    | redoes a false equation rightly (`recovery`) | 0 | 0 | repairs are neutral |
    | re-examines a value (`check`, `needless_check`) | 0 | 0 | verification is neutral |
    | makes what nothing shows again (`filler`) | -0.25 | 0 | a small cost; a wrong rollout may have lacked it |
    | anything else | 0 | 0 | not judged; the reason says why where there is one |

    In a wrong rollout nothing scores above 0: true equations are no proof of a right solution, and where no
    equation is false, all scores are 0 and the review is no opinion. `shortest` holds the steps of the path of a
    right rollout; for a wrong one no path is known.

    >>> from dca.types import Step, Transcript
    >>> steps = (Step(0, 0, 11, "48/2 = 24.\\n"), Step(1, 11, 24, "48 + 24 = 72\\n"), Step(2, 24, 29, "A: 72"))
    >>> rollout = Transcript("She sold 48 clips, then half as many.", "".join(s.text for s in steps), 1.0)
    >>> review = ArithmeticReviewer().review(rollout, steps)
    >>> review.labels, review.scores
    (('progress', 'key', 'progress'), (0.75, 1.0, 0.5))
    >>> review.reasons[0]
    '48/2 = 24 is certified; used by step 1 on the path to the answer 72'
    """

    name: str = "arithmetic"
    measure: str = "contribution"

    def review(self, transcript: Transcript, steps: tuple[Step, ...], /) -> Review:
        """Judge the steps of one rollout; never raises, whatever the text."""
        judge = judge_of(transcript, steps, dependence(steps, transcript.prompt))
        opinions = [judge.opinion(k) for k in range(len(steps))]
        return Review(
            scores=tuple(opinion.score for opinion in opinions),
            labels=tuple(opinion.label for opinion in opinions),
            links=tuple(opinion.link for opinion in opinions),
            reasons=tuple(opinion.reason for opinion in opinions),
            shortest=tuple(judge.path) if judge.right else (),
            measure=self.measure,
            reviewer=self.name,
        )
