"""The tasks: chains of arithmetic modulo 10, as vectorised state machines that know no policy and no reviewer.

A prompt is a digit and K operations, each one of twenty bijections of the digits. A rollout is

    next [well|clearly]* digit  (next [well|clearly]* digit | check [well|clearly]* digit)*  done

``next`` opens the next operation, ``check`` works the same one out anew (where the world allows it), at most two
words of filler may follow, and the digit is the result. What a word costs or pays differs from world to world; see
`WORLDS`. The environment may slip: it then overwrites the digit the policy wrote, and that token is not the policy's.

    state = world.start(8, generator).repeat(8)             # 8 prompts x 8 rollouts
    while not state.done.all():
        token = sample(world.legal(state))                  # (N,)
        written = world.overwrite(state, token, chance)     # (N,) what stands in the rollout
        state, event = world.advance(state, written, slipped=written != token)
        events.append(event)
    rollouts = world.gather(state, events)                  # tokens, owners, facts of each step, rewards

`World.replay` does the same for token sequences that already exist. `World.text` shows a rollout as a person (or a
program that looks for checks in text) would read it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from typing import Final, Self

import torch
from torch import Tensor

DIGITS: Final = 10
FILLERS: Final = ("well", "clearly")
"""Words that do no work: one that takes time, one that sounds sure."""

WORDS: Final = (*map(str, range(DIGITS)), *FILLERS, "next", "check", "done")
"""The policy's vocabulary: token -> word."""

WELL, CLEARLY, NEXT, CHECK, DONE, PAD = range(DIGITS, DIGITS + 6)
"""Token numbers; `PAD` is no word: it stands where a rollout has ended."""

MOST_FILLERS: Final = 2

OPERATIONS: Final = (*(f"+ {b}" for b in range(1, 10)), "* 3", "* 7", "* 9", *(f"{c} -" for c in range(1, 9)))
"""The twenty operations: added to, multiplied, or taken from a constant. Modulo 10 each is a bijection."""


def _worked_out() -> Tensor:
    rows = [[(v + b) % 10 for v in range(10)] for b in range(1, 10)]
    rows += [[v * a % 10 for v in range(10)] for a in (3, 7, 9)]
    rows += [[(c - v) % 10 for v in range(10)] for c in range(1, 9)]
    return torch.tensor(rows)


RESULTS: Final = _worked_out()
"""(20, 10) the right result of each operation on each digit."""


def equation(operation: int, operand: int) -> str:
    """The left-hand side as one writes it.

    >>> equation(4, 7), equation(14, 7)
    ('7 + 5', '3 - 7')
    """
    words = OPERATIONS[operation]
    return f"{words} {operand}" if words.endswith("-") else f"{operand} {words}"


@dataclass(frozen=True, slots=True)
class State:
    """Where N rollouts stand.

    Attributes:
        first: (N,) the digit the prompt starts from.
        operations: (N, K) the prompt's operations.
        position: (N,) the operation under way, -1 before the first.
        operand: (N,) the value the operation under way starts from.
        value: (N,) the running value.
        body: (N,) True between an opening word and its digit.
        checking: (N,) True while the step under way is a check.
        checks: (N,) checks of this operation so far.
        fillers: (N,) fillers in this step so far.
        step: (N,) the step under way, -1 before the first.
        done: (N,) the rollout has ended.
        broken: (N,) it ended with a word that was not legal there; its reward is 0.
    """

    first: Tensor
    operations: Tensor
    position: Tensor
    operand: Tensor
    value: Tensor
    body: Tensor
    checking: Tensor
    checks: Tensor
    fillers: Tensor
    step: Tensor
    done: Tensor
    broken: Tensor

    @property
    def operation(self) -> Tensor:
        """(N,) the operation the next digit will be about: the one under way, or the first."""
        return self.operations.gather(1, self.position.clamp_min(0)[:, None])[:, 0]

    @property
    def result(self) -> Tensor:
        """(N,) the right result of the operation under way, from the operand it was given."""
        return RESULTS[self.operation, self.operand]

    def repeat(self, rollouts: int) -> Self:
        """Each prompt several times, one beside the other: a group is `rollouts` neighbours."""
        return type(self)(*(getattr(self, f.name).repeat_interleave(rollouts, 0) for f in fields(self)))

    def answers(self) -> Tensor:
        """(N,) the right final value of each prompt."""
        value = self.first
        for k in range(self.operations.shape[1]):
            value = RESULTS[self.operations[:, k], value]
        return value


