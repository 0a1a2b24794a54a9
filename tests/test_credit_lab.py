"""The credit laboratory: worlds keep their rules, methods are what their papers say, and runs can be resumed."""

from __future__ import annotations

import math
import re
import sys
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("matplotlib")

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

import credit_lab  # noqa: E402 - the benchmarks are scripts beside the package, not part of it
from lab.arms import ARMS, Batch, share  # noqa: E402
from lab.contrast import difference_at_right  # noqa: E402
from lab.plan import BUDGETS, blocks, crossed, full, quick  # noqa: E402
from lab.policy import HIDDEN, Policies, _Gates, sampled  # noqa: E402
from lab.results import Run, Shelf, average, median, reached, speed_up, summary  # noqa: E402
from lab.reviewers import CODES, NO_LABEL, REVIEWERS, Judgement  # noqa: E402
from lab.school import misconceived, pretrained, taught  # noqa: E402
from lab.tables import report  # noqa: E402
from lab.train import MEASURED, Adam, Cell, Curve, train  # noqa: E402
from lab.worlds import (  # noqa: E402
    CHECK,
    CLEARLY,
    DONE,
    NEXT,
    OPERATIONS,
    PAD,
    RESULTS,
    WELL,
    WORLDS,
    Facts,
    Rollouts,
    World,
)
from typer.testing import CliRunner  # noqa: E402

from dca.credit.schemes import Share, verification_mask  # noqa: E402
from dca.types import LABELS, Review, Row  # noqa: E402

