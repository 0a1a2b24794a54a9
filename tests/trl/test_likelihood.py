"""The answer's likelihood as the value of a step: known values, the equation, what is refused, what is left alone."""

from __future__ import annotations

import logging
import math
import pickle
from collections.abc import Sequence
from typing import Any

import pytest
import torch
from secret import ASK, GOOD, LOOK, PROMPT, TELL, answerer
from spellers import llama
from tiny import byte_tokenizer, model, parameters
from transformers import Qwen2ForCausalLM

from dca.credit.align import token_owners
from dca.credit.schemes import Share, ValueDifference
from dca.credit.segment import segment
from dca.errors import InputError, ReviewError, RunError, SchemeError
from dca.pipeline import assign_credit, assign_many
from dca.protocols import GroupReviewer, Reviewer
from dca.review.contribution import as_contribution
from dca.trl.likelihood import LikelihoodReviewer
from dca.trl.rendering import TokenTable
from dca.trl.rollouts import Rollout, to_rollouts
from dca.types import Review, Step, Transcript

TOKENIZER = byte_tokenizer()
TABLE = TokenTable(TOKENIZER)


@pytest.fixture(scope="module")
def policy() -> Qwen2ForCausalLM:
    """Knows the secret once it was told."""
    return answerer(TOKENIZER)


def sampled(completion: str, reference: str | None = "4", *, end: bool = True, mask: Any = None) -> Rollout:
    """A rollout with its token ids, as a trainer hands it over."""
    ids = [*TOKENIZER.encode(completion), *([TOKENIZER.eos_token_id] if end else [])]
    (rollout,) = to_rollouts(
        [PROMPT],
        ["unread"],
        [ids],
        [1.0],
        columns={"solution": [reference]},
        table=TABLE,
        masks=mask,
        prompt_ids=[TOKENIZER.encode(PROMPT)],
    )
    assert rollout is not None
    return rollout


def lines(transcript: Transcript) -> tuple[Step, ...]:
    return segment(transcript, "line")


def values(review: Review) -> list[float | None]:
    """V_0, V_1, ... to one place."""
    return [None if v is None else round(v, 1) for v in (review.baseline, *review.scores)]


@pytest.mark.parametrize(
    ("told", "expected"),
    [(4, [0.1, 0.1, 1.0, 1.0]), (7, [0.1, 0.1, 0.0, 0.0])],
)
def test_known_values(policy: Any, told: int, expected: list[float]) -> None:
    """The step that tells the answer is what makes it likely; one that tells another makes it impossible."""
    transcript = sampled(LOOK + TELL.format(told) + GOOD).transcript
    review = LikelihoodReviewer(policy, TOKENIZER).review(transcript, lines(transcript))
    assert expected == pytest.approx((review.baseline, *review.scores), abs=0.03)
    assert review.measure == "value"
    assert review.reasons[1].startswith("the answer's probability is ")


@torch.no_grad()
def test_the_equation() -> None:
    """Each value is the geometric mean of the answer's token probabilities after the steps so far, to 1e-5."""
    read = model(len(TOKENIZER), layers=2, seed=3).eval()
    completion = "First, 12 / 4 = 3.\nWait, that is wrong. 🙂\nIt is 12 - 4 = 8.\nA: 8\n"
    rollout = sampled(completion, "8 apples")
    steps = lines(rollout.transcript)
    review = LikelihoodReviewer(read, TOKENIZER).review(rollout.transcript, steps)
    lead = TOKENIZER.encode(ASK)
    suffix = TOKENIZER.encode(ASK + " 8 apples")
    assert suffix[: len(lead)] == lead

    def value(written: Sequence[int]) -> float:
        begun = [*TOKENIZER.encode(PROMPT), *written, *suffix]
        logprobs = read(input_ids=torch.tensor([begun])).logits[0].log_softmax(-1)
        scored = range(len(begun) - len(suffix) + len(lead), len(begun))
        return math.exp(sum(float(logprobs[t - 1, begun[t]]) for t in scored) / len(scored))

    assert rollout.completion_ids is not None
    assert rollout.rendering is not None
    owners = token_owners(rollout.rendering, steps)
    written = [[i for i, k in zip(rollout.completion_ids, owners, strict=True) if k <= at] for at in range(-1, 4)]
    written[-1].remove(TOKENIZER.eos_token_id)  # an end of turn is no place to go on from
    expected = [value(ids) for ids in written]
    assert expected == pytest.approx((review.baseline, *review.scores), abs=1e-5)


