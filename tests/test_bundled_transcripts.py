"""The bundled transcripts: each line is well formed, and each is what its labels say it is.

The cutting, the reading of the final answer and the arithmetic are written afresh here, so that the file is not
judged by the code it is meant to exercise.
"""

from __future__ import annotations

import ast
import json
import re
import unicodedata
from fractions import Fraction
from importlib.resources import files
from operator import add, mul, sub, truediv
from typing import Any

import pytest

from dca.credit.segment import segment
from dca.types import LABELS, Transcript

Record = dict[str, Any]

ROWS: list[Record] = [
    json.loads(line)
    for line in files("dca").joinpath("data", "transcripts.jsonl").read_text(encoding="utf-8").split("\n")
    if line
]
EACH = pytest.mark.parametrize("row", ROWS, ids=[row["id"] for row in ROWS])

MISTAKES = {"error", "staged_mistake"}
POINTS_BACK = {"recovery", "check", "needless_check"}
NEVER_NEEDED = MISTAKES | {"needless_check", "filler", "injection"}
SEEN_IN_LABELS = {"staged_mistake", "needless_check", "filler", "injection", "recovery"}
FEW = {"check_flips": 1, "hypothesis": 1, "hostile_text": 1, "injection": 1, "long": 1, "copy_error": 2, "lucky": 2}
MANY = {"staged_mistake": 4, "recovery": 3, "needless_check": 5, "useful_check": 3, "filler": 3, "slip": 3}
AT_LEAST = FEW | MANY | {"setup_error": 3}
NUMBER = r"-?\d[\d,]*(?:\.\d+)?(?:/\d+)?"
STATED = (r"\\boxed\{([^{}]*)\}", "#### (.+)", "(?i)answer(?: is|:) ([^*]+)", r"\*\*(.+)\*\*", rf"({NUMBER})\D*$")
OPERATORS = {ast.Add: add, ast.Sub: sub, ast.Mult: mul, ast.Div: truediv, ast.Pow: pow}


def steps_of(row: Record) -> list[str]:
    """Blank lines separate the steps; where there is none, line ends do."""
    text = row["completion"]
    return text.split("\n\n") if "\n\n" in text else text.split("\n")


def labels_of(row: Record) -> dict[int, str]:
    return {int(k): entry["label"] for k, entry in row["metadata"]["truth"].items()}


def rows_of(kind: str) -> list[Record]:
    return [row for row in ROWS if kind in row["metadata"]["kinds"]]


def plain(text: str) -> str:
    """LaTeX arithmetic as a calculator would take it; other markup becomes blank."""
    text = re.sub(r"\\frac\{([^{}]*)\}\{([^{}]*)\}", r"((\1)/(\2))", text)
    text = re.sub(r"\\(?:times|cdot)\b", "*", re.sub(r"\\div\b", "/", text))
    return re.sub(r"\\[(),]|[$*`]{2}|[$`]", " ", text)


def final_answer(row: Record) -> str:
    """What the last line states: boxed, after ####, after "answer", in bold, or else its last number."""
    last = steps_of(row)[-1].split("\n")[-1]
    last = re.sub(r"\\frac\{(\d+)\}\{(\d+)\}", r"\1/\2", last)
    found = next(filter(None, (re.search(pattern, last) for pattern in STATED)), None)
    assert found, f"{row['id']} states no answer in its last line: {last!r}"
    return found[1].strip().rstrip(".")


def same_answer(answer: str, reference: str) -> bool:
    """Numbers agree as numbers, whatever unit follows; words agree as words."""
    if not re.fullmatch(NUMBER, reference):
        return answer.casefold() == reference.casefold()
    number = re.search(NUMBER, answer)
    return number is not None and Fraction(number[0].replace(",", "")) == Fraction(reference)


def value(expression: str) -> Fraction | None:
    """The exact value of a numeric expression; None where it is not one."""
    text = re.sub(r"(?<=\d),(?=\d{3})", "", expression.strip())
    text = re.sub(r"(\d+(?:\.\d+)?)%", r"(\1/100)", text)
    text = text.translate({ord("×"): "*", ord("·"): "*", ord("÷"): "/", ord("−"): "-", ord("^"): "**"})
    try:
        return evaluate(ast.parse(text, mode="eval").body)
    except (SyntaxError, TypeError):
        return None


def evaluate(node: ast.expr) -> Fraction:
    if isinstance(node, ast.Constant):
        return Fraction(str(node.value))
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -evaluate(node.operand)
    if isinstance(node, ast.BinOp) and type(node.op) in OPERATORS:
        return OPERATORS[type(node.op)](evaluate(node.left), evaluate(node.right))
    raise TypeError(f"not arithmetic: {ast.dump(node)}")


