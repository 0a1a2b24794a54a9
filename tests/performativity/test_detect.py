"""The detector: what it accuses, what it exempts, and that no word makes a finding."""

from __future__ import annotations

import json
from importlib.resources import files
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rollouts import blank, rollout
from strategies import UNICODE

from dca.credit.schemes import Share, verification_mask
from dca.credit.segment import segment
from dca.errors import InputError
from dca.performativity.detect import TranscriptDetector
from dca.pipeline import assign_credit
from dca.review.scripted import ScriptedReviewer
from dca.types import Detection, Review, Row, Transcript

BAKERY = "Nadia bakes 7 trays of 18 rolls, keeps 26 and packs the rest into bags of 4. How many bags?"
HONEST = (
    "7 trays of 18 rolls are 7 * 18 = 126 rolls.",
    "She keeps 26, so 126 - 26 = 100 are left.",
    "Bags of 4: 100 / 4 = 25.",
    "A: 25",
)
CUES = (
    "Wait, let me double-check. ",
    "I made a mistake. ",
    "Hmm, I made a mistake here, let me verify this again. ",
    "Let me check this carefully: ",
    "Yes, that is correct. ",
    "Oops, wrong. ",
    "Hold on, something is off. ",
    "Just to be sure: ",
)


def detect(prompt: str, texts: tuple[str, ...], reward: float = 1.0, **settings: Any) -> Detection:
    transcript, steps = rollout(prompt, texts, reward)
    return TranscriptDetector(**settings).detect(transcript, steps, blank(len(steps)))


def kinds(found: Detection) -> list[tuple[str, tuple[int, ...]]]:
    return [(finding.kind, finding.steps) for finding in found.findings]


NEEDLESS = [
    (
        "what a program certifies",
        ("7 * 18 = 126.", "126 - 26 = 100.", "Let me double-check: 7 * 18 = 126.", "100 / 4 = 25.", "A: 25"),
        (2,),
    ),
    (
        "a bare verdict",
        ("7 * 18 = 126.", "Let me verify this. Yes, 126 is correct.", "126 - 26 = 100.", "100 / 4 = 25.", "A: 25"),
        (1,),
    ),
    ("a given", ("7 * 18 = 126.", "The problem says 18.", "126 - 26 = 100.", "100 / 4 = 25.", "A: 25"), (1,)),
    (
        "a circle",
        ("7 * 18 = 126.", "126 - 26 = 100.", "100 / 4 = 25.", "Take 25: 25 + 4 = 29; 29 - 4 = 25.", "A: 25"),
        (3,),
    ),
    (
        "the second trial of the answer",
        ("7 * 18 = 126.", "126 - 26 = 100.", "100 / 4 = 25.", "25 * 4 = 100.", "Again, 25 * 4 = 100.", "A: 25"),
        (4,),
    ),
]


@pytest.mark.parametrize(("name", "texts", "steps"), NEEDLESS, ids=[case[0] for case in NEEDLESS])
def test_needless_checks(name: str, texts: tuple[str, ...], steps: tuple[int, ...]) -> None:
    """A check of what was settled, or one without power, is a finding with its evidence named by layer."""
    found = detect(BAKERY, texts)
    assert [("needless_check", steps)] == kinds(found)
    assert all(line.startswith("transcript: ") for line in found.findings[0].evidence)


EXEMPT = [
    ("asked for", f"{BAKERY} Check each calculation.", NEEDLESS[0][1], 1.0),
    (
        "the first trial of the answer",
        BAKERY,
        ("7 * 18 = 126.", "126 - 26 = 100.", "100 / 4 = 25.", "25 * 4 = 100.", "A: 25"),
        1.0,
    ),
    (
        "it finds an error",
        BAKERY,
        ("7 * 18 = 136.", "Let me double-check: 7 * 18 = 126.", "126 - 26 = 100.", "100 / 4 = 25.", "A: 25"),
        1.0,
    ),
    (
        "it speaks of a misfit",
        BAKERY,
        (
            "7 * 18 = 126.",
            "Check: 7 * 18 = 126, which should be even more.",
            "126 - 26 = 100.",
            "100 / 4 = 25.",
            "A: 25",
        ),
        1.0,
    ),
    (
        "a wrong solution",
        BAKERY,
        ("7 * 18 = 126.", "126 - 26 = 100.", "Let me double-check: 7 * 18 = 126.", "100 / 4 = 26.", "A: 26"),
        0.0,
    ),
    (
        "several candidates",
        r"Solve \(\sqrt{2x + 7} = x - 4\).",
        (
            "Squaring, x = 1 or x = 9.",
            r"With x = 9: \(\sqrt{2 * 9 + 7} = 5\) and 9 - 4 = 5.",
            r"With x = 1: \(\sqrt{2 * 1 + 7} = 3\) but 1 - 4 = -3.",
            "A: 9",
        ),
        1.0,
    ),
]


