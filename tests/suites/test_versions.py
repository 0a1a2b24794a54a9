"""Versions of prompts: copied, linted, released once, and never changed after that."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from dca.errors import InputError
from dca.review.prompts import prompt_folder
from dca.suites.versions import lint_prompt, new_version, release, state_of, versions

GOOD = "You judge `attempts`; each `transcript` has steps. " + " ".join(
    f"`{label}` is a label."
    for label in ("key progress error recovery check needless_check staged_mistake filler injection".split())
)


@pytest.fixture(name="checkout")
def copy_of_the_prompts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout's prompts, to be changed."""
    folder = tmp_path / "prompts"
    shutil.copytree(prompt_folder(), folder)
    monkeypatch.setattr("dca.review.prompts._FOLDERS", (folder,))
    return folder


def write(path: Path, rubric: str) -> str:
    path.parent.mkdir(exist_ok=True, parents=True)
    path.write_text(
        f"<!-- measure: contribution -->\n{rubric}\n<!-- user -->\n{{{{problem}}}} {{{{attempts}}}}\n", "utf-8"
    )
    return str(path)


def said(name: str) -> list[str]:
    return [f"{'' if fault.wrong else 'perhaps: '}{fault.what}" for fault in lint_prompt(name)]


def test_what_comes_with_dca_is_in_order() -> None:
    """Every shipped prompt is released, unchanged and without a fault or a doubt."""
    assert {one.prompt.name: one.state for one in versions()} == {one.prompt.name: "released" for one in versions()}
    assert [said(one.prompt.name) for one in versions()] == [[]] * len(versions())


def test_a_new_version_is_a_copy_with_the_next_number(checkout: Path) -> None:
    """Only the next number is free, nothing is overwritten, and the copy is a draft until it is released."""
    taken = max(int(path.stem[1:]) for path in (checkout / "contribution").glob("v*.md"))
    name = f"contribution/v{taken + 1}"
    with pytest.raises(InputError, match=f"the next version of contribution is {name}"):
        new_version(f"contribution/v{taken + 2}", source="contribution/v1")
    path = new_version(name, source="contribution/v1")
    assert path.read_text("utf-8") == (checkout / "contribution" / "v1.md").read_text("utf-8")
    assert state_of(name) == "draft"
    with pytest.raises(InputError, match="there already; versions are not overwritten"):
        new_version(name, source="contribution/v1")
    assert new_version("judge/v1", source="value/v1").is_file()


def test_ones_own_file_is_a_copy_too(tmp_path: Path) -> None:
    """By path a prompt goes anywhere, under any name that says it is Markdown."""
    path = new_version(str(tmp_path / "deep" / "mine.md"), source="contribution/v1")
    assert path.is_file()
    assert state_of(str(path)) == "draft"
    with pytest.raises(InputError, match=r"ends in \.md"):
        new_version(str(tmp_path / "mine.txt"), source="contribution/v1")
    with pytest.raises(InputError, match="cannot read the prompt"):
        new_version(str(tmp_path / "other.md"), source="contribution/v99")


def test_a_release_writes_the_digest_and_holds(checkout: Path) -> None:
    """A released file is in the digests; a change to it is found, and cannot be released over."""
    name = new_version("judge/v1", source="contribution/v1").parent.name + "/v1"
    digest = release(name)
    text = (checkout / "judge" / "v1.md").read_text("utf-8")
    assert digest == hashlib.sha256(text.encode()).hexdigest()
    assert json.loads((checkout / "digests.json").read_text("utf-8"))["judge/v1.md"] == digest
    assert state_of(name) == "released"
    assert release(name) == digest
    (checkout / "judge" / "v1.md").write_text(text.replace("You look", "You gaze"), "utf-8")
    assert state_of(name) == "changed"
    assert said(name) == ["released, and changed since; undo the change, and edit a new version instead"]
    with pytest.raises(InputError, match="released before, and changed since"):
        release(name)


def test_what_is_not_in_order_is_not_released(checkout: Path) -> None:
    """A fault stops a release; so does a path, which names no version."""
    mine = write(checkout / "judge" / "v1.md", 'Judge.\n{"attempts": oops}')
    with pytest.raises(InputError, match="example reply 1 is no JSON"):
        release("judge/v1")
    with pytest.raises(InputError, match="only named versions such as contribution/v2 are released"):
        release(mine)


def test_lint_says_what_is_wrong_with_a_prompt(tmp_path: Path) -> None:
    """Examples that break the form, labels never explained, lengths that cost: each is said."""
    good = write(tmp_path / "a.md", f"{GOOD} {'A word more. ' * 200}")
    assert said(good) == []
    assert said(write(tmp_path / "b.md", GOOD))[0].startswith("perhaps: the rubric takes about ")
    assert "more than most rollouts" in said(write(tmp_path / "c.md", f"{GOOD} {'A word more. ' * 2000}"))[0]
    assert said(write(tmp_path / "d.md", f"{GOOD.replace('`filler`', 'filler')} {'A word more. ' * 200}")) == [
        "perhaps: the rubric never says what `filler` means, and the reply may hold it"
    ]
    example = (
        '{"attempts":[{"transcript":"a","steps":[{"index":0,"reason":"r","label":"key","score":3}],"shortest":[]}]}'
    )
    broken = said(write(tmp_path / "e.md", f"{GOOD} {'A word more. ' * 200}\n{example}"))
    assert broken == [
        "example reply 1 breaks the form it teaches: attempts[0].steps[0].score: 3 is not one of [-2, -1, 0, 1, 2]"
    ]
    assert "cannot read the prompt" in said(str(tmp_path / "none.md"))[0]
