"""Many small recurrent policies at once: E independent members, one leading dimension, one batched product a step.

Each member is a GRU (Cho et al. 2014, arXiv 1406.1078) with 64 units over embeddings of the last token and of the
question before it (operation and operand), and one hidden layer to the vocabulary. It sees symbols only. Members
share no parameter and no random number; trained side by side they learn what each would learn alone.
This module knows worlds; it does not know rewards, reviewers or credit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self, cast

import torch
from torch import Tensor
from torch.nn.functional import embedding

from lab.worlds import DIGITS, OPERATIONS, PAD, WORDS, Event, Rollouts, State, World

HIDDEN: Final = 64
QUESTIONS: Final = len(OPERATIONS) * DIGITS
SHAPES: Final = {
    "token": (PAD + 1, 3 * HIDDEN),  # `PAD` stands for the beginning, too
    "operation": (len(OPERATIONS), 3 * HIDDEN),
    "operand": (DIGITS, 3 * HIDDEN),
    "recurrent": (HIDDEN, 3 * HIDDEN),
    "recurrent_bias": (1, 3 * HIDDEN),
    "inner": (HIDDEN, HIDDEN),
    "inner_bias": (1, HIDDEN),
    "outer": (HIDDEN, len(WORDS)),
    "outer_bias": (1, len(WORDS)),
}
"""Parameters of one member; 26,447 numbers."""


@dataclass(frozen=True, slots=True)
class Played:
    """What E members did in n rollouts each.

    Attributes:
        rollouts: Of E * n rows, member by member.
        log_probs: (E, n, T) of the tokens written, differentiable; 0 for what is not the policy's.
    """

    rollouts: Rollouts
    log_probs: Tensor


class Policies:
    """E members and how they write.

    Args:
        parameters: Name -> (E, ...) as in `SHAPES`.
    """

    def __init__(self, parameters: Mapping[str, Tensor]) -> None:
        self.parameters = {name: parameters[name].clone().requires_grad_() for name in SHAPES}
        self.members = len(self.parameters["recurrent"])

    @classmethod
    def fresh(cls, generators: Sequence[torch.Generator]) -> Self:
        """Random members, one for each generator."""
        scale = {"recurrent": HIDDEN**-0.5, "inner": HIDDEN**-0.5, "outer": HIDDEN**-0.5, "token": 0.5}
        scale |= {"operation": 0.5, "operand": 0.5}
        return cls(
            {
                name: torch.stack([torch.randn(shape, generator=g) for g in generators]) * scale.get(name, 0.0)
                for name, shape in SHAPES.items()
            }
        )

    def pick(self, members: Sequence[int]) -> Policies:
        """Copies of some members, in the order given; a member may be picked more than once."""
        return Policies({name: p.detach()[list(members)] for name, p in self.parameters.items()})

    def surprise(self, world: World, state: State, tokens: Tensor, odds: Tensor) -> Tensor:
        """Cross-entropy of the members' words under another's, summed over all rows and tokens.

        Args:
            world: Whose rules hold.
            state: E * n fresh rows, member by member.
            tokens: (E * n, T) what the other wrote.
            odds: (E * n, T, V) how likely each word was to the other; all 0 where nothing was said.
        """
        mind, total = _Mind(self, len(state.first)), torch.zeros(())
        for t in range(tokens.shape[1]):
            if bool(state.done.all()):
                break
            said = mind.words(state, world.legal(state))
            total = total - (odds[:, t].view(said.shape) * said.clamp_min(-1e4)).sum()
            state, event = world.advance(state, tokens[:, t])
            mind.heard(event.token)
        return total

    def play(self, world: World, state: State, chances: Tensor, *, given: Tensor | None = None) -> Played:
        """Let every member write its rollouts to the end.

        Args:
            world: Whose rules hold.
            state: E * n fresh rows, member by member.
            chances: (E, n, T, 3) uniform numbers, T = `World.most_tokens`: for the word, and for a slip twice.
                With fewer the rollouts stop there.
            given: (E * n, at most T) words that stand there already, counted as the members' own; `PAD` where the
                members go on by themselves.
        """
        mind = _Mind(self, len(state.first))
        events: list[Event] = []
        kept: list[Tensor] = []
        for t in range(chances.shape[2]):
            said = mind.words(state, world.legal(state))
            token = sampled(said.detach(), chances[:, :, t, 0])
            written = world.overwrite(state, token.view(-1), chances[:, :, t, 1:].reshape(-1, 2))
            if given is not None and t < given.shape[1]:
                stands = given[:, t] != PAD
                token = torch.where(stands, given[:, t], token.view(-1)).view(token.shape)
                written = torch.where(stands, given[:, t], written)
            state, event = world.advance(state, written, written != token.view(-1))
            kept.append(said.gather(2, token[..., None])[..., 0].where(event.policy.view(token.shape), 0.0))
            events.append(event)
            mind.heard(event.token)
            if bool(state.done.all()):
                break
        return Played(world.gather(state, events), torch.stack(kept, 2))


class _Mind:
    """What E members hold in mind while n rollouts each are written, word by word."""

    def __init__(self, policies: Policies, rows: int) -> None:
        self._p, members = policies.parameters, policies.members
        self._offset = torch.arange(members)[:, None]
        self._tokens = self._p["token"].reshape(-1, 3 * HIDDEN)
        self._questions = (self._p["operation"][:, :, None] + self._p["operand"][:, None]).reshape(-1, 3 * HIDDEN)
        self._hidden = torch.zeros(members, rows // members, HIDDEN)
        self._last = torch.full((members, rows // members), PAD)

    def heard(self, token: Tensor) -> None:
        """Take in what now stands in the rollouts, (E * n,)."""
        self._last = token.view(self._last.shape)

    def words(self, state: State, legal: Tensor) -> Tensor:
        """(E, n, V) log-probabilities of the next word; uniform where the rollout has ended."""
        question = (state.operation * DIGITS + state.operand).view(self._last.shape)
        read = embedding(self._last + self._offset * (PAD + 1), self._tokens)
        self._remember(read + embedding(question + self._offset * QUESTIONS, self._questions))
        inner = torch.relu(torch.baddbmm(self._p["inner_bias"], self._hidden, self._p["inner"]))
        logits = torch.baddbmm(self._p["outer_bias"], inner, self._p["outer"])
        possible = legal | state.done[:, None]
        return logits.masked_fill(~possible.view(logits.shape), -torch.inf).log_softmax(-1)

    def _remember(self, read: Tensor) -> None:
        """One step of the GRU on what was read, (E, n, 3H)."""
        own = torch.baddbmm(self._p["recurrent_bias"], self._hidden, self._p["recurrent"])
        self._hidden = cast(Tensor, _Gates.apply(self._hidden, read, own))


class _Gates(torch.autograd.Function):  # type: ignore[misc]  # torch does not type it
    """The gates of a GRU, with their derivative by hand, which saves a sixth of the time.

    r, z = sigmoid(x_r + u_r), sigmoid(x_z + u_z);  n = tanh(x_n + r u_n);  h' = n + z (h - n)
    """

    @staticmethod
    def forward(ctx: Any, hidden: Tensor, read: Tensor, own: Tensor) -> Tensor:
        """The next h from h (E, n, H), x and u (E, n, 3H)."""
        reset, keep = torch.sigmoid(read[..., : 2 * HIDDEN] + own[..., : 2 * HIDDEN]).chunk(2, -1)
        inner = own[..., 2 * HIDDEN :]
        new = torch.addcmul(read[..., 2 * HIDDEN :], reset, inner).tanh_()
        ctx.save_for_backward(hidden, reset, keep, inner, new)
        return torch.lerp(new, hidden, keep)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The gradients of h, x and u from that of h'."""
        (gradient,) = gradients
        hidden, reset, keep, inner, new = ctx.saved_tensors
        kept = gradient * keep
        at_new = (gradient - kept).mul_(1 - new * new)
        at_keep = (hidden - new).mul_(kept).mul_(1 - keep)
        at_reset = (at_new * inner).mul_(reset).mul_(1 - reset)
        return kept, torch.cat([at_reset, at_keep, at_new], -1), torch.cat([at_reset, at_keep, at_new * reset], -1)


def sampled(log_probs: Tensor, chance: Tensor) -> Tensor:
    """Tokens by inversion: the first whose cumulated probability exceeds the chance.

    >>> sampled(torch.tensor([[0.5, 0.5], [0.5, 0.5]]).log(), torch.tensor([0.4, 0.6]))
    tensor([0, 1])
    """
    cumulated = log_probs.exp().cumsum(-1)
    passed = cumulated <= (chance * cumulated[..., -1].nextafter(torch.zeros(()))).unsqueeze(-1)
    return passed.sum(-1).clamp_max(log_probs.shape[-1] - 1)
