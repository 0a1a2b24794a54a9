"""A small transformer that writes worksheets token by token: vocabulary, tokenizer, model and sampler.

The worlds' words are the policy's tokens; the environment writes the question of each step between them:

    next: 7 + 5 well, -> 2⏎        "next:", " well," and " -> 2⏎" are the policy's, " 7 + 5" is the environment's

Where nothing is to be decided the environment writes on: the first ``next:``, each one where no check is allowed,
and the end. After the last step, too, ``next:`` is how a policy that could check says that it goes on. So the text
holds one step a line, and the last token of a step ends its line. The model is transformers' own Qwen2; `write`
samples from it with a cache and without transformers' overhead. This module knows tokens and probabilities; it does
not know rewards, reviewers, credit or a trainer.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Final, Protocol

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models
from torch import Tensor
from torch.nn.functional import linear, scaled_dot_product_attention, silu
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from lab.worlds import (
    DIGITS,
    DONE,
    FILLERS,
    NEXT,
    OPERATIONS,
    PAD,
    WORDS,
    Event,
    Rollouts,
    State,
    World,
    equation,
)

QUESTION: Final = PAD + 1
"""The first of the 200 tokens with which the environment asks: operation by operation, operand by operand."""
BEGIN: Final = QUESTION + len(OPERATIONS) * DIGITS
"""The first of ten tokens that begin a prompt: which digit it starts from."""
OPERATION: Final = BEGIN + DIGITS
"""The first of the twenty tokens of a prompt's operations."""

PIECES: Final = (
    *(f" -> {d}\n" for d in range(DIGITS)),
    *(f" {word}," for word in FILLERS),
    "next:",
    "check:",
    "<done>",
    "<pad>",
    *(f" {equation(operation, operand)}" for operation in range(len(OPERATIONS)) for operand in range(DIGITS)),
    *(f"start {d}:" for d in range(DIGITS)),
    *(f" {operation}," for operation in OPERATIONS),
)
"""Token -> text; the first `len(WORDS)` are the worlds' words, by the same numbers."""


def tokenizer() -> PreTrainedTokenizerFast:
    """A tokenizer that spells every token as it stands in `PIECES`; "done" ends a completion and is not shown."""
    words = Tokenizer(models.WordLevel({piece: k for k, piece in enumerate(PIECES)}, unk_token="<pad>"))
    words.decoder = decoders.Fuse()
    words.add_special_tokens([AddedToken(PIECES[k], special=True, normalized=False) for k in (DONE, PAD)])
    return PreTrainedTokenizerFast(
        tokenizer_object=words,
        eos_token=PIECES[DONE],
        pad_token=PIECES[PAD],
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )


def model(seed: int, *, hidden: int = 64, layers: int = 2) -> Qwen2ForCausalLM:
    """A fresh Qwen2 of two layers, 64 units and four heads: about 90,000 parameters."""
    torch.manual_seed(seed)
    config = Qwen2Config(
        vocab_size=len(PIECES),
        hidden_size=hidden,
        intermediate_size=2 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=512,
        tie_word_embeddings=False,
        bos_token_id=None,
        eos_token_id=DONE,
        pad_token_id=PAD,
        attention_dropout=0.0,
        initializer_range=0.08,  # 0.02 is meant for wide models; this one learned nothing for long with it
    )
    return Qwen2ForCausalLM(config).float()


def prompt_ids(state: State) -> Tensor:
    """(N, K + 1) the prompts in tokens: the first digit, the operations."""
    return torch.cat([BEGIN + state.first[:, None], OPERATION + state.operations], 1)


def question(state: State) -> Tensor:
    """(N,) the token of the question that comes next."""
    return QUESTION + DIGITS * state.operation + state.operand


@dataclass(frozen=True, slots=True)
class Written:
    """N rollouts as a trainer wants them, and as the world sees them.

    Attributes:
        prompts: (N, P) token ids.
        tokens: (N, T) token ids, `PAD` after the end.
        lengths: (N,) tokens of each.
        policy: (N, T) True where the policy wrote the token: neither question, nor slip, nor padding.
        rollouts: What the world says of them.
    """

    prompts: Tensor
    tokens: Tensor
    lengths: Tensor
    policy: Tensor
    rollouts: Rollouts

    def rows(self) -> Iterator[tuple[list[int], list[int], list[int]]]:
        """Prompt ids, completion ids and mask of each rollout, without padding."""
        rows = zip(self.prompts, self.tokens, self.policy.long(), self.lengths.tolist(), strict=True)
        for prompt, tokens, mask, n in rows:
            yield prompt.tolist(), tokens[:n].tolist(), mask[:n].tolist()