PLUS_5 = OPERATIONS.index("+ 5")
TINY = ("--seeds", "2", "--rollouts", "640", "--lessons", "3")


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """The matrices are small: threads would only wait for each other."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def fresh(members: int = 2) -> Policies:
    return Policies.fresh([generator(m) for m in range(members)])


def played(world: World, rollouts: int = 16) -> Rollouts:
    """What an untrained policy writes, two members, groups of 8."""
    state = world.start(2 * rollouts // 8, generator()).repeat(8)
    chances = torch.rand(2, rollouts, world.most_tokens, 3, generator=generator(1))
    with torch.no_grad():
        return fresh().play(world, state, chances).rollouts


def written(world: World, *tokens: int, slipped: int | None = None) -> Rollouts:
    """One rollout on the prompt ``start 7: + 5, ...``, word by word; the environment wrote the word `slipped`."""
    state = world.pose(torch.tensor([7]), torch.full((1, world.steps), PLUS_5))
    marks = torch.zeros(1, len(tokens), dtype=torch.bool)
    if slipped is not None:
        marks[0, slipped] = True
    return world.replay(state, torch.tensor([tokens]), marks)


ONE = World("one", "one operation, two checks", 1, checks=2)


# Worlds


def test_operations_are_bijections() -> None:
    """Each of the twenty operations gives each digit exactly once."""
    assert [list(range(10))] * 20 == RESULTS.sort(1).values.tolist()


@pytest.mark.parametrize("world", WORLDS.values(), ids=lambda w: w.name)
def test_legal_play_ends(world: World) -> None:
    """Whoever keeps to the rules ends every rollout in time, with steps that own all tokens in order."""
    rollouts = played(world)
    tokens, policy, facts = rollouts.tokens, rollouts.policy, rollouts.facts
    assert tokens.shape[1] <= world.most_tokens
    assert ((tokens == DONE).sum(1) == 1).all()
    assert (rollouts.owners.diff(dim=1) >= 0).all()
    assert torch.equal(facts.lengths.sum(1), policy.sum(1))
    assert torch.equal(facts.present, facts.present.cummin(1).values)  # no gaps
    assert torch.equal((tokens == PAD) | policy, ~((tokens < 10) & ~policy))  # all the environment wrote is digits


@pytest.mark.parametrize("world", WORLDS.values(), ids=lambda w: w.name)
def test_replay_is_the_rollout(world: World) -> None:
    """Replaying the tokens of a rollout gives the same facts and rewards."""
    once = played(world)
    again = world.replay(world.pose(once.first, once.operations), once.tokens, ~once.policy & (once.tokens != PAD))
    assert torch.equal(once.rewards, again.rewards)
    for field in fields(Facts):
        assert torch.equal(getattr(once.facts, field.name), getattr(again.facts, field.name)), field.name


def test_right_answer_is_paid() -> None:
    """A right digit earns the reward, and the text shows the sum as one writes it."""
    rollouts = written(ONE, NEXT, CLEARLY, 2, DONE)
    assert rollouts.rewards.tolist() == [1.0]
    assert ONE.text(rollouts, 0) == "clearly, 7 + 5 -> 2"
    assert ONE.prompt(rollouts, 0) == "start 7: + 5"
    assert rollouts.facts.lengths[0].tolist() == [4, 0, 0]


def test_check_may_set_a_mistake_right() -> None:
    """A mistake and the check that catches it have the shape of a staged mistake, and are paid in full."""
    rollouts = written(ONE, NEXT, 3, CHECK, WELL, 2, DONE)
    facts = rollouts.facts
    assert rollouts.rewards.tolist() == [1.0]
    assert ONE.text(rollouts, 0) == "7 + 5 -> 3\ncheck: well, 7 + 5 -> 2"
    assert facts.staged[0].tolist() == [True, False, False]
    assert facts.catch[0].tolist() == [False, True, False]
    assert not facts.needless.any()


def test_check_may_do_harm() -> None:
    """A check of a right value is needless, and harmful where it ends wrong."""
    rollouts = written(ONE, NEXT, 2, CHECK, 3, DONE)
    assert rollouts.rewards.tolist() == [0.0]
    assert rollouts.facts.needless[0].tolist() == [False, True, False]
    assert rollouts.facts.harm[0].tolist() == [False, True, False]


@pytest.mark.parametrize(("digits", "paid"), [((2, 3), 1.0), ((3, 2), 0.0)])
def test_check_may_be_free_and_harmless(digits: tuple[int, int], paid: float) -> None:
    """Where checks do not count, the value stands whatever they say: no harm, and no catch."""
    rollouts = written(World("free", "", 1, checks=2, check_counts=False), NEXT, digits[0], CHECK, digits[1], DONE)
    assert rollouts.rewards.tolist() == [paid]
    assert not (rollouts.facts.harm | rollouts.facts.catch | rollouts.facts.staged).any()


def test_slip_is_not_the_policys() -> None:
    """A digit the environment wrote is no token of the policy, and no mistake of its own."""
    rollouts = written(ONE, NEXT, 3, DONE, slipped=1)
    assert rollouts.policy[0].tolist() == [True, False, True]
    assert rollouts.facts.lengths[0].tolist() == [2, 0, 0]
    assert rollouts.facts.slipped[0, 0]
    assert not rollouts.facts.own_wrong.any()


def test_slips_write_wrong_digits_only() -> None:
    """The environment overwrites digits, at its rate, always with a wrong one."""
    world = World("slippery", "", 1, slip=0.25)
    state, _ = world.advance(world.start(4000, generator()), torch.full((4000,), NEXT))
    chance = torch.rand(4000, 2, generator=generator())
    over = world.overwrite(state, state.result, chance)
    assert (over != state.result).float().mean() == pytest.approx(0.25, abs=0.03)
    assert over.unique().tolist() == list(range(10))
    assert torch.equal(world.overwrite(state, torch.full((4000,), WELL), chance), torch.full((4000,), WELL))


def test_illegal_word_breaks_the_rollout() -> None:
    """A word that may not stand there ends the rollout without reward."""
    for tokens in [
        (2,),
        (NEXT, DONE),
        (NEXT, 2, NEXT),
        (NEXT, WELL, WELL, WELL),
        (NEXT, 2, CHECK, 2, CHECK, 2, CHECK),
    ]:
        assert written(ONE, *tokens).rewards.tolist() == [0.0], tokens


def test_every_step_may_be_asked_for() -> None:
    """Where every step counts, two mistakes that cancel are not paid; where the final value counts, they are."""
    strict, lax = World("strict", "", 2, every_step=True), World("lax", "", 2)
    tokens = (NEXT, 3, NEXT, 7, DONE)  # 7 + 5 -> 3, 3 + 5 -> 7, and 7 + 5 + 5 is 7
    assert [written(w, *tokens).rewards.item() for w in (strict, lax)] == [0.0, 1.0]


# Policies and their school


def test_members_do_not_touch_each_other() -> None:
    """A member writes, and learns, the same whoever is trained beside it."""
    world, both = WORLDS["A"], fresh()
    state = world.start(4, generator())
    chances = torch.rand(2, 2, world.most_tokens, 3, generator=generator(1))
    together = both.play(world, state, chances)
    together.log_probs.sum().backward()
    alone = both.pick([1])
    second = type(state)(*(getattr(state, f.name)[2:] for f in fields(state)))
    single = alone.play(world, second, chances[1:])
    single.log_probs.sum().backward()
    width = single.rollouts.tokens.shape[1]
    assert torch.equal(single.rollouts.tokens, together.rollouts.tokens[2:, :width])
    for name, parameter in alone.parameters.items():
        assert torch.allclose(parameter.grad[0], both.parameters[name].grad[1], atol=1e-5), name


def test_gates_have_the_derivative_of_what_they_compute() -> None:
    """The derivative written by hand is that of finite differences."""
    torch.manual_seed(0)
    hidden, read, own = (torch.randn(1, 2, k * HIDDEN, dtype=torch.double, requires_grad=True) for k in (1, 3, 3))
    assert torch.autograd.gradcheck(_Gates.apply, (hidden, read, own), fast_mode=True)


def test_words_are_drawn_as_often_as_they_are_likely() -> None:
    """Sampling by inversion gives each word its share, and never an impossible one."""
    odds = torch.tensor([0.5, 0.0, 0.3, 0.2, 0.0])
    drawn = sampled(odds.log().expand(10_000, -1), torch.rand(10_000, generator=generator()))
    share = torch.bincount(drawn, minlength=5) / 10_000
    assert share[[1, 4]].tolist() == [0.0, 0.0]
    assert torch.allclose(share, odds, atol=0.02)
    assert sampled(odds.log()[None], torch.tensor([1.0])).item() == 3


def test_teacher_has_misconceptions() -> None:
    """The teacher is wrong most of the time on 40 facts of 200, and rarely elsewhere; its odds keep to the rules."""
    digits = misconceived(generator())
    right = digits.gather(2, RESULTS[..., None])[..., 0]
    assert sorted(set(right.flatten().mul(100).round().int().tolist())) == [20, 97]
    assert (right < 0.5).sum().item() == 40
    state = ONE.start(8, generator())
    odds = taught(digits[None], ONE, state)
    assert odds[:, NEXT].tolist() == [1.0] * 8 or odds.sum(1).min() > 0
    assert (odds[~ONE.legal(state)] == 0).all()


def test_pupils_learn() -> None:
    """A few lessons make a pupil likelier to write what its teacher writes, the same way each time."""
    pupils, again = pretrained([0], updates=12), pretrained([0], updates=12)
    assert torch.equal(pupils.parameters["outer"], again.parameters["outer"])
    world = WORLDS["A"]
    chances = torch.rand(1, 256, world.most_tokens, 3, generator=generator(1))
    with torch.no_grad():
        fillers = [p.play(world, world.start(256, generator()), chances).rollouts.facts for p in (fresh(1), pupils)]
    before, after = ((f.well + f.clearly).sum().item() / f.present.sum().item() for f in fillers)
    assert abs(after - 0.65) < abs(before - 0.65)


def test_adam_is_adam() -> None:
    """One member's updates are those of torch's Adam behind torch's gradient clipping."""
    mine, theirs = ({"w": torch.ones(1, 2, 2, requires_grad=True)} for _ in range(2))
    adam, reference = Adam(mine, [0.1]), torch.optim.Adam(theirs.values(), lr=0.1, betas=(0.9, 0.95))
    for factor in (1.0, -3.0, 0.2):
        for parameters in (mine, theirs):
            (factor * parameters["w"].pow(2)).sum().backward()
        adam.step()
        torch.nn.utils.clip_grad_norm_(theirs.values(), 1.0)
        reference.step()
        reference.zero_grad()
    assert torch.allclose(mine["w"], theirs["w"], atol=1e-6)