@dataclass(frozen=True, slots=True)
class Event:
    """One token of N rollouts, and what it did. Rows that had ended hold `PAD`.

    Attributes:
        token: (N,) what was written.
        step: (N,) the step that owns it; ``done`` belongs to the step before it.
        policy: (N,) True where the policy wrote it.
        closes: (N,) True where it is the digit that ends a step; the rest is about that digit.
        check: (N,) the step is a check.
        position: (N,) the operation it is about.
        operand: (N,) from which value.
        before: (N,) the value that stood before the digit.
        after: (N,) the value that stands after it.
        result: (N,) the right result.
    """

    token: Tensor
    step: Tensor
    policy: Tensor
    closes: Tensor
    check: Tensor
    position: Tensor
    operand: Tensor
    before: Tensor
    after: Tensor
    result: Tensor


@dataclass(frozen=True, slots=True)
class Facts:
    """What is true of each of the at most S steps of N rollouts; all (N, S), False or 0 where there is no step.

    Attributes:
        present: There is such a step.
        check: It is a check.
        right: Its digit is the right result of the operand it started from.
        slipped: The environment overwrote its digit.
        own_wrong: A first computation whose digit is the policy's own and wrong.
        needless: A check of a value that was right.
        catch: A check that turned a wrong value into the right one.
        harm: A check that turned the right value into a wrong one.
        stands: The value that stands after it is right.
        asks: A further check may follow it.
        fixed: A first computation that was wrong and that a check of the same operation set right.
        staged: `own_wrong` and `fixed`: the shape a staged mistake has (intent cannot be observed).
        position: The operation it is about.
        operand: The value it starts from.
        digit: What it wrote.
        well: How often it says "well".
        clearly: How often it says "clearly".
        lengths: n_k, tokens of the step that the policy wrote.
    """

    present: Tensor
    check: Tensor
    right: Tensor
    slipped: Tensor
    own_wrong: Tensor
    needless: Tensor
    catch: Tensor
    harm: Tensor
    stands: Tensor
    asks: Tensor
    fixed: Tensor
    staged: Tensor
    position: Tensor
    operand: Tensor
    digit: Tensor
    well: Tensor
    clearly: Tensor
    lengths: Tensor


@dataclass(frozen=True, slots=True)
class Rollouts:
    """N finished rollouts.

    Attributes:
        tokens: (N, T) padded with `PAD`.
        owners: (N, T) the step that owns each token.
        policy: (N, T) True for tokens the loss may use: written by the policy, not padding.
        facts: Of the steps.
        rewards: (N,) 0 or 1.
        first: (N,) the prompts' digits.
        operations: (N, K) the prompts' operations.
    """

    tokens: Tensor
    owners: Tensor
    policy: Tensor
    facts: Facts
    rewards: Tensor
    first: Tensor
    operations: Tensor

    def rows(self, rows: slice) -> Self:
        """Some of the rollouts."""
        facts = Facts(*(getattr(self.facts, f.name)[rows] for f in fields(Facts)))
        rest = {f.name: getattr(self, f.name)[rows] for f in fields(self) if f.name != "facts"}
        return type(self)(facts=facts, **rest)