class Cached:
    """One forward pass at a time through a Qwen2, with a cache of `room` positions; all rows keep in step."""

    def __init__(self, network: Qwen2ForCausalLM, rows: int, room: int) -> None:
        self._config, body = network.config, network.model
        self._embedding, self._norm, self._head = body.embed_tokens.weight, body.norm.weight, network.lm_head.weight
        self._layers = [_Layer.of(layer) for layer in body.layers]
        heads = self._config.num_attention_heads
        self._shape = (heads, self._config.hidden_size // heads)
        angles = torch.outer(torch.arange(room).float(), body.rotary_emb.inv_freq.float())
        self._cos, self._sin = (torch.cat([f, f], -1) for f in (angles.cos(), angles.sin()))
        empty = (len(self._layers), 2, rows, heads, room, self._shape[1])
        self._cache, self._filled = torch.zeros(empty), 0

    def read(self, tokens: Tensor) -> Tensor:
        """(N, V) logits after n more tokens (N, n) of each row."""
        rows, count = tokens.shape
        begin, stop = self._filled, self._filled + tokens.shape[1]
        cos, sin = self._cos[begin:stop], self._sin[begin:stop]
        x = self._embedding[tokens]
        for layer, cache in zip(self._layers, self._cache, strict=True):
            inner = linear(self._normed(x, layer.before), layer.qkv, layer.bias)
            q, k, v = inner.view(rows, count, 3, *self._shape).permute(2, 0, 3, 1, 4)
            cache[0, :, :, begin:stop] = k * cos + _turned(k) * sin
            cache[1, :, :, begin:stop] = v
            read = scaled_dot_product_attention(
                q * cos + _turned(q) * sin, cache[0, :, :, :stop], cache[1, :, :, :stop], is_causal=begin == 0
            )
            x = x + linear(read.transpose(1, 2).reshape(rows, count, -1), layer.out)
            gate, up = linear(self._normed(x, layer.after), layer.gate_up).chunk(2, -1)
            x = x + linear(silu(gate) * up, layer.down)
        self._filled = stop
        return linear(self._normed(x[:, -1], self._norm), self._head)

    def _normed(self, x: Tensor, weight: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + self._config.rms_norm_eps) * weight


@dataclass(frozen=True, slots=True)
class _Layer:
    """The weights of one layer, as few matrices as possible."""

    before: Tensor
    qkv: Tensor
    bias: Tensor
    out: Tensor
    after: Tensor
    gate_up: Tensor
    down: Tensor

    @classmethod
    def of(cls, layer: torch.nn.Module) -> _Layer:
        attention, mlp = layer.self_attn, layer.mlp
        three = (attention.q_proj, attention.k_proj, attention.v_proj)
        return cls(
            before=layer.input_layernorm.weight,
            qkv=torch.cat([p.weight for p in three]),
            bias=torch.cat([p.bias for p in three]),
            out=attention.o_proj.weight,
            after=layer.post_attention_layernorm.weight,
            gate_up=torch.cat([mlp.gate_proj.weight, mlp.up_proj.weight]),
            down=mlp.down_proj.weight,
        )


def _turned(x: Tensor) -> Tensor:
    """Half of the features exchanged with the other half, as rotary positions want it."""
    first, second = x.chunk(2, -1)
    return torch.cat([-second, first], -1)


class Author(Protocol):
    """Whoever writes worksheets: a policy, a teacher."""

    def weights(self, state: State, /) -> Tensor:
        """(N, V) how probable each token is next: all of `PIECES`, or the words only."""
        ...

    def read(self, tokens: Tensor, /) -> object:
        """Take in one more token of each row, (N, 1), whoever wrote it."""
        ...


class Policy:
    """A network as an author.

    Args:
        network: The model.
        prompts: (N, P) token ids.
        room: The most tokens a rollout may have.
    """

    def __init__(self, network: Qwen2ForCausalLM, prompts: Tensor, room: int) -> None:
        self._cached = Cached(network, len(prompts), prompts.shape[1] + room)
        self._logits = self._cached.read(prompts)

    def weights(self, _: State, /) -> Tensor:
        """(N, V) the network's probabilities."""
        return self._logits.softmax(-1)

    def read(self, tokens: Tensor, /) -> None:
        """One forward pass."""
        self._logits = self._cached.read(tokens)


def write(network: Qwen2ForCausalLM, world: World, state: State, generator: torch.Generator) -> Written:
    """Sample one rollout of each prompt from a network, at temperature 1, out of the whole vocabulary.

    No word is forbidden: one that makes no sense where it stands ends the rollout, which then has failed. A trainer's
    probabilities are over the whole vocabulary too, so this is strictly on-policy. (Sampling among the allowed words
    only is not: nothing holds back the probability of the others, which was seen to grow until training broke down.)

    Args:
        network: The policy.
        world: Whose rules hold; it may slip.
        state: N fresh rows.
        generator: All randomness: three uniform numbers for each row and token, whatever is written.
    """
    with torch.no_grad():
        return written(Policy(network, prompt_ids(state), room(world)), world, state, generator)


def written(author: Author, world: World, state: State, generator: torch.Generator) -> Written:
    """Let an author write one rollout of each prompt to the end; see `write`."""
    prompts, asked, ends = prompt_ids(state), state.done, state.done
    tokens, marks, runs, events = [], [], [], []
    for chance in torch.rand((room(world), len(prompts), 3), generator=generator):
        legal = world.legal(state)
        asks = state.body & ~asked & ~state.done
        forced = ~state.done & (ends | (legal.sum(1) == 1))  # nothing to decide: the environment keeps the book
        drawn = _drawn(author.weights(state), chance[:, 0])
        word = torch.where(forced, legal.long().argmax(1), _word(state, drawn))
        word = torch.where(ends, DONE, word)
        stands = world.overwrite(state, word, chance[:, 1:])
        slipped = forced | (stands != word)
        ends_now = ~(state.body | forced | state.done) & (drawn == NEXT) & (state.position == world.steps - 1)
        after, event = world.advance(state, stands, slipped)
        still = asks | ends_now
        events.append(_still(event, still))
        token = torch.where(asks, question(state), torch.where(slipped, stands, drawn))
        tokens.append(torch.where(state.done, PAD, token))
        marks.append(~(state.done | asks | slipped))
        runs.append(~state.done)
        asked = asks | (asked & (event.token < NEXT))
        ends, state = ends_now, _chosen(still, state, after)
        if bool(state.done.all()):
            break
        author.read(tokens[-1][:, None])
    lengths = torch.stack(runs, 1).sum(1)
    return Written(prompts, torch.stack(tokens, 1), lengths, torch.stack(marks, 1), world.gather(state, events))


def _word(state: State, token: Tensor) -> Tensor:
    """(N,) the world's word for a token of the policy's; what is no such word is as wrong as the token was.

    Between two steps ``next`` means: go on, with no check.
    """
    wrong = torch.where(state.body, NEXT, 0)
    return torch.where((token < len(WORDS)) & (token != DONE), token, wrong)


def room(world: World) -> int:
    """The most tokens a rollout can have, questions included."""
    return world.most_tokens + world.most_steps + 1


def _drawn(weights: Tensor, chance: Tensor) -> Tensor:
    """(N,) by inversion: the first token whose cumulated weight exceeds the chance."""
    cumulated = weights.cumsum(-1)
    below = (chance * cumulated[:, -1].nextafter(torch.zeros(())))[:, None]
    return (cumulated <= below).sum(-1).clamp_max(weights.shape[1] - 1)


def _chosen(mask: Tensor, one: State, other: State) -> State:
    """Row by row `one` where the mask is True, else `other`."""
    pairs = ((getattr(one, f.name), getattr(other, f.name)) for f in fields(State))
    return State(*(torch.where(mask[:, None] if a.dim() > 1 else mask, a, b) for a, b in pairs))


def _still(event: Event, asks: Tensor) -> Event:
    """The event, but nothing happened in the rows where the environment was asking."""
    values = {f.name: getattr(event, f.name) for f in fields(Event)}
    values |= {"policy": event.policy & ~asks, "closes": event.closes & ~asks}
    values["token"] = torch.where(asks, PAD, event.token)
    return Event(**values)


def posed(world: World, prompts: Sequence[str]) -> State:
    """The world's state for prompts as `World.prompt` writes them: ``start 7: + 5, * 3``."""
    first = [int(prompt[len("start ") : prompt.index(":")]) for prompt in prompts]
    operations = [[OPERATIONS.index(o) for o in prompt.split(": ", 1)[1].split(", ")] for prompt in prompts]
    return world.pose(torch.tensor(first), torch.tensor(operations))
