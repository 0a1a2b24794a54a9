"""The house keeps its shape: imports point down, rooms on a floor do not know each other, doors stay shut."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "dca"

ROOMS = {  # room: (floor, third-party packages it may import)
    "dca.usage": (0, set()),
    "dca.errors": (1, set()),
    "dca.messages": (1, set()),
    "dca.types": (2, set()),
    "dca.protocols": (3, set()),
    "dca.credit": (4, set()),
    "dca.equations": (3, set()),
    "dca.arithmetic": (4, set()),
    "dca.dispatch": (5, set()),
    "dca.transcripts": (5, {"pyarrow"}),
    "dca.equality": (4, {"math_verify"}),
    "dca.grading": (5, set()),
    "dca.review": (5, {"jsonschema"}),
    "dca.performativity": (5, set()),
    "dca.backends": (5, {"anthropic", "tenacity", "httpx2"}),
    "dca.pipeline": (6, set()),
    "dca.assignments": (6, set()),
    "dca.trl": (7, {"torch", "transformers", "trl", "accelerate", "datasets", "numpy"}),
    "dca.report": (7, {"jinja2", "markupsafe", "rich"}),
    "dca.runs": (7, set()),
    "dca.estimate": (7, set()),
    "dca.suites": (8, {"jsonschema"}),
    "dca.bench": (9, {"numpy", "sklearn", "threadpoolctl", "matplotlib", "datasets"}),
    "dca": (8, set()),  # the front door
    "dca.config": (10, set()),
    "dca.reviewers": (10, set()),
    "dca.commands": (11, {"typer", "rich"}),
    "dca.cli": (12, {"typer"}),
}
LAZY = {"dca.config", "dca.reviewers", "dca.commands", "dca"}  # rooms that may import inside a function
OPTIONAL = {"pyarrow", "math_verify"}  # extras, imported where they are used
THIRD_PARTY_IN = {
    "anthropic": {f"dca.backends.{m}" for m in ("anthropic", "client", "failure", "retry")},
    "jsonschema": {"dca.review.reply", "dca.suites.expectation"},
}


@dataclass(frozen=True)
class Import:
    """One import statement: who, what, and whether it stands inside a function."""

    module: str
    target: str
    nested: bool


def modules() -> Iterator[tuple[str, ast.Module]]:
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), ast.parse(path.read_text("utf-8"))


def imports() -> Iterator[Import]:
    for module, tree in modules():
        functions = [n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef | ast.AsyncFunctionDef)]
        nested = {id(n) for f in functions for n in ast.walk(f)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0, f"{module}: write imports in full"
                submodules = [f"{node.module}.{alias.name}" for alias in node.names]
                known = [name for name in submodules if is_module(name)]
                names = known or [node.module or ""]
            else:
                continue
            for name in names:
                yield Import(module, name, id(node) in nested)


def is_module(name: str) -> bool:
    path = ROOT / Path(*name.split("."))
    return path.with_suffix(".py").exists() or (path / "__init__.py").exists()


def room(module: str) -> str:
    return max(
        (r for r in ROOMS if module == r or (r != "dca" and module.startswith(r + "."))), key=len, default=module
    )


ALL = list(imports())


def test_every_module_has_a_room() -> None:
    """Each module of the package belongs to a room that is drawn here."""
    assert [m for m, _ in modules() if room(m) not in ROOMS] == []


@pytest.mark.parametrize(
    "one", [i for i in ALL if i.target.split(".")[0] == "dca"], ids=lambda i: f"{i.module}>{i.target}"
)
def test_imports_point_down(one: Import) -> None:
    """A room imports only rooms on lower floors, or itself."""
    here, there = room(one.module), room(one.target)
    assert here == there or ROOMS[there][0] < ROOMS[here][0], f"{one.module} must not import {one.target}"


def test_no_circles() -> None:
    """No chain of top-level imports comes back to where it began."""
    graph: dict[str, set[str]] = {}
    for one in ALL:
        if one.target.startswith("dca") and not one.nested:
            graph.setdefault(one.module, set()).add(one.target)

    def visit(node: str, path: tuple[str, ...]) -> None:
        assert node not in path, " -> ".join((*path, node))
        if node not in done:
            for target in graph.get(node, ()):
                visit(target, (*path, node))
            done.add(node)

    done: set[str] = set()
    for start in list(graph):
        visit(start, ())


def test_third_party_packages_stay_in_their_rooms() -> None:
    """Third-party packages are imported only where the plan of the house allows them."""
    import sys

    for one in ALL:
        top = one.target.split(".")[0]
        if top == "dca" or top in sys.stdlib_module_names:
            continue
        assert top in ROOMS[room(one.module)][1], f"{one.module} must not import {top}"
        assert one.module in THIRD_PARTY_IN.get(top, {one.module}), f"{top} has one door, and it is not {one.module}"


def test_imports_stand_at_the_top() -> None:
    """Only the switchboard, the command line and optional extras import inside a function."""
    late = [i for i in ALL if i.nested and room(i.module) not in LAZY and i.target.split(".")[0] not in OPTIONAL]
    assert late == []


def test_no_type_checking_blocks() -> None:
    """Types are imported like everything else."""
    assert [m for m, tree in modules() if "TYPE_CHECKING" in ast.dump(tree)] == []


def test_sub_packages_export_nothing() -> None:
    """There is one front door, and one to TRL: the ``__init__`` of any other sub-package holds its docstring only."""
    for path in PACKAGE.rglob("__init__.py"):
        if path.parent not in (PACKAGE, PACKAGE / "trl"):
            assert [type(n).__name__ for n in ast.parse(path.read_text("utf-8")).body] == ["Expr"], path


def test_every_module_says_what_it_is_for() -> None:
    """Every module has a docstring."""
    assert [m for m, tree in modules() if not ast.get_docstring(tree)] == []


def test_no_file_and_no_function_outgrows_its_reader() -> None:
    """No file has over 300 lines, and no function over 60 (a command's options count as its signature)."""
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text("utf-8")
        assert text.count("\n") <= 300, path
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and node.body and path.parent.name != "commands":
                assert (node.end_lineno or 0) - node.lineno <= 60, f"{path}:{node.lineno}"
