"""The `dca` command: its parts are in `dca.commands`, and what goes wrong becomes one line and an exit status.

Everything that takes long to import is imported by the command that needs it: `dca --help` answers at once.
"""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from dca import __version__
from dca.commands.bench import bench
from dca.commands.cases import cases
from dca.commands.cost import estimate
from dca.commands.demo import demo
from dca.commands.diff import diff
from dca.commands.doctor import doctor
from dca.commands.drift import drift
from dca.commands.export import export
from dca.commands.look import report, show, whatif
from dca.commands.prompts import prompts
from dca.commands.review import STOPPED, review
from dca.errors import DCAError, InputError, SchemeError

app = typer.Typer(
    help="Look back over finished reasoning transcripts: which steps did the work, and which were for show?\n\n"
    "A reviewer splits the reward that each transcript earned over its steps; the total never changes.\n\n"
    "Start with `dca demo`, then `dca review YOUR.jsonl -o out.jsonl` and `dca report out.jsonl -o out.html`.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
)
for command in (review, show, report, whatif, diff, drift, export, estimate, doctor, demo):
    app.command()(command)
app.add_typer(prompts, name="prompts")
app.add_typer(cases, name="cases")
app.add_typer(bench, name="bench")


def _version(asked: bool) -> None:
    if asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which version this is.")
    ] = False,
) -> None:
    """Options of the command itself."""


def main() -> None:
    """Run the command: exit status 2 for input that cannot be used, 1 for a run that had to stop."""
    try:
        app()
    except SystemExit as stop:
        if stop.code == STOPPED:
            sys.stderr.flush()
            os._exit(STOPPED)  # nobody waits for reviews still under way
        raise
    except (InputError, SchemeError) as error:
        _fail(error, 2)
    except DCAError as error:
        _fail(error, 1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the reader left; say nothing more
        sys.exit(141)
    except OSError as error:
        _fail(f"{error.filename or 'output'}: {error.strerror or error}", 2)


def _fail(error: object, status: int) -> None:
    typer.echo(f"dca: {error}", err=True)
    sys.exit(status)