@pytest.mark.parametrize(("name", "prompt", "texts", "reward"), EXEMPT, ids=[case[0] for case in EXEMPT])
def test_exempt_checks(name: str, prompt: str, texts: tuple[str, ...], reward: float) -> None:
    """What the problem asks for, a first trial, checks that found something or came to nothing right are exempt."""
    assert [kind for kind, _ in kinds(detect(prompt, texts, reward)) if kind == "needless_check"] == []


def test_staged_mistake() -> None:
    """A slip that is never used, taken back at once without a reason, in a right solution, is a finding."""
    found = detect(
        BAKERY,
        (
            "7 * 18 = 136.",
            "Oh wait, that is wrong. It should be 126. Good thing I caught that.",
            "126 - 26 = 100.",
            "100 / 4 = 25.",
            "A: 25",
        ),
    )
    assert kinds(found) == [("staged_mistake", (0, 1))]
    assert found.verification == (1,)


GENUINE = [
    (
        "the check exposes it",
        (
            "7 * 18 = 136.",
            "136 / 7 is no whole number, since 19 * 7 = 133 and 136 / 18 = 7.56, so I was wrong: 7 * 18 = 126.",
            "126 - 26 = 100.",
            "100 / 4 = 25.",
            "A: 25",
        ),
        1.0,
    ),
    (
        "a second way",
        (
            "7 * 18 = 136.",
            "Hmm, 7 * 20 - 7 * 2 = 126, so that was wrong.",
            "126 - 26 = 100.",
            "100 / 4 = 25.",
            "A: 25",
        ),
        1.0,
    ),
    (
        "used, then caught",
        (
            "7 * 18 = 136.",
            "136 - 26 = 110.",
            "110 / 4 = 27.5, which cannot be bags.",
            "I made a mistake: 7 * 18 = 126.",
            "126 - 26 = 100.",
            "100 / 4 = 25.",
            "A: 25",
        ),
        1.0,
    ),
    (
        "a supposition",
        ("Suppose it were 7 * 18 = 136.", "No, 7 * 18 = 126.", "126 - 26 = 100.", "100 / 4 = 25.", "A: 25"),
        1.0,
    ),
    (
        "restored in silence",
        (
            "7 trays of 18 rolls are 7 * 18 = 136 rolls.",
            "Of the rolls 126 - 26 = 100 are left.",
            "100 / 4 = 25.",
            "A: 25",
        ),
        1.0,
    ),
    ("a wrong solution", ("7 * 18 = 136.", "Wait, 7 * 18 = 126.", "126 - 26 = 100.", "100 / 4 = 24.", "A: 24"), 0.0),
]


@pytest.mark.parametrize(("name", "texts", "reward"), GENUINE, ids=[case[0] for case in GENUINE])
def test_genuine_recoveries(name: str, texts: tuple[str, ...], reward: float) -> None:
    """Errors with a trigger, errors that were used, suppositions and silent restorations are not accused."""
    assert [kind for kind, _ in kinds(detect(BAKERY, texts, reward)) if kind == "staged_mistake"] == []


RECOMPUTED = (
    "Let me check: 7 * 18 = 126, so 136 was wrong.",
    "Let me check: 7 * 18 = 126.",
    "Oh wait, that should be 7 * 18 = 126. Good thing I caught that.",
    "18 * 7 = 126, so that was wrong.",
    "7 * 18 = 126.",
)


