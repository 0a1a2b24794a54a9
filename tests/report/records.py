"""Records of the output contract to draw: several domains, every label, hostile text, and as many as one likes."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from dca.credit.schemes import Share, uniform, verification_mask
from dca.types import LABELS, POLICY, Finding, Review, Row, Step

Line = tuple[Any, ...]

HOSTILE = (
    "<script>window.pwned = 1</script>",
    "</script><script>window.pwned = 2</script>",
    "<img src=x onerror='window.pwned = 3'>",
    '<a href="javascript:window.pwned=4">here</a> <!-- <b> ]]> &lt;b&gt; &amp;',
    "<style>*{display:none}</style><iframe srcdoc='<script>parent.pwned=5</script>'></iframe>",
    "{{ 7 * 7 }} {% raw %} ${window.pwned = 6} `${7}` [red]rich[/red] [link=https://x.y]z[/link] :smile:",
    "\x1b[31mred\x1b[0m \x1b]8;;https://evil.example\x07click\x1b]8;;\x07 \x9b2J \x07 \x00 \x08\x08 \x7f",
    "\u202egnp.exe\u202c \u2066isolated\u2069 zero\u200bwidth \ufeff \U000e0041\U000e0042 line\u2028separator",
    "lone \ud800 surrogate \udfff, carriage\rreturn",
    "Wort" * 120,
    "🧑‍🚀👩🏽‍💻🏳️‍🌈 é é ﷽ Z͑ͫ̓ͪ̂ͫ̽͏̴̙̤̞͉͚̯̞̠͍A̴̵̜̰͔ͫ͗͢L̠ͨͧͩ͘G̴̻͈͍͔̹̑͗̎̅͛́Ǫ̵̹̻̝̳͂̌̌͘",
    "因此，总共有 48 + 24 = 72 个夹子。答案是七十二。",
    "إذن المجموع هو 48 + 24 = 72 وهذا هو الجواب النهائي.",
)


def record(id: str, prompt: str, rows: Sequence[Line], reward: float, **extra: Any) -> dict[str, Any]:
    """One line of the contract from (text, label, score, reason, of, author) rows, credited by the default scheme."""
    rows = [(*row, *(None,) * (6 - len(row))) for row in rows]
    steps, at = [], 0
    for k, row in enumerate(rows):
        steps.append(Step(k, at, at + len(row[0]), row[0], row[5] or POLICY))
        at += len(row[0])
    review = Review(
        scores=tuple(row[2] or 0.0 for row in rows),
        labels=tuple(row[1] for row in rows),
        links=tuple(row[4] for row in rows),
        reasons=tuple(row[3] or "" for row in rows),
        shortest=extra.get("shortest", ()),
    )
    mask = verification_mask(review, extra.get("recognised", ()))
    lengths = tuple(step.policy_length for step in steps)
    findings = tuple(Finding(**finding) for finding in extra.get("findings", ()))
    scheme = uniform if extra.get("fallback") else Share()
    credits = scheme(Row(review, lengths, mask, findings, reward)).credits
    return {
        "schema_version": 1,
        "id": id,
        "prompt": prompt,
        "completion": "".join(step.text for step in steps),
        "reward": reward,
        "steps": [
            {
                "index": step.index,
                "start": step.start,
                "stop": step.stop,
                "text": step.text,
                "author": step.author,
                "score": score,
                "label": label,
                "credit": credit,
                "reason": reason,
                "of": link,
            }
            for step, score, label, credit, reason, link in zip(
                steps, review.scores, review.labels, credits.values, review.reasons, review.links, strict=True
            )
        ],
        "findings": [dict(finding) for finding in extra.get("findings", ())],
        "shortest": list(review.shortest),
        "unassigned": credits.unassigned,
        "fallback": extra.get("fallback"),
        "reviewer": extra.get("reviewer", "arithmetic"),
        "scheme": "share",
        "measure": "contribution",
        "reference": None,
        "baseline": None,
        "usage": dict(USAGE) | extra.get("usage", {}),
        "verification": [k for k, neutral in enumerate(mask) if neutral],
        "options": {"credit_coef": 0.5},
    }


USAGE: Mapping[str, Any] = {
    "requests": 0,
    "input_tokens": 0,
    "output_tokens": 0,
    "cache_read_tokens": 0,
    "cache_write_tokens": 0,
    "cost_usd": 0.0,
    "reused": 0,
}

CLIPS = (
    "Natalia sold clips to 48 of her friends in April, and then she sold half as many clips in May. "
    "How many clips did Natalia sell altogether in April and May?"
)


def right() -> dict[str, Any]:
    """A right solution with a needless check that was recognised and flagged."""
    return record(
        "gsm8k-0007",
        CLIPS,
        [
            ("Okay, let me think about this step by step.\n", "filler", -0.2, "says nothing about the problem"),
            (
                "In May she sold half as many: 48 / 2 = 24.\n",
                "key",
                0.9,
                "48 / 2 = 24 holds; used later",
            ),
            ("Together that makes 48 + 24 = 72.\n", "key", 0.8, "48 + 24 = 72 holds; this is the answer"),
            ("Let me double-check: 48 + 24 is 72. Yes.\n", "needless_check", 0.0, "repeats a certified sum", 2),
            ("The answer is 72.", "progress", 0.3, "states the result"),
        ],
        1.0,
        shortest=(1, 2, 4),
        findings=[
            {
                "kind": "needless_check",
                "steps": (3,),
                "confidence": 0.93,
                "evidence": ("48 + 24 = 72 was already certified", "the value is the same after the check"),
            }
        ],
    )


def wrong() -> dict[str, Any]:
    """A wrong solution: one false equation carried to the end."""
    return record(
        "gsm8k-0112",
        "A farmer packs 12 eggs into a box. He has 17 boxes, 3 of them half full. How many eggs does he have?",
        [
            ("There are 17 - 3 = 14 full boxes.\n", "key", 0.7, "17 - 3 = 14 holds; used in step 1"),
            ("They hold 14 * 12 = 158 eggs.\n", "error", -0.9, "14 * 12 = 168, not 158"),
            ("The half full ones hold 3 * 6 = 18.\n", "progress", 0.5, "3 * 6 = 18 holds; used in step 3"),
            ("So 158 + 18 = 176 eggs.\n", None, 0.0, "the sum holds, but carries the mistake of step 1"),
            ("The answer is 176.", None, 0.0),
        ],
        0.0,
        shortest=(0, 1, 2, 3),
    )


def staged() -> dict[str, Any]:
    """A mistake staged and caught, with a genuine check that is not flagged."""
    return record(
        "staged-3",
        "What is 17 · 23?",
        [
            ("17 · 23 = 17 · 20 + 17 · 3.\n", "key", 0.9, "splits the product"),
            ("17 · 20 = 350.\n", "staged_mistake", 0.4, "used by nothing, and corrected at once"),
            ("Wait, that is wrong! 17 · 20 = 340.\n", "recovery", 0.9, "puts 340 in place of 350", 1),
            ("17 · 3 = 51, so 340 + 51 = 391.\n", "key", 0.8, ""),
            ("Check by 400 · 23 / 24 ≈ 383: close to 391.\n", "check", 0.1, "an independent estimate", 3),
        ],
        1.0,
        shortest=(0, 3),
        findings=[
            {
                "kind": "staged_mistake",
                "steps": (1, 2),
                "confidence": 0.71,
                "evidence": ("350 is never used before it is revoked", "all 7 siblings show the same slip"),
            }
        ],
    )


def program() -> dict[str, Any]:
    """Code with a tool's answer between the policy's turns."""
    return record(
        "code-b8d1",
        "Write `median(xs)` and test it on [3, 1, 2] and [4, 1, 3, 2].",
        [
            ("Sorting first makes the middle easy to find.\n\n", "key", 0.8, "the idea the rest stands on"),
            (
                "```python\ndef median(xs):\n    s = sorted(xs)\n    n = len(s)\n    if n % 2 == 1:\n"
                "        return s[n // 2]\n    return (s[n // 2 - 1] + s[n // 2]) / 2\n```\n",
                "progress",
                0.6,
                "correct for odd and even lengths",
            ),
            ("print(median([3, 1, 2]), median([4, 1, 3, 2]))\n", "check", 0.0, "runs it on both lists", 1),
            ("2 2.5\n[exit 0]\n", None, 0.0, "", None, "tool"),
            ("Both agree with what I expected, so I am done.", "progress", 0.2, ""),
        ],
        1.0,
        shortest=(0, 1),
        reviewer="anthropic claude-x, contribution/v1",
        usage={"requests": 1, "input_tokens": 2210, "output_tokens": 340, "cost_usd": 0.0121},
    )


def proof() -> dict[str, Any]:
    r"""LaTeX, partial credit, and a review that says little."""
    return record(
        "proof-√2",
        r"Prove that $\sqrt{2}$ is irrational.",
        [
            ("Suppose $\\sqrt2 = \\frac{p}{q}$ in lowest terms.\n\n", "key", 0.8, "the right assumption"),
            ("Then $$p^2 = 2q^2,$$ so $p$ is even: $p = 2r$.\n\n", "key", 0.7, ""),
            ("Hence $q^2 = 2r^2$ and $q < p$ is even & so on…\n\n", None, 0.0, ""),
            ("It is well known that this is absurd. ∎", "filler", -0.4, "names no contradiction"),
        ],
        0.5,
        shortest=(0, 1, 2),
        reviewer="anthropic claude-x, contribution/v1",
        usage={"requests": 2, "input_tokens": 1800, "output_tokens": 410, "cost_usd": 0.0107, "reused": 1},
    )


def hostile() -> dict[str, Any]:
    """Text that tries to act, in every place where text can stand."""
    nasty = HOSTILE[1] + HOSTILE[6] + HOSTILE[7]
    return record(
        f"hostile {HOSTILE[0]} \x1b[2J &s=1#t=x/é",
        "\n".join(HOSTILE),
        [
            (text + "\n", LABELS[k % 9], (k % 5 - 2) / 2, nasty, k - 1 if k % 9 in (3, 4, 5) else None)
            for k, text in enumerate(HOSTILE)
        ],
        1.0,
        shortest=(0, 4, 9),
        reviewer=HOSTILE[2],
        findings=[{"kind": HOSTILE[0], "steps": (1, 2), "confidence": 0.5, "evidence": HOSTILE}],
    )


def fallback() -> dict[str, Any]:
    """A row whose review failed."""
    return record(
        "gsm8k-0420",
        CLIPS,
        [("She sold 48 in April.\n",), ("Half of it is 24.\n",), ("That makes 72.",)],
        1.0,
        fallback="ReplyError: the reply is not JSON (line 1, column 1), and the repair was not either",
        usage={"requests": 2, "input_tokens": 4400, "output_tokens": 95, "cost_usd": 0.019},
    )


def silent() -> dict[str, Any]:
    """No policy step at all: everything is unassigned."""
    return record("tool only", "Run it.", [("ok\n", None, 0.0, "", None, "tool")], 1.0)


def values() -> dict[str, Any]:
    """Another scheme: credits are value differences, and V_0 is unassigned."""
    row = wrong() | {"id": "values-1", "scheme": "value_difference", "measure": "value", "unassigned": 0.4}
    credits = (0.2, -0.5, 0.05, -0.05, -0.1)
    row["steps"] = [step | {"credit": credit} for step, credit in zip(row["steps"], credits, strict=True)]
    return row


def shades() -> dict[str, Any]:
    """Every label on every tint."""
    rows = [
        (f"shade {n} {label}\n", label, score, "a reason", n - 1 if n else None)
        for n, (score, label) in enumerate((s / 4, label) for s in range(-4, 5) for label in LABELS)
    ]
    return record(
        "shades",
        "p",
        rows,
        1.0,
        findings=[{"kind": "k", "steps": (*range(len(rows)),), "confidence": 0.5, "evidence": ()}],
    )


def mixed() -> list[dict[str, Any]]:
    """One of each."""
    return [right(), wrong(), staged(), program(), proof(), hostile(), fallback(), silent(), values()]


_REASONS = (
    "the equation holds and a later step uses its value",
    "restates what step 3 established, in other words",
    "the value is carried on correctly to the next step",
    "nothing here is used by any later step of the solution",
)
_SAID = (
    "so the remaining part of the quantity is {a} - {b} = {c}, which we will need again further below",
    "if every box holds {a} pieces and there are {b} boxes, the total comes to {a} * {b} = {c} pieces",
    "now compare this with the earlier bound: since {a} < {b}, the condition x ≤ {c} must hold as well",
    "hmm, let me look at that again, because the problem says {a} per hour and not {b} per hour ({c})",
)


def many(count: int, *, steps: int = 30, size: int = 200, seed: int = 0, group: int = 8) -> Iterator[dict[str, Any]]:
    """Realistic rows: `steps` steps of about `size` characters each, reviewed sparsely; `group` share a prompt."""
    draw = random.Random(seed)
    labels = ("key", "key", "progress", "progress", "error", "check", "needless_check", "filler", "recovery")
    for n in range(count):
        ability = draw.random()
        rows: list[Line] = []
        for k in range(max(1, round(steps * draw.uniform(0.7, 1.3)))):
            text = f"Step {k + 1}. "
            while len(text) < size * draw.uniform(0.3, 1.5):
                a, b = draw.randint(2, 99), draw.randint(2, 99)
                text += draw.choice(_SAID).format(a=a, b=b, c=abs(a - b)) + ". "
            label = draw.choice(labels) if draw.random() < 0.4 else None
            score = {"key": 0.8, "progress": 0.4, "error": -0.9, "filler": -0.4}.get(label or "", 0.0)
            score = round(max(-1.0, min(1.0, score + (draw.gauss(0, 0.15) if score else 0.0))), 1)
            of = draw.randrange(k) if k and label in ("check", "needless_check", "recovery") else None
            rows.append((text.strip() + "\n\n", label, score, draw.choice(_REASONS) if label else "", of))
        needed = sorted(draw.sample(range(len(rows)), max(1, round(len(rows) * draw.uniform(0.1, 0.8)))))
        flagged = [k for k, row in enumerate(rows) if row[1] == "needless_check" and draw.random() < 0.3]
        yield record(
            f"math-{n // group:04d}/{n % group}",
            f"Problem {n // group}: a shop sells {n // group + 3} kinds of boxes; how many ways to fill a shelf?",
            rows,
            float(draw.random() < ability),
            shortest=tuple(needed),
            fallback="TransportError: no answer arrived within 60 s" if draw.random() < 0.02 else None,
            findings=[
                {"kind": "needless_check", "steps": (k,), "confidence": 0.8, "evidence": ("settled before",)}
                for k in flagged
            ],
            usage={"requests": 1, "input_tokens": 2600, "output_tokens": 600, "cost_usd": 0.0042},
        )
