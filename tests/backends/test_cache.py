import os
import pickle
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest
from hostile import TEXTS
from hypothesis import given
from hypothesis import strategies as st

from dca.backends.cache import MemoryStore, SqliteStore
from dca.errors import InputError, RefusedError, RunError
from dca.messages import Message, Reply, Request
from dca.usage import Usage

REUSED = Usage(reused=1)
usages = st.builds(Usage, requests=st.integers(0, 9), cost_usd=st.floats(0, 1))
replies = st.builds(Reply, text=TEXTS, stop_reason=TEXTS, model=TEXTS, category=st.none() | TEXTS, usage=usages)


def asked(text: str = "how?") -> Request:
    return Request(system="rubric", messages=(Message("user", text),), schema={"type": "object"})


def unasked() -> Reply:
    raise AssertionError("the store should have known")


@pytest.fixture(params=["sqlite", "memory"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[SqliteStore | MemoryStore]:
    made = SqliteStore(tmp_path / "cache.db") if request.param == "sqlite" else MemoryStore()
    with made as opened:
        yield opened


def test_a_question_is_asked_once(store: SqliteStore) -> None:
    """The second time the answer is the same and costs nothing."""
    reply = Reply(text="so", usage=Usage(requests=2, cost_usd=0.1), model="m", stop_reason="end_turn")
    assert store.once(asked(), "a", lambda: reply) == reply
    assert store.once(asked(), "a", unasked) == Reply(text="so", usage=REUSED, model="m")


def test_another_backend_is_asked_anew(store: SqliteStore) -> None:
    """An old judge's verdict is never given out as a new judge's."""
    assert store.once(asked(), "a", lambda: Reply(text="A")).text == "A"
    assert store.once(asked(), "b", lambda: Reply(text="B")).text == "B"


def test_an_error_is_not_kept(store: SqliteStore) -> None:
    """What `ask` raises is raised, and asked for again the next time."""

    def refuse() -> Reply:
        raise RefusedError("no", category="bio")

    with pytest.raises(RefusedError, match="no"):
        store.once(asked(), "a", refuse)
    assert store.once(asked(), "a", lambda: Reply(text="yes")).text == "yes"


def test_sixty_four_threads_send_one_request(store: SqliteStore) -> None:
    """Identical questions in flight are one question, and its cost is counted once."""
    calls, gate = [], threading.Barrier(64)

    def ask() -> Reply:
        calls.append(1)
        time.sleep(0.05)
        return Reply(text="so", usage=Usage(requests=1))

    def one(_: int) -> Reply:
        gate.wait()
        return store.once(asked(), "a", ask)

    with ThreadPoolExecutor(64) as pool:
        got = list(pool.map(one, range(64)))
    assert (len(calls), {reply.text for reply in got}) == (1, {"so"})
    assert Usage.total(reply.usage for reply in got) == Usage(requests=1, reused=63)


def test_an_error_reaches_everyone_who_waited(store: SqliteStore) -> None:
    """All see the error; only who asked carries its cost; nothing is stored."""
    calls, gate = [], threading.Barrier(32)

    def ask() -> Reply:
        calls.append(1)
        time.sleep(0.2)
        raise RefusedError("no", category="bio", usage=Usage(requests=1))

    def one(_: int) -> RefusedError:
        gate.wait()
        with pytest.raises(RefusedError, match="no") as caught:
            store.once(asked(), "a", ask)
        return caught.value

    with ThreadPoolExecutor(32) as pool:
        errors = list(pool.map(one, range(32)))
    assert {error.category for error in errors} == {"bio"}
    assert Usage.total(error.usage for error in errors) == Usage(requests=len(calls))
    assert len(calls) < 32
    assert store.once(asked(), "a", lambda: Reply(text="yes")).text == "yes"


def test_different_questions_do_not_wait_for_each_other(store: SqliteStore) -> None:
    """Sixteen questions are in flight together."""
    together = threading.Barrier(16, timeout=20)

    def one(index: int) -> str:
        def ask() -> Reply:
            together.wait()
            return Reply(text=f"answer {index}")

        return store.once(asked(f"q{index}"), "a", ask).text

    with ThreadPoolExecutor(16) as pool:
        assert list(pool.map(one, range(16))) == [f"answer {index}" for index in range(16)]


def test_a_stored_reply_is_what_was_stored(tmp_path: Path) -> None:
    """Any Unicode comes back as it went in, lone surrogates too."""
    with SqliteStore(tmp_path / "cache.db") as store:

        @given(replies, TEXTS, TEXTS)
        def check(reply: Reply, question: str, identity: str) -> None:
            first = store.once(asked(question), identity, lambda: reply)
            again = store.once(asked(question), identity, unasked)
            assert (first.text, first.stop_reason, first.model, first.category, REUSED) == (
                *(again.text, again.stop_reason, again.model, again.category),
                again.usage,
            )

        check()


def test_a_store_outlives_its_process(tmp_path: Path) -> None:
    """What one run paid for the next run reads, and closing leaves one file."""
    with SqliteStore(tmp_path / "deep" / "cache.db") as store:
        store.once(asked(), "a", lambda: Reply(text="so"))
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["cache.db"]
    with SqliteStore(tmp_path / "deep" / "cache.db") as store:
        assert store.once(asked(), "a", unasked).text == "so"


def test_closing_folds_the_log_in(tmp_path: Path) -> None:
    """The log does not grow for as long as somebody else has the file open."""
    with SqliteStore(tmp_path / "cache.db"):
        with SqliteStore(tmp_path / "cache.db") as store:
            store.once(asked(), "a", lambda: Reply(text="x" * 100_000))
            assert (tmp_path / "cache.db-wal").stat().st_size > 100_000
        assert (tmp_path / "cache.db-wal").stat().st_size == 0


def test_what_another_process_stored_first_stands(tmp_path: Path) -> None:
    """Both ask, one reply is kept, both go on with it, and each reports its own cost."""
    with SqliteStore(tmp_path / "cache.db") as one, SqliteStore(tmp_path / "cache.db") as other:

        def slow() -> Reply:
            one.once(asked(), "a", lambda: Reply(text="first", usage=Usage(requests=1)))
            return Reply(text="second", usage=Usage(requests=3))

        assert other.once(asked(), "a", slow) == Reply(text="first", usage=Usage(requests=3))
        assert one.stats().rows == 1


def test_old_replies_can_be_pruned(tmp_path: Path) -> None:
    """What is older than so many days goes, and its space is given back."""
    now = 1_000_000.0
    with SqliteStore(tmp_path / "cache.db", clock=lambda: now) as store:
        store.once(asked("old"), "a", lambda: Reply(text="x" * 500_000))
        now += 10 * 86_400
        store.once(asked("new"), "a", lambda: Reply(text="new"))
        full = store.stats()
        assert (store.prune(11), store.prune(5), store.prune(5)) == (0, 1, 0)
    with SqliteStore(tmp_path / "cache.db") as store:
        assert (full.rows, store.stats().rows) == (2, 1)
        assert store.stats().bytes < full.bytes / 4
        assert store.once(asked("new"), "a", unasked).text == "new"


def test_a_closed_store_says_so(tmp_path: Path) -> None:
    """Using a closed store is an error; closing it again is not."""
    store = SqliteStore(tmp_path / "cache.db")
    store.close()
    store.close()
    with pytest.raises(RunError, match="closed"):
        store.once(asked(), "a", unasked)


def test_a_store_pickles_as_its_path(tmp_path: Path) -> None:
    """A copy in another process opens the same file."""
    with SqliteStore(tmp_path / "cache.db") as store:
        store.once(asked(), "a", lambda: Reply(text="so"))
        with pickle.loads(pickle.dumps(store)) as copy:
            assert copy.once(asked(), "a", unasked).text == "so"


def test_the_journal_is_a_write_ahead_log(tmp_path: Path) -> None:
    """Readers do not block writers."""
    with SqliteStore(tmp_path / "cache.db"), closing(sqlite3.connect(tmp_path / "cache.db")) as raw:
        assert raw.execute("PRAGMA journal_mode").fetchone() == ("wal",)


def garbage(path: Path) -> None:
    path.write_bytes(os.urandom(8192))


def short_text(path: Path) -> None:
    path.write_text("not a database\n")


def foreign(path: Path) -> None:
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("CREATE TABLE bookmarks (url TEXT)")


def newer(path: Path) -> None:
    SqliteStore(path).close()
    with closing(sqlite3.connect(path)) as raw:
        raw.execute("PRAGMA user_version = 99")


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (garbage, "not a database; delete it"),
        (short_text, "not a database; delete it"),
        (foreign, "another program; choose another path"),
        (newer, "newer DCA wrote; choose another path, or upgrade"),
        (Path.mkdir, "unable to open database file; choose a path that can be written"),
    ],
)
def test_a_file_that_is_no_cache_is_left_alone(tmp_path: Path, spoil: Callable[[Path], None], message: str) -> None:
    """The error says what the file is and what to do, and the file is not touched."""
    path = tmp_path / "cache.db"
    spoil(path)
    before = path.is_file() and path.read_bytes()
    with pytest.raises(InputError, match=message):
        SqliteStore(path)
    assert before == (path.is_file() and path.read_bytes())


def test_damage_found_later_stops_the_run(tmp_path: Path) -> None:
    """A page that went bad is an error that names the file and the remedy, never a wrong answer."""
    path = tmp_path / "cache.db"
    with SqliteStore(path) as store:
        for index in range(50):
            store.once(asked(str(index)), "a", lambda: Reply(text="x" * 2000))
    whole = bytearray(path.read_bytes())
    whole[4096:] = b"\xff" * (len(whole) - 4096)
    path.write_bytes(whole)
    with SqliteStore(path) as store, pytest.raises(RunError, match=r"malformed; delete it \(with cache.db-wal"):
        store.once(asked("0"), "a", unasked)


def test_a_damaged_row_stops_the_run(tmp_path: Path) -> None:
    """A reply that cannot be read back is reported, not asked for again behind one's back."""
    with SqliteStore(tmp_path / "cache.db") as store:
        store.once(asked(), "a", lambda: Reply(text="so"))
        with closing(sqlite3.connect(tmp_path / "cache.db")) as raw, raw:
            raw.execute("""UPDATE replies SET reply = '{"text": 3}'""")
        with pytest.raises(RunError, match="a damaged row"):
            store.once(asked(), "a", unasked)
