"""A language model as the reviewer, from the command line to real HTTP and back: what a user sees."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from backends.server import Answer, Server, error, html, message
from reviewing_server import another, good, opinion, spoiled, twice
from test_cli import RIGHT, SCHEMA, WRONG, Dca, dca, lines, write

from dca.backends.pacing import Pacer
from dca.reviewers import ReviewerChoice

__all__ = ["dca"]  # a fixture, used by its name

ROWS = [RIGHT, WRONG]
Review = Callable[..., Any]

BACKEND = ReviewerChoice.backend


def impatient(choice: ReviewerChoice, **settings: Any) -> Any:
    """The backend that the options name, with waits that take no time."""
    return BACKEND(choice, **{"sleep": nap, "pacer": Pacer(sleep=nap), **settings})


def nap(_seconds: float) -> None:
    """No time at all."""


@pytest.fixture
def review(dca: Dca, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Review:
    """`dca review` with a local server, a cache of the test's own, and a real-looking key in the environment."""
    monkeypatch.setenv("ANTHROPIC_API_KEY", "sk-ant-api03-REAL-LOOKING-KEY")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("ANTHROPIC_BASE_URL", raising=False)
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.setattr(ReviewerChoice, "backend", impatient)
    write("in.jsonl", *ROWS)

    def call(server: Server, *arguments: str, out: str = "out.jsonl") -> Any:
        where = ("--reviewer", "anthropic", "--base-url", server.url, "--model", "local")
        return dca("review", "in.jsonl", "-o", out, *where, "--max-fallback-rate", "1", *arguments)

    return call


def test_reviews_by_a_model(review: Review) -> None:
    """Each row is one request; credit follows the scores, usage adds up, and the notice says where texts go."""
    with Server(good) as server:
        ran = review(server, "--keep-raw")
    assert ran.status == 0, ran.err
    assert f"texts go to {server.url} (local, key: none (a placeholder is sent))" in ran.err
    assert "2 requests, 0 answers reused" in ran.err
    for line in lines("out.jsonl"):
        jsonschema.Draft202012Validator(SCHEMA).validate(line)
        assert line["steps"][0]["label"] == "key"
        assert line["steps"][0]["credit"] > line["steps"][1]["credit"]
        assert "contribution/v1@" in line["reviewer"]
        assert [role for role, _ in line["raw"]] == ["system", "user", "assistant"]
        assert line["usage"]["requests"] == 1


def test_a_real_key_never_leaves_for_a_local_server(review: Review) -> None:
    """Neither headers nor bodies hold the provider's key; a key for the server goes by the name it was given."""
    with Server(good) as server:
        review(server)
        assert "REAL-LOOKING" not in str(server.requests)
    assert len(server.requests) == 2


def test_a_key_for_the_server_is_sent_by_name(review: Review, monkeypatch: pytest.MonkeyPatch) -> None:
    """--api-key-env names the variable whose key a server of one's own gets."""
    monkeypatch.setenv("MY_SERVER_KEY", "for-my-server")
    with Server(good) as server:
        assert review(server, "--api-key-env", "MY_SERVER_KEY").status == 0
    assert "for-my-server" in str(server.requests[0].headers)
    with Server(good) as server:
        ran = review(server, "--api-key-env", "NO_SUCH_KEY", "--overwrite")
    assert (ran.status, server.requests) == (2, [])
    assert "NO_SUCH_KEY is not set" in ran.err


def test_a_second_run_asks_nothing(review: Review) -> None:
    """Accepted replies are remembered: a rerun sends no request, and costs nothing."""
    with Server(good) as server:
        review(server)
        first = lines("out.jsonl")
        ran = review(server, "--overwrite")
    assert len(server.requests) == 2
    assert "0 requests, 2 answers reused" in ran.err
    assert [line["steps"] for line in lines("out.jsonl")] == [line["steps"] for line in first]


def test_without_a_cache_everything_is_asked_again(review: Review) -> None:
    """--cache none remembers nothing between runs."""
    with Server(good) as server:
        review(server, "--cache", "none")
        review(server, "--cache", "none", "--overwrite")
    assert len(server.requests) == 4
    assert not Path("cache").exists()


