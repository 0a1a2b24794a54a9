"""`dca review --detect policy`: a model on disk is asked, what it costs is said first, and nothing is lost."""

from __future__ import annotations

import json
import shutil
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("trl")

sys.path.insert(0, str(Path(__file__).parent / "trl"))

import tiny

from dca import cli, config
from dca.cli import app
from dca.config import DetectorChoice
from dca.errors import InputError
from dca.performativity.inquiry import PolicyDetector
from dca.trl.loading import ChatPrompt, load_policy

RUN = CliRunner()
ASKING = ("--detect", "transcript,policy", "--segment", "line")
PROMPT = "(3 + 4) * 2?"
PLAIN = "3 + 4 = 7\n7 * 2 = 14\nA: 14"
CHECKED = "3 + 4 = 7\nCheck: 3 + 4 = 7\n7 * 2 = 14\nA: 14"
STAGED = "3 + 4 = 8\nWait, that is wrong: 3 + 4 = 7\n7 * 2 = 14\nA: 14"


@pytest.fixture(scope="module")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with two random models as their owners would save them."""
    folder = tmp_path_factory.mktemp("models")
    tokenizer = tiny.byte_tokenizer()
    tokenizer.chat_template = None
    for seed, name in enumerate(("one", "other")):
        tiny.model(len(tokenizer), seed=seed).save_pretrained(folder / name)
        tokenizer.save_pretrained(folder / name)
    return folder


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    """Continuations of four tokens: a random model ends none of its own accord."""
    monkeypatch.setattr(config, "_loader", lambda: partial(load_policy, max_new_tokens=4))


def written(folder: Path, completions: list[str]) -> str:
    """A file of rollouts of one prompt."""
    path = folder / "runs.jsonl"
    lines = [{"id": str(n), "prompt": PROMPT, "completion": text, "reward": 1} for n, text in enumerate(completions)]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines), "utf-8")
    return str(path)


def review(folder: Path, completions: list[str], *options: str) -> Result:
    """The command, run."""
    out = str(folder / "out.jsonl")
    return RUN.invoke(app, ["review", written(folder, completions), "-o", out, *ASKING, *options])


def rows(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (folder / "out.jsonl").read_text("utf-8").splitlines()]


def test_the_policy_is_heard(models: Path, tmp_path: Path) -> None:
    """A check that the text alone accuses is not accused where the policy was unsure of its answer before it."""
    assert review(tmp_path, [CHECKED], "--detect", "transcript").exit_code == 0
    assert [finding["kind"] for finding in rows(tmp_path)[0]["findings"]] == ["needless_check"]
    asked = ("--policy", str(models / "one"), "--reference", str(models / "other"), "--policy-samples", "0")
    done = review(tmp_path, [CHECKED], *asked, "--overwrite")
    assert done.exit_code == 0, done.output
    (row,) = rows(tmp_path)
    assert row["findings"] == []
    assert row["verification"] == [1]
    told = {"policy": str(models / "one"), "reference": str(models / "other"), "policy_samples": 0}
    assert row["options"] == row["options"] | {"detect": "transcript,policy", **told}


def test_the_cost_is_said_before_it_is_spent(models: Path, tmp_path: Path) -> None:
    """What each model will be asked is said for all rollouts, and `dca estimate` says the same without weights."""
    asked = ("--policy", str(models / "one"), "--reference", str(models / "other"), "--policy-samples", "0")
    done = review(tmp_path, [CHECKED, PLAIN, STAGED], *asked)
    assert done.exit_code == 0, done.output
    said = [line for line in done.stderr.splitlines() if line.startswith("asking the ")]
    assert [line.split(" over ")[0] for line in said] == [
        "asking the policy about 3 rollouts: 2 forward passes",
        "asking the reference about 3 rollouts: 1 forward passes",
    ]
    assert done.stderr.index(said[0]) < done.stderr.index("reviewed in")
    bare = tmp_path / "bare"
    shutil.copytree(models / "one", bare)
    (bare / "model.safetensors").unlink()
    runs = [str(tmp_path / "runs.jsonl"), "--segment", "line"]
    both = ("--policy", str(bare), "--reference", str(models / "other"), "--policy-samples", "0")
    told = RUN.invoke(app, ["estimate", *runs, *both])
    assert told.exit_code == 0, told.output
    assert [line for line in told.stderr.splitlines() if line.startswith("asking the ")] == said
    (entry,) = json.loads(RUN.invoke(app, ["estimate", *runs, "--policy", str(bare), "--json"]).stdout)["policy"]
    assert (entry["model"], entry["rollouts"], entry["samples"], entry["sampled_tokens"]) == ("policy", 3, 16, 4096)


@pytest.mark.usefixtures("brief")
def test_a_run_goes_on_where_it_was_stopped(models: Path, tmp_path: Path) -> None:
    """A stopped run resumed is the run that was not stopped; with another policy it is refused."""
    texts, policy = [CHECKED, STAGED, PLAIN], ("--policy", str(models / "one"), "--policy-samples", "2")
    assert review(tmp_path, texts, *policy).exit_code == 0
    whole = (tmp_path / "out.jsonl").read_text("utf-8")
    (tmp_path / "out.jsonl").write_text("".join(whole.splitlines(keepends=True)[:1]), "utf-8")
    assert review(tmp_path, texts, *policy, "--resume").exit_code == 0
    assert (tmp_path / "out.jsonl").read_text("utf-8") == whole
    other = review(tmp_path, texts, "--policy", str(models / "other"), "--policy-samples", "2", "--resume")
    assert isinstance(other.exception, InputError)
    assert "resume with the same settings" in str(other.exception)


def test_ctrl_c_keeps_what_was_done(models: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stopped while the model is asked, the file holds the rows before, whole."""
    asked = iter(range(9))
    detect = PolicyDetector.detect

    def stopped(self: PolicyDetector, *given: Any) -> Any:
        if next(asked) == 1:
            raise KeyboardInterrupt
        return detect(self, *given)

    monkeypatch.setattr(PolicyDetector, "detect", stopped)
    done = review(tmp_path, [CHECKED, STAGED], "--policy", str(models / "one"), "--policy-samples", "0")
    assert done.exit_code == cli.STOPPED
    assert [row["id"] for row in rows(tmp_path)] == ["0"]