def equations(step: str) -> list[tuple[str, bool]]:
    """Each purely numeric ``left = right`` in a step, and whether it holds; chains give several."""
    text, found = plain(step), []
    for run in re.finditer(r"[\d.,+\-−*/×·÷()=%^ ]+", text):
        before, after = text[: run.start()][-1:], text[run.end() :][:1]
        chains = re.split(r"[,.](?= |$)", run[0])
        for index, chain in enumerate(chains):
            sides = chain.split("=")
            if index == 0 and before and touches(sides[0], before):
                sides[0] = ""
            if index == len(chains) - 1 and after.isalnum() and not sides[-1].endswith(" "):
                sides[-1] = ""
            values = [value(side) for side in sides]
            for k in range(len(sides) - 1):
                if values[k] is not None and values[k + 1] is not None:
                    found.append((f"{sides[k]}={sides[k + 1]}", values[k] == values[k + 1]))
    return found


def touches(side: str, before: str) -> bool:
    """True where what stands before belongs to the expression, as in ``5a + 20`` or ``x2``."""
    grown = side[:1] != " " or re.match(r" *[+*/×·÷^−]| *- ", side)
    return bool(grown and (before.isalnum() or before in "})\\_"))


def test_the_collection() -> None:
    """Thirty transcripts with ids and prompts of their own; half end wrong, a third has one step a line."""
    assert len(ROWS) == len({row["id"] for row in ROWS}) == len({row["prompt"] for row in ROWS}) == 30
    assert sum(row["reward"] == 0.0 for row in ROWS) == 15
    assert sum("\n\n" not in row["completion"] for row in ROWS) == 10


@EACH
def test_schema(row: Record) -> None:
    """A line has the documented fields and types, and makes a `Transcript`."""
    assert list(row) == ["id", "prompt", "completion", "reward", "reference", "metadata"]
    assert all(isinstance(row[name], str) and row[name] for name in ("id", "prompt", "completion", "reference"))
    assert row["reward"] in (0.0, 1.0)
    meta = row["metadata"]
    assert list(meta) == ["domain", "kinds", "first_error", "truth", "needed", "note"]
    assert all(meta[name] for name in ("domain", "kinds", "needed", "note"))
    assert set(meta["kinds"]) <= set(AT_LEAST)
    for entry in meta["truth"].values():
        assert set(entry) - {"of"} == {"label", "why"}
        assert entry["label"] in LABELS
        assert entry["why"]
    assert row["completion"] == Transcript(**row).completion


@EACH
def test_steps_are_unambiguous(row: Record) -> None:
    """Blank lines or line ends part the steps, never both (but in a fenced block); the default segmenter agrees."""
    steps = steps_of(row)
    assert steps == [step.text.strip() for step in segment(Transcript(**row))]
    for step in steps:
        assert "\n" not in step or (step.startswith("```") and step.endswith("\n```"))
    expected = range(20, 40) if "long" in row["metadata"]["kinds"] else range(4, 15)
    assert len(steps) in expected


@EACH
def test_indices_are_in_range(row: Record) -> None:
    """Truth and `needed` name existing steps; `of` is earlier than its step and given where a step looks back."""
    count, needed = len(steps_of(row)), row["metadata"]["needed"]
    for key, entry in row["metadata"]["truth"].items():
        assert key == str(int(key))
        assert 0 <= int(key) < count
        assert 0 <= entry["of"] < int(key) if "of" in entry else entry["label"] not in POINTS_BACK
    assert needed == sorted(set(needed))
    assert set(needed) <= set(range(count))


@EACH
def test_needed_steps_do_work(row: Record) -> None:
    """No mistake, needless check, filler or injection is needed; a right transcript needs its last line."""
    labels = labels_of(row)
    assert not {labels.get(k) for k in row["metadata"]["needed"]} & NEVER_NEEDED
    assert (len(steps_of(row)) - 1 in row["metadata"]["needed"]) == (row["reward"] == 1.0)


@EACH
def test_first_error(row: Record) -> None:
    """`first_error` is the first step labelled as a mistake; a wrong answer always has one."""
    mistakes = [k for k, label in sorted(labels_of(row).items()) if label in MISTAKES]
    assert row["metadata"]["first_error"] == (mistakes[0] if mistakes else None)
    assert row["reward"] == 1.0 or mistakes


@EACH
def test_reward_is_correctness(row: Record) -> None:
    """The reward is 1 exactly where the final answer is the reference."""
    assert same_answer(final_answer(row), row["reference"]) == (row["reward"] == 1.0)


@EACH
def test_equations_hold_except_in_mistakes(row: Record) -> None:
    """A false equation stands only in a step labelled as a mistake; a staged one always has one."""
    labels = labels_of(row)
    for k, step in enumerate(steps_of(row)):
        false = [text for text, holds in equations(step) if not holds]
        assert not false or labels.get(k) in MISTAKES
        assert false or labels.get(k) != "staged_mistake"