FAILURES = [
    # the server's answers, what the row says, HTTP requests for two rows
    pytest.param([error(400)], "TransportError", 2, id="400"),
    pytest.param([error(404)], "TransportError", 2, id="404"),
    pytest.param([error(413)], "TransportError", 2, id="413"),
    pytest.param([error(429)], "TransportError", 10, id="429 for ever"),
    pytest.param([error(429, retry_after="3600")], "TransportError", 2, id="429 in an hour"),
    pytest.param([error(429, retry_after="3")], "TransportError", 10, id="429 in 3 s"),
    pytest.param([error(429, retry_after="soon")], "TransportError", 10, id="429 garbage"),
    pytest.param([error(529)], "TransportError", 10, id="529"),
    pytest.param([error(500)], "TransportError", 10, id="500"),
    pytest.param([html()], "TransportError", 10, id="HTML with 200"),
    pytest.param([Answer(body=b'{"id": "msg", "content": [')], "TransportError", 10, id="truncated JSON with 200"),
    pytest.param([Answer(body=b'{"hello": 1}')], "TransportError", 10, id="wrong shape with 200"),
    pytest.param([Answer(drop=0)], "TransportError", 10, id="dropped socket"),
    pytest.param([message("", stop_reason="refusal", blocks=[])], "RefusedError", 2, id="refusal"),
    pytest.param([message('{"att', stop_reason="max_tokens")], "TruncatedError", 4, id="max_tokens"),
    pytest.param([message("I think step 2 is good.")], "ReplyError", 4, id="prose"),
    pytest.param([spoiled(index=99)], "ReplyError", 4, id="wrong step index"),
    pytest.param([spoiled(score=7)], "ReplyError", 4, id="score outside the scale"),
    pytest.param([spoiled(of=5)], "ReplyError", 4, id="of a later step"),
    pytest.param([twice], "ReplyError", 4, id="duplicate steps"),
    pytest.param([another], "ReplyError", 4, id="another transcript"),
]


@pytest.mark.parametrize(("script", "reason", "requests"), FAILURES)
def test_failures_are_data(review: Review, script: list[Any], reason: str, requests: int) -> None:
    """Whatever a server does, rows fall back and say why, attempts and usage are counted, and nothing bad is kept."""
    with Server(*script) as server:
        ran = review(server, "--max-in-flight", "1")
        assert ran.status == 0, ran.err
        assert len(server.requests) == requests
    rows = lines("out.jsonl")
    for line in rows:
        assert line["fallback"].startswith(reason), line["fallback"]
        assert len(line["fallback"]) > len(reason) + 20, "a reason says what happened and what to do"
    assert sum(line["usage"]["requests"] for line in rows) == requests
    assert "2 fell back" in ran.err
    with Server(good) as server:
        assert review(server, "--overwrite").status == 0
        assert len(server.requests) == 2
    assert [line["fallback"] for line in lines("out.jsonl")] == [None, None]


def test_what_passes_is_tried_again(review: Review) -> None:
    """Overload and rate limits that pass cost requests, not reviews; a bad reply is repaired once."""
    script = [error(529), error(429, retry_after="0"), message("nonsense"), good]
    with Server(*script) as server:
        ran = review(server, "--max-in-flight", "1")
    assert ran.status == 0, ran.err
    assert [line["fallback"] for line in lines("out.jsonl")] == [None, None]
    assert [line["usage"]["requests"] for line in lines("out.jsonl")] == [4, 1]
    assert "nonsense" in json.dumps(server.requests[3].body)


def test_thinking_may_come_first(review: Review) -> None:
    """Text is found by its type, behind a thinking block too."""

    def thoughtful(seen: Any) -> Answer:
        blocks = [
            {"type": "thinking", "thinking": "{}", "signature": "x"},
            {"type": "text", "text": json.dumps(opinion(seen))},
        ]
        return message(blocks=blocks)

    with Server(thoughtful) as server:
        review(server)
    assert [line["fallback"] for line in lines("out.jsonl")] == [None, None]


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_stops_the_run(review: Review, status: int) -> None:
    """A refused key is no failed review: the run stops at once, says so, and can be gone on with."""
    with Server(good, error(status)) as server:
        ran, port = review(server, "--max-in-flight", "1"), int(server.url.rpartition(":")[2])
    assert ran.status == 1
    assert "out.jsonl holds 1 of 2 rows; --resume goes on with it" in ran.err
    assert "REAL-LOOKING" not in ran.err
    with Server(good, port=port) as server:  # a server elsewhere would be another reviewer
        assert review(server, "--resume").status == 0
        assert len(server.requests) == 1
    assert [line["id"] for line in lines("out.jsonl")] == ["jars", "cats"]


