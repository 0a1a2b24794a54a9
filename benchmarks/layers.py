"""What each layer of the detector's evidence costs: transcript, siblings, the reviewer's labels, the policy.

    python benchmarks/layers.py                          # with a small random model: counts, and seconds as a ratio
    python benchmarks/layers.py --model DIR_OR_NAME      # with the model that you would ask
    python benchmarks/layers.py --rollouts 40 --samples 0

Rollouts are planted ones (`benchmarks/plant.py`, problems drawn by program), short, and more of them look back at
something than ordinary ones do: how many is printed, since the policy is asked about these only. Seconds are
processor seconds of this process. The policy's are also given as a share of what it takes the same model to write the
rollout, eight of a prompt side by side, as a trainer does; that ratio, not the seconds, carries over to another
model. A random model ends no text, so continuations here have all the tokens they may have: an upper bound.
"""

from __future__ import annotations

import random
import statistics
import time
from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Annotated, Final

import torch
import typer
from planting.cases import plant
from planting.made import made
from planting.writers import FOLDER, load_writers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM

from dca import Transcript
from dca.credit.segment import segment
from dca.performativity.detect import TranscriptDetector
from dca.performativity.inquiry import PolicyDetector
from dca.trl.loading import Loaded, load
from dca.trl.probes import Forecast, ModelPolicy
from dca.trl.sampling import PolicySampler
from dca.types import Review, Step

Row = tuple[Transcript, tuple[Step, ...]]
GROUP: Final = 8
NOTHING: Final = Forecast(0, 0, 0, 0)


def rollouts(per_family: int, seed: int) -> list[Row]:
    """Planted rollouts and their honest controls, cut into lines."""
    carriers = made(200, random.Random(seed))
    cases = plant([*carriers], list(load_writers(FOLDER)), per_family=per_family, seed=seed)
    found = []
    for case in cases:
        text = "\n".join(line.text for line in case.lines)
        transcript = Transcript(case.prompt, text, float(case.right), id=case.name)
        found.append((transcript, segment(transcript, "line")))
    return found


def small(texts: Iterable[str], hidden: int, layers: int) -> Loaded:
    """A random Qwen2 and a byte-level tokenizer that was trained on the rollouts, and that has no end of text."""
    bpe = Tokenizer(models.BPE())
    bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    bpe.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    trainer = trainers.BpeTrainer(
        vocab_size=2000, special_tokens=["<pad>"], initial_alphabet=alphabet, show_progress=False
    )
    bpe.train_from_iterator(texts, trainer)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=bpe, pad_token="<pad>")
    torch.manual_seed(0)
    config = Qwen2Config(
        vocab_size=len(tokenizer),
        hidden_size=hidden,
        intermediate_size=4 * hidden,
        num_hidden_layers=layers,
        num_attention_heads=4,
        num_key_value_heads=4,
        max_position_embeddings=4096,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=0,
    )
    return Loaded(Qwen2ForCausalLM(config).eval(), tokenizer)


def spent(work: Callable[[], object]) -> float:
    """Processor seconds of a piece of work."""
    began = time.process_time()
    work()
    return time.process_time() - began


def text_layers(rows: Sequence[Row]) -> str:
    """Processor seconds of the layers that ask nobody."""
    steps = sum(len(cut) for _, cut in rows)
    labels = [
        Review((0.0,) * len(cut), tuple((None, "check")[k % 5 == 4] for k in range(len(cut)))) for _, cut in rows
    ]

    def all_rows(detector: TranscriptDetector) -> None:
        for (transcript, cut), review in zip(rows, labels, strict=True):
            detector.detect(transcript, cut, review)

    plain, reviewed = TranscriptDetector(), TranscriptDetector(("transcript", "reviewer"))
    siblings = TranscriptDetector(("transcript", "siblings"))
    all_rows(plain)  # once for the caches of whatever reads text
    base = spent(partial(all_rows, plain))
    labelled = spent(partial(all_rows, reviewed))
    known: list[TranscriptDetector] = []
    learned = spent(
        lambda: known.append(siblings.for_group([row for row, _ in rows], segmenter=partial(segment, how="line")))
    )
    beside = spent(lambda: all_rows(known[0]))
    length = statistics.fmean(len(transcript.completion) for transcript, _ in rows)
    lines = [
        f"{len(rows)} rollouts, {steps} steps, {length:.0f} characters each",
        "",
        "| layer | asks | ms a rollout | steps a second |",
        "|---|---|---:|---:|",
    ]
    for name, asks, took in (
        ("transcript", "nobody", base),
        ("+ reviewer's labels", "nobody: they come with the review", labelled),
        ("+ siblings", "nobody: reads every rollout of the input once more", learned + beside),
    ):
        lines.append(f"| {name} | {asks} | {1000 * took / len(rows):.2f} | {steps / max(took, 1e-9):,.0f} |")
    return "\n".join(lines)


