"""Every command by keyboard and by pipe: help shows calls that are accepted, `--json` prints nothing but JSON."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from backends.server import Server, error, message
from test_cli import RIGHT, WRONG, Dca, dca, write

from dca.assignments import read_assignments
from dca.cli import app

__all__ = ["dca"]  # a fixture, used by its name

PLANTED = {
    "prompt": "6 * 7?",
    "completion": ["6 * 7 = 42", "Again: 6 * 7 = 42", "42"],
    "reward": 1,
    "metadata": {"truth": [{"verification": False}, {"verification": True, "needless": True}, {}]},
}

CALLS = {
    "dca review": "in.jsonl -o new.jsonl",
    "dca show": "out.jsonl --all",
    "dca report": "out.jsonl -o page.html",
    "dca whatif": "out.jsonl --credit-coef 0.25 -o more.jsonl",
    "dca diff": "out.jsonl less.jsonl",
    "dca drift": "run.jsonl",
    "dca export": "raw.jsonl -o sft.jsonl",
    "dca estimate": "in.jsonl",
    "dca doctor": "--offline",
    "dca demo": "-o demo",
    "dca prompts eval": "--reviewer arithmetic --against silent",
    "dca prompts list": "",
    "dca prompts show": "contribution/v2 --case core/alg-two-factors",
    "dca prompts new": "mine.md",
    "dca prompts lint": "",
    "dca prompts release": "contribution/v1",
    "dca cases list": "core",
    "dca cases lint": "core",
    "dca cases new": "own/jars --from in.jsonl",
    "dca bench reviewer": "--suite none --chains 4 --samples 0 --lists 0 --resamples 0",
    "dca bench detector": "planted.jsonl --no-baselines --resamples 0",
}
"""A call of every command, in a folder where all that it needs lies."""

SILENT = {"dca prompts lint", "dca cases lint"}
"""With nothing to find fault with, these print a list of nothing, or no line at all."""


def below(command: Any, name: str = "dca") -> Iterator[tuple[str, Any]]:
    """A command and all that it holds, by the words that call them."""
    yield name, command
    for word, one in getattr(command, "commands", {}).items():
        yield from below(one, f"{name} {word}")


ALL = dict(below(typer.main.get_command(app)))
COMMANDS = {name: command for name, command in ALL.items() if not hasattr(command, "commands")}


def named(command: Any) -> list[str]:
    """The calls that a help text names."""
    return [" ".join(said.split()) for said in re.findall(r"`(dca [^`]+)`", command.help)]


def examples(command: Any) -> list[str]:
    """Those that stand by themselves, each without what a shell would do with its output."""
    paragraphs = [" ".join(text.split()) for text in command.help.split("\n\n")]
    return [text.strip("`").partition(" > ")[0] for text in paragraphs if re.fullmatch(r"`dca [^`]+`", text)]


@pytest.fixture
def folder(dca: Dca) -> None:
    """All that `CALLS` name, in the current folder."""
    assert dca("review", write("in.jsonl", RIGHT, WRONG), "-o", "out.jsonl").status == 0
    assert dca("whatif", "out.jsonl", "--credit-coef", "0.1", "-o", "less.jsonl").status == 0
    rows = list(read_assignments("out.jsonl"))
    write("run.jsonl", *({**row, "train_step": step} for step in range(2) for row in rows))
    write("raw.jsonl", *({**row, "raw": [["user", row["id"]], ["assistant", "108"]]} for row in rows))
    write("planted.jsonl", *({**PLANTED, "id": f"row-{k}"} for k in range(4)))


@pytest.mark.parametrize("name", ALL)
def test_every_help_shows_a_call(name: str) -> None:
    """A help text names a call of its own command, or of one that it holds."""
    assert [one for one in named(ALL[name]) if f"{one} ".startswith(f"{name} ")] != []


@pytest.mark.parametrize("name", COMMANDS)
def test_examples_are_accepted(name: str) -> None:
    """The parser takes every example of a command's help: no option is gone, no argument missing."""
    shown = examples(COMMANDS[name])
    assert shown != []
    for one in shown:
        assert f"{one} ".startswith(f"{name} ")
        COMMANDS[name].make_context(name, shlex.split(one)[len(name.split()) :])


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_prints_json_and_nothing_else(name: str, dca: Dca, folder: None) -> None:
    """With `--json` each line of the output is JSON, or all of it together is."""
    ran = dca(*name.split()[1:], *shlex.split(CALLS[name]), "--json")
    assert ran.status == 0, ran.err
    if name in SILENT:
        assert ran.out in ("", "[]\n")
        return
    try:
        said = [json.loads(line) for line in ran.out.splitlines()]
    except ValueError:
        said = [json.loads(ran.out)]
    assert said
    assert all(said)


@pytest.mark.parametrize("call", ["review in.jsonl -o -", "export raw.jsonl"])
def test_where_rows_take_the_output_the_summary_goes_elsewhere(call: str, dca: Dca, folder: None) -> None:
    """With rows on standard output, what `--json` says of them is the last line of standard error."""
    ran = dca(*call.split(), "--json")
    assert ran.status == 0, ran.err
    assert len([json.loads(line) for line in ran.out.splitlines()]) == 2
    said = json.loads(ran.err.splitlines()[-1])
    assert 2 in said.values()


def test_doctor_tells_by_pipe_what_it_tells_by_keyboard(dca: Dca) -> None:
    """Each way of asking with what came of it, and the one to use; where none works, null and status 1."""
    with Server(message('{"ok": true}')) as server:
        ran = dca("doctor", "--base-url", server.url, "--model", "local", "--json")
    assert ran.status == 0, ran.err
    said = json.loads(ran.out)
    assert {mode: one["works"] for mode, one in said["modes"].items()} == {
        "native": True,
        "tool": False,
        "prompt": True,
    }
    assert (said["use"], said["model"], "typer" in said["installed"]) == ("native", "local", True)
    with Server(error(404)) as server:
        ran = dca("doctor", "--base-url", server.url, "--model", "local", "--json")
    assert (ran.status, json.loads(ran.out)["use"]) == (1, None)