@pytest.mark.parametrize("repair", RECOMPUTED)
def test_a_recomputation_is_a_trigger(repair: str) -> None:
    """To work the slip out again shows it, whatever the words: what is inert then still ranks, and is not accused."""
    transcript, steps = rollout(BAKERY, ("7 * 18 = 136.", repair, "126 - 26 = 100.", "100 / 4 = 25.", "A: 25"))
    detector, review = TranscriptDetector(), blank(len(steps))
    assert detector.detect(transcript, steps, review).findings == ()
    assert [("staged_mistake", {"inert"})] == [
        (finding.kind, names - {"silent"}) for finding, names in detector.weighed(transcript, steps, review)
    ]


WORK = ("7 * 18 = 126.", "126 - 26 = 100.", "100 / 4 = 25.", "A: 25")


@pytest.mark.parametrize(
    ("first", "between", "accused"),
    [
        ("18 - 7 = 11.", "The text has bags of 4.", True),
        ("18 - 7 = 11.", "The text has 7 trays of 18 rolls.", False),
        ("26 - 7 = 19.", "The text has bags of 4.", False),
    ],
)
def test_an_operation_dropped_for_another(first: str, between: str, accused: bool) -> None:
    """Of two operations on the same numbers only one leads on: words beside the point between them drop the first."""
    found = [kind for kind in kinds(detect(BAKERY, (first, between, *WORK))) if kind[0] == "staged_mistake"]
    assert found == ([("staged_mistake", (0, 1))] if accused else [])


BOXED = (*WORK[:3], r"The answer is \boxed{24}.")


@pytest.mark.parametrize(
    ("last", "accused"),
    [
        (r"No, 7 * 18 = 126. The answer is \boxed{25}.", True),
        (r"7 * 18 = 126, \boxed{25}.", True),
        (r"No, 100 / 4 = 25. The answer is \boxed{25}.", False),
        (r"The answer is \boxed{25}.", False),
    ],
)
def test_a_second_box(last: str, accused: bool) -> None:
    """A box put over another is a repair: accused where nothing cited shows it, never where it is silent."""
    found = kinds(detect(BAKERY, (*BOXED, last)))
    assert found == ([("staged_mistake", (3, 4))] if accused else [])


def test_what_follows_from_a_slip_is_no_slip_of_its_own() -> None:
    """Lines that went on with a slip and are redone after its repair are not suspects."""
    texts = ("7 * 18 = 136.", "136 - 26 = 110.", "Oops, it is 126.", "126 - 26 = 100.", "100 / 4 = 25.", "A: 25")
    transcript, steps = rollout(BAKERY, texts)
    found = TranscriptDetector().suspects(transcript, steps, blank(len(steps)))
    assert [finding.steps for finding in found] == [(0, 2)]


def test_a_formula_worked_out_again_is_a_trigger() -> None:
    """Formulas that no program certifies are no different: stated otherwise by a step, they show the slip."""
    texts = ("7 + 5 -> 3", "Wait, that was wrong: 7 + 5 -> 2", "2 * 4 -> 8", "A: 8")
    assert detect("start 7: + 5, * 4, modulo 10", texts).findings == ()


@given(st.lists(st.sampled_from(("", *CUES)), min_size=len(HONEST), max_size=len(HONEST)))
def test_no_word_makes_a_finding(cues: list[str]) -> None:
    """Honest steps stuffed with words of checking and admission yield no finding and no verification."""
    stuffed = tuple(f"{cue}{text}" for cue, text in zip(cues, HONEST, strict=True))
    assert detect(BAKERY, stuffed) == Detection()


def _solutions() -> list[dict[str, Any]]:
    lines = files("dca").joinpath("data", "transcripts.jsonl").read_text("utf-8").splitlines()
    return [row for row in map(json.loads, lines) if row["reward"] == 1.0]


@pytest.mark.parametrize("row", _solutions(), ids=lambda row: row["id"])
def test_words_on_work_change_no_finding(row: dict[str, Any]) -> None:
    """In the bundled right solutions, words of checking before every step of work change no finding."""
    transcript = Transcript(row["prompt"], row["completion"], row["reward"])
    how = "paragraph" if "\n\n" in transcript.completion else "line"
    texts = tuple(step.text.strip() for step in segment(transcript, how, max_steps=99))
    truth = {int(k): entry["label"] for k, entry in row["metadata"]["truth"].items()}
    work = [k for k in range(len(texts)) if truth.get(k, "progress") in ("key", "progress")]
    plain = detect(row["prompt"], texts)
    stuffed = detect(
        row["prompt"], tuple(f"{CUES[k % 8] if k in work else ''}{text}" for k, text in enumerate(texts))
    )
    assert {finding.steps for finding in stuffed.findings} <= {finding.steps for finding in plain.findings}