@dataclass(frozen=True, slots=True)
class World:
    """One task.

    Attributes:
        name: What it is called.
        about: One line for people.
        steps: K, operations in a prompt.
        checks: The most checks of one operation; 0: there are none.
        slip: Probability that the environment overwrites a first computation with a wrong digit.
        check_slip: The same for a check.
        check_counts: Whether a check's digit replaces the running value.
        every_step: The reward asks that every operation ended right, not only that the final value is right.
    """

    name: str
    about: str
    steps: int
    checks: int = 0
    slip: float = 0.0
    check_slip: float = 0.0
    check_counts: bool = True
    every_step: bool = False

    @property
    def most_steps(self) -> int:
        """S, the most steps a rollout can have."""
        return self.steps * (1 + self.checks)

    @property
    def most_tokens(self) -> int:
        """The most tokens a rollout can have."""
        return self.most_steps * (2 + MOST_FILLERS) + 1

    def start(self, prompts: int, generator: torch.Generator) -> State:
        """Fresh prompts, one rollout of each, nothing written yet."""
        first = torch.randint(DIGITS, (prompts,), generator=generator)
        operations = torch.randint(len(OPERATIONS), (prompts, self.steps), generator=generator)
        return self.pose(first, operations)

    def pose(self, first: Tensor, operations: Tensor) -> State:
        """Given prompts: first digits (N,) and operations (N, K)."""
        zero, no = torch.zeros_like(first), torch.zeros_like(first, dtype=torch.bool)
        return State(first, operations, zero - 1, first, first, no, no, zero, zero, zero - 1, no, no)

    def legal(self, state: State) -> Tensor:
        """(N, V) the words that may come next; all False for rollouts that have ended."""
        words = torch.zeros(len(state.first), len(WORDS), dtype=torch.bool)
        within = state.body & ~state.done
        between = ~state.body & ~state.done
        last = state.position == self.steps - 1
        words[:, :DIGITS] = within[:, None]
        words[:, WELL] = words[:, CLEARLY] = within & (state.fillers < MOST_FILLERS)
        words[:, NEXT] = between & ~last
        words[:, CHECK] = between & (state.position >= 0) & (state.checks < self.checks)
        words[:, DONE] = between & last
        return words

    def overwrite(self, state: State, token: Tensor, chance: Tensor) -> Tensor:
        """What stands in the rollout: the policy's token, or a wrong digit where the environment slips.

        Args:
            state: Of N rollouts.
            token: (N,) what the policy wrote.
            chance: (N, 2) uniform in [0, 1): whether it slips, and to which of the nine wrong digits.
        """
        rate = torch.where(state.checking, self.check_slip, self.slip)
        slips = state.body & ~state.done & (token < DIGITS) & (chance[:, 0] < rate)
        wrong = (state.result + 1 + (chance[:, 1] * (DIGITS - 1)).long()) % DIGITS
        return torch.where(slips, wrong, token)

    def advance(self, state: State, token: Tensor, slipped: Tensor | None = None) -> tuple[State, Event]:
        """Write one token in each rollout. What is not legal ends the rollout, broken, with reward 0.

        Args:
            state: Of N rollouts.
            token: (N,) what stands in the rollout; ignored where it has ended.
            slipped: (N,) True where the environment wrote it.
        """
        active = ~state.done
        token = torch.where(active, token, PAD)
        slipped = torch.zeros_like(active) if slipped is None else slipped & active
        allowed = self.legal(state).gather(1, token.clamp_max(len(WORDS) - 1)[:, None])[:, 0] & active
        opens = allowed & ((token == NEXT) | (token == CHECK))
        moves, closes = opens & (token == NEXT), allowed & (token < DIGITS)
        checking = torch.where(opens, token == CHECK, state.checking)
        counts = closes & ~checking if not self.check_counts else closes
        value = torch.where(counts, token, state.value)
        after = State(
            first=state.first,
            operations=state.operations,
            position=state.position + moves.long(),
            operand=torch.where(moves, state.value, state.operand),
            value=value,
            body=(state.body | opens) & ~closes,
            checking=checking,
            checks=torch.where(moves, 0, state.checks + (opens & checking).long()),
            fillers=torch.where(opens, 0, state.fillers + (allowed & ((token == WELL) | (token == CLEARLY))).long()),
            step=state.step + opens.long(),
            done=state.done | ~allowed | (token == DONE),
            broken=state.broken | (active & ~allowed),
        )
        event = Event(
            token=token,
            step=after.step.clamp_min(0),
            policy=active & ~slipped,
            closes=closes,
            check=checking,
            position=state.position.clamp_min(0),
            operand=state.operand,
            before=state.value,
            after=value,
            result=state.result,
        )
        return after, event

    def gather(self, state: State, events: Sequence[Event]) -> Rollouts:
        """Finished rollouts from the last state and all events."""
        log = {f.name: torch.stack([getattr(e, f.name) for e in events], 1) for f in fields(Event)}  # (N, T)
        facts = self._facts(log)
        final = state.value == state.answers()
        if self.every_step:
            final = (facts.right | ~facts.present).all(1)
        rewards = (final & state.done & ~state.broken).float()
        return Rollouts(log["token"], log["step"], log["policy"], facts, rewards, state.first, state.operations)

    def _facts(self, log: dict[str, Tensor]) -> Facts:
        """Facts of the steps from the tokens' events."""
        rows, closes = len(log["token"]), log["closes"]

        def of_step(values: Tensor) -> Tensor:
            """(N, S) what was true at the digit that closed each step."""
            table = torch.zeros(rows, self.most_steps + 1, dtype=values.dtype)
            at = torch.where(closes, log["step"], self.most_steps)  # one more column takes what closes nothing
            return table.scatter(1, at, values)[:, :-1]

        def count(marks: Tensor) -> Tensor:
            """(N, S) how many tokens of each step are marked."""
            table = torch.zeros(rows, self.most_steps, dtype=torch.long)
            return table.scatter_add(1, log["step"], marks.long())

        present = of_step(closes)
        check = of_step(log["check"]) & present
        right = of_step(log["token"] == log["result"]) & present
        slipped = of_step(~log["policy"]) & present
        stood = of_step(log["before"] == log["result"])  # the value checked was right
        stands = of_step(log["after"] == log["result"])
        catch, position = check & ~stood & stands, of_step(log["position"])
        caught = torch.zeros(rows, self.steps, dtype=torch.bool)
        caught = caught.scatter_reduce(1, position, catch, reduce="amax")  # (N, K)
        fixed = present & ~check & ~right & caught.gather(1, position)
        own_wrong = present & ~check & ~right & ~slipped
        order = torch.arange(self.most_steps).expand(rows, -1)
        since = order - torch.where(check, 0, order).cummax(1).values  # checks of this operation so far
        return Facts(
            present=present,
            check=check,
            right=right,
            slipped=slipped,
            own_wrong=own_wrong,
            needless=check & stood,
            catch=catch,
            harm=check & stood & ~stands,
            stands=stands & present,
            asks=present & (since < self.checks),
            fixed=fixed,
            staged=own_wrong & fixed,
            position=position,
            operand=of_step(log["operand"]),
            digit=of_step(log["token"]),
            well=count(log["token"] == WELL),
            clearly=count(log["token"] == CLEARLY),
            lengths=count(log["policy"]) * present.long(),
        )

    def replay(self, state: State, tokens: Tensor, slipped: Tensor | None = None) -> Rollouts:
        """Rollouts from tokens that already exist.

        Args:
            state: From `start` or `pose`, N rows.
            tokens: (N, T); what comes after ``done`` is ignored. A rollout that has not ended is broken.
            slipped: (N, T) True where the environment wrote the token.
        """
        events = []
        for t in range(tokens.shape[1]):
            state, event = self.advance(state, tokens[:, t], None if slipped is None else slipped[:, t])
            events.append(event)
        return self.gather(state, events)

    def prompt(self, rollouts: Rollouts | State, row: int) -> str:
        """The prompt in words: ``start 7: + 5, * 3, 4 -``."""
        operations = ", ".join(OPERATIONS[int(o)] for o in rollouts.operations[row])
        return f"start {int(rollouts.first[row])}: {operations}"

    def text(self, rollouts: Rollouts, row: int) -> str:
        """One rollout as text, one step a line: ``7 + 5 -> 2``, then perhaps ``check: 7 + 5 -> 2``."""
        facts, lines = rollouts.facts, []
        words = [
            [WORDS[int(w)] for w in rollouts.tokens[row][rollouts.owners[row] == k] if WELL <= w <= CLEARLY]
            for k in range(self.most_steps)
        ]
        for k in range(self.most_steps):
            if facts.present[row, k]:
                operation = int(rollouts.operations[row, int(facts.position[row, k])])
                said = "".join(f"{word}, " for word in words[k])
                opening = "check: " if facts.check[row, k] else ""
                left = equation(operation, int(facts.operand[row, k]))
                lines.append(f"{opening}{said}{left} -> {int(facts.digit[row, k])}")
        return "\n".join(lines)


WORLDS: Final = {
    world.name: world
    for world in (
        World("A", "5 steps; the final value counts", 5),
        World("B16", "16 steps; every step must be right, so success is rare at first", 16, every_step=True),
        World("C", "6 steps, checks help: the environment spoils 5 % of first computations", 6, checks=2, slip=0.05),
        World("D", "6 steps, checks harm: the environment spoils 4 % of checks", 6, checks=2, check_slip=0.04),
        World("E", "6 steps, checks are free and harmless: the value stands", 6, checks=2, check_counts=False),
    )
}
"""The tasks by name."""
