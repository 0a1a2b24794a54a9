"""The generator of labelled cases: certified by program, matched in words, the same for the same seed."""

from __future__ import annotations

import json
import random
import re
import sys
from collections import Counter
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from dca.backends.scripted import ScriptedBackend
from dca.bench.labelled import read_labelled
from dca.equations.find import find_equations
from dca.errors import InputError, ReplyError
from dca.messages import Request
from dca.transcripts.fields import read_transcripts

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))  # scripts, not a package

import plant as script
from planting.carriers import bundled, carrier, gsm8k
from planting.cases import EVERY, FAMILIES, GROUP_SHARE, Case, plant
from planting.gate import LIMIT, gate, word_auc
from planting.groups import GROUPED, SIZE
from planting.honest import HONEST
from planting.invent import PURPOSES, invent, saved
from planting.made import TEMPLATES, made
from planting.sums import Sum, inherited, places, shown, slip
from planting.writers import FOLDER, MOVES, Voice, complaint, load_writers

WRITERS = load_writers()
CARRIERS = [*made(300, random.Random(0)), *bundled()]
CASES = list(plant(CARRIERS, WRITERS, per_family=16, seed=3))
PAIRS = {
    name: (next(c for c in CASES if c.name == f"{name}p"), next(c for c in CASES if c.name == f"{name}c"))
    for name in (case.name[:-1] for case in CASES if case.name.endswith("p") and case.name[:2] in EVERY)
}


def is_first(case: Case) -> bool:
    """Whether a case is not the control of another, nor somebody's sibling."""
    return case.name[-1] != "c" and "." not in case.name


def words(case: Case) -> list[str]:
    """The words of a case's episode, without its numbers."""
    text = " ".join(case.lines[k].text for k in case.episodes[0].steps)
    return re.findall(r"[^\W\d_]{2,}", text)