# Reviewers


def verdict(name: str, world: World, *tokens: int) -> tuple[list[float], list[str | None]]:
    rollouts = written(world, *tokens)
    said = REVIEWERS[name](world, rollouts, 1, torch.zeros(1, world.most_steps, 2))
    count = int(rollouts.facts.present.sum())
    return said.scores[0, :count].tolist(), [None if c == NO_LABEL else LABELS[c] for c in said.labels[0, :count]]


def test_oracle_tells_the_truth() -> None:
    """The oracle scores right and wrong, pays a catch, and calls a check that found nothing needless."""
    assert verdict("oracle", ONE, NEXT, 3, CHECK, 2, DONE) == ([-1.0, 1.0], ["error", "recovery"])
    assert verdict("oracle", ONE, NEXT, 2, CHECK, 2, DONE) == ([1.0, 0.0], ["progress", "needless_check"])
    assert verdict("oracle", ONE, NEXT, 3, CHECK, 3, DONE) == ([-1.0, 0.0], ["error", "check"])
    assert verdict("oracle", ONE, NEXT, 2, CHECK, 3, DONE) == ([1.0, -1.0], ["progress", "needless_check"])


def test_gullible_likes_care() -> None:
    """The gullible reviewer prefers a check to a right step and forgives what was caught."""
    assert verdict("gullible", ONE, NEXT, 2, CHECK, 2, DONE)[0] == [0.5, 0.75]
    assert verdict("gullible", ONE, NEXT, 3, CHECK, 2, DONE)[0] == [0.0, 1.0]
    assert verdict("gullible", ONE, NEXT, 3, DONE)[0] == [-1.0]


