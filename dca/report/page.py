"""One self-contained HTML page of reviewed transcripts: no network, no storage, opens from a file or a mail.

Everything a student wrote travels as JSON in a data block and is put on the page as text, never as markup; the
page's Content-Security-Policy admits the two blocks named here by their hash and nothing else. Knows records of
the output contract and the assets beside it; it reviews nothing and changes no number.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import re
from collections.abc import Callable, Iterable, Mapping
from importlib import resources
from pathlib import Path
from typing import Any, Final

from jinja2 import Environment, StrictUndefined

from dca.report import charts
from dca.report.summary import OUTCOMES, Digest, StepDigest, digest, overview
from dca.report.visible import compact, percent, plain, signed, visible

TEMPLATE: Final = "page.html.jinja"
STYLES: Final = ("page.css", "overview.css", "marks.css", "list.css", "reading.css", "steps.css", "print.css")
SCRIPTS: Final = ("text.js", "list.js", "reading.js", "sheet.js", "page.js")

_UNSAFE: Final = re.compile("[<>&\u2028\u2029\ud800-\udfff]")


def render_page(records: Iterable[Mapping[str, Any]], *, title: str, source: str = "") -> str:
    """The page as one string of HTML, the same for the same records.

    Args:
        records: Lines of the output contract, as `dca review` writes them.
        title: The heading.
        source: Where the records come from, in words; shown below the heading.

    Raises:
        InputError: A record is not what the contract promises.
    """
    digests = [digest(record) for record in records]
    total = overview(digests)
    style, script = assets(STYLES), f'"use strict";\n(() => {{\n{assets(SCRIPTS)}}})();\n'
    return (
        environment()
        .from_string(assets((TEMPLATE,)))
        .render(
            title=visible(title),
            source=visible(source),
            policy=content_policy(style, script),
            style=style,
            script=script,
            data=embedded(payload(digests)),
            total=total,
            charts=charts.charts(total),
            label_rows=charts.label_rows(total),
            outcomes=OUTCOMES,
        )
    )


def write_page(records: Iterable[Mapping[str, Any]], path: str | Path, *, title: str, source: str = "") -> None:
    """Write the page whole or not at all: an older page stays until the new one is complete.

    Raises:
        InputError: A record is not what the contract promises.
        OSError: The file cannot be written.
    """
    write_text(path, render_page(records, title=title, source=source))


def write_text(path: str | Path, html: str) -> None:
    """Write a page whole or not at all.

    Raises:
        OSError: The file cannot be written.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file():  # a pipe or a device is written to, never replaced
        target.write_text(html, encoding="utf-8", newline="\n")
        return
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    try:
        part.write_text(html, encoding="utf-8", newline="\n")
        os.replace(part, target)
    finally:
        with contextlib.suppress(OSError):
            part.unlink()


def content_policy(style: str, script: str) -> str:
    """A Content-Security-Policy that admits one style block and one script block, by SHA-256, and nothing else."""
    return "; ".join(
        (
            "default-src 'none'",
            f"style-src '{_digest(style)}'",
            f"script-src '{_digest(script)}'",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",  # no string ever becomes markup or code
            "trusted-types 'none'",
        )
    )


def _digest(block: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(block.encode()).digest()).decode()


def embedded(value: object) -> str:
    r"""JSON that no text in it can break out of, whatever it holds.

    >>> embedded({"text": "</script>"})
    '{"text":"\\u003c/script\\u003e"}'
    """
    text = json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def payload(digests: Iterable[Digest]) -> dict[str, Any]:
    """What the page's script reads: each text once, repeated strings by number, sparse columns as objects.

    Steps travel as texts, not as offsets: Python counts code points and a browser UTF-16 units.
    """
    strings: dict[str, int] = {}

    def intern(text: str) -> int:
        return strings.setdefault(text, len(strings))

    rows = [_transcript(item, intern) for item in digests]
    return {"strings": list(strings), "transcripts": rows}


def _transcript(item: Digest, intern: Callable[[str], int]) -> dict[str, Any]:
    steps = item.steps
    row = {
        "id": item.id,
        "prompt": intern(item.prompt),
        "reward": item.reward,
        "outcome": item.outcome,
        "fallback": item.fallback,
        "judge": intern(f"{item.reviewer} · {item.scheme}"),
        "used": item.used,
        "needed": item.needed,
        "shortest": item.shortest,
        "earned": _short(item.earned, 9),
        "unassigned": _short(item.unassigned, 9),
        "balanced": item.balanced,
        "first": None if item.first_error is None else _short(item.first_error, 3),
        "texts": [step.text for step in steps],
        "credits": [_short(step.credit, 5) for step in steps],
        "scores": [_short(step.score, 3) for step in steps],
        "z": [_short(step.z, 3) for step in steps if step.z is not None],
        "heat": [step.heat for step in steps],
        "neutral": [step.index for step in steps if step.neutral],
        "labels": _sparse(steps, lambda step: intern(step.label) if step.label else None),
        "reasons": _sparse(steps, lambda step: intern(step.reason) if step.reason else None),
        "authors": _sparse(steps, lambda step: None if step.author == "policy" else intern(step.author)),
        "of": _sparse(steps, lambda step: step.of),
        "findings": [dict(finding) for finding in item.findings],
    }
    return {key: value for key, value in row.items() if value not in ([], (), {}, None)}


def _sparse(steps: Iterable[StepDigest], value: Callable[[StepDigest], int | None]) -> dict[int, int]:
    """The steps that have something to say, by index."""
    found = ((step.index, value(step)) for step in steps)
    return {index: said for index, said in found if said is not None}


def _short(value: float, digits: int) -> float | int:
    """Rounded, and whole numbers without their point."""
    number = round(value, digits)
    return int(number) if number == int(number) else number


def assets(names: Iterable[str]) -> str:
    """The files beside this one, joined."""
    return "".join((resources.files("dca.report") / name).read_text(encoding="utf-8") for name in names)


def environment() -> Environment:
    """Jinja with escaping on; only the two hashed blocks and the escaped JSON are marked safe in the template."""
    env = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    env.filters.update(signed=signed, plain=plain, compact=compact, visible=visible)
    env.globals.update(percent=percent)
    return env
