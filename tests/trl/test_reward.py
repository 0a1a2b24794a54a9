"""The reward alone: outcomes unchanged, reviews under way, what is logged, and what is remembered."""

from __future__ import annotations

import functools
import json
import logging
import pickle
import threading
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from hosting import TOKENIZER, GRPOTrainer, ids_of

from dca import ArithmeticReviewer, Review, ScriptedReviewer, Share, Step, Transcript, Usage, ValueDifference
from dca.assignments import read_assignments
from dca.errors import BudgetError, InputError, RefusedError, SchemeError
from dca.trl.checkpoint import Standing
from dca.trl.metrics import FIGURES
from dca.trl.reward import DCAReward
from dca.trl.selection import AtMost, MixedGroups
from dca.types import POLICY

PAID = Usage(requests=1, cost_usd=0.25)
PROMPTS = ["1 + 2 = ?"] * 2 + ["2 + 3 = ?"] * 2
TEXTS = ["One.\nThree.", "Two.\nFour.", "So.\nFive.", "No.\nSix."]
IDS = ids_of(TEXTS)
OUTCOMES = [1.0, 0.0, None, 0.5]


def outcome(prompts: Sequence[Any], **_: Any) -> list[float | None]:
    return list(OUTCOMES)[: len(prompts)]


def opinion(transcript: Transcript, steps: tuple[Step, ...]) -> Review:
    return Review(tuple(1.0 - k for k in range(len(steps))), usage=PAID)


def rewarding(*outcomes: Any, script: Any = opinion, **told: Any) -> DCAReward:
    return DCAReward(*(outcomes or (outcome,)), **{"reviewer": ScriptedReviewer(script), **told})


def called(reward: Any, trainer: GRPOTrainer, prompts: Any = PROMPTS, texts: Any = TEXTS, **more: Any) -> Any:
    return reward(prompts=prompts, completions=texts, completion_ids=IDS, **trainer.services(), **more)


def logged(folder: Path) -> list[dict[str, Any]]:
    return list(read_assignments(str(folder)))


def test_outcomes_pass_through(tmp_path: Path) -> None:
    """The reward is the outcome, row by row, and what cannot be scored stays None."""
    reward = rewarding()
    assert called(reward, GRPOTrainer(tmp_path)) == OUTCOMES


def test_it_has_a_name() -> None:
    """Trainers that ask an object for its name find one, and two rewards can be told apart."""
    assert (rewarding().__name__, rewarding(name="steps").__name__) == ("dca", "steps")
    assert DCAReward.__name__ == "DCAReward"
    assert rewarding().name == "dca"


def test_a_stock_trainer_is_told_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """On a trainer that was not connected it is an audit, says so once with the remedy, and again to another one."""
    reward, trainer = rewarding(), GRPOTrainer(tmp_path / "a")
    for _ in range(3):
        called(reward, trainer)
    notices = [r.getMessage() for r in caplog.records if "this is an audit" in r.getMessage()]
    assert len(notices) == 1
    assert "GRPOTrainer keeps one advantage for each completion" in notices[0]
    assert "dca.trl.attach(trainer)" in notices[0]
    called(reward, GRPOTrainer(tmp_path / "b"))
    assert sum("this is an audit" in r.getMessage() for r in caplog.records) == 2