def test_flattered_likes_words() -> None:
    """The flattered reviewer cannot see a mistake behind two sure words."""
    assert verdict("flattered", ONE, NEXT, 3, DONE)[0] == [-0.5]
    assert verdict("flattered", ONE, NEXT, CLEARLY, CLEARLY, 3, DONE) == ([0.5], ["progress"])


def test_noisy_turns_its_share_of_labels() -> None:
    """A noisy reviewer turns the share of the oracle's scores that it is named for."""
    world, rollouts = WORLDS["B16"], played(WORLDS["B16"], 64)
    doubts = torch.rand(128, world.most_steps, 2, generator=generator())
    one, two = (REVIEWERS[name](world, rollouts, 8, doubts).scores for name in ("oracle", "noisy20"))
    assert (one != two).float().mean() == pytest.approx(0.2, abs=0.03)
    assert set((one.abs() - two.abs()).flatten().tolist()) == {0.0}


def test_bare_reviewers_keep_their_scores() -> None:
    """Without its labels of verification a reviewer scores as before."""
    tokens = (NEXT, 3, CHECK, 2, DONE)
    scores, labels = verdict("gullible/bare", ONE, *tokens)
    assert (scores, labels) == (verdict("gullible", ONE, *tokens)[0], ["progress", None])


def test_values_fall_with_a_mistake_and_rise_with_its_repair() -> None:
    """The oracle's value is p to the power of the operations left, and nothing once a wrong value stands."""
    world = World("two", "", 2, checks=2)
    rollouts = written(world, NEXT, 2, NEXT, 3, CHECK, 7, DONE)
    said = REVIEWERS["oracle"](world, rollouts, 1, torch.zeros(1, world.most_steps, 2))
    assert said.values[0, :3].tolist() == [1.0, 0.0, 1.0]
    assert said.baseline.tolist() == [1.0]


# Methods


def batch(
    scores: list[list[float]],
    rewards: list[float],
    labels: list[list[str | None]] | None = None,
    values: list[list[float]] | None = None,
) -> Batch:
    """One group; every step has two tokens."""
    said = torch.tensor(scores)
    codes = [
        [NO_LABEL if c is None else CODES[c] for c in row]
        for row in labels or [[None] * len(scores[0])] * len(scores)
    ]
    judgement = Judgement(
        said, torch.tensor(codes), torch.tensor(values or scores).clamp_min(0), torch.full((len(scores),), 0.25)
    )
    lengths = torch.full(said.shape, 2)
    return Batch(judgement, lengths, lengths > 0, torch.tensor(rewards), len(scores))


