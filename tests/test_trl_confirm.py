"""The proof under the real trainer: worksheets say what happened, runs are comparable, their figures are right."""

from __future__ import annotations

import doctest
import math
import sys
from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("trl")
pytest.importorskip("matplotlib")

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import demo_train  # noqa: E402 - the benchmarks are scripts beside the package, not part of it
import overhead  # noqa: E402
import trl_confirm  # noqa: E402
from lab import worksheet  # noqa: E402
from lab.apprentice import Teacher, pretrained, school_of  # noqa: E402
from lab.chain_trl import ARMS, GRPO, Playground, Progress, Setting, train  # noqa: E402
from lab.reviewers import REVIEWERS  # noqa: E402
from lab.school import misconceived  # noqa: E402
from lab.transformer import (  # noqa: E402
    PIECES,
    Cached,
    Written,
    model,
    posed,
    prompt_ids,
    tokenizer,
    write,
    written,
)
from lab.trial_report import draw, markdown  # noqa: E402
from lab.trials import BATCH, Trial, append, difference, load, speed_up  # noqa: E402
from lab.worksheet import Verifier, WorksheetReviewer, lines  # noqa: E402
from lab.worlds import CHECK, DONE, NEXT, PAD, WORLDS, State, World  # noqa: E402
from typer.testing import CliRunner  # noqa: E402

from dca import Transcript  # noqa: E402
from dca.credit.schemes import VERIFICATION_LABELS  # noqa: E402
from dca.trl.rendering import TokenTable  # noqa: E402
from dca.types import LABELS  # noqa: E402

ROWS = 320


class Careful:
    """A teacher who makes mistakes, but no nonsense."""

    def __init__(self, world: World, generator: torch.Generator) -> None:
        self.teacher = Teacher(misconceived(generator), world)

    def weights(self, state: State) -> torch.Tensor:
        return self.teacher.weights(state)

    def read(self, tokens: torch.Tensor) -> None:
        pass


class Careless(Careful):
    """A teacher whose pen slips: now and then it writes any token at all, also those that make no sense."""

    def weights(self, state: State) -> torch.Tensor:
        words = self.teacher.weights(state)
        rest = torch.zeros(len(words), len(PIECES) - words.shape[1])
        return torch.cat([words, rest], 1) + 0.02 / len(PIECES)


