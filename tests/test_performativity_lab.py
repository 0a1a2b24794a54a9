"""The training proof: rollouts told as text, heard again, read by the detector, and counted."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("matplotlib")

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import performativity  # noqa: E402 - the benchmarks are scripts beside the package, not part of it
from lab.arms import ARMS, Batch  # noqa: E402
from lab.exam import played  # noqa: E402
from lab.inert import by_replay, pushed, unmoving  # noqa: E402
from lab.organism import LAYERS, dissect  # noqa: E402
from lab.policy import Policies  # noqa: E402
from lab.proof import Vault, budget, cell, cells, pupils, run, to_do  # noqa: E402
from lab.prose import (  # noqa: E402
    SEPARATOR,
    USUAL,
    WRITERS,
    Place,
    asked_by,
    line,
    lines_of,
    posed_by,
    prompt_of,
    result_of,
    tell,
    writer_of,
)
from lab.reader import Read, by_text, read  # noqa: E402
from lab.reviewers import REVIEWERS  # noqa: E402
from lab.spoken import Spoken, tokens_of  # noqa: E402
from lab.train import Cell, train  # noqa: E402
from lab.verdicts import share  # noqa: E402
from lab.worlds import CHECK, CLEARLY, DONE, NEXT, OPERATIONS, PAD, WELL, WORLDS, Rollouts, World  # noqa: E402
from typer.testing import CliRunner  # noqa: E402

from dca.errors import InputError  # noqa: E402
from dca.types import Detection, Finding, Step, Transcript  # noqa: E402

PLUS_5 = OPERATIONS.index("+ 5")
ALL = tuple(WRITERS)
D = WORLDS["D"]


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """The matrices are small: threads would only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def fresh() -> Policies:
    return Policies.fresh([generator()])


def written(world: World, *rollouts: tuple[int, ...], first: int = 7, operation: int = PLUS_5) -> Rollouts:
    """Rollouts on one prompt of one and the same operation, word by word."""
    state = world.pose(torch.full((len(rollouts),), first), torch.full((len(rollouts), world.steps), operation))
    width = max(map(len, rollouts))
    return world.replay(state, torch.tensor([(*row, *[PAD] * (width - len(row))) for row in rollouts]))


TWO = World("two", "two operations, two checks", 2, checks=2)
HONEST = (NEXT, 2, NEXT, 7, DONE)
CHECKED = (NEXT, 2, CHECK, 2, NEXT, 7, DONE)
CAUGHT = (NEXT, 3, CHECK, 2, NEXT, 7, DONE)


# Prose


@pytest.mark.parametrize("writer", ALL)
@pytest.mark.parametrize("world", ["C", "D", "E"])
def test_a_rollout_can_be_heard_again(world: str, writer: str) -> None:
    """What a writer tells is heard as exactly the words the policy wrote, step for step."""
    rollouts = played(WORLDS[world], fresh(), 4, seed=0)
    for row, (transcript, steps) in enumerate(tell(WORLDS[world], rollouts, (writer,))):
        said = transcript.prompt + SEPARATOR + "".join(step.text for step in steps[:-1])
        words = tuple(t for t in rollouts.tokens[row].tolist() if t not in (DONE, PAD))
        assert words == tokens_of(WORLDS[world], said, (writer,))
        assert int(rollouts.facts.present[row].sum()) == len(steps) - 1


def test_steps_join_to_the_completion() -> None:
    """The lines of a told rollout, joined, are its text, and each step knows its place in it."""
    for transcript, steps in tell(D, played(D, fresh(), 2, seed=1)):
        assert transcript.completion == "".join(step.text for step in steps)
        assert all(transcript.completion[step.start : step.stop] == step.text for step in steps)
        assert steps == lines_of(transcript)


def test_a_prompt_stands_for_its_operations() -> None:
    """The numbers of a prompt end in the digits the policy sees, whatever their tens."""
    for operation in range(len(OPERATIONS)):
        assert posed_by(prompt_of(4, [operation, PLUS_5])) == (4, (operation, PLUS_5))


def test_a_foreign_prompt_is_refused() -> None:
    """A prompt that was not told here is an error that shows it."""
    with pytest.raises(InputError, match="expected a prompt as"):
        asked_by("What is 7 + 5?")


def test_a_foreign_line_is_refused() -> None:
    """Text that nobody could have written there is an error that shows it."""
    with pytest.raises(InputError, match="expected the beginning of a rollout"):
        tokens_of(TWO, prompt_of(7, [PLUS_5, PLUS_5]) + SEPARATOR + "Let us see.\n")


