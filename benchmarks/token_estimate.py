"""How near the token counts of `dca estimate` come to a real tokenizer, on texts that come with DCA.

The tokenizer is the last one Anthropic published; fetch it once, then:

    pip download --no-deps anthropic==0.30.0 && unzip anthropic-0.30.0-*.whl anthropic/tokenizer.json
    python benchmarks/token_estimate.py --tokenizer anthropic/tokenizer.json [MORE.txt ...]
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from tokenizers import Tokenizer

from dca import Transcript, segment
from dca.backends.scripted import ScriptedBackend
from dca.config import bundled_transcripts
from dca.estimate import NEWER_TOKENIZER, count_tokens
from dca.review.llm import LLMReviewer


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--tokenizer", type=Path, help="anthropic/tokenizer.json of the package anthropic 0.30.0")
    options.add_argument("texts", nargs="*", type=Path, help="further texts to compare on")
    given = options.parse_args()
    if given.tokenizer is None:
        print("skipped: give --tokenizer FILE (see --help)")
        return
    tokenizer = Tokenizer.from_file(str(given.tokenizer))
    reviewer = LLMReviewer(ScriptedBackend([]))
    rows = [json.loads(line) for line in bundled_transcripts().read_text("utf-8").splitlines()]
    transcripts = [Transcript(r["prompt"], r["completion"], r["reward"], id=r["id"]) for r in rows]
    asked = [next(reviewer.requests([(one, segment(one))])) for one in transcripts]
    kinds = {
        "completions": [one.completion for one in transcripts],
        "requests": [request.messages[0].text for request in asked],
        "rubric": [asked[0].system],
        "schema": [json.dumps(dict(asked[0].schema))],
        **{path.name: [path.read_text("utf-8")] for path in given.texts},
    }
    print("| text | tokens | estimated / real |")
    print("|---|---|---|")
    for name, texts in kinds.items():
        real = sum(len(tokenizer.encode(text).ids) for text in texts)
        print(f"| {name} | {real:,} | {sum(map(count_tokens, texts)) / NEWER_TOKENIZER / real:.2f} |")


if __name__ == "__main__":
    main()
