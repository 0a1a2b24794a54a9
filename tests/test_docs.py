"""What the documents show is what happens: docstrings, README blocks, examples and links run as tests."""

from __future__ import annotations

import doctest
import importlib
import io
import re
import subprocess
import sys
from contextlib import redirect_stdout
from functools import lru_cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MODULES = sorted(
    ".".join(p.relative_to(ROOT).with_suffix("").parts)
    for p in (ROOT / "dca").rglob("*.py")
    if p.name != "__init__.py"
)
README = (ROOT / "README.md").read_text("utf-8")
COMMANDS = """review show report whatif diff drift export estimate doctor demo""".split()
COMMANDS += [f"prompts {name}" for name in "eval list show new lint release".split()]
COMMANDS += [f"cases {name}" for name in "list new lint".split()]
COMMANDS += [f"bench {name}" for name in "detector reviewer".split()]
ELSEWHERE = {"train_grpo.py"}  # wants a model and a reviewer: tests/trl/test_examples.py gives it both
PAGES = [ROOT / "README.md", ROOT / "DESIGN.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]


@pytest.mark.parametrize("name", MODULES)
def test_docstring_examples(name: str) -> None:
    """Every example in a docstring gives what it says."""
    failed, _ = doctest.testmod(importlib.import_module(name), optionflags=doctest.ELLIPSIS)
    assert failed == 0


@pytest.mark.parametrize(
    "path", [p for p in sorted((ROOT / "examples").glob("*.py")) if p.name not in ELSEWHERE], ids=lambda p: p.name
)
def test_examples_run(path: Path) -> None:
    """Every example runs by itself, offline, and says something."""
    done = subprocess.run([sys.executable, path], capture_output=True, text=True, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()


def test_readme_example() -> None:
    """The Python example prints exactly what the README says it prints."""
    code, said = re.search(r"```python\n(.*?)```.*?```text\n(.*?)```", README, re.DOTALL).groups()  # type: ignore[union-attr]
    assert len(code.strip().splitlines()) <= 10
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(compile(code, "README.md", "exec"), {})
    assert printed.getvalue().rstrip() == said.rstrip()


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    """Links between documents, and paths they name, exist."""
    text = page.read_text("utf-8")
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    targets += re.findall(r"`((?:dca|tests|examples|benchmarks|docs|prompts)/[\w./]+\.\w+)`", text)
    assert [t for t in targets if not ((page.parent / t).exists() or (ROOT / t).exists())] == []


@lru_cache
def options_of(command: str) -> frozenset[str]:
    """The options that a command's help lists."""
    helped = subprocess.run(
        [sys.executable, "-c", "from dca.cli import main; main()", *command.split(), "--help"],
        capture_output=True,
        text=True,
        env={"COLUMNS": "200", "PATH": ""},
        check=True,
    )
    return frozenset(re.findall(r"--[a-z][a-z-]+", helped.stdout))


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_options_exist(page: Path) -> None:
    """Every option that a document gives to a command is an option of that command."""
    lines = re.findall(r"^\$ dca (.*(?:\\\n.*)*)", page.read_text("utf-8"), re.MULTILINE)
    unknown = []
    for line in lines:
        said = line.partition("#")[0]
        command = max((c for c in COMMANDS if f"{said} ".startswith(f"{c} ")), key=len)
        unknown += [(command, o) for o in re.findall(r"--[a-z][a-z-]+", said) if o not in options_of(command)]
    assert unknown == []