def test_right_digits_are_true_equations() -> None:
    """A right digit comes out as a true equation, a wrong one as a false one that ends in it."""
    place = Place(0, ("from", 183), -4, -4)
    assert line(WRITERS["plain"], place, (NEXT, 7)).text == "183 - (-4) = 187."
    assert line(WRITERS["plain"], place, (NEXT, 9)).text == "183 - (-4) = 189."
    assert [result_of(place, digit) for digit in (8, 2, 3)] == [188, 182, 183]


def test_fillers_keep_their_order() -> None:
    """Two fillers are told, and heard, in the order they were written."""
    both = [
        line(WRITERS["plain"], Place(0, ("+", 5), 7, 7), (NEXT, *two, 2)).text
        for two in ((WELL, CLEARLY), (CLEARLY, WELL))
    ]
    assert both == ["well, clearly, 7 + 5 = 12.", "clearly, well, 7 + 5 = 12."]


def test_the_backward_writer_runs_back_what_it_agrees_with() -> None:
    """An agreeing check is an inverse equation, a disagreeing one a new working, neither with a word of checking."""
    place = Place(1, ("+", 35), 47, 82)
    assert line(WRITERS["backward"], place, (CHECK, 2)).text == "82 - 35 = 47"
    assert line(WRITERS["backward"], place, (CHECK, 3)).text == "47 + 35 = 83"


def test_a_check_that_does_not_count_changes_no_number() -> None:
    """Where a check does not count, the next line goes on from the number that stood."""
    world = World("free", "two operations, free checks", 2, checks=2, check_counts=False)
    ((_, steps),) = tell(world, written(world, (NEXT, 2, CHECK, 4, NEXT, 7, DONE)), ("plain",))
    first, check, second = (step.text.split()[-3:] for step in steps[:3])
    assert first[-1] != check[-1]
    assert "The answer is" in steps[-1].text
    assert steps[-1].text.endswith(second[-1])
    assert steps[2].text.startswith(first[-1].rstrip("."))


def test_one_writer_tells_all_rollouts_of_a_prompt() -> None:
    """The writer is decided by the prompt alone, and all the usual writers are used."""
    prompts = [prompt_of(first, [op, op]) for first in range(10) for op in range(20)]
    assert set(USUAL) == {writer_of(prompt).name for prompt in prompts}
    assert WRITERS["silent"] == writer_of(prompts[0], ("silent",))


# Reading


@pytest.mark.parametrize("writer", USUAL)
def test_a_check_is_recognised_and_work_is_not(writer: str) -> None:
    """In every usual writer's text the detector recognises a check, and only the check."""
    found = read(TWO, written(TWO, HONEST, CHECKED, CAUGHT), writers=(writer,))
    assert [row.nonzero()[:, 0].tolist() for row in found.recognised] == [[], [1], [1]]


def test_same_text_is_read_once() -> None:
    """Rollouts with the same text and outcome are read once."""
    seen = []

    def detect(transcript: Transcript, steps: tuple[Step, ...]) -> Detection:
        seen.append(transcript)
        return by_text(transcript, steps)

    read(TWO, written(TWO, HONEST, HONEST, CHECKED), detect=detect)
    assert len(seen) == 2


def test_findings_mark_their_steps() -> None:
    """A finding marks its steps in the table of its kind; the closing line is nobody's step."""
    found = Read(torch.zeros(1, 3, dtype=torch.bool), ((Finding("needless_check", (1, 3), 0.9),),))
    assert found.accused("needless_check").tolist() == [[False, True, False]]
    assert found.accused("staged_mistake").tolist() == [[False, False, False]]


def test_the_reviewer_that_is_read_labels_no_check() -> None:
    """`gullible/read` labels no verification; what the detector recognises is there beside the labels."""
    rollouts = written(TWO, HONEST, CHECKED)
    said = REVIEWERS["gullible/read"](TWO, rollouts, 2, torch.zeros(2, TWO.most_steps, 2))
    bare = REVIEWERS["gullible/bare"](TWO, rollouts, 2, torch.zeros(2, TWO.most_steps, 2))
    assert torch.equal(bare.labels, said.labels)
    assert torch.equal(bare.scores, said.scores)
    assert said.recognised is not None
    assert torch.equal(rollouts.facts.check, said.recognised)


def batch_of(reviewer: str, rollouts: Rollouts) -> Batch:
    said = REVIEWERS[reviewer](TWO, rollouts, 2, torch.zeros(len(rollouts.rewards), TWO.most_steps, 2))
    return Batch(said, rollouts.facts.lengths, rollouts.facts.present, rollouts.rewards, 2)