def test_every_family_and_every_honest_kind_is_there() -> None:
    """All families of either sort, each as often planted as controlled, and all honest kinds."""
    found = Counter((e.family, e.planted) for case in CASES for e in case.episodes if e.family)
    wanted = {**dict.fromkeys(FAMILIES, 16), **dict.fromkeys(GROUPED, 16 // GROUP_SHARE)}
    assert wanted == {family: found[family, True] for family in EVERY}
    assert wanted == {family: found[family, False] for family in EVERY}
    assert sorted(EVERY) == [*(f"N{k}" for k in range(1, 8)), *(f"S{k}" for k in range(1, 8))]
    kinds = {e.control for case in CASES for e in case.episodes if not e.family}
    assert set(HONEST) <= kinds
    controls = {e.control for case in CASES for e in case.episodes if e.family and not e.planted}
    assert {"required", "catch", "recheck", "misread", "trigger", "trigger_used", "copied", "reason"} <= controls
    assert {"doubt", "left", "alone"} <= controls


def test_the_certificate_holds_line_by_line() -> None:
    """False equations stand just where the roles say so, and the reward is whether the answer is the right one."""
    for case in CASES:
        for line in case.lines:
            verdicts = {e.verdict for e in find_equations(line.text)}
            assert ("false" in verdicts) == line.false, (case.name, line)
        assert (shown(case.carrier.answer) in re.findall(r"\d+(?:\.\d+)?", case.lines[-1].text)) == case.right


def test_a_planted_check_finds_nothing() -> None:
    """Before a planted needless check no equation is false, and the answer is right."""
    for planted, _ in PAIRS.values():
        if planted.episodes[0].question == "needless":
            assert planted.right
            assert not any(line.false for line in planted.lines)


def test_a_control_that_catches_follows_a_mistake() -> None:
    """A check that catches stands after a slip, and what it says is true."""
    for _, control in PAIRS.values():
        first = control.episodes[0]
        if first.control in ("catch", "misread", "recheck"):
            slips = [k for k, line in enumerate(control.lines) if line.role == "slip"]
            assert slips
            assert slips[0] < first.steps[0]


def test_a_staged_mistake_is_one_and_is_taken_back() -> None:
    """The planted episode begins with the mistake and ends with its repair; only the mistake is called staged."""
    for planted, _ in PAIRS.values():
        first = planted.episodes[0]
        if first.question == "staged":
            roles = [planted.lines[k].role for k in first.steps]
            assert roles == ["slip", "repair"]
            assert [planted.truth[k].staged for k in first.steps] == [True, None]
            assert planted.right


def test_plants_and_controls_share_their_words() -> None:
    """A pair's episodes are written with the same words, wherever its control says the same thing."""
    apart = {name for name, (planted, control) in PAIRS.items() if words(planted) != words(control)}
    carried = {"S4", "S1", "S2"}  # quotations; lines of the carrier between a slip and its repair
    assert {name[:2] for name in apart} <= carried


def test_a_required_check_is_the_same_text() -> None:
    """Where the problem asks for the check, only the problem differs, and the truth."""
    required = [(p, c) for p, c in PAIRS.values() if c.episodes[0].control == "required"]
    assert len(required) >= 30
    for planted, control in required:
        assert planted.lines == control.lines
        assert planted.prompt != control.prompt
        k = control.episodes[0].steps[0]
        assert (planted.truth[k].needless, control.truth[k].needless) == (True, False)
        assert control.truth[k].verification is True


def test_truth_follows_from_roles() -> None:
    """Checks are verification, repairs are open, all else is not; nothing is needless or staged without a plant."""
    for case in CASES:
        if not case.episodes:
            continue
        for line, truth in zip(case.lines, case.truth, strict=True):
            assert truth.verification is {"check": True, "repair": None}.get(line.role, False)
        if not case.episodes[0].planted:
            assert not any(t.needless or t.staged for t in case.truth)


def groups() -> dict[str, list[Case]]:
    """The rollouts of each group, the one in question first."""
    found: dict[str, list[Case]] = {}
    for case in CASES:
        if case.group:
            found.setdefault(case.group, []).append(case)
    return found


def test_a_group_is_one_prompt_and_one_question() -> None:
    """Each group has ten rollouts of a prompt that no other row has, of which only the first is scored."""
    assert groups()
    prompts = Counter(case.prompt for case in CASES)
    for name, rows in groups().items():
        assert [case.name for case in rows] == [name, *(f"{name}.{k}" for k in range(1, SIZE))]
        assert len({case.prompt for case in rows}) == 1
        assert {case.writer for case in rows} == {rows[0].writer}
        assert prompts[rows[0].prompt] == SIZE
        assert rows[0].episodes
        assert all(not case.episodes and {t.verification for t in case.truth} == {None} for case in rows[1:])


def test_only_siblings_tell_a_grouped_plant_from_its_control() -> None:
    """The transcript in question is the same text in both groups."""
    pairs = [(p, c) for p, c in PAIRS.values() if p.group]
    assert {p.name[:2] for p, _ in pairs} == set(GROUPED)
    for planted, control in pairs:
        assert planted.lines == control.lines
        assert planted.episodes[0].steps == control.episodes[0].steps
        assert planted.right
        assert control.right


def test_siblings_agree_in_a_settled_group_only() -> None:
    """In N3 all siblings are right where the test is needless, and at least four are wrong where it is honest."""
    wrong = {name: sum(not case.right for case in rows) for name, rows in groups().items() if name.startswith("N3")}
    assert {count for name, count in wrong.items() if name.endswith("p")} == {0}
    assert min(count for name, count in wrong.items() if name.endswith("c")) >= 4


def test_a_staged_slip_is_shared_and_never_left() -> None:
    """In S7 most siblings make the slip and mend it; among honest ones some leave it, or none makes it."""
    for name, rows in groups().items():
        if not name.startswith("S7"):
            continue
        slips = [sum(line.role == "slip" for line in case.lines) for case in rows[1:]]
        left = sum(not case.right for case in rows)
        if rows[0].episodes[0].planted:
            assert (sum(map(bool, slips)) >= SIZE // 2, left) == (True, 0)
        elif rows[0].episodes[0].control == "alone":
            assert (sum(slips), left) == (0, 0)
        else:
            assert left >= 2
            assert sum(map(bool, slips)) >= SIZE // 2


def test_no_problem_serves_a_family_too_often() -> None:
    """A family's cases come from many problems: one serves it twice at most."""
    uses = Counter((case.name.partition("-")[0], case.carrier.problem) for case in CASES if is_first(case))
    assert max(uses.values()) <= 2


def test_the_same_seed_gives_the_same_cases() -> None:
    """Cases are decided by the seed alone; another seed gives others."""
    small = CARRIERS[:80]
    first, again, other = ([c.record() for c in plant(small, WRITERS, per_family=2, seed=s)] for s in (1, 1, 2))
    assert first == again
    assert first != other


def test_the_file_is_read_by_dca(tmp_path: Path) -> None:
    """What is written is read back as transcripts by `dca review`, and as labelled transcripts by the bench."""
    path = tmp_path / "planted.jsonl"
    path.write_text("".join(json.dumps(case.record()) + "\n" for case in CASES), "utf-8")
    rows = list(read_labelled(path))
    assert [row.truth for row in rows] == [case.truth for case in CASES]
    assert [row.episodes for row in rows] == [case.episodes for case in CASES]
    assert {row.writer for row in rows} == {writer.name for writer in WRITERS}
    assert [row.group for row in rows] == [case.group for case in CASES]
    transcripts = list(read_transcripts(path))
    assert [t.reward for t in transcripts] == [float(case.right) for case in CASES]
    assert all(row.transcript.metadata == {} for row in rows), "a detector must not see the truth"


def test_words_alone_do_not_tell() -> None:
    """Every family stays at the limit of the artefact gate."""
    found = [gate(CASES, family) for family in EVERY]
    assert [g.family for g in found if not g.passed] == []
    assert all(abs(g.length[0] - g.length[1]) <= 0.15 * max(g.length) for g in found)


def test_the_gate_shuts_where_words_tell() -> None:
    """A family whose plants say what controls do not is far above the limit."""
    family = [case for case in CASES if case.name.startswith("N1")]
    spoilt = [
        replace(case, lines=tuple(replace(line, text=line.text + " theatre") for line in case.lines))
        if case.episodes[0].planted
        else case
        for case in family
    ]
    assert gate(spoilt, "N1").episode > 0.95 > LIMIT
    assert not gate(spoilt, "N1").passed


def test_numbers_are_one_word_to_the_gate() -> None:
    """The gate is about words: texts that differ in their numbers alone are at chance."""
    import numpy as np

    texts = [f"it is {k * k + 7}" for k in range(40)]
    planted = np.arange(40) % 2 == 0
    assert word_auc(texts, planted, [str(k) for k in range(40)]) == pytest.approx(0.5, abs=0.1)


def test_writers_differ() -> None:
    """No template is shared by two writers, but for bare sums; each has every move, with its slots, no digit."""
    assert len(WRITERS) >= 6
    for move in MOVES:
        said = Counter(t for w in WRITERS for t in w.moves[move])
        assert [t for t, times in said.items() if times > 1 and t not in ("{eq}.", "The answer is {answer}.")] == []


@pytest.mark.parametrize(
    ("template", "said"),
    [
        ("Again.", "expected each slot once (eq)"),
        ("{eq} and {eq}", "expected each slot once (eq)"),
        ("{eq} of {value}", "expected each slot once (eq)"),
        ("{eq} the 2nd time", "expected no digit"),
        ("{eq", "expected a template"),
    ],
)
def test_templates_are_checked(template: str, said: str) -> None:
    """A template with a slot too few, too many or unknown, or with a digit, is refused."""
    assert said in complaint("recompute", template)


def test_a_voice_says_the_same_in_both_texts() -> None:
    """One seed gives one template for the nth time of a move, whatever fills it."""
    voice = Voice(WRITERS[0], "pair")
    one, two = (voice.say("recompute", eq=eq) for eq in ("1 + 1 = 2", "3 + 4 = 7"))
    assert one.replace("1 + 1 = 2", "") == two.replace("3 + 4 = 7", "")
    assert len({voice.say("recompute", n, eq="x") for n in range(4)}) == 4


def reply(request: Request) -> str:
    """What a model might answer: templates with the right slots."""
    move = request.case.rpartition("-")[0]
    slots = " ".join("{" + slot + "}" for slot in sorted(MOVES[move]))
    return json.dumps({"templates": [f"Well, {slots} it is.", f"Aha, {slots} then."]})


def test_a_backend_writes_a_writer() -> None:
    """Any backend can be asked for a writer: one request for each move, and its words make cases like the others."""
    backend = ScriptedBackend(reply)
    writer = invent("guest", "cheerful", backend)
    assert [r.case for r in backend.requests] == [f"{move}-0" for move in MOVES]
    assert set(PURPOSES) == set(MOVES)
    assert all("cheerful" in r.messages[0].text for r in backend.requests)
    cases = list(plant(CARRIERS[:60], [writer], per_family=1, seed=0))
    assert {case.writer for case in cases} == {"guest"}
    assert any(line.text.startswith(("Well", "Aha")) for case in cases for line in case.lines)


def test_a_backend_is_told_once_what_was_wrong() -> None:
    """Templates that break the rules go back once with the complaint; what is then good is kept."""
    answers = iter(["no json", json.dumps({"templates": ["So {eq}.", "No slot."]})])

    def answer(request: Request) -> str:
        return next(answers) if request.case.startswith("work-") else reply(request)

    backend = ScriptedBackend(answer)
    assert list(invent("guest", "dry", backend).moves["work"]) == ["So {eq}."]
    second = backend.requests[1]
    assert [m.role for m in second.messages] == ["user", "assistant", "user"]
    assert "expected" in second.messages[-1].text


def test_a_backend_that_never_learns_is_an_error() -> None:
    """After the complaint, a move without a usable template is an error that names the move."""
    with pytest.raises(ReplyError, match="work: expected templates with the slots"):
        invent("guest", "dry", ScriptedBackend(lambda _: json.dumps({"templates": ["none"]})))


def test_a_saved_writer_is_read_again(tmp_path: Path) -> None:
    """A file of templates is a writer; anything else is refused by name."""
    path = tmp_path / "mine.json"
    path.write_text((FOLDER / "terse.json").read_text("utf-8"), "utf-8")
    assert saved(path).name == "mine"
    path.write_text("[]", "utf-8")
    with pytest.raises(InputError, match="expected a writer"):
        saved(path)


def test_sums_and_slips() -> None:
    """Sums are read with their result's place, run backwards, got wrong, and the wrong value is reckoned on with."""
    text = "They made 48 / 2 = $24 in May"
    (place,) = places(0, text)
    assert text[place.start : place.stop] == "24"
    assert place.sum.inverse() == Sum(Fraction(24), "*", Fraction(2), Fraction(48))
    wrong = slip(place.sum, random.Random(0), {Fraction(48), Fraction(2)})
    assert wrong is not None
    assert wrong.c not in (24, 48, 2)
    assert wrong.inverse() != place.sum.inverse()
    mapping = {Fraction(24): Fraction(26)}
    assert inherited("In all 48 + 24 = 72, and 72 * 2 = 144", mapping) == "In all 48 + 26 = 74, and 74 * 2 = 148"


def test_carriers_are_certified() -> None:
    """A solution with a false equation, or with too few sums, is no carrier; marks of a calculator are left out."""
    lines = ["16 - 3 = <<16-3=13>>13 eggs", "13 * 2 = <<13*2=26>>26 dollars"]
    found = carrier("p", "gold", "16 eggs, 3 eaten, 2 dollars", lines, "26")
    assert found is not None
    assert found.steps == ("16 - 3 = 13 eggs", "13 * 2 = 26 dollars")
    assert carrier("p", "gold", "q", ["16 - 3 = 14 eggs", lines[1]], "26") is None
    assert carrier("p", "gold", "q", lines[:1], "13") is None


def test_problems_are_drawn_from_every_template() -> None:
    """Each template serves, and each drawn problem's answer is its last sum."""
    found = list(made(120, random.Random(1)))
    assert {int(c.problem.split(":")[1]) for c in found} == set(range(len(TEMPLATES)))
    assert all(c.places[-1].sum.c == c.answer for c in found)


def test_gsm8k_is_read_from_its_files(tmp_path: Path) -> None:
    """Gold and right model solutions become carriers, with the share of models that were right."""
    question = "Ann has 48 pens and gives away 20. She buys 3 times what is left. How many does she buy?"
    lines = "48 - 20 = <<48-20=28>>28 pens\n28 * 3 = <<28*3=84>>84 pens"
    row: dict[str, Any] = {"question": question, "ground_truth": f"{lines}\nA: 84"}
    for n, model in enumerate(("6b_finetuning", "6b_verification", "175b_finetuning", "175b_verification")):
        row[model] = {"is_correct": n == 0, "solution": f"{lines}\nA: 84"}
    (tmp_path / "example_model_solutions.jsonl").write_text(json.dumps(row) + "\n", "utf-8")
    gold = {"question": question, "answer": f"{lines}\n#### 84"}
    (tmp_path / "test.jsonl").write_text(json.dumps(gold) + "\n", "utf-8")
    found = list(gsm8k(tmp_path))
    assert [(c.source, c.first_accuracy, c.problem) for c in found] == [
        ("gold", 0.25, "gsm8k:0"),
        ("model", 0.25, "gsm8k:0"),
    ]


def test_the_first_test_of_a_doubtful_answer_is_a_control() -> None:
    """Where most models get a problem wrong, the first test of its answer is an honest control."""
    doubtful = [replace(c, first_accuracy=0.25) for c in CARRIERS[:150]]
    found = list(plant(doubtful, WRITERS, per_family=6, seed=0))
    first = [c for c in found if c.episodes and c.episodes[0].control == "first"]
    assert {c.name[:2] for c in first} == {"N2", "N7"}
    assert all(c.record()["metadata"]["first_accuracy"] == 0.25 for c in first)


def test_the_script_writes_and_shows(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The script writes a file, prints counts and the gate, and shows cases with their marks."""
    monkeypatch.setattr(script, "STOCK", 120)
    out = tmp_path / "p.jsonl"
    script.main(per_family=4, writers="terse,formal", out=out)
    said = capsys.readouterr().out
    assert "writers: 2 (terse, formal)" in said
    assert "artefact gate" in said
    assert f"cases: {len(out.read_text('utf-8').splitlines())} transcripts" in said
    script.main(per_family=2, show="S1-0")
    assert re.search(r"slip   --\+ ", capsys.readouterr().out)
    with pytest.raises(InputError, match="--writers: expected some of"):
        script.main(writers="nobody")
