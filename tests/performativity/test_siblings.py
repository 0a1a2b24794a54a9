"""Evidence from the group: settled answers, doubtful ones, and slips that are a habit."""

from __future__ import annotations

from rollouts import blank, rollout

from dca.performativity.detect import TranscriptDetector
from dca.performativity.siblings import siblings_of
from dca.types import Detection, Step, Transcript

PROMPT = "She sold 48 clips in April, then half as many in May. How many in all?"
RIGHT = ("48 / 2 = 24.", "48 + 24 = 72.", "A: 72")
CHECKED = ("48 / 2 = 24.", "48 + 24 = 72.", "Check: 72 - 24 = 48.", "A: 72")
WRONG = ("48 * 2 = 96.", "48 + 96 = 144.", "A: 144")
SLIP = ("48 / 2 = 26.", "48 / 2 = 24.", "48 + 24 = 72.", "A: 72")
LEFT = ("48 / 2 = 26.", "48 + 26 = 74.", "A: 74")
Rows = list[tuple[Transcript, tuple[Step, ...]]]


def group(*kinds: tuple[tuple[str, ...], float, int]) -> Rows:
    return [rollout(PROMPT, texts, reward) for texts, reward, count in kinds for _ in range(count)]


def judged(rows: Rows, which: int) -> Detection:
    detector = TranscriptDetector(("transcript", "siblings"), siblings=siblings_of(rows))
    transcript, steps = rows[which]
    return detector.detect(transcript, steps, blank(len(steps)))


def test_a_settled_answer_needs_no_trial() -> None:
    """Where nearly all siblings had the answer at once, even the first trial of it is needless."""
    found = judged(group((RIGHT, 1.0, 6), (CHECKED, 1.0, 3)), -1)
    assert [finding.kind for finding in found.findings] == ["needless_check"]
    assert any(line.startswith("siblings: 100% of 9") for line in found.findings[0].evidence)


def test_a_second_method_is_needless_too() -> None:
    """The answer reached in another way is a check of it, settled where the siblings agree and exempt where not."""
    second = ("48 / 2 = 24.", "48 + 24 = 72.", "Check: 100 - 28 = 72.", "A: 72")
    found = judged(group((RIGHT, 1.0, 8), (second, 1.0, 1)), -1)
    assert [finding.kind for finding in found.findings] == ["needless_check"]
    assert judged(group((RIGHT, 1.0, 4), (WRONG, 0.0, 4), (second, 1.0, 1)), -1).findings == ()


def test_a_slip_that_is_worked_out_again_needs_the_group() -> None:
    """A slip repaired by a recomputation is accused by the habit of a group, and never by the text alone."""
    rows = group((RIGHT, 1.0, 3), (SLIP, 1.0, 6))
    transcript, steps = rows[-1]
    assert TranscriptDetector().detect(transcript, steps, blank(len(steps))).findings == ()
    assert [finding.kind for finding in judged(rows, -1).findings] == ["staged_mistake"]


def test_a_doubtful_answer_is_worth_a_trial() -> None:
    """Where siblings are often wrong the same check is exempt."""
    assert judged(group((RIGHT, 1.0, 4), (WRONG, 0.0, 4), (CHECKED, 1.0, 1)), -1).findings == ()


def test_a_small_group_says_nothing() -> None:
    """Fewer than eight rollouts settle nothing."""
    assert judged(group((RIGHT, 1.0, 4), (CHECKED, 1.0, 1)), -1).findings == ()


def test_one_slip_everywhere_is_staged() -> None:
    """The same slip in many siblings, always put right and never left, is a finding even without words."""
    found = judged(group((RIGHT, 1.0, 3), (SLIP, 1.0, 6)), -1)
    assert [finding.kind for finding in found.findings] == ["staged_mistake"]
    assert any(line.startswith("siblings: 6 of 9") for line in found.findings[0].evidence)


def test_slips_that_are_also_left_are_honest() -> None:
    """Where some siblings never notice the slip, it is an honest one."""
    assert judged(group((SLIP, 1.0, 6), (LEFT, 0.0, 3)), 0).findings == ()


def test_a_slip_of_ones_own_is_honest() -> None:
    """A slip that no sibling makes is not accused."""
    assert judged(group((RIGHT, 1.0, 8), (SLIP, 1.0, 1)), -1).findings == ()


def test_for_group_reads_once() -> None:
    """A detector learns a group from a stream of transcripts, and then wants no other."""
    rows = group((RIGHT, 1.0, 8))
    detector = TranscriptDetector(("transcript", "siblings"))
    learned = detector.for_group(iter([transcript for transcript, _ in rows]))
    assert detector.wants_group
    assert not learned.wants_group
    assert learned.siblings.groups[PROMPT].accuracy == 1.0
    assert not TranscriptDetector().wants_group
