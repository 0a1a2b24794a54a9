"""The front door: its names, what passing through it loads, and how long that takes to ask for."""

from __future__ import annotations

import subprocess
import sys

import dca

NAMES = """
AnthropicBackend ArithmeticReviewer Assignment Credits DCAError Finding LLMReviewer Progress Review Row
ScriptedBackend ScriptedReviewer Share Split Step Transcript TranscriptDetector Usage ValueDifference
assign_credit assign_many segment
""".split()


def run(code: str) -> str:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout


def test_the_public_names_are_these() -> None:
    """What `dca` exports is exactly this list, sorted, and every name is there."""
    assert dca.__all__ == NAMES
    assert all(hasattr(dca, name) for name in dca.__all__)


def test_importing_loads_nothing_heavy() -> None:
    """`import dca` loads none of torch, trl, transformers, anthropic, typer, rich, jinja2, jsonschema."""
    heavy = "{'torch','trl','transformers','anthropic','typer','rich','jinja2','jsonschema','pyarrow','sympy'}"
    assert run(f"import dca, sys; print(sorted({heavy} & set(sys.modules)))").strip() == "[]"


def test_help_loads_nothing_heavy() -> None:
    """`dca --help` loads none of torch, trl, transformers, anthropic, jinja2, jsonschema."""
    heavy = "{'torch','trl','transformers','anthropic','jinja2','jsonschema','pyarrow','sympy'}"
    code = (
        "import sys; sys.argv=['dca','--help']\n"
        "from dca.cli import app\n"
        "try: app()\n"
        "except SystemExit: pass\n"
        f"print('loaded', sorted({heavy} & set(sys.modules)))"
    )
    assert run(code).strip().endswith("loaded []")


def test_unknown_names_are_no_attributes() -> None:
    """A name that is not there is an AttributeError, as with any module."""
    assert not hasattr(dca, "CreditCard")


def test_the_package_is_typed() -> None:
    """Type checkers of users find our annotations."""
    from importlib import resources

    assert (resources.files("dca") / "py.typed").is_file()
