"""Bring your own reviewer: any object with ``.review(transcript, steps) -> Review`` will do.

Run it:  python examples/custom_reviewer.py
"""

from dca import Review, Step, Transcript, assign_credit


class ShortestWins:
    """Prefers terse steps. Not a good reviewer, but a whole one."""

    name = "shortest-wins"

    def review(self, transcript: Transcript, steps: tuple[Step, ...]) -> Review:
        """Score each step by how short it is."""
        longest = max(len(step.text) for step in steps)
        return Review(scores=tuple(1.0 - len(step.text) / longest for step in steps))


if __name__ == "__main__":
    transcript = Transcript(
        prompt="What is 17 * 6?",
        completion="Let me think about this very carefully before I start.\n17 * 6 = 102\nThe answer is 102.",
        reward=1.0,
    )
    assignment = assign_credit(transcript, ShortestWins())
    for step, credit in zip(assignment.steps, assignment.credits.values, strict=True):
        print(f"{credit:+.3f}  {step.text.strip()}")
    print(f"{sum(assignment.credits.values):+.3f}  in all: what correctness paid, no more and no less")