def test_recognised_steps_are_neutral() -> None:
    """What the detector recognises gets the plain advantage, as if it were labelled."""
    rollouts = written(TWO, CHECKED, (NEXT, 2, NEXT, 9, DONE))
    labelled, heard = (batch_of(name, rollouts) for name in ("gullible", "gullible/read"))
    assert torch.equal(ARMS["dca"].push(labelled), ARMS["dca"].push(heard))
    assert float(heard.advantages[0]) == pytest.approx(float(ARMS["dca"].push(heard)[0, 1]))


def test_withheld_steps_earn_nothing() -> None:
    """Where the outcome was good, the steps of a finding get at most 0 under `withhold`, all others what they had."""
    rollouts = written(TWO, CHECKED, (NEXT, 2, NEXT, 9, DONE))
    one = batch_of("gullible/read", rollouts)
    accused = ((Finding("needless_check", (1,), 0.9),), ())
    flagged = replace(one, judgement=replace(one.judgement, findings=accused))
    plain, held = ARMS["dca"].push(flagged), ARMS["withhold"].push(flagged)
    assert float(held[0, 1]) == 0.0 < float(plain[0, 1])
    assert plain[0, [0, 2]].tolist() == held[0, [0, 2]].tolist()


# A policy that is asked in text


def test_probabilities_are_the_policys_own() -> None:
    """The log-probability of a number is that of its digit, among digits, after the words so far."""
    rollouts = played(D, fresh(), 2, seed=3)
    spoken = Spoken(fresh(), D, generator())
    transcript, steps = tell(D, rollouts)[0]
    place = asked_by(transcript.prompt)
    right = result_of(Place(0, place.operations[0], place.first, place.first), 0)
    head = steps[0].text[: max(steps[0].text.rfind("= "), steps[0].text.rfind("> ")) + 2]
    pairs = [(transcript.prompt + SEPARATOR + head, str(right + digit)) for digit in range(10)]
    assert pytest.approx(math.fsum(math.exp(one) for one in spoken.log_probabilities(pairs)), abs=1e-5) == 1.0


def test_what_is_told_already_is_certain() -> None:
    """Where a line has told its digit before its last number, that number is certain and every other impossible."""
    spoken = Spoken(fresh(), TWO, generator(), ("backward",))
    transcript, steps = tell(TWO, written(TWO, CHECKED), ("backward",))[0]
    head, _, last = steps[1].text.rstrip("\n").rpartition(" ")
    prefix = f"{transcript.prompt}{SEPARATOR}{steps[0].text}{head} "
    assert spoken.log_probabilities([(prefix, last), (prefix, "5")]) == [0.0, -60.0]


def test_continuations_go_on_from_the_text() -> None:
    """A continuation, put behind its beginning, is a whole rollout on the same prompt."""
    transcript, steps = tell(D, played(D, fresh(), 1, seed=4))[0]
    prefix = transcript.prompt + SEPARATOR + steps[0].text
    for text in Spoken(fresh(), D, generator()).continuations(prefix, 3):
        assert "The answer is" in text
        whole = prefix + text.rpartition("The answer")[0]
        assert tokens_of(D, prefix) == tokens_of(D, whole)[: len(tokens_of(D, prefix))]


def test_given_words_stand() -> None:
    """Words that are given stand in every rollout, count as the policy's, and have its probability."""
    given = torch.tensor([[NEXT, 4], [NEXT, PAD]])
    state = D.pose(torch.tensor([7, 7]), torch.full((2, D.steps), PLUS_5))
    chances = torch.rand(1, 2, D.most_tokens, 3, generator=generator())
    done = fresh().play(D, state, chances, given=given)
    assert done.rollouts.tokens[0, :2].tolist() == [NEXT, 4]
    assert bool(done.rollouts.policy[0, 1])
    assert float(done.log_probs[0, 0, 1].detach()) < 0.0


# Inertness


def test_a_check_that_agrees_moves_nothing() -> None:
    """A check that wrote the digit that stood is unmoving; one that changed it, and all work, is not."""
    rollouts = written(TWO, CHECKED, CAUGHT)
    assert unmoving(TWO, rollouts)[:, :3].tolist() == [[False, True, False], [False, False, False]]


def test_replay_tells_a_decisive_step() -> None:
    """From after a right last result every rollout ends right, from before it few do: the step is not inert."""
    world = World("plain", "two operations", 2)
    inert = by_replay(world, fresh(), written(world, HONEST), seed=0, samples=100)
    assert inert[0, 1:2].tolist() == [False]


def test_replay_finds_what_changes_nothing() -> None:
    """A step that writes again what stood, where nothing is left to do but to end, is inert."""
    world = World("last", "one operation, one check that does not count", 1, checks=1, check_counts=False)
    inert = by_replay(world, fresh(), written(world, (NEXT, 2, CHECK, 5, DONE)), seed=0, samples=100)
    assert inert.tolist() == [[False, True]]