A = 0.5 / (math.sqrt(0.5) + 1e-4)  # the advantage of one success in a group of two
TWO = ([[1.0, 1.0], [1.0, -1.0]], [1.0, 0.0])  # a right rollout, and one that ends wrong

WORKED = {
    # r: 2, 2 | 0, -1 over eight tokens: mean 0.75, std sqrt(1.6875)
    "capo": [[1.25 / 1.6875**0.5] * 2, [-0.75 / 1.6875**0.5, -1.75 / 1.6875**0.5]],
    # w: 1, 1 | 0, 1, so the wrong step bears the whole blame
    "draco": [[A, A], [0.0, -2 * A]],
    # standardised 0.5, 0.5 | 0.5, -1.5, then summed from the end
    "process": [[1.0, 0.5], [-1.0, -1.5]],
    # r*: 0.5, 0.5 | 0, -1; the other's r* per token is -1/4 | 1/4; outcome 1 | -1
    "pure": [[3.0, 2.0], [-3.0, -2.5]],
    "grpo": [[A, A], [-A, -A]],
    # z: 0, 0 | 4/3, -4/3
    "dca": [[A, A], [-A + 2 / 3, -A - 2 / 3]],
    # no findings, nothing to withhold
    "withhold": [[A, A], [-A + 2 / 3, -A - 2 / 3]],
    "dca.25": [[A, A], [-A + 1 / 3, -A - 1 / 3]],
    # no checks, no bonus
    "bonus": [[A, A], [-A, -A]],
    "bonus.3": [[A, A], [-A, -A]],
    "bonus1": [[A, A], [-A, -A]],
    # k = 2 A; V: 0.25 -> 1 -> R = 1 | 0.25 -> 1 -> R = 0
    "value": [[1.5 * A, 0.0], [1.5 * A, -2 * A]],
}


@pytest.mark.parametrize("name", ARMS)
def test_worked_example(name: str) -> None:
    """Each rule gives the numbers one gets by hand for a right rollout and one that ends wrong."""
    push = ARMS[name].push(batch(*TWO))
    assert torch.allclose(torch.tensor(WORKED[name]), push, atol=5e-4)


def test_bonus_pays_for_show() -> None:
    """Among equal successes the additive bonus prefers the one that checks, and most the one that catches."""
    labels = [["progress", "progress"], ["progress", "needless_check"], ["error", "recovery"]]
    push = ARMS["bonus"].push(batch([[1.0, 1.0]] * 3, [1.0] * 3, labels))
    assert torch.allclose(push[:, 0], torch.tensor([-0.1, 0.0, 0.1]) / (0.1 + 1e-4), atol=1e-4)


def test_draco_falls_back_to_uniform() -> None:
    """Where no step has any weight the split is uniform."""
    push = ARMS["draco"].push(batch([[-1.0, -1.0], [1.0, -1.0]], [1.0, 0.0]))
    assert torch.allclose(push[0], torch.tensor([A, A]))


def reviewed(world: str, reviewer: str) -> Batch:
    rollouts = played(WORLDS[world])
    doubts = torch.rand(32, WORLDS[world].most_steps, 2, generator=generator())
    judgement = REVIEWERS[reviewer](WORLDS[world], rollouts, 8, doubts)
    rewards = (torch.rand(32, generator=generator()) < 0.5).float()
    return Batch(judgement, rollouts.facts.lengths, rollouts.facts.present, rewards, 8)


@pytest.mark.parametrize("reviewer", ["noisy20", "gullible", "gullible/bare"])
def test_dca_is_the_packages_own(reviewer: str) -> None:
    """The arm equals `Share` on every row, checks neutral where they are labelled."""
    one = reviewed("C", reviewer)
    push, said = share(one, credit_coef=0.5), one.judgement
    for i, amount in enumerate(one.advantages.tolist()):
        k = int(one.present[i].sum())
        labels = tuple(None if c == NO_LABEL else LABELS[c] for c in said.labels[i, :k].tolist())
        review = Review(scores=tuple(said.scores[i, :k].tolist()), labels=labels)
        row = Row(review, tuple(one.lengths[i, :k].tolist()), verification_mask(review), amount=amount)
        assert Share(credit_coef=0.5)(row).push == pytest.approx(push[i, :k].tolist(), abs=1e-6)


