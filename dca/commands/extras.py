"""What the commands of `dca bench` share: a missing extra in words, and a table for the terminal."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from dca.errors import InputError


@contextmanager
def extra(name: str = "bench") -> Iterator[None]:
    """What a missing extra means, in words."""
    try:
        yield
    except ModuleNotFoundError as error:
        if (error.name or "").startswith("dca"):
            raise
        raise InputError(f"{error.name} is needed for this; install it with: pip install 'dca-rl[{name}]'") from error


def view(title: str, columns: tuple[str, ...], rows: tuple[tuple[str, ...], ...], *, narrow: bool = False) -> object:
    """A table for the terminal; a narrow one has few lines, and names that wrap."""
    from rich.box import HEAVY_HEAD, SIMPLE_HEAD
    from rich.table import Table

    box = SIMPLE_HEAD if narrow else HEAVY_HEAD
    view = Table(title=title, title_justify="left", title_style="bold", box=box, pad_edge=not narrow)
    view.collapse_padding, view.show_edge = narrow, not narrow
    for k, name in enumerate(columns):
        view.add_column(name, justify="right" if k else "left", no_wrap=not k and not narrow)
    for row in rows:
        view.add_row(*row)
    return view