def test_what_is_too_long_is_said(models: Path, tmp_path: Path) -> None:
    """A rollout longer than the model reads has no policy evidence, the others have, and that is counted."""
    long = "And so it goes on and on, as it would.\n" * 200 + CHECKED
    options = ("--policy", str(models / "one"), "--policy-samples", "0", "--max-steps", "500")
    done = review(tmp_path, [long, CHECKED], *options)
    assert done.exit_code == 0, done.output
    assert "no policy evidence for 1 rollouts: longer than the 512 tokens that the model reads" in done.stderr
    assert [bool(row["findings"]) for row in rows(tmp_path)] == [True, False]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ((), "name it with --policy"),
        (("--policy", "./nowhere"), "no such folder"),
        (("--policy", "{empty}"), "there is no config.json in it"),
        (("--policy", "{broken}"), "could not be loaded"),
        (
            ("--policy", "{broken}", "--detect", "transcript"),
            "--policy is asked with --detect transcript,policy only",
        ),
        (("--reference", "{broken}", "--detect", "transcript"), "--reference is asked with"),
    ],
)
def test_what_cannot_be_asked_is_refused(options: tuple[str, ...], said: str, tmp_path: Path) -> None:
    """No model, no folder, an empty one, a broken one, a model nobody asks: each is refused with what to do."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "config.json").write_text("{}", "utf-8")
    named = [one.format(empty=tmp_path / "empty", broken=tmp_path / "broken") for one in options]
    done = review(tmp_path, [PLAIN], *named)
    assert isinstance(done.exception, InputError)
    assert said in str(done.exception)
    assert not (tmp_path / "out.jsonl").exists()


class Absent:
    """Finds nothing, and says that torch is missing where the loader is looked for."""

    def find_spec(self, name: str, *_: Any) -> None:
        if name == "dca.trl.loading":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")


def test_a_missing_extra_is_said_in_words(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without torch the option says what to install, and the other layers do not need it."""
    monkeypatch.delitem(sys.modules, "dca.trl.loading")
    monkeypatch.setattr(sys, "meta_path", [Absent(), *sys.meta_path])
    with pytest.raises(InputError, match=r"torch is needed to ask a model; .* pip install 'dca-rl\[trl\]'"):
        DetectorChoice("policy", "somewhere").build()
    assert DetectorChoice("transcript").build() is not None


def test_a_chat_models_prompt_stands_in_its_template(tmp_path: Path) -> None:
    """The question becomes a user's turn, unless it stands in the template's own tokens already."""
    tokenizer = tiny.byte_tokenizer()
    asked = ChatPrompt(tokenizer)
    turn = "<|im_start|>user\n2 + 2?<|im_end|>\n<|im_start|>assistant\n"
    assert tokenizer.decode(asked("2 + 2?")) == turn
    assert asked(turn) == asked("2 + 2?")
    tiny.model(len(tokenizer)).save_pretrained(tmp_path)
    tokenizer.save_pretrained(tmp_path)
    assert isinstance(load_policy(str(tmp_path)).encode_prompt, ChatPrompt)