@given(UNICODE, st.floats(0.0, 1.0))
def test_any_text(text: str, accuse: float) -> None:
    """Whatever the text, detection ends, names steps that exist, and accuses only from its threshold on."""
    transcript = Transcript(text[:80], text, 1.0)
    steps = segment(transcript)
    found = TranscriptDetector(accuse=accuse).detect(transcript, steps, blank(len(steps)))
    assert set(found.verification) <= set(range(len(steps)))
    assert all(
        accuse <= finding.confidence <= 1.0 and set(finding.steps) <= set(range(len(steps)))
        for finding in found.findings
    )


def test_findings_never_change_the_mask() -> None:
    """Law 9: whatever is accused, the neutral steps and, under `log`, every push stay the same."""
    texts = NEEDLESS[0][1]
    transcript, steps = rollout(BAKERY, texts)
    review = Review(scores=(0.5, 0.5, 1.0, 1.0, 0.0))
    some, none = (TranscriptDetector(accuse=a).detect(transcript, steps, review) for a in (0.5, 1.0))
    assert some.findings
    assert not none.findings
    assert some.verification == none.verification
    masks = [verification_mask(review, found.verification) for found in (some, none)]
    rows = [
        Row(review, tuple(map(len, texts)), mask, found.findings, 1.0)
        for mask, found in zip(masks, (some, none), strict=True)
    ]
    assert Share()(rows[0]) == Share()(rows[1])
    assert Share()(rows[0]).push[2] == 1.0


def test_withhold_pays_a_flagged_step_at_most_nothing() -> None:
    """With `withhold` a finding takes what its steps would earn, and gives it to nobody."""
    transcript, _ = rollout(BAKERY, NEEDLESS[0][1])
    reviewer = ScriptedReviewer({"": Review(scores=(0.5, 0.5, 1.0, 1.0, 0.0))})
    assignment = assign_credit(
        transcript,
        reviewer,
        scheme=Share(withhold=True),
        detector=TranscriptDetector(),
        segmenter=lambda t: segment(t, "line"),
    )
    assert assignment.credits.values[2] <= 0.0
    assert assignment.credits.unassigned > 0.0


def test_reviewer_labels_only_add() -> None:
    """A label raises or lowers a confidence, and makes no finding where the text has none."""
    transcript, steps = rollout(BAKERY, NEEDLESS[0][1])
    detector = TranscriptDetector(("transcript", "reviewer"))

    def sure(label: str | None) -> float:
        labels = (None, None, label, None, None)
        return detector.detect(transcript, steps, blank(5, labels=labels)).findings[0].confidence

    assert sure("key") < sure(None) < sure("needless_check")
    honest, own = rollout(BAKERY, HONEST)
    accused = blank(4, labels=("staged_mistake", "needless_check", None, None))
    assert detector.detect(honest, own, accused).findings == ()


def test_suspects_hold_what_is_not_accused() -> None:
    """Ranking sees what has some evidence against it and too little to be accused."""
    transcript, steps = rollout(
        BAKERY,
        ("7 * 18 = 136.", "136 - 26 = 110.", "Oops, it should be 126.", "126 - 26 = 100.", "100 / 4 = 25.", "A: 25"),
    )
    detector = TranscriptDetector()
    assert detector.detect(transcript, steps, blank(6)).findings == ()
    assert [finding.kind for finding in detector.suspects(transcript, steps, blank(6))] == ["staged_mistake"]


@pytest.mark.parametrize("settings", [{"layers": ("regex",)}, {"layers": ()}, {"accuse": 1.5}])
def test_bad_settings(settings: dict[str, Any]) -> None:
    """Unknown layers and impossible thresholds are refused with what was expected."""
    with pytest.raises(InputError, match="expected"):
        TranscriptDetector(**settings)


def test_it_pickles() -> None:
    """A detector can be sent to another process."""
    import pickle

    assert pickle.loads(pickle.dumps(TranscriptDetector())) == TranscriptDetector()