@pytest.mark.parametrize("world", ["A", "D"])
def test_grpo_is_coefficient_zero(world: str) -> None:
    """DCA at coefficient 0 is GRPO, token for token."""
    one = reviewed(world, "gullible")
    assert torch.equal(share(one, credit_coef=0.0), ARMS["grpo"].push(one))


@pytest.mark.parametrize("name", ["grpo", "dca", "dca.25", "draco"])
def test_conserving_methods_conserve(name: str) -> None:
    """The mean push over a rollout's tokens is its advantage, also where the environment wrote some."""
    one = reviewed("C", "oracle/bare")
    mean = (ARMS[name].push(one) * one.lengths).sum(1) / one.lengths.sum(1)
    assert torch.allclose(mean, one.advantages, atol=1e-5)


def test_arms_do_not_mix_prompts() -> None:
    """What happens in one group changes nothing in another."""
    whole = reviewed("C", "noisy20")
    said = whole.judgement
    half = Batch(
        Judgement(*(getattr(said, f.name)[:16] for f in fields(Judgement))),
        whole.lengths[:16],
        whole.present[:16],
        whole.rewards[:16],
        8,
    )
    for name, arm in ARMS.items():
        assert torch.allclose(arm.push(whole)[:16], arm.push(half), atol=1e-6), name


def test_contrast_compares_what_may_follow_a_right_value() -> None:
    """The push of a check is held against that of going on, or of ending, where the value is right; nowhere else."""
    world = World("two", "", 2, checks=1)
    rollouts = world.replay(
        world.pose(torch.tensor([7, 7, 7]), torch.full((3, 2), PLUS_5)),
        torch.tensor(
            [
                [NEXT, 2, CHECK, 2, NEXT, 7, DONE],
                [NEXT, 2, NEXT, 7, DONE, PAD, PAD],
                [NEXT, 3, CHECK, 2, NEXT, 7, DONE],  # the check of a wrong value does not count
            ]
        ),
    )
    push = torch.tensor([[1.0, 8.0, 2.0, 0, 0], [1.0, 4.0, 0, 0, 0], [1.0, 99.0, 3.0, 0, 0]])[:, : world.most_steps]
    on = (2.0 + 4.0 + 4.0 + 3.0) / 4  # done; next, done; done
    assert difference_at_right(rollouts.facts, push).item() == pytest.approx(8.0 - on)


# Runs and what is said of them


def curve(accuracy: list[float], seed: int = 0, arm: str = "grpo") -> Curve:
    return Curve(Cell("A", arm, "oracle", 0.004), seed, *(tuple(accuracy) for _ in MEASURED))


def run(to80: int | None, seed: int, arm: str = "grpo") -> Run:
    base = summary(curve([0.5] * 20, seed, arm))
    return Run(**{f.name: getattr(base, f.name) for f in fields(Run)} | {"to80": to80, "rollouts": 1280})


def test_runs_of_a_seed_are_paired() -> None:
    """All methods begin with the same rollouts on the same prompts, and part after the first update."""
    cells = [Cell("C", arm, "oracle", 0.01) for arm in ("grpo", "dca", "capo", "value", "bonus")]
    curves = train(WORLDS["C"], cells, [0, 1], fresh(), updates=3)
    assert [(c.cell, c.seed) for c in curves] == [(cell, seed) for cell in cells for seed in (0, 1)]
    assert len({c.tokens[0] for c in curves if c.seed == 0}) == 1
    assert len({c.tokens for c in curves}) == len(curves)


def test_level_is_reached_in_the_middle_of_its_window() -> None:
    """Rollouts to a level are counted to the middle of the first ten updates that average it, or not at all."""
    assert reached([0.0] * 10 + [1.0] * 10, 0.8) == (8 + 5) * 64
    assert reached([0.79] * 30, 0.8) is None