def policy_layer(rows: Sequence[Row], asked_of: Loaded, samples: int, max_new_tokens: int) -> str:
    """What the policy is asked about a rollout, and what that takes beside writing it."""
    policy = ModelPolicy(asked_of.model, asked_of.tokenizer, max_new_tokens=max_new_tokens)
    detector = PolicyDetector(TranscriptDetector(), policy, samples=samples)
    total, asked, took, wrote, tokens = NOTHING, 0, 0.0, 0.0, 0
    scored = PolicyDetector(TranscriptDetector(), policy, samples=0)
    scoring = 0.0
    for transcript, cut in rows:
        policy.know((transcript,))
        (questions,) = detector.questions(transcript, cut)
        policy.forget()
        total = total + policy.forecast(questions)
        asked += bool(questions.pairs or questions.beginnings)
        blank = Review((0.0,) * len(cut))
        took += spent(lambda: detector.detect(transcript, cut, blank))  # noqa: B023 - called at once
        scoring += spent(lambda: scored.detect(transcript, cut, blank))  # noqa: B023
        length = len(asked_of.tokenizer(transcript.completion)["input_ids"])
        tokens += length
        writer = PolicySampler(asked_of.model, asked_of.tokenizer, max_new_tokens=length)
        wrote += spent(lambda: writer(transcript.prompt, "", GROUP)) / GROUP  # noqa: B023
    count = len(rows)
    return "\n".join(
        [
            f"{count} rollouts of {tokens / count:.0f} tokens, {asked} of them with something to ask about",
            "",
            "| policy layer | forward passes | tokens read | continuations | their tokens, at most | seconds "
            "| writing it = 1 |",
            "|---|---:|---:|---:|---:|---:|---:|",
            f"| probabilities only | {total.forwards / count:.2f} | {total.tokens / count:,.0f} | 0 | 0 "
            f"| {scoring / count:.3f} | {scoring / wrote:.2f} |",
            f"| with {samples} samples a probe | {total.forwards / count:.2f} | {total.tokens / count:,.0f} "
            f"| {total.samples / count:.1f} | {total.sampled_tokens / count:,.0f} "
            f"| {took / count:.3f} | {took / wrote:.2f} |",
            f"| writing the rollout, {GROUP} side by side | | | 1 | {tokens / count:.0f} | {wrote / count:.3f} | 1 |",
        ]
    )


def main(
    model: Annotated[str | None, typer.Option(help="Ask this one: a folder or a name on the hub.")] = None,
    count: Annotated[int, typer.Option("--rollouts", min=1, help="Rollouts that the model is asked about.")] = 60,
    samples: Annotated[int, typer.Option(min=0, help="Continuations for each probe.")] = 8,
    hidden: Annotated[int, typer.Option(help="Units of the small model.")] = 128,
    layers: Annotated[int, typer.Option(help="Layers of the small model.")] = 2,
    per_family: Annotated[int, typer.Option(min=1, help="Planted pairs of each family, for the text layers.")] = 20,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="The longest continuation.")] = 256,
    seed: Annotated[int, typer.Option(help="Of problems and plants.")] = 0,
) -> None:
    """Count and time what each layer of evidence costs, and print two tables."""
    torch.set_num_threads(1)
    rows = rollouts(per_family, seed)
    print(text_layers(rows) + "\n")
    texts = (f"{transcript.prompt}\n{transcript.completion}" for transcript, _ in rows)
    asked_of = small(texts, hidden, layers) if model is None else load(model)
    chosen = random.Random(seed).sample(rows, min(count, len(rows)))
    print(policy_layer(chosen, asked_of, samples, max_new_tokens))


if __name__ == "__main__":
    typer.run(main)
