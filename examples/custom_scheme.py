"""Bring your own scheme: any function of one row that returns a balanced split.

This one pays the best step everything. It is here to show how little a scheme takes, and what guards it: a ledger
that does not balance cannot be made.

Run it:  python examples/custom_scheme.py
"""

from dca import ArithmeticReviewer, Credits, Row, Split, Transcript, assign_credit


def winner_takes_all(row: Row) -> Split:
    """Give the whole amount to the step with the highest score."""
    scores = row.review.scores
    best = max(range(len(scores)), key=lambda k: scores[k])
    values = tuple(row.amount if k == best else 0.0 for k in range(len(scores)))
    return Split(Credits(values, row.amount), push=values)


if __name__ == "__main__":
    transcript = Transcript(
        prompt="A crate holds 12 jars and a van holds 9 crates. How many jars are in 3 vans?",
        completion="A van holds 12 * 9 = 108 jars.\nThree vans hold 108 * 3 = 324 jars.\nA: 324",
        reward=1.0,
    )
    assignment = assign_credit(transcript, ArithmeticReviewer(), scheme=winner_takes_all)
    for step, credit in zip(assignment.steps, assignment.credits.values, strict=True):
        print(f"{credit:+.3f}  {step.text.strip()}")