def test_rollouts_side_by_side_get_what_they_get_alone(policy: Any) -> None:
    """A group is valued as its members are one by one, and a member that cannot be valued is no trouble to others."""
    reviewer = LikelihoodReviewer(policy, TOKENIZER)
    rollouts = [sampled(LOOK + TELL.format(d), str(d + d % 2)).transcript for d in range(5)]
    rows = [(one, lines(one)) for one in (*rollouts, sampled("x", None).transcript)]
    together = reviewer.review_group(rows)
    for (transcript, steps), review in zip(rows[:-1], together, strict=False):
        alone = reviewer.review(transcript, steps)
        assert isinstance(review, Review)
        assert alone.scores == pytest.approx(review.scores, abs=1e-5)
        assert alone.baseline == pytest.approx(review.baseline, abs=1e-5)
    assert isinstance(together[-1], ReviewError)


def test_the_slow_way_gives_the_same(policy: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A model that does not heed the mask is found out on the first rollout, and its prefixes are read anew."""

    class Heedless(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.config = policy, policy.config
            self.device, self.dtype = policy.device, policy.dtype

        def forward(self, attention_mask: Any = None, **rest: Any) -> Any:
            seen = None if attention_mask is None or attention_mask.dim() == 4 else attention_mask
            return self.inner(attention_mask=seen, **rest)

    transcript = sampled(LOOK + TELL.format(4)).transcript
    expected = LikelihoodReviewer(policy, TOKENIZER).review(transcript, lines(transcript))
    with caplog.at_level(logging.WARNING, "dca"):
        found = LikelihoodReviewer(Heedless(), TOKENIZER).review(transcript, lines(transcript))
    assert expected.scores == pytest.approx(found.scores, abs=1e-5)
    assert "reading each prefix anew" in caplog.text


def test_a_model_that_cannot_be_packed(policy: Any, caplog: pytest.LogCaptureFixture) -> None:
    """A model that breaks on a mask of its own is read prefix by prefix, and the log says so once."""

    class Brittle(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner, self.config = policy, policy.config
            self.device, self.dtype = policy.device, policy.dtype

        def forward(self, attention_mask: Any = None, **rest: Any) -> Any:
            if attention_mask.dim() == 4:
                raise NotImplementedError("no masks of four dimensions")
            return self.inner(attention_mask=attention_mask, **rest)

    reviewer = LikelihoodReviewer(Brittle(), TOKENIZER)
    transcript = sampled(LOOK + TELL.format(4)).transcript
    with caplog.at_level(logging.WARNING, "dca"):
        found = [reviewer.review(transcript, lines(transcript)) for _ in range(2)]
    assert values(found[0]) == values(found[1]) == [0.1, 0.1, 1.0]
    assert caplog.text.count("no masks of four dimensions") == 1


def test_the_tools_answer_belongs_to_the_call(policy: Any) -> None:
    """A step that asks a tool has the value after the tool's answer, and the answer changes nothing by itself."""
    texts = [(LOOK, 1), (TELL.format(4), 0), (GOOD, 1)]
    mask = [[m for text, m in texts for _ in TOKENIZER.encode(text)]]
    transcript = sampled("".join(text for text, _ in texts), end=False, mask=mask).transcript
    steps = lines(transcript)
    review = LikelihoodReviewer(policy, TOKENIZER).review(transcript, steps)
    assert [step.author for step in steps] == ["policy", "tool", "policy"]
    assert values(review) == [0.1, 1.0, 1.0, 1.0]
    assert review.reasons[1] == ""


def test_text_alone_is_enough(policy: Any) -> None:
    """Without token ids, or with those of another tokenizer, the text is encoded."""
    text = LOOK + TELL.format(4)
    reviewer = LikelihoodReviewer(policy, TOKENIZER)
    foreign = {"prompt_ids": (1, 2), "completion_ids": tuple(llama().encode(text, add_special_tokens=False))}
    for told in ({}, foreign):
        transcript = Transcript(PROMPT, text, 1.0, reference="4", metadata=told)
        assert values(reviewer.review(transcript, lines(transcript))) == [0.1, 0.1, 1.0]


@pytest.mark.parametrize("reference", ["4", " 4 ", "Two and two.\n#### 4", "so \\boxed{4}."])
def test_a_solution_counts_for_its_answer(policy: Any, reference: str) -> None:
    """A reference that is a whole solution is valued by the answer it marks."""
    transcript = sampled(LOOK + TELL.format(4), reference).transcript
    assert values(LikelihoodReviewer(policy, TOKENIZER).review(transcript, lines(transcript))) == [0.1, 0.1, 1.0]


def test_braces_in_the_template_and_text_after_the_slot(policy: Any) -> None:
    """Only the reference's tokens are scored, whatever stands around it; braces are no trouble."""
    transcript = sampled(LOOK + TELL.format(4)).transcript
    reviewer = LikelihoodReviewer(policy, TOKENIZER, answer_template="\n\nThe answer is: {reference}}, {x}")
    assert values(reviewer.review(transcript, lines(transcript))) == [0.1, 0.1, 1.0]


def test_a_tokenizer_that_changes_text(policy: Any) -> None:
    """Where a template is not spelled as it is written, it and the answer are encoded apart."""
    speller = llama()
    speller.backend_tokenizer.normalizer = None  # spaces become unknown tokens
    read = model(len(speller)).eval()
    transcript = Transcript(PROMPT, "ab\nc", 1.0, reference="4")
    review = LikelihoodReviewer(read, speller).review(transcript, lines(transcript))
    assert all(0.0 < value < 1.0 for value in review.scores)


@pytest.mark.parametrize("reference", [None, "", "  \n"])
def test_no_reference(policy: Any, reference: str | None) -> None:
    """A rollout without an expected answer cannot be valued, and the error says how to give one."""
    transcript = sampled("x", reference).transcript
    with pytest.raises(ReviewError, match=r"needs the expected answer .* reference_field='\.\.\.'"):
        LikelihoodReviewer(policy, TOKENIZER).review(transcript, lines(transcript))


def test_nothing_to_value(policy: Any) -> None:
    """A rollout without a step of the policy, and a prompt without a token, are errors of their rows."""
    reviewer = LikelihoodReviewer(policy, TOKENIZER)
    with pytest.raises(ReviewError, match="the policy wrote no step"):
        reviewer.review(Transcript(PROMPT, "", 1.0, reference="4"), (Step(0, 0, 0, ""),))
    with pytest.raises(ReviewError, match="the prompt has no token"):
        reviewer.review(Transcript("", "ab", 1.0, reference="4"), (Step(0, 0, 2, "ab"),))


def test_training_is_left_alone() -> None:
    """Modes, parameters, gradients and random numbers are after a review what they were before it."""
    read = model(len(TOKENIZER))
    read.train()
    read.model.layers[0].eval()
    modes, before, state = [p.training for p in read.modules()], parameters(read), torch.get_rng_state()
    transcript = sampled(LOOK + TELL.format(4)).transcript
    LikelihoodReviewer(read, TOKENIZER).review(transcript, lines(transcript))
    assert modes == [p.training for p in read.modules()]
    assert all(torch.equal(value, before[name]) for name, value in read.named_parameters())
    assert all(value.grad is None for value in read.parameters())
    assert torch.equal(state, torch.get_rng_state())


def test_the_trainers_policy(policy: Any) -> None:
    """A reviewer without a model reads the policy it is lent, not a given one; pickled, it waits for another."""
    transcript = sampled(LOOK + TELL.format(4)).transcript
    reviewer, fixed = LikelihoodReviewer(), LikelihoodReviewer(policy, TOKENIZER)
    with pytest.raises(RunError, match="none is there"):
        reviewer.review(transcript, lines(transcript))
    for one in (reviewer, fixed):
        one.use_policy(torch.nn.DataParallel(policy if one is reviewer else model(len(TOKENIZER))), TOKENIZER)
        assert values(one.review(transcript, lines(transcript))) == [0.1, 0.1, 1.0]
    assert "the policy" in reviewer.identity
    assert "a frozen model" in fixed.identity
    with pytest.raises(RunError, match="none is there"):
        pickle.loads(pickle.dumps(reviewer)).review(transcript, lines(transcript))
    assert values(pickle.loads(pickle.dumps(fixed)).review(transcript, lines(transcript))) == [0.1, 0.1, 1.0]


def test_bad_options(policy: Any) -> None:
    """A template without its slot, and numbers that make no sense, are refused."""
    with pytest.raises(InputError, match=r"with one \{reference\}"):
        LikelihoodReviewer(answer_template="The answer is:")
    with pytest.raises(InputError, match="got only one"):
        LikelihoodReviewer(policy)
    with pytest.raises(InputError, match="rollouts_per_request must be at least 1, got 0"):
        LikelihoodReviewer(rollouts_per_request=0)


def test_under_the_schemes(policy: Any) -> None:
    """With `ValueDifference` the credits telescope to R - V_0; `Share` refuses values and takes their differences."""
    reviewer = LikelihoodReviewer(policy, TOKENIZER)
    assert isinstance(reviewer, Reviewer)
    assert isinstance(reviewer, GroupReviewer)
    rows = [sampled(LOOK + TELL.format(d) + GOOD).transcript for d in (4, 4, 7)]
    for row in assign_many(rows, reviewer, scheme=ValueDifference(), segmenter=lines):
        assert row.fallback is None
        assert row.credits.unassigned == row.review.baseline
    with pytest.raises(SchemeError, match="measures value"):
        assign_credit(rows[0], reviewer, scheme=Share(), segmenter=lines)
    shared = assign_credit(rows[0], as_contribution(reviewer), scheme=Share(), segmenter=lines)
    assert shared.fallback is None
    assert [round(score, 1) for score in shared.review.scores] == [0.0, 0.9, 0.0]
    assert shared.push[1] > shared.push[0] == pytest.approx(shared.push[2], abs=0.05)