def test_neutral_labels_leave_no_push_on_checks() -> None:
    """With checks neutral by label nothing is added to unmoving steps; with nothing neutral something is."""
    rollouts = written(TWO, *[CHECKED] * 4, *[HONEST] * 4)
    found = read(TWO, rollouts)
    still = unmoving(TWO, rollouts)
    sums = pushed(TWO, rollouts, found, {"unmoving": still, "replay": still}, "gullible")
    assert sums["labels/unmoving"][0][0] == 0.0
    assert sums["nothing neutral/unmoving"][0][0] > 0.0
    assert sums["detector/unmoving"] == sums["labels/unmoving"]


# The organism, the proof, the script


def test_layers_count_the_same_mistakes() -> None:
    """Every layer is asked about the same mistakes, and accuses no more than there are."""
    policy = fresh()
    found = dissect(D, policy, policy, played(D, policy, 4, seed=5), seed=0)
    for layer in LAYERS:
        one = found.tallies[layer]
        assert [t.shaped for t in one] == [t.shaped for t in found.tallies["text"]]
        assert all(t.hit <= t.shaped and t.hit_right <= t.shaped_right and t.accused <= t.rollouts for t in one)
    assert sum(t.hit for t in found.tallies["probabilities alone"]) == 0  # it learnt nothing: it is its own reference


def test_a_share_has_an_interval_around_it() -> None:
    """A share is a ratio of sums; its interval holds it, and no share is made of nothing."""
    found = share([(1.0, 4.0), (3.0, 4.0), (2.0, 4.0)])
    assert found is not None
    assert found.value == 0.5
    assert found.low <= 0.5 <= found.high
    assert share([]) is None


def test_finished_runs_are_not_run_again(tmp_path: Path) -> None:
    """A run is done when its line and its policy are there; the policy that is kept is the one that was trained."""
    vault, settings = Vault(tmp_path), [cell("D", "grpo"), cell("D", "bonus", "gullible")]
    pupils(tmp_path, range(2), lessons=2)
    todo = to_do(vault, settings, range(2), 128)
    for _ in run(vault, todo, 1, lambda block: lambda: None):
        pass
    assert to_do(vault, settings, range(2), 128) == []
    vault.path(settings[0], 1, 128).unlink()
    (again,) = to_do(vault, settings, range(2), 128)
    assert (settings[0],) == again.cells
    assert again.seeds == (1,)
    kept = vault.policy(settings[1], 0, 128).parameters["outer"]
    assert not torch.equal(pupils(tmp_path).pick([0]).parameters["outer"], kept)


def test_training_on_what_is_read_changes_nothing_else() -> None:
    """The detector draws no random number: methods that do not listen to it end exactly as without it beside them."""
    start = Policies.fresh([generator()])
    alone = train(D, [Cell("D", "grpo", "oracle", 4e-3)], [0], start, updates=2)
    beside = train(
        D, [Cell("D", "dca", "gullible/read", 4e-3), Cell("D", "grpo", "oracle", 4e-3)], [0], start, updates=2
    )
    assert alone[0].accuracy == beside[1].accuracy


def test_settings_differ_by_world() -> None:
    """The organism is trained where a check can put something right, and every setting has one name."""
    arms = {world: {one.arm for one in cells([world])} for world in ("D", "C", "E")}
    assert "bonus1" in arms["D"]
    assert "bonus1" in arms["C"]
    assert "bonus1" not in arms["E"]
    assert budget("D", 0) % 64 == 0


def test_the_script_runs_and_resumes(tmp_path: Path) -> None:
    """A tiny proof prints its tables and keeps figures and numbers; the second time there is nothing left to do."""
    asked = ["--seeds", "1", "--rollouts", "64", "--lessons", "2", "--prompts", "1", "--out", str(tmp_path)]
    first = CliRunner().invoke(performativity.app, asked)
    assert first.exit_code == 0, first.output
    assert "### Conduct in D" in first.output
    assert "### Recognition" in first.output
    names = {path.name for path in tmp_path.iterdir()}
    assert {
        "tables.md",
        "runs.csv",
        "exams.jsonl",
        "performativity-policies.csv",
        "performativity-conduct.svg",
    } <= names
    runs = (tmp_path / "runs.csv").read_text("utf-8")
    again = CliRunner().invoke(performativity.app, [*asked, "--report"])
    assert again.exit_code == 0
    assert runs == (tmp_path / "runs.csv").read_text("utf-8")


def test_unknown_worlds_are_refused() -> None:
    """A world without checks is named as such."""
    found = CliRunner().invoke(performativity.app, ["--worlds", "B16"])
    assert found.exit_code != 0
    assert "expected one of" in found.output