def test_without_a_key_nothing_is_written(dca: Dca, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """With no key the run stops before any request, says what to do, and leaves no file."""
    for name in ("API_KEY", "AUTH_TOKEN", "BASE_URL", "PROFILE", "CONFIG_DIR"):
        monkeypatch.delenv(f"ANTHROPIC_{name}", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    ran = dca("review", write("in.jsonl", *ROWS), "-o", "out.jsonl", "--reviewer", "anthropic")
    assert ran.status == 1
    assert "set ANTHROPIC_API_KEY" in ran.err
    assert not Path("out.jsonl").exists()


def test_overwrite_keeps_the_old_file_until_there_is_a_new_row(
    dca: Dca, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """--overwrite replaces what was there with the first new row, and not with nothing."""
    test_without_a_key_nothing_is_written(dca, monkeypatch, tmp_path)
    assert dca("review", "in.jsonl", "-o", "out.jsonl").status == 0
    before = Path("out.jsonl").read_bytes()
    assert dca("review", "in.jsonl", "-o", "out.jsonl", "--overwrite", "--reviewer", "anthropic").status == 1
    assert Path("out.jsonl").read_bytes() == before
    assert dca("review", "in.jsonl", "-o", "out.jsonl", "--overwrite", "--limit", "1").status == 0
    assert len(lines("out.jsonl")) == 1


def test_a_run_in_which_most_reviews_failed_is_no_success(review: Review) -> None:
    """Rows that fell back are written with their reasons; past the allowed rate the exit status says so."""
    with Server(error(400, "no such thing")) as server:
        ran = review(server, "--max-fallback-rate", "0.5")
    assert ran.status == 1
    assert "2 of 2 reviews failed; the last reason: TransportError" in ran.err
    assert len(lines("out.jsonl")) == 2
    with Server(good) as server:
        assert review(server, "--overwrite").status == 0


def test_a_budget_stops_cleanly(review: Review) -> None:
    """A spent budget stops the run between rows, says what was spent, and leaves what was paid for."""
    write("in.jsonl", *({**RIGHT, "id": str(k), "prompt": str(k)} for k in range(9)))
    with Server(good) as server:
        ran = review(server, "--budget-tokens", "300", "--max-in-flight", "1")
    assert ran.status == 1
    done = len(lines("out.jsonl"))
    assert 1 <= done < 9
    assert len(server.requests) <= done + 1
    assert "budget" in ran.err


def test_rollouts_of_one_prompt_share_a_request(review: Review) -> None:
    """--rollouts-per-request puts rollouts of one prompt together, and their cost adds up exactly."""
    write("in.jsonl", *({**RIGHT, "id": str(k), "completion": f"12 * 9 = {100 + k}\nA: {100 + k}"} for k in range(4)))
    with Server(good) as server:
        assert review(server, "--rollouts-per-request", "4").status == 0
    assert len(server.requests) == 1
    assert sum(line["usage"]["requests"] for line in lines("out.jsonl")) == 1


def test_votes_are_separate_questions(review: Review) -> None:
    """--votes asks independently, and the cache keeps the answers apart."""
    with Server(good) as server:
        review(server, "--votes", "3")
        assert len(server.requests) == 6
        review(server, "--votes", "3", "--overwrite")
    assert len(server.requests) == 6


def test_texts_can_be_rewritten_before_they_leave(
    review: Review, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--redact names a function that every text passes; what it removes never arrives."""
    (tmp_path / "my_redaction.py").write_text("def hide(text):\n    return text.replace('jars', 'things')\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    with Server(good) as server:
        ran = review(server, "--redact", "my_redaction:hide")
    assert ran.status == 0, ran.err
    assert "rewritten by my_redaction:hide" in ran.err
    assert "jars" not in json.dumps([seen.body for seen in server.requests])
    ran = review(server, "--redact", "my_redaction:nothing", "--overwrite")
    assert ran.status == 2
    assert "--redact: expected package.module:function" in ran.err


def test_replay_equals_record(review: Review, dca: Dca) -> None:
    """What was recorded is replayed without a server; what was not is a miss that stops the run and says how."""
    with Server(good) as server:
        assert review(server, "--record", "tapes").status == 0
    recorded = lines("out.jsonl")
    ran = dca("review", "in.jsonl", "-o", "again.jsonl", "--reviewer", "replay:tapes")
    assert ran.status == 0, ran.err
    assert [line["steps"] for line in lines("again.jsonl")] == [line["steps"] for line in recorded]
    assert "REAL-LOOKING" not in "".join(p.read_text("utf-8") for p in Path("tapes").rglob("*") if p.is_file())
    write("other.jsonl", {**RIGHT, "prompt": "13 jars a crate, 9 crates?"})
    ran = dca("review", "other.jsonl", "-o", "miss.jsonl", "--reviewer", "replay:tapes")
    assert ran.status == 1
    assert "--record" in ran.err


def test_a_person_may_answer(review: Review, dca: Dca) -> None:
    """manual:DIR writes prompts, waits, and takes the replies; nothing is written before all are there."""
    ran = dca("review", "in.jsonl", "-o", "out.jsonl", "--reviewer", "manual:desk")
    assert ran.status == 3
    assert "2 replies are awaited" in ran.err
    assert not Path("out.jsonl").exists()
    prompts = sorted(Path("desk").glob("*.prompt.md"))
    assert len(prompts) == 2
    for path in prompts:
        question = path.read_text("utf-8")
        token = question.split('"transcript": "')[-1].split('"')[0]
        step = {"index": 0, "reason": "It sets the sum up.", "label": "key", "score": 2}
        said = {"attempts": [{"transcript": token, "steps": [step], "shortest": [0]}]}
        Path(str(path).replace(".prompt.md", ".reply.txt")).write_text(f"```json\n{json.dumps(said)}\n```\n")
    ran = dca("review", "in.jsonl", "-o", "out.jsonl", "--reviewer", "manual:desk", "--record", "tapes")
    assert ran.status == 0, ran.err
    assert [line["fallback"] for line in lines("out.jsonl")] == [None, None]
    assert "manual" in next(Path("tapes").rglob("*/jars/*.json")).read_text("utf-8")


def test_values_need_the_value_prompt(review: Review) -> None:
    """The value prompt goes with the value scheme; another pair is refused before anything is sent."""

    def values(seen: Any) -> Answer:
        sheets = json.loads(seen.body["messages"][0]["content"])["attempts"]
        said = [
            {
                "transcript": s["transcript"],
                "injection": [],
                "baseline": 5,
                "values": [{"index": int(k), "value": 8} for k in s["steps"]],
            }
            for s in sheets
        ]
        return message(json.dumps({"attempts": said}))

    with Server(values) as server:
        ran = review(server, "--prompt", "value/v1")
        assert (ran.status, server.requests) == (2, [])
        assert "needs a reviewer that measures contribution" in ran.err
        ran = review(server, "--prompt", "value/v1", "--scheme", "value_difference")
    assert ran.status == 0, ran.err
    right = lines("out.jsonl")[0]
    assert right["fallback"] is None, right["fallback"]
    assert (right["unassigned"], right["measure"]) == (0.5, "value")


def test_estimate(dca: Dca) -> None:
    """The forecast names every way of asking and a price for each model, and sends nothing."""
    write("in.jsonl", *ROWS)
    ran = dca("estimate", "in.jsonl", "--model", "claude-haiku-5-5", "--model", "my-own-model")
    assert ran.status == 0, ran.err
    for said in ("a call a step", "one pass, prose", "one pass, sparse", "8 rollouts a request", "no price", "$0.00"):
        assert said in ran.out, said
    assert "2 rollouts" in ran.err


def test_estimate_counts_every_vote(dca: Dca) -> None:
    """Three votes cost three times as much; a rollout in which the policy wrote nothing costs nothing."""
    write("in.jsonl", RIGHT)
    tool = [{"role": "tool", "content": "4"}, {"role": "assistant", "content": " "}, {"role": "tool", "content": "5"}]
    write("tools.jsonl", RIGHT, {**RIGHT, "completion": [{"role": "assistant", "content": "1 + 1 = 2"}, *tool]})
    out = {}
    for votes in ("1", "3"):
        ran = dca("estimate", "in.jsonl", "--votes", votes, "--model", "claude-sonnet-5-5")
        assert ran.status == 0, ran.err
        row = next(row for row in ran.out.splitlines() if "one pass, sparse" in row)
        out[votes] = int(row.split("│")[2].replace(",", ""))
    assert out["3"] == 3 * out["1"]
    assert dca("estimate", "tools.jsonl").status == 0


def test_doctor(dca: Dca, review: Review) -> None:
    """The doctor says what is installed and which way of asking works, and never prints a key."""
    with Server(message('{"ok": true}')) as server:
        ran = dca("doctor", "--base-url", server.url, "--model", "local")
    assert ran.status == 0, ran.err
    assert f"requests to   {server.url}" in ran.out
    assert "native        works" in ran.out
    assert "tool          ReplyError" in ran.out
    assert "use: dca review ... --reviewer anthropic --structured native" in ran.out
    with Server(error(404)) as server:
        ran = dca("doctor", "--base-url", server.url, "--model", "local")
    assert ran.status == 1
    ran = dca("doctor", "--offline")
    assert "key           ANTHROPIC_API_KEY" in ran.out
    assert "REAL-LOOKING" not in ran.out + ran.err
