import pickle
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from dca.backends.manual import ManualBackend
from dca.errors import InputError, PendingReply
from dca.messages import Message, Reply, Request
from dca.protocols import Backend

REQUEST = Request(
    system="Judge each step.",
    messages=(Message("user", '{"0": "2+2=4"}'),),
    schema={"type": "object", "required": ["steps"]},
    case="sums/1",
)
PROMPT = """\
Judge each step.

{"0": "2+2=4"}

Reply with one JSON object that fits this JSON schema, and nothing else:

{
 "type": "object",
 "required": [
  "steps"
 ]
}
"""
REPAIR = """\
Judge each step.

{"0": "2+2=4"}

Your reply was:

{}

There are no steps in it; reply again.

Reply with one JSON object that fits this JSON schema, and nothing else:

{}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "manual"


def prompt_of(backend: ManualBackend, request: Request = REQUEST) -> Path:
    with pytest.raises(PendingReply):
        backend.complete(request)
    return backend.awaited()[-1]


def test_a_request_becomes_a_file_to_paste(folder: Path) -> None:
    """The file holds the rubric, the question and the form of the reply, and nothing else."""
    backend = ManualBackend(folder)
    assert isinstance(backend, Backend)
    with pytest.raises(
        PendingReply, match=r"waiting for a reply to sums-1-\w{12}.prompt.md; save it as sums-1-\w{12}"
    ):
        backend.complete(REQUEST)
    (prompt,) = folder.iterdir()
    assert prompt.read_text(encoding="utf-8") == PROMPT
    assert backend.awaited() == (prompt,)


def test_a_repair_shows_the_whole_conversation(folder: Path) -> None:
    """A second question can be pasted into a fresh window."""
    turns = (*REQUEST.messages, Message("assistant", "{}"), Message("user", "There are no steps in it; reply again."))
    prompt = prompt_of(ManualBackend(folder), replace(REQUEST, messages=turns, schema={}))
    assert prompt.read_text(encoding="utf-8") == REPAIR


@pytest.mark.parametrize("ending", ["txt", "json", "md"])
def test_a_reply_beside_it_is_read_raw(folder: Path, ending: str) -> None:
    """Fences and all: what the text means is the parser's business; a byte-order mark is not text."""
    prompt = prompt_of(ManualBackend(folder))
    reply = prompt.with_name(prompt.name.replace("prompt.md", f"reply.{ending}"))
    reply.write_bytes(b"\xef\xbb\xbf```json\n{}\n```\n")
    backend = ManualBackend(folder)
    assert backend.complete(REQUEST) == Reply(text="```json\n{}\n```\n", model="manual")
    assert backend.awaited() == ()


def test_an_empty_reply_is_still_awaited(folder: Path) -> None:
    """A file that was only touched is no answer."""
    backend = ManualBackend(folder)
    prompt = prompt_of(backend)
    prompt.with_name(prompt.name.replace("prompt.md", "reply.txt")).write_text(" \n")
    assert prompt_of(backend) == prompt


def test_two_replies_are_refused(folder: Path) -> None:
    """Nobody can say which of them counts."""
    backend = ManualBackend(folder)
    prompt = prompt_of(backend)
    for ending in ("txt", "json"):
        prompt.with_name(prompt.name.replace("prompt.md", f"reply.{ending}")).write_text("{}")
    with pytest.raises(InputError, match=r"expected one reply, got .* delete all but one"):
        backend.complete(REQUEST)


def test_a_reply_that_is_not_utf8_is_refused(folder: Path) -> None:
    """A wrong encoding is the person's to mend, not the parser's to guess."""
    backend = ManualBackend(folder)
    prompt = prompt_of(backend)
    prompt.with_name(prompt.name.replace("prompt.md", "reply.txt")).write_bytes("é".encode("latin-1"))
    with pytest.raises(InputError, match="save it again as UTF-8"):
        backend.complete(REQUEST)


def test_one_question_under_two_names_is_one_file(folder: Path) -> None:
    """Identical rollouts are answered once."""
    backend = ManualBackend(folder)
    requests = [replace(REQUEST, case=f"twin {number}") for number in range(16)]
    with ThreadPoolExecutor(16) as pool:
        assert all(
            isinstance(future.exception(), PendingReply)
            for future in [pool.submit(backend.complete, each) for each in requests]
        )
    (prompt,) = folder.iterdir()
    prompt.with_name(prompt.name.replace("prompt.md", "reply.txt")).write_text("{}")
    assert {backend.complete(each).text for each in requests} == {"{}"}


@pytest.mark.parametrize("case", ["../../evil", "/etc/passwd", "a\0b", "\ud800", "x" * 400])
def test_no_name_leads_out_of_the_folder(tmp_path: Path, folder: Path, case: str) -> None:
    """A case is a name, never a path."""
    prompt_of(ManualBackend(folder), replace(REQUEST, case=case))
    assert [path.parent for path in tmp_path.rglob("*.md")] == [folder]


def test_text_that_no_program_can_paste_is_shown_as_such(folder: Path) -> None:
    """A lone surrogate becomes the replacement character; a pair becomes what it spells."""
    turn = Message("user", "\ud800 \ud83d\ude00")
    prompt = prompt_of(ManualBackend(folder), replace(REQUEST, messages=(turn,)))
    assert "\n\ufffd \U0001f600\n" in prompt.read_text(encoding="utf-8")


def test_it_says_who_answered_as_far_as_is_known(folder: Path) -> None:
    """Provenance is what the user says, or that nobody knows; a copy says the same."""
    assert ManualBackend(folder).produced_by == "manual: obtained outside, by whom unknown"
    named = ManualBackend(folder, produced_by="by hand")
    assert pickle.loads(pickle.dumps(named)).produced_by == "by hand"