def test_the_equation_check_has_something_to_check() -> None:
    """The small reader above finds most of the arithmetic, true and false, and takes algebra for what it is."""
    found = [holds for row in ROWS for step in steps_of(row) for _, holds in equations(step)]
    assert len(found) >= 120
    assert 8 <= found.count(False) <= 12
    assert equations("5a + 20 = 180 and 160 = 4a, x^2 - 5x - 5 = 0") == []
    assert [h for _, h in equations(r"so $\frac{7}{4} \times 2 = 3.5 = 350%$, 1,200 / 2 = 60")] == [True, True, False]


@EACH
def test_kinds_follow_from_labels(row: Record) -> None:
    """The tags that can be read off the labels are exactly those."""
    shown = SEEN_IN_LABELS & set(labels_of(row).values())
    if "staged_mistake" in shown:
        shown -= {"recovery"}  # the repair of a staged mistake is part of the show
    assert shown == SEEN_IN_LABELS & set(row["metadata"]["kinds"])
    assert row["reward"] == 0.0 or "key" in labels_of(row).values()


def test_every_kind_is_there_often_enough() -> None:
    """Each kind of case occurs at least as often as promised, the rare ones exactly as often."""
    counts = {kind: len(rows_of(kind)) for kind in AT_LEAST}
    assert all(counts[kind] >= least for kind, least in AT_LEAST.items())
    assert {kind: counts[kind] for kind in FEW} == FEW
    assert [row["reward"] for row in rows_of("injection")] == [0.0]
    assert len({row["metadata"]["domain"] for row in ROWS}) >= 12


@pytest.mark.parametrize("row", rows_of("staged_mistake"), ids=lambda row: row["id"])
def test_staged_mistakes_are_inert(row: Record) -> None:
    """A staged mistake is repaired at once, with nothing but filler between, and the answer is right."""
    truth, labels = row["metadata"]["truth"], labels_of(row)
    assert row["reward"] == 1.0
    for slip in (k for k, label in labels.items() if label == "staged_mistake"):
        repair = next(k for k, label in labels.items() if label == "recovery" and truth[str(k)]["of"] == slip)
        assert all(labels.get(k) == "filler" for k in range(slip + 1, repair))


@pytest.mark.parametrize("row", rows_of("recovery"), ids=lambda row: row["id"])
def test_genuine_errors_are_used_before_they_are_repaired(row: Record) -> None:
    """A genuine recovery repairs an error on which at least one later step was built."""
    truth, labels = row["metadata"]["truth"], labels_of(row)
    for repair in (k for k, label in labels.items() if label == "recovery"):
        assert labels[truth[str(repair)]["of"]] == "error"
        assert repair - truth[str(repair)]["of"] >= 2


@pytest.mark.parametrize("row", rows_of("useful_check"), ids=lambda row: row["id"])
def test_useful_checks_are_needed_or_find_an_error(row: Record) -> None:
    """A useful check is part of the shortest solution, or a repair follows it."""
    labels = labels_of(row)
    checks = [k for k, label in labels.items() if label == "check"]
    assert any(k in row["metadata"]["needed"] or labels.get(k + 1) == "recovery" for k in checks)


def test_lucky_answers_hide_two_errors() -> None:
    """A lucky row is right at the end, with two errors that nobody repaired."""
    for row in rows_of("lucky"):
        labels = list(labels_of(row).values())
        assert (row["reward"], labels.count("error"), labels.count("recovery")) == (1.0, 2, 0)


def test_copy_errors_are_the_last_step_only() -> None:
    """A copying error is the only one, is the last step, and names the right value it spoils."""
    for row in rows_of("copy_error"):
        last = len(steps_of(row)) - 1
        assert row["reward"] == 0.0
        assert [last] == [k for k, label in labels_of(row).items() if label in MISTAKES]
        assert row["reference"].split()[-1] in steps_of(row)[row["metadata"]["truth"][str(last)]["of"]]


def test_setup_errors_keep_all_arithmetic_true() -> None:
    """A row that is wrong by its set-up contains no false equation at all."""
    for row in rows_of("setup_error"):
        assert row["reward"] == 0.0
        assert all(holds for step in steps_of(row) for _, holds in equations(step))


def test_the_flipping_check_overturns_the_reference() -> None:
    """The wrong revision follows a check and points at a step that states the right answer."""
    (row,) = rows_of("check_flips")
    truth, first = row["metadata"]["truth"], row["metadata"]["first_error"]
    assert truth[str(first - 1)]["label"] == "check"
    assert row["reference"] in re.findall(NUMBER, steps_of(row)[truth[str(first)]["of"]])


def test_the_hostile_text_is_hostile() -> None:
    """One right transcript carries script tags, entities, emoji, CJK and right-to-left letters."""
    (row,) = rows_of("hostile_text")
    text = row["completion"]
    assert row["reward"] == 1.0
    assert all(markup in text for markup in ("<script>", "&amp;"))
    assert {"R", "AL"} <= {unicodedata.bidirectional(c) for c in text}
    assert {"CJK UNIFIED", "RED APPLE"} <= {unicodedata.name(c, "")[:11].strip() for c in text}
