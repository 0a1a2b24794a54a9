"""A language model as the reviewer inside a training run: the real SDK, real HTTP, and everything that goes wrong."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import tiny
from backends.server import Answer, Behaviour, Seen, Server, error, message
from dense import in_pieces
from reviewing_server import asked, good

from dca import AnthropicBackend, LLMReviewer
from dca.assignments import read_assignments
from dca.backends.pacing import Pacer
from dca.errors import BudgetError, CredentialError, DCAError, FallbackRateError
from dca.trl import DCAGRPOConfig, DCAGRPOTrainer, DCAReward

pytestmark = [
    pytest.mark.filterwarnings("ignore:`.*gradient_checkpointing.*` is deprecated:FutureWarning"),  # TRL's default
    pytest.mark.filterwarnings("ignore:'pin_memory' argument is set as true:UserWarning"),  # torch, without a GPU
]


def nap(_seconds: float) -> None:
    """No time at all."""


class Faulty:
    """Gives each transcript a fate, in order of arrival: a 429 first, garbage for ever, one far too slow, good."""

    ORDER = ("hurried", "garbage", "slow", "good", "good", "garbage", "hurried")

    def __init__(self) -> None:
        self.fates: dict[str, str] = {}
        self.hurried: set[str] = set()
        self._lock = threading.Lock()

    def __call__(self, seen: Seen) -> Answer:
        name = asked(seen)["attempts"][0]["transcript"]
        with self._lock:
            fate = self.fates.setdefault(name, self.ORDER[min(len(self.fates), 6)])
            first = name not in self.hurried
            self.hurried.add(name)
        if fate == "hurried" and first:
            return error(429, "too many requests", kind="rate_limit_error", retry_after="0")
        if fate == "garbage":
            return message("I think step 3 was rather good!")
        answer = good(seen)
        return Answer(answer.status, answer.body, answer.headers, delay=30.0) if fate == "slow" else answer


@pytest.fixture
def backends() -> Iterator[list[AnthropicBackend]]:
    """Backends that are closed when the test is over."""
    opened: list[AnthropicBackend] = []
    yield opened
    for backend in opened:
        backend.close()


@pytest.fixture
def trainer(tmp_path: Path, backends: list[AnthropicBackend]) -> Callable[..., DCAGRPOTrainer]:
    """Makes a trainer whose reviews go to a server."""

    def make(server: Server, **change: Any) -> DCAGRPOTrainer:
        made = reviewed_by(server, tmp_path, **change)
        backends.append(made.reward_funcs[0].plan.reviewer.backend)
        return made

    return make


def reviewed_by(server: Server, folder: Path, *, budget_usd: float | None = None, **change: Any) -> DCAGRPOTrainer:
    """A tiny model under the real trainer, reviewed through the real SDK by a server on this machine."""
    tokenizer = tiny.byte_tokenizer()
    backend = AnthropicBackend(
        "claude-haiku-4-5", base_url=server.url, max_attempts=3, sleep=nap, pacer=Pacer(sleep=nap), warm_up=False
    )
    return DCAGRPOTrainer(
        tiny.model(len(tokenizer)),
        DCAReward(
            tiny.length_reward,
            reviewer=LLMReviewer(backend),
            segmenter=in_pieces,
            budget_usd=budget_usd,
            max_in_flight=8,
        ),
        args=DCAGRPOConfig(**tiny.settings(folder, **{"max_steps": 3, "max_fallback_rate": 1.0, **change})),
        train_dataset=tiny.prompts(),
        processing_class=tokenizer,
    )


def test_training_goes_on_and_the_logs_tell_the_truth(tmp_path: Path, trainer: Callable[..., DCAGRPOTrainer]) -> None:
    """Slow, hurried and garbled reviews cost a rollout its tilt and no more; log and metrics say which and why."""
    faulty = Faulty()
    with Server(faulty) as server:
        run = trainer(server, review_timeout=4.0)
        before = tiny.parameters(run.model)
        run.train()
        sent = len(server.requests)
    assert run.state.global_step == 3
    assert any((value != before[name]).any() for name, value in tiny.parameters(run.model).items())
    rows = list(read_assignments(str(tmp_path / "dca")))
    reasons = ["" if row["fallback"] is None else row["fallback"].partition(":")[0] for row in rows]
    fates = list(faulty.fates.values())
    assert len(rows) == 12
    assert reasons.count("ReplyError") == fates.count("garbage")
    assert reasons.count("deadline") == fates.count("slow")
    assert reasons.count("") == fates.count("good") + fates.count("hurried")
    assert {label for row in rows if row["fallback"] is None for label in [row["steps"][0]["label"]]} == {"key"}
    for step, line in enumerate(run.state.log_history[:3]):
        told = [reasons[k] for k, row in enumerate(rows) if row["train_step"] == step]
        assert line["dca/fallback_rate"] == pytest.approx(sum(map(bool, told)) / len(told))
    finished = sum(row["usage"]["requests"] for row in rows)
    assert finished == sent - fates.count("slow"), (
        "what the deadline cut off had not been answered when it was cut off"
    )


@pytest.mark.parametrize(
    ("answer", "stop", "says"),
    [
        (error(401, "invalid x-api-key", kind="authentication_error"), CredentialError, "key"),
        (message("no JSON at all"), FallbackRateError, "ReplyError"),
    ],
)
def test_what_must_stop_a_run_stops_it(
    trainer: Callable[..., DCAGRPOTrainer], answer: Behaviour, stop: type[DCAError], says: str
) -> None:
    """A refused key stops the run at once, and reviews that keep failing stop it when the window is full."""
    with Server(answer) as server:
        run = trainer(server, max_steps=40, max_fallback_rate=0.5, per_device_train_batch_size=16)
        with pytest.raises(stop, match=says):
            run.train()
    assert run.state.global_step < 40


def test_a_spent_budget_stops_the_run(tmp_path: Path, trainer: Callable[..., DCAGRPOTrainer]) -> None:
    """No review is asked for beyond the budget, and the message says what to do."""
    with Server(good) as server:
        run = trainer(server, max_steps=40, budget_usd=0.001)
        with pytest.raises(BudgetError, match="budget"):
            run.train()
    spent = sum(row["usage"]["cost_usd"] for row in read_assignments(str(tmp_path / "dca")))
    assert 0.0 < spent < 0.003
