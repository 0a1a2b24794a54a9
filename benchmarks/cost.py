"""What 1,000 reviews cost by way of asking: rollouts of 30 steps and about 1,500 tokens, eight of each prompt.

The counting is that of `dca estimate`; nothing is sent, nothing is timed.

    python benchmarks/cost.py
"""

from __future__ import annotations

from dca import Transcript, segment
from dca.backends.prices import load_prices
from dca.backends.scripted import ScriptedBackend
from dca.estimate import count_tokens, shapes
from dca.review.llm import LLMReviewer

MODELS = ("claude-haiku-5-5", "claude-sonnet-5-5", "claude-opus-5-5")
STEP = (
    "Next I look at group {k}: it starts with {a} items and gets {b} more each week, so after four weeks there are "
    "{a} + 4 * {b} = {c}, more than {d}."
)
PROBLEM = (
    "Problem {n}. A warehouse sorts parcels into groups. Each group starts with a given number of items and gets the "
    "same number of further items every week. How many items are in all groups together after four weeks?"
)


def rollout(number: int, attempt: int) -> Transcript:
    steps = [
        STEP.format(k=k, a=10 + k + attempt, b=3 + k, c=10 + k + attempt + 4 * (3 + k), d=7 + k) for k in range(28)
    ]
    text = "\n\n".join([*steps, f"In all that makes {number} items.\n\nA: {number}"])
    return Transcript(PROBLEM.format(n=number), text, float(attempt % 2), id=f"{number}-{attempt}")


def main() -> None:
    transcripts = [rollout(number, attempt) for number in range(125) for attempt in range(8)]
    rows = [(one, segment(one)) for one in transcripts]
    tokens = sum(count_tokens(one.completion) for one in transcripts) / len(rows)
    steps = sum(len(cut) for _, cut in rows) / len(rows)
    single = LLMReviewer(ScriptedBackend([]))
    forecasts = shapes(single, LLMReviewer(ScriptedBackend([]), rollouts_per_request=8), rows)
    table = load_prices()
    print(f"{len(rows):,} rollouts of {steps:.0f} steps and {tokens:,.0f} tokens; list prices of {table.date}\n")
    print("| how it is asked | tokens in a rollout | of these cached | tokens out | " + " | ".join(MODELS) + " |")
    print("|---|---|---|---|" + "---|" * len(MODELS))
    for name, one in forecasts.items():
        read = one.per_rollout(lambda u: u.input_tokens + u.cache_read_tokens + u.cache_write_tokens)
        cached, out = one.per_rollout(lambda u: u.cache_read_tokens), one.per_rollout(lambda u: u.output_tokens)
        dollars = " | ".join(f"${one.dollars(table.price(model)) or 0:,.2f}" for model in MODELS)
        print(f"| {name} | {read:,.0f} | {cached:,.0f} | {out:,.0f} | {dollars} |")


if __name__ == "__main__":
    main()
