"""The offline reviewer: what holds for any text at all."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st
from strategies import UNICODE

from dca.credit.schemes import VERIFICATION_LABELS
from dca.credit.segment import segment
from dca.review.arithmetic import ArithmeticReviewer
from dca.types import POLICY, Step, Transcript

PIECES = st.sampled_from(
    (
        *("3 + 4 = 7", "7 * 2 = 14", "14 - 7 = 8", "14 / 2 = 7", "A = (1 + 2) = 3", "A - 3 = 0", "x = 5", "A: 7"),
        *("#### 8", "the answer is 14", "\\boxed{7}", "let me double-check", "7 = 14", "1/3 = 0.33", "<<3+4=8>>7"),
        *('"A * B", where A = (3 + 4)', "\n", ". ", "\n\n", "50% of 14 = 7", "no numbers", "7", "9**9**9 = 1"),
    )
)
TEXTS = st.one_of(UNICODE, st.lists(PIECES, max_size=14).map(" ".join))
PROMPTS = st.one_of(
    UNICODE,
    st.sampled_from(("48 clips, half as many", "((5 + 2 * 1 - 6) + (5 + 3)) =", "(3 + 4) * 2 =", "verify 7", "")),
)


@settings(max_examples=300)
@given(TEXTS, PROMPTS, st.sampled_from((1.0, 0.0, -1.0, 0.5)), st.integers(1, 12))
def test_any_text(text: str, prompt: str, reward: float, most: int) -> None:
    """Any rollout gets one score a step, the same each time, and a wrong one no praise."""
    transcript = Transcript(prompt, text, reward)
    steps = segment(transcript, max_steps=most)
    said = ArithmeticReviewer().review(transcript, steps)
    assert len(said.scores) == len(steps)
    assert said == ArithmeticReviewer().review(transcript, steps)
    assert set(said.scores) <= {1.0, 0.75, 0.5, 0.0, -0.25, -0.5, -1.0}
    assert reward > 0 or (max(said.scores) <= 0 and said.shortest == ())
    marked = zip(said.scores, said.labels, strict=True)
    assert all(score == 0 for score, label in marked if label in VERIFICATION_LABELS)


@given(TEXTS, st.lists(st.integers(0, 400), max_size=12), st.lists(st.sampled_from((POLICY, "tool")), max_size=13))
def test_any_cut(text: str, cuts: list[int], authors: list[str]) -> None:
    """However a text is cut, and whoever wrote its steps, the review fits the steps."""
    edges = [0, *sorted(min(cut, len(text)) for cut in cuts), len(text)]
    writers = [*authors, *[POLICY] * len(edges)]
    steps = tuple(
        Step(k, edges[k], edges[k + 1], text[edges[k] : edges[k + 1]], writers[k]) for k in range(len(edges) - 1)
    )
    said = ArithmeticReviewer().review(Transcript("7 eggs", text, 1.0), steps)
    assert len(said.scores) == len(steps)
    assert all(
        said.scores[k] == 0 and said.labels[k] is None for k, step in enumerate(steps) if step.author != POLICY
    )