def test_censored_runs_count_as_needing_more() -> None:
    """A censored run is infinite in the median, and its ratio is a bound with an open interval."""
    base = [run(v, s) for s, v in enumerate([1000, None, None])]
    other = [run(v, s) for s, v in enumerate([400, 500, 640])]
    assert median([r.to80 for r in base]) == math.inf
    ratio = speed_up(base, other)
    assert ratio is not None
    assert (ratio.sign, ratio.value, ratio.high) == ("≥", 1280 / 500, math.inf)
    assert 1000 / 640 <= ratio.low <= ratio.value
    back = speed_up(other, base)
    assert back is not None
    assert (back.sign, back.low) == ("≤", 0.0)
    assert speed_up(base[1:], base[1:]) is None


def test_interval_covers_its_estimate() -> None:
    """An interval holds its mean, and is a point where all runs agree."""
    runs = [run(v, s) for s, v in enumerate([100, 200, 300])]
    assert average(runs, "to80").low < average(runs, "to80").value == 200 < average(runs, "to80").high
    same = average(runs, "final")
    assert (same.low, same.high) == pytest.approx((0.5, 0.5))


def test_shelf_survives_a_torn_line(tmp_path: Path) -> None:
    """What was finished is read back as it was; a line cut off by a kill is dropped and written over."""
    shelf = Shelf(tmp_path)
    shelf.add([curve([0.25] * 20, seed) for seed in range(2)])
    for name in ("runs.csv", "curves.jsonl"):
        data = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(data[:-7])
    assert [r.seed for r in shelf.runs()] == [0]
    shelf.add([curve([0.25] * 20, 1)])
    assert shelf.runs() == [summary(curve([0.25] * 20, seed)) for seed in range(2)]
    assert shelf.curves() == [curve([0.25] * 20, seed) for seed in range(2)]


def test_plans_name_what_exists() -> None:
    """Every setting of both forms has a world, a method and a reviewer, none twice; the quick one is a part."""
    for cells in (quick(), full()):
        assert len(set(cells)) == len(cells)
        assert all(c.world in BUDGETS and c.arm in ARMS and c.reviewer in REVIEWERS for c in cells)
    assert set(quick()) <= set(full())
    assert sorted(c for block in blocks(full(), 4) for c in block) == sorted(full())
    assert len(crossed(["A"], ["grpo", "dca"], ["oracle", "gullible"], [0.1, 0.2])) == 6


def lab(out: Path, *arguments: str) -> str:
    done = CliRunner().invoke(credit_lab.app, [*TINY, "--tasks", "D", "--out", str(out), *arguments])
    assert done.exit_code == 0, done.output
    return done.output


def test_lab_resumes(tmp_path: Path) -> None:
    """The command runs what is missing and nothing else, and draws its tables and figures from all there is."""
    first = lab(tmp_path, "--arms", "grpo")
    assert "2 runs, 2 of them to do" in first
    kept = (tmp_path / "runs.csv").read_text("utf-8")
    assert "4 runs, 2 of them to do" in lab(tmp_path, "--arms", "grpo,dca")
    assert (tmp_path / "runs.csv").read_text("utf-8").startswith(kept)
    assert "2 runs, 0 of them to do" in lab(tmp_path, "--arms", "grpo")
    assert "Conduct in D" in (tmp_path / "tables.md").read_text("utf-8")


def test_lab_draws(tmp_path: Path) -> None:
    """Figures are drawn from what was run, and say the same twice."""
    arguments = ("--arms", "grpo,dca", "--reviewers", "gullible,gullible/bare")
    lab(tmp_path, *arguments)
    figure = tmp_path / "lab-conduct.svg"
    drawn = figure.read_bytes()
    lab(tmp_path, *arguments)
    assert re.search(rb"<svg", drawn)
    assert drawn == figure.read_bytes()


def test_lab_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    """A name that does not exist is refused before anything is run."""
    done = CliRunner().invoke(credit_lab.app, ["--arms", "magic", "--out", str(tmp_path)])
    assert done.exit_code == 2
    assert "magic" in done.output


def test_report_of_nothing_is_nothing() -> None:
    """Without runs there is nothing to say."""
    assert report([]) == ""