def test_other_families_get_another_remedy(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A trainer that cannot be attached is not told to attach, and only the main rank speaks."""

    class Trainer(GRPOTrainer):
        pass

    family = type("RLOOTrainer", (), dict(vars(GRPOTrainer)))
    called(rewarding(), family(tmp_path))
    assert "attach" not in caplog.text
    assert "RLOOTrainer keeps one advantage" in caplog.text
    caplog.clear()
    called(rewarding(), Trainer(tmp_path, rank=1, world=2))
    assert caplog.text == ""


def test_without_a_trainer_it_is_an_audit_that_logs_where_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """Where a caller passes only the batch and perhaps its state, assignments go to the folder that was named."""
    reward = rewarding(log=tmp_path / "log")
    state = GRPOTrainer(tmp_path, step=5).state
    for _ in range(2):
        assert reward(PROMPTS, TEXTS, IDS, trainer_state=state) == OUTCOMES
    assert caplog.text.count("gave no way to find the trainer") == 1
    assert [row["train_step"] for row in logged(tmp_path / "log")] == [5] * 6
    assert rewarding()(PROMPTS, TEXTS) == OUTCOMES, "nowhere to log to is no matter"


def test_what_an_audit_logs(tmp_path: Path) -> None:
    """Every call logs the same figures and one cell a row, and every assignment is in the log of the run."""
    reward, trainer = rewarding(), GRPOTrainer(tmp_path)
    for step in range(2):
        trainer.state.global_step = step
        called(reward, trainer)
    assert set(trainer.metrics) == {f"dca/{figure}" for figure in FIGURES}
    assert {len(values) for values in trainer.metrics.values()} == {2}
    assert trainer.metrics["dca/cost_usd"] == [0.75, 1.5]
    assert trainer.metrics["dca/reviewed_rate"] == [1.0, 1.0]
    assert trainer.metrics["dca/fallback_rate"] == [0.0, 0.0]
    assert trainer.metrics["dca/steps"] == [2.0, 2.0]
    assert trainer.metrics["dca/score_spread"][0] > 0.4
    first = "+0.62 +0.38"
    assert trainer.columns["dca_credit"][0:8:4] == [first, first]
    assert trainer.columns["dca_credit"][2::4] == ["", ""]
    rows = logged(tmp_path / "dca")
    assert [row["id"] for row in rows] == [f"step{step}-rank0-{k}" for step in (0, 1) for k in (0, 1, 3)]
    assert [row["train_step"] for row in rows] == [0, 0, 0, 1, 1, 1]
    assert [row["reward"] for row in rows] == [1.0, 0.0, 0.5] * 2
    assert rows[0]["options"] == {
        "credit_coef": 0.5,
        "sign_preserving": False,
        "withhold": False,
        "segment": "auto",
    }


def test_several_outcomes_are_shown_one_by_one(tmp_path: Path) -> None:
    """The parts of a weighted sum are figures of their own, over the rows they apply to."""

    def short(prompts: Sequence[Any], **_: Any) -> list[float]:
        return [1.0] * len(prompts)

    reward, trainer = rewarding(outcome, short, weights=[1.0, 0.5]), GRPOTrainer(tmp_path)
    assert called(reward, trainer) == [1.5, 0.5, 0.5, 1.0]
    assert trainer.metrics["dca/outcome/outcome"] == [0.5]
    assert trainer.metrics["dca/outcome/short"] == [1.0]


def test_several_batches_of_a_step_are_told_apart(tmp_path: Path) -> None:
    """Ids are unique where a step generates more than once; evaluation in between does not count."""
    reward, trainer = rewarding(), GRPOTrainer(tmp_path)
    called(reward, trainer)
    trainer.model.training = False
    called(reward, trainer)
    trainer.model.training = True
    called(reward, trainer)
    assert [row["id"] for row in logged(tmp_path / "dca")][::3] == ["step0-rank0-0", "step0.1-rank0-0"]


def test_evaluation_is_not_reviewed_unless_asked(tmp_path: Path) -> None:
    """In evaluation the outcome comes back and no review is paid for; asked for, reviews have a log of their own."""
    for asked in (False, True):
        folder = tmp_path / str(asked)
        reward, trainer = rewarding(review_in_eval=asked), GRPOTrainer(folder)
        trainer.model.training = False
        assert called(reward, trainer) == OUTCOMES
        assert len(trainer.columns["dca_credit"]) == 4, "tables want a cell for each row"
        assert bool(trainer.metrics) is asked
        assert (folder / "dca" / "evaluation-rank0.jsonl").exists() is asked
        assert not (folder / "dca" / "assignments-rank0.jsonl").exists()
        assert reward.standing == Standing(usage=Usage.total([PAID] * 3) if asked else Usage())


def test_a_selection_decides_what_is_reviewed(tmp_path: Path) -> None:
    """Rows that are left out have no assignment, and the figure says how many were reviewed."""
    reward, trainer = rewarding(select=[MixedGroups(), AtMost(1)]), GRPOTrainer(tmp_path)
    called(reward, trainer)
    assert [row["id"] for row in logged(tmp_path / "dca")] == ["step0-rank0-0"]
    assert trainer.metrics["dca/reviewed_rate"] == [pytest.approx(1 / 3)]
    nothing = rewarding(select=AtMost(0))
    assert called(nothing, GRPOTrainer(tmp_path / "none")) == OUTCOMES
    assert not (tmp_path / "none" / "dca").exists()


def test_what_a_trainer_masks_is_not_paid_for(tmp_path: Path) -> None:
    """A completion that was cut off, and that the trainer leaves out of its loss, is not reviewed."""
    whole, cut = TOKENIZER.eos_token_id, IDS[0][0]
    for masking, asked in (
        (True, ["step0-rank0-0", "step0-rank0-3"]),
        (False, [f"step0-rank0-{k}" for k in (0, 1, 3)]),
    ):
        trainer = GRPOTrainer(tmp_path / str(masking))
        trainer.mask_truncated_completions = masking
        ids = [[*row[:-1], end] for row, end in zip(IDS, (whole, cut, cut, whole), strict=True)]
        reward = rewarding()
        assert reward(prompts=PROMPTS, completions=TEXTS, completion_ids=ids, **trainer.services()) == OUTCOMES
        assert [row["id"] for row in logged(tmp_path / str(masking) / "dca")] == asked


def test_failed_reviews_are_counted_and_never_raised(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A refusal and a reviewer that breaks are fallbacks with their reasons; the outcome comes back all the same."""

    def script(transcript: Transcript, steps: tuple[Step, ...]) -> Review:
        if transcript.reward == 1.0:
            raise RefusedError("will not", usage=PAID)
        if transcript.reward == 0.0:
            raise KeyError("bug")
        return opinion(transcript, steps)

    reward, trainer = rewarding(script=script), GRPOTrainer(tmp_path)
    assert called(reward, trainer) == OUTCOMES
    assert trainer.metrics["dca/fallback_rate"] == [pytest.approx(2 / 3)]
    assert [row["fallback"] for row in logged(tmp_path / "dca")] == [
        "RefusedError: will not",
        "KeyError: 'bug'",
        None,
    ]
    assert trainer.columns["dca_credit"][0] == "fallback: RefusedError: will not"
    assert reward.standing == Standing(batches=1, rows=4, reviewed=3, fallbacks=2, usage=PAID + PAID)
    assert "2 fell back (the last: KeyError" in caplog.text


def test_a_deadline_bounds_an_audit(tmp_path: Path) -> None:
    """A reviewer that hangs costs the step its timeout, and its rows fall back."""
    release = threading.Event()

    def stuck(transcript: Transcript, steps: tuple[Step, ...]) -> Review:
        release.wait(10)
        return opinion(transcript, steps)

    reward, trainer = rewarding(script=stuck, review_timeout=0.02), GRPOTrainer(tmp_path)
    assert called(reward, trainer) == OUTCOMES
    release.set()
    assert trainer.metrics["dca/fallback_rate"] == [1.0]


def test_a_spent_budget_stops_the_run_and_keeps_what_was_had(tmp_path: Path) -> None:
    """The review that finds the money spent raises; what was paid for before is in the log."""
    reward = rewarding(budget_usd=0.5, max_in_flight=1)
    with pytest.raises(BudgetError):
        called(reward, GRPOTrainer(tmp_path))
    assert [row["id"] for row in logged(tmp_path / "dca")] == ["step0-rank0-0", "step0-rank0-1"]


def test_a_budget_is_shared_by_the_ranks(tmp_path: Path) -> None:
    """Each of two ranks may spend half, and the figure shows what all of them spent."""
    reward, trainer = rewarding(budget_usd=0.5, max_in_flight=1), GRPOTrainer(tmp_path, rank=1, world=2)
    with pytest.raises(BudgetError):
        called(reward, trainer)
    assert len(logged(tmp_path / "dca")) == 1
    reward = rewarding()
    called(reward, trainer)
    assert trainer.metrics["dca/cost_usd"] == [1.5], "as if the other rank had spent as much: ranks are averaged"


@pytest.mark.parametrize("used", [False, True])
def test_it_pickles(tmp_path: Path, used: bool) -> None:
    """A copy gives the same outcomes and reviews, has no trainer and a count of its own, also made after use."""
    reward = DCAReward(
        outcome, outcome, weights=[1.0, 1.0], reviewer=ArithmeticReviewer(), name="steps", select=AtMost(9)
    )
    if used:
        called(reward, GRPOTrainer(tmp_path))
    copy = pickle.loads(pickle.dumps(reward))
    assert (copy.__name__, copy.standing) == ("steps", Standing())
    trainer = GRPOTrainer(tmp_path / "copy")
    assert called(copy, trainer) == called(reward, GRPOTrainer(tmp_path / "original"))
    assert len(logged(tmp_path / "copy" / "steps")) == 3


def test_a_partial_of_it_is_met_too(tmp_path: Path) -> None:
    """Wrapped in a partial it finds its trainer and gives its outcomes."""
    trainer = GRPOTrainer(tmp_path)
    assert called(functools.partial(rewarding(), extra=1), trainer) == OUTCOMES
    assert len(trainer.callback_handler.callbacks) == 1


def test_conversations_and_parsed_messages(tmp_path: Path) -> None:
    """With ids, text is what the tokens spell; without, it is what the messages say."""
    chats = [[{"role": "assistant", "content": "stripped"}]] * 4
    asked = [[{"role": "user", "content": text}] for text in PROMPTS]
    reward, trainer = rewarding(log=tmp_path), GRPOTrainer(tmp_path)
    reward(asked, chats, IDS, **trainer.services())
    reward(asked, chats, None, **trainer.services())
    rows = logged(tmp_path)
    assert [row["completion"] for row in rows] == [TEXTS[0], TEXTS[1], TEXTS[3], *["stripped"] * 3]
    assert {row["prompt"] for row in rows} == set(PROMPTS)


def test_padding_after_the_end_is_no_text(tmp_path: Path) -> None:
    """Ids that a trainer pads after the end of sequence spell no more than the completion."""
    padded = [[*ids, *[TOKENIZER.pad_token_id] * (20 - len(ids))] for ids in IDS]
    reward = rewarding(log=tmp_path, tokenizer=TOKENIZER)
    reward(PROMPTS, TEXTS, padded, trainer_state=None)
    assert [row["completion"] for row in logged(tmp_path)] == [TEXTS[0], TEXTS[1], TEXTS[3]]


def test_a_trainer_without_ids(tmp_path: Path) -> None:
    """Where no completion ids are given, the outcome is not given any either, and texts are reviewed as they are."""

    def picky(prompts: Sequence[str], completions: Sequence[str]) -> list[float]:
        return [float(len(text) > 10) for text in completions]

    reward = rewarding(picky, log=tmp_path)
    assert reward(prompts=PROMPTS, completions=TEXTS) == [1.0, 0.0, 0.0, 0.0]
    assert [row["completion"] for row in logged(tmp_path)] == TEXTS


def test_the_reference_comes_from_its_column(tmp_path: Path) -> None:
    """The reviewer sees the expected answer, from its usual column or the one that was named."""
    seen: list[str | None] = []

    def notes(transcript: Transcript, steps: tuple[Step, ...]) -> Review:
        seen.append(transcript.reference)
        return opinion(transcript, steps)

    columns = {"solution": ["3", "3", "5", "5"], "key": ["a", "b", "c", "d"]}
    called(rewarding(script=notes, max_in_flight=1), GRPOTrainer(tmp_path), **columns)
    called(rewarding(script=notes, max_in_flight=1, reference_field="key"), GRPOTrainer(tmp_path / "2"), **columns)
    assert seen == ["3", "3", "5", "a", "b", "d"]


@pytest.mark.parametrize(
    ("told", "complaint"),
    [
        ({"max_in_flight": 0}, "max_in_flight"),
        ({"budget_usd": 0.0}, "budget_usd above zero"),
        ({"name": "a/b"}, "name that can be a file's"),
        ({"name": ""}, "name that can be a file's"),
        ({"weights": [1.0, 2.0]}, "expected 1 weights"),
    ],
)
def test_arguments_are_checked_when_it_is_made(told: dict[str, Any], complaint: str) -> None:
    """A mistake shows before a model is loaded."""
    with pytest.raises(InputError, match=complaint):
        rewarding(**told)


def test_a_scheme_must_fit_the_reviewer(tmp_path: Path) -> None:
    """A scheme that needs another measure is refused when the reward is made, and when a trainer brings one."""
    with pytest.raises(SchemeError):
        rewarding(scheme=ValueDifference())
    with pytest.raises(SchemeError):
        rewarding().connect(GRPOTrainer(tmp_path), dense=True, scheme=ValueDifference())


def test_one_line_after_the_first_batch(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """It says how many were reviewed, how many fell back, the cost and the forecast; once a run, on the main rank."""
    reward, trainer = rewarding(), GRPOTrainer(tmp_path)
    for _ in range(2):
        called(reward, trainer)
    lines = [r.getMessage() for r in caplog.records if "first batch" in r.getMessage()]
    assert len(lines) == 1
    assert lines[0].startswith("dca: first batch: 3 of 4 rollouts reviewed, 0 fell back, $0.7500, ")
    assert lines[0].endswith("; 10 such batches make the run: about $7.50")
    caplog.clear()
    called(rewarding(), GRPOTrainer(tmp_path / "other", rank=1, world=2))
    assert "first batch" not in caplog.text


def test_reviews_under_way_are_shared_by_the_ranks() -> None:
    """Many for a reviewer that waits, a share of them on each rank, and one for a reviewer of this process."""

    class Local(ArithmeticReviewer):
        in_process = True

    assert rewarding().plan.in_flight(1) == 32
    assert rewarding(max_in_flight=64).plan.in_flight(8) == 8
    assert rewarding().plan.in_flight(64) == 2, "one would hold up the deadline"
    assert rewarding(max_in_flight=1).plan.in_flight(8) == 1
    assert rewarding(reviewer=Local()).plan.in_flight(1) == 1


def dense(tmp_path: Path, **told: Any) -> tuple[DCAReward, GRPOTrainer]:
    """A reward whose trainer takes its batches."""
    reward = rewarding(**told)
    trainer = GRPOTrainer(tmp_path, reward)
    reward.connect(trainer, dense=True)
    return reward, trainer


def begin(reward: DCAReward, trainer: GRPOTrainer, **more: Any) -> None:
    reward.begin(PROMPTS, TEXTS, IDS, **trainer.services(), **more)


def test_a_trainer_takes_its_batch_once(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """After a call the batch is there for the taking, in the order of the call, and then it is gone."""
    reward, trainer = dense(tmp_path)
    called(reward, trainer)
    batch = reward.take()
    assert batch.outcomes == tuple(OUTCOMES)
    assert [batch.reviewed(row) for row in range(4)] == [True, True, False, True]
    first = batch.rollouts[0]
    assert first is not None
    assert first.completion_ids == tuple(IDS[0])
    with pytest.raises(InputError, match="take once after every call"):
        reward.take()
    assert "audit" not in caplog.text
    assert not trainer.metrics, "figures are the trainer's to collect"
    assert not trainer.columns


def test_nothing_to_take_on_a_stock_trainer(tmp_path: Path) -> None:
    """An audit keeps no batch."""
    reward = rewarding()
    called(reward, GRPOTrainer(tmp_path))
    with pytest.raises(InputError, match="dense=True"):
        reward.take()


def test_a_call_does_not_wait_for_reviews(tmp_path: Path) -> None:
    """Outcomes come back while every review is under way; a row is waited for when it is asked for."""
    release = threading.Event()

    def slow(transcript: Transcript, steps: tuple[Step, ...]) -> Review:
        release.wait(10)
        return opinion(transcript, steps)

    reward, trainer = dense(tmp_path, script=slow)
    assert called(reward, trainer) == OUTCOMES
    batch = reward.take()
    assert not any(batch.done(row) for row in (0, 1, 3))
    assert reward.collect_metrics()["dca/fallback_rate"] == (0.0, 0.0)
    release.set()
    first = batch.result(0)
    assert first is not None
    assert first.fallback is None
    assert reward.collect_metrics()["dca/fallback_rate"] == (0.0, 1.0)
    reward.flush()
    assert reward.collect_metrics()["dca/fallback_rate"] == (0.0, 2.0)
    assert [assignment is not None for assignment in batch.assignments()] == [True, True, False, True]
    assert len(logged(tmp_path / "dca")) == 3


def test_the_cost_so_far_is_told_once_a_batch(tmp_path: Path) -> None:
    """Collected twice between two batches, the cost so far counts once, and over ranks it adds up."""
    reward = rewarding()
    trainer = GRPOTrainer(tmp_path, reward, world=2)
    reward.connect(trainer, dense=True)
    for spent in (0.75, 1.5):
        called(reward, trainer)
        reward.flush()
        assert reward.collect_metrics()["dca/cost_usd"] == (spent, 0.5)
        assert reward.collect_metrics()["dca/cost_usd"] == (0.0, 0.0)


def test_an_early_start_is_found_by_the_call(tmp_path: Path) -> None:
    """Outcomes are asked once, reviews sent once, and the call with the same ids hands back what was begun."""
    asked: list[int] = []

    def counting(prompts: Sequence[Any], **_: Any) -> list[float | None]:
        asked.append(len(prompts))
        return list(OUTCOMES)

    reward = rewarding(counting)
    trainer = GRPOTrainer(tmp_path, reward)
    reward.connect(trainer, dense=True)
    begin(reward, trainer)
    assert called(reward, trainer) == OUTCOMES
    reward.flush()
    assert asked == [4]
    assert reward.standing == Standing(batches=1, rows=4, reviewed=3, usage=Usage.total([PAID] * 3))


def test_an_early_start_of_other_completions_does_not_count(tmp_path: Path) -> None:
    """A call with other ids asks for itself."""
    reward, trainer = dense(tmp_path)
    begin(reward, trainer)
    others = [list(reversed(ids)) for ids in IDS]
    reward(PROMPTS, TEXTS, others, **trainer.services())
    first = reward.take().rollouts[0]
    assert first is not None
    assert first.completion_ids == tuple(others[0])


def test_who_wrote_a_token_is_known_from_an_early_start(tmp_path: Path) -> None:
    """Masks and prompt ids that only a trainer of ours can give reach the transcript."""
    reward, trainer = dense(tmp_path)
    masks = [[0, *[1] * (len(ids) - 1)] for ids in IDS]
    begin(reward, trainer, masks=masks, prompt_ids=[[7, 8]] * 4)
    called(reward, trainer)
    rollout = reward.take().rollouts[0]
    assert rollout is not None
    assert rollout.mask == tuple(masks[0])
    assert rollout.transcript.metadata["prompt_ids"] == (7, 8)
    assert {span.author for span in rollout.transcript.spans} == {"tool", POLICY}


def test_the_coefficient_of_the_batch_counts(tmp_path: Path) -> None:
    """The log says with which coefficient a batch was split; at 0 nothing is reviewed or paid."""
    reward, trainer = dense(tmp_path, scheme=Share(0.5, sign_preserving=True))
    for coef in (0.25, 0.0):
        begin(reward, trainer, coef=coef)
        called(reward, trainer)
    reward.flush()
    assert {json.dumps(row["options"]) for row in logged(tmp_path / "dca")} == {
        json.dumps({"credit_coef": 0.25, "sign_preserving": True, "withhold": False, "segment": "auto"})
    }
    assert reward.take().rows == ()
    assert reward.standing.reviewed == 3


def test_the_batch_before_is_settled_first(tmp_path: Path) -> None:
    """A batch nobody asked about is settled and logged when the next one begins."""
    reward, trainer = dense(tmp_path)
    called(reward, trainer)
    assert logged_count(tmp_path) == 0
    trainer.state.global_step = 1
    called(reward, trainer)
    assert logged_count(tmp_path) == 3


def logged_count(folder: Path) -> int:
    path = folder / "dca" / "assignments-rank0.jsonl"
    return path.read_bytes().count(b"\n") if path.exists() else 0


def test_the_log_is_the_output_contract(tmp_path: Path) -> None:
    """Every line fits the published schema, with the step and, where the trainer told it, the advantage."""
    schema = jsonschema.Draft202012Validator(
        json.loads((resources.files("dca") / "data" / "assignment.schema.json").read_text("utf-8"))
    )
    reward, trainer = dense(tmp_path)
    called(reward, trainer)
    reward.take().note_advantages([0.5, -0.5, 0.0, 0.25])
    reward.flush()
    rows = logged(tmp_path / "dca")
    for row in rows:
        schema.validate(row)
    assert [row["advantage"] for row in rows] == [0.5, -0.5, 0.25]


def test_evaluation_in_between_does_not_disturb(tmp_path: Path) -> None:
    """In evaluation a dense trainer finds a batch without reviews, or with settled ones where they were asked for."""
    for asked in (False, True):
        reward, trainer = dense(tmp_path / str(asked), review_in_eval=asked)
        trainer.model.training = False
        called(reward, trainer)
        batch = reward.take()
        assert batch.settled
        assert batch.rows == ((0, 1, 3) if asked else ())


def test_a_spent_budget_is_raised_where_the_row_is_asked_for(tmp_path: Path) -> None:
    """With dense credit nothing is raised out of the reward; the row that could not be paid for raises."""
    reward, trainer = dense(tmp_path, budget_usd=0.25, max_in_flight=1)
    assert called(reward, trainer) == OUTCOMES
    batch = reward.take()
    assert batch.result(0) is not None
    with pytest.raises(BudgetError):
        batch.result(1)


def test_connecting_twice_changes_nothing(tmp_path: Path) -> None:
    """A trainer knows the reward once; one that dropped the callback gets it back."""
    reward, trainer = dense(tmp_path)
    called(reward, trainer)
    reward.connect(trainer, dense=True, review_timeout=3.0, scheme=Share(0.25))
    assert len(trainer.callback_handler.callbacks) == 1
    assert reward.standing.rows == 4
    assert (reward.plan.review_timeout, reward.plan.scheme) == (3.0, Share(0.25))
    trainer.callback_handler.callbacks.clear()
    called(reward, trainer)
    assert len(trainer.callback_handler.callbacks) == 1
    assert reward.take().outcomes == tuple(OUTCOMES), "still dense"


def test_a_reviewer_that_wants_the_policy_gets_it(tmp_path: Path) -> None:
    """A reviewer of this process is handed the model and the tokenizer when the trainer is known."""

    class Local(ArithmeticReviewer):
        in_process = True
        got: tuple[Any, ...] = ()

        def use_policy(self, model: Any, tokenizer: Any) -> None:
            type(self).got = (model, tokenizer)

    trainer = GRPOTrainer(tmp_path)
    rewarding(reviewer=Local()).connect(trainer, dense=True)
    assert Local.got == (trainer.model, TOKENIZER)


def test_two_of_one_name_are_refused(tmp_path: Path) -> None:
    """Two rewards in one trainer need two names, and two logs."""
    one, other = rewarding(), rewarding(name="other")
    trainer = GRPOTrainer(tmp_path, one, functools.partial(other))
    called(one, trainer)
    called(other, trainer)
    assert {path.name for path in tmp_path.iterdir()} == {"dca", "other"}
    with pytest.raises(InputError, match="give one of them another name="):
        called(one, GRPOTrainer(tmp_path, one, rewarding()))
    same = [rewarding(name=name, log=tmp_path / "log") for name in "ab"]
    with pytest.raises(InputError, match="differ in name and log"):
        called(same[0], GRPOTrainer(tmp_path, *same))


def interrupted(tmp_path: Path, *, saved_at: int, stopped_at: int) -> None:
    """A run that left a checkpoint and went on for some steps before it died."""
    reward = rewarding()
    trainer = GRPOTrainer(tmp_path, reward)
    for step in range(stopped_at):
        trainer.state.global_step = step
        called(reward, trainer)
        if step + 1 == saved_at:
            trainer.state.global_step = saved_at
            trainer.save()


def test_a_run_goes_on_from_its_checkpoint(tmp_path: Path) -> None:
    """Counts go on where they were saved, abandoned rows are aside, and their cost stays spent, budget included."""
    interrupted(tmp_path, saved_at=2, stopped_at=3)
    reward = rewarding(budget_usd=2.75, max_in_flight=1)
    trainer = GRPOTrainer(tmp_path, reward, step=2)
    with pytest.raises(BudgetError):
        called(reward, trainer)
    assert [row["train_step"] for row in logged(tmp_path / "dca")] == [0] * 3 + [1] * 3 + [2] * 2
    assert [row["train_step"] for row in logged(tmp_path / "dca" / "earlier")] == [2] * 3
    assert reward.standing == Standing(batches=3, rows=12, reviewed=9, usage=Usage.total([PAID] * 11))


def test_the_same_process_goes_on_too(tmp_path: Path) -> None:
    """A second attempt in one process takes the checkpoint's counts, and money that was spent stays spent once."""
    reward = rewarding()
    trainer = GRPOTrainer(tmp_path, reward)
    for step in range(3):
        trainer.state.global_step = step
        called(reward, trainer)
        if step == 0:
            trainer.state.global_step = 1
            trainer.save()
    trainer.callback_handler.callbacks[0].on_train_begin(None, None, None)
    trainer.state.global_step = 1
    called(reward, trainer)
    assert [row["train_step"] for row in logged(tmp_path / "dca")] == [0] * 3 + [1] * 3
    assert reward.standing == Standing(batches=2, rows=8, reviewed=6, usage=Usage.total([PAID] * 12))


def test_a_checkpoint_that_says_nothing_is_reported(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A run that goes on from a checkpoint without our counts says so, and counts from zero."""
    reward = rewarding()
    called(reward, GRPOTrainer(tmp_path, reward, step=4))
    assert "its checkpoint says nothing of the reviews of 'dca'" in caplog.text
    assert reward.standing.batches == 1


def test_a_damaged_checkpoint_is_refused(tmp_path: Path) -> None:
    """Counts that cannot be read stop the run before anything is spent, with the remedy."""
    interrupted(tmp_path, saved_at=2, stopped_at=2)
    (tmp_path / "checkpoint-2" / "dca-rank0.json").write_text("{")
    reward = rewarding()
    with pytest.raises(InputError, match="remove the file to go on"):
        called(reward, GRPOTrainer(tmp_path, reward, step=2))


def test_a_log_that_breaks_is_no_reason_to_stop(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where the log cannot be written the reward goes on without it."""
    (tmp_path / "dca").write_text("in the way")
    caplog.set_level(logging.WARNING)
    assert called(rewarding(), GRPOTrainer(tmp_path)) == OUTCOMES
    assert "no longer logged" in caplog.text