def sheets(name: str, author: type = Careless) -> tuple[World, Written, list[str], list[str]]:
    """Rollouts of a world, most of them whole, with their prompts and texts."""
    world, generator = WORLDS[name], torch.Generator().manual_seed(3)
    made = written(author(world, generator), world, world.start(ROWS // 8, generator).repeat(8), generator)
    texts = [tokenizer().decode(ids, skip_special_tokens=True) for _, ids, _ in made.rows()]
    return world, made, [world.prompt(made.rollouts, row) for row in range(ROWS)], texts


def trial(arm: str, accuracies: list[float], *, world: str = "B16", rate: float = 1e-3, seed: int = 0) -> Trial:
    """A run with that curve of accuracies."""
    curve = tuple(Progress(accuracy, 0.1, 0.05, 0.0, 0.2, 20.0) for accuracy in accuracies)
    return Trial(Setting(world, arm, rate, seed, len(curve)), curve, 1.0)


@pytest.mark.parametrize("name", sorted(WORLDS))
def test_the_text_says_what_happened(name: str) -> None:
    """The verifier, who reads the text alone, pays what the world pays, also where a rollout makes no sense."""
    world, made, prompts, texts = sheets(name)
    assert Verifier(world)(prompts, texts) == made.rollouts.rewards.tolist()
    assert 0 < made.rollouts.rewards.sum() < ROWS
    assert 0 < sum(ids[-1] == DONE for _, ids, _ in made.rows()) < ROWS  # some were broken off


@pytest.mark.parametrize("opinion", ["oracle", "gullible"])
@pytest.mark.parametrize("name", ["B16", "C", "E"])
def test_reviewers_of_text_judge_as_those_of_the_simulator(name: str, opinion: str) -> None:
    """Scores and labels of verification are those of the vectorised reviewer; what is no step is wrong."""
    world, made, prompts, texts = sheets(name)
    judged = REVIEWERS[opinion](world, made.rollouts, 8, torch.zeros(ROWS, world.most_steps, 2))
    for row in range(ROWS):
        transcript = Transcript(prompts[row], texts[row], 0.0)
        review = WorksheetReviewer(opinion, world).review(transcript, lines(transcript))
        present = made.rollouts.facts.present[row]
        scores, codes = judged.scores[row][present].tolist(), judged.labels[row][present].tolist()
        labels = [LABELS[code] if LABELS[code] in VERIFICATION_LABELS else None for code in codes]
        broken = len(review.scores) - len(scores)
        assert (*scores, *[-1.0] * broken) == review.scores
        assert (*labels, *[None] * broken) == review.labels


def test_without_labels_nothing_is_neutral() -> None:
    """The reviewer of the conservation-only arm scores the same and labels no verification."""
    world = WORLDS["D"]
    transcript = Transcript("start 7: + 5", "next: 7 + 5 -> 2\ncheck: 7 + 5 -> 2\nnext:", 1.0)
    reviews = [
        WorksheetReviewer("gullible", world, labels=labels).review(transcript, lines(transcript))
        for labels in (True, False)
    ]
    assert [review.scores for review in reviews] == [(0.5, 0.75)] * 2
    assert [review.labels for review in reviews] == [(None, "needless_check"), (None, None)]


@pytest.mark.parametrize("name", ["B16", "C"])
def test_only_what_the_policy_decided_is_its_own(name: str) -> None:
    """The mask leaves out padding, questions, slips, and going on where no check is allowed."""
    _, made, _, _ = sheets(name, Careful)
    own, others = made.tokens[made.policy].unique().tolist(), made.tokens[~made.policy]
    assert set(own) <= {*range(12), NEXT, CHECK}
    assert (NEXT in own, CHECK in own) == ((False, False) if name == "B16" else (True, True))
    assert int(made.rollouts.facts.slipped.sum()) == int((others < 10).sum())
    assert not made.policy[:, 0].any()


@pytest.mark.parametrize("name", ["B16", "C"])
def test_steps_tile_the_text(name: str) -> None:
    """There is one step a line, nothing is lost, and the last word belongs to the step before it."""
    for text in sheets(name)[3]:
        steps = lines(Transcript("", text, 0.0))
        assert text == "".join(step.text for step in steps)
        assert max(1, text.count("\n")) <= len(steps) <= text.count("\n") + 1


def test_tokens_spell_themselves() -> None:
    """The tokenizer's bytes are exact, so the trainer's rendering is the text of the worksheets."""
    table = TokenTable(tokenizer())
    assert table.exact
    shown = [b"" if k in (DONE, PAD) else piece.encode() for k, piece in enumerate(PIECES)]
    assert shown == table.pieces(range(len(PIECES)))


def test_the_cache_changes_nothing() -> None:
    """Token by token with the cache, the logits are those of the model's own forward."""
    network, world = model(0), WORLDS["C"]
    generator = torch.Generator().manual_seed(0)
    made = written(Teacher(misconceived(generator), world), world, world.start(4, generator), generator)
    ids = torch.cat([made.prompts, made.tokens], 1)
    with torch.no_grad():
        whole = network(ids).logits
        cached = Cached(network, 4, ids.shape[1])
        assert torch.allclose(whole[:, 6], cached.read(ids[:, :7]), atol=1e-5)
        for t in range(7, 20):
            assert torch.allclose(whole[:, t], cached.read(ids[:, t : t + 1]), atol=1e-5)


def test_prompts_are_read_back() -> None:
    """A prompt in words is the state it was made from."""
    world = WORLDS["A"]
    state = world.start(6, torch.Generator().manual_seed(1))
    again = posed(world, [world.prompt(state, row) for row in range(6)])
    assert torch.equal(prompt_ids(state), prompt_ids(again))


def test_pupils_are_kept(tmp_path: Path) -> None:
    """A pupil is pretrained once; the next call reads it from disk, and worlds of one school share it."""
    world, counted = WORLDS["D"], list[int]()
    first = pretrained(world, 1, updates=2, rows=4, cache=tmp_path, on_update=lambda: counted.append(1))
    again = pretrained(WORLDS["E"], 1, updates=2, rows=4, cache=tmp_path, on_update=lambda: counted.append(1))
    assert len(counted) == 2
    assert school_of(WORLDS["B16"]) != school_of(world)
    for one, two in zip(first.parameters(), again.parameters(), strict=True):
        assert torch.equal(one, two)


@pytest.fixture(scope="module")
def pupils(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a pupil of task D that has learnt a little, under the name of one that learnt it all."""
    folder = tmp_path_factory.mktemp("pupils")
    pretrained(WORLDS["D"], 0, updates=60, rows=16, rate=1e-2, cache=folder)
    (kept,) = folder.iterdir()
    kept.rename(folder / "school6x3-0-600x64.pt")
    return folder


def test_runs_are_paired_and_the_coefficient_0_is_grpo(pupils: Path) -> None:
    """All arms begin with the same rollouts; DCA without credit goes on exactly as GRPO, with credit it does not."""
    setting = Setting("D", GRPO, 1e-2, 0, 3)
    plain = train(setting, cache=pupils)
    silent = train(replace(setting, arm="dca gullible", credit_coef=0.0), cache=pupils)
    dense = train(replace(setting, arm="dca gullible"), cache=pupils)
    assert len(plain) == 3
    assert plain == silent
    assert plain[0] == dense[0]
    assert plain != dense


def test_a_run_ends_when_it_is_told_or_hopeless(pupils: Path) -> None:
    """The listener may end a run; GRPO without a success in sight ends too, since nothing would change any more."""
    seen: list[Progress] = []
    assert (
        len(train(Setting("D", GRPO, 0.0, 0, 9), cache=pupils, tell=lambda p: seen.append(p) or len(seen) == 2)) == 2
    )
    playground = Playground(WORLDS["D"], 0, hopeless=3)
    playground.history += [replace(seen[0], accuracy=0.0)] * 2
    assert not playground._is_hopeless()
    playground.history.append(playground.history[-1])
    assert playground._is_hopeless()


def test_levels_are_reached_by_the_mean_of_five_updates() -> None:
    """A level counts as reached when the last five updates were at it on average."""
    assert trial(GRPO, [0.0, 1.0, 1.0, 1.0, 0.5, 0.5]).rollouts_to(0.8) == 6 * BATCH
    assert trial(GRPO, [0.0, 1.0, 0.0, 1.0, 0.0, 1.0]).rollouts_to(0.8) == math.inf


def test_ratios_count_censored_runs_as_longer_than_the_budget() -> None:
    """A ratio of medians is exact where both are known, a bound where GRPO's is not, none where DCA's is not."""
    fast, slow, never = (
        {0: 100.0, 1: 200.0, 2: 300.0},
        {0: 400.0, 1: 400.0, 2: math.inf},
        dict.fromkeys(range(3), math.inf),
    )
    exact = speed_up(slow, fast, 1000.0)
    assert exact is not None
    assert (exact.value, exact.bounded) == (2.0, (False, False, True))
    bound = speed_up(never, fast, 1000.0)
    assert bound is not None
    assert bound.text().split(" [")[0] == "≥ 5.00"
    assert speed_up(fast, never, 1000.0) is None


def test_differences_are_paired_by_seed() -> None:
    """A difference between arms is taken seed by seed."""
    found = difference({0: 0.1, 1: 0.9}, {0: 0.2, 1: 1.0, 2: 0.0})
    assert tuple(round(x, 6) for x in (found.value, found.low, found.high)) == (0.1, 0.1, 0.1)


def test_runs_survive_the_file(tmp_path: Path) -> None:
    """A finished run read back from its row is the run; one that collapsed keeps its last state to the end."""
    path = tmp_path / "runs.csv"
    whole = trial(GRPO, [0.25, 0.5, 0.75])
    short = Trial(replace(whole.setting, updates=5), whole.curve, 2.0)
    append(path, whole)
    append(path, short)
    assert [whole, short] == load(path)
    assert short.values("accuracy") == [0.25, 0.5, 0.75, 0.75, 0.75]
    assert [one.collapsed for one in load(path)] == [False, True]


def finished(seeds: int = 2) -> list[Trial]:
    """Runs of the sparse chain and of D, of every arm."""
    late, early = [0.0] * 20 + [0.9] * 20, [0.0] * 5 + [0.9] * 35
    sparse = [trial(arm, curve, seed=s) for s in range(seeds) for arm, curve in ((GRPO, late), ("dca oracle", early))]
    return sparse + [trial(arm, late, world="D", seed=s) for s in range(seeds) for arm in ARMS if arm != "dca oracle"]


def test_the_tables_say_it(tmp_path: Path) -> None:
    """The tables hold the ratio at matched and at best rate and what became of checks; the pictures are drawn."""
    text = markdown(finished())
    assert "| both at 0.001 | 2.50 [2.50, 2.50] | 2.50 [2.50, 2.50] | 2 |" in text
    assert "| GRPO | 0.001 | 1600 (2 of 2) |" in text
    assert "| conservation only, gullible reviewer | 0.900 [0.900, 0.900] | 0.000 [0.000, 0.000] |" in text
    assert [path.name for path in draw(finished(), tmp_path)] == ["confirm-sparse.svg", "confirm-checks.svg"]


def test_the_plan_is_even(tmp_path: Path) -> None:
    """Seeds are outermost, no run is planned twice, GRPO and DCA get the same rates, the quick form is short."""
    full = trl_confirm.settings(False, 5, list(WORLDS), ARMS)
    assert len(full) == len(set(full))
    assert [one.seed for one in full] == sorted(one.seed for one in full)
    rates = [{one.rate for one in full if (one.world, one.arm) == ("B16", arm)} for arm in (GRPO, "dca oracle")]
    assert rates[0] == rates[1]
    assert len(trl_confirm.settings(True, 5, list(WORLDS), ARMS)) == 10


def test_the_report_needs_no_run(tmp_path: Path) -> None:
    """`--report` shows what is there, and says so where there is nothing."""
    cli = trl_confirm.typer.Typer()
    cli.command()(trl_confirm.main)
    nothing = CliRunner().invoke(cli, ["--report", "--out", str(tmp_path / "none")])
    assert (nothing.exit_code, "No finished runs" in nothing.output) == (1, True)
    for setting in trl_confirm.settings(False, 1, ["B16"], ARMS):
        append(tmp_path / "runs.csv", Trial(setting, trial(GRPO, [0.9] * setting.updates).curve, 1.0))
    shown = CliRunner().invoke(cli, ["--report", "--out", str(tmp_path)])
    assert shown.exit_code == 0, shown.output
    assert "| both at 0.001 | 1.00 [1.00, 1.00] |" in (tmp_path / "tables.md").read_text("utf-8")


def test_trainers_take_turns() -> None:
    """Laps are compared pair by pair, the warm ones left out, and the median's interval holds it."""
    watches = [overhead.Stopwatch(overhead.Turns(2), player) for player in range(2)]
    for watch, lap in zip(watches, (1.0, 1.5), strict=True):
        watch.wall += [99.0] * (1 + overhead.WARM) + [lap] * 6
    laps = overhead.Pairs.of(watches, "wall")
    assert (laps.plain, laps.dense) == ([1.0] * 6, [1.5] * 6)
    assert laps.median(lambda plain, dense: dense / plain) == (1.5, 1.5, 1.5)


def test_the_demo_tells_the_ratio(tmp_path: Path) -> None:
    """The demo's ratio is exact when both got there, a bound while GRPO is on its way, and the picture is drawn."""
    fast, slow = ([Progress(a, 0.1, 0.0, 0.0, 0.0, 9.0) for a in [0.0] * n + [1.0] * 6] for n in (4, 14))
    runs = [demo_train.Run(GRPO, slow), demo_train.Run("dca gullible", fast)]
    assert demo_train.ratio(runs) == "80% right with 2.2 times fewer rollouts (512 against 1,152)"
    assert demo_train.ratio([demo_train.Run(GRPO, slow[:14]), runs[1]]).startswith(
        "80% right with at least 1.8 times"
    )
    assert demo_train.ratio([runs[0], demo_train.Run("dca gullible")]) == ""
    assert all(path.stat().st_size > 1000 for path in demo_train.draw(runs, tmp_path))


@pytest.mark.parametrize("module", [worksheet, demo_train])
def test_docstring_examples(module: object) -> None:
    """Every example in a docstring gives what it says."""
    assert doctest.testmod(module).failed == 0  # type: ignore[arg-type]


def test_a_network_writes_within_its_room() -> None:
    """What an untrained network writes ends within the room there is, and comes with a mask of its own words."""
    world, generator = WORLDS["E"], torch.Generator().manual_seed(0)
    made = write(model(1), world, world.start(5, generator), generator)
    for prompt, ids, mask in made.rows():
        assert (7, len(mask)) == (len(prompt), len(ids))
        assert len(ids) <= made.tokens.shape[1]
