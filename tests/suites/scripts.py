"""A small suite, prompts and scripted replies for the tests of the loop. No model wrote any of these replies."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dca.backends.recording import Recorder
from dca.backends.scripted import Answer, ScriptedBackend
from dca.messages import Request
from dca.review.llm import LLMReviewer
from dca.suites.case import Suite, load_suite
from dca.suites.evaluation import Candidate
from dca.suites.ideal import ideal
from dca.suites.tape import Tape

RUBRIC = "Say of `attempts` what each step of a `transcript` did."
HEAD = "<!-- measure: contribution -->\n"
QUESTION = (
    '{\n"problem": {{problem}},\n'
    '{{#reference}}"reference": {{reference}},\n{{/reference}}'
    '"attempts": {{attempts}}\n}\n'
)

SUM = {
    "prompt": "3 boxes of 4, and 2 more?",
    "steps": ["Boxes first.", "3 * 4 = 13.", "13 + 2 = 15."],
    "reward": 0,
}
OWN = {"about": "One slip.", "domain": "arithmetic", "skills": ["locate_error"]}
CHECKS = [{"first_error": 1, "weight": 3}, {"never": ["error"], "at": [2]}]


def write_case(folder: Path, transcript: Mapping[str, Any] = SUM, checks: Sequence[Any] = CHECKS, **own: Any) -> Path:
    """One case on disk."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "transcript.json").write_text(json.dumps(transcript), "utf-8")
    (folder / "expect.json").write_text(json.dumps({**OWN, **own, "checks": list(checks)}), "utf-8")
    return folder


def write_suite(folder: Path, count: int = 3) -> Path:
    """`count` cases; every second one has a reference."""
    for k in range(count):
        reference = str(14 + k) if k % 2 else None
        transcript = {**SUM, "prompt": f"{SUM['prompt']} (case {k})", "reference": reference}
        write_case(folder / f"case-{k}", transcript, skills=["locate_error", "odd" if k % 2 else "even"])
    return folder


def write_prompt(path: Path, rubric: str = RUBRIC, question: str = QUESTION) -> str:
    """A prompt file; its name is its path."""
    path.write_text(f"{HEAD}{rubric}\n\n<!-- user -->\n{question}", "utf-8")
    return str(path)


def token(request: Request) -> str:
    """The token of the one attempt that is asked about."""
    return str(json.loads(request.messages[0].text)["attempts"][0]["transcript"])


def reply(request: Request, *entries: Mapping[str, Any], shortest: Sequence[int] = ()) -> str:
    """A reply in form, about the attempt in the question."""
    order = ("index", "reason", "label", "score", "of")
    steps = [{"reason": "Scripted.", "score": 0, **entry} for entry in entries]
    ordered = [{name: step[name] for name in order if name in step} for step in steps]
    return json.dumps({"attempts": [{"transcript": token(request), "steps": ordered, "shortest": list(shortest)}]})


def finds_it(request: Request) -> str:
    """Scripted: names the slip of `SUM`."""
    return reply(request, {"index": 1, "label": "error", "score": -2}, shortest=[0])


def misses_it(request: Request) -> str:
    """Scripted: blames the step after it."""
    return reply(request, {"index": 2, "label": "error", "score": -2}, shortest=[0])


def says_nothing(request: Request) -> str:
    """Scripted: lists no step."""
    return reply(request)


def as_expected(suite: Suite) -> Callable[[Request], str]:
    """Scripted from the expectations themselves: whatever each case asks for."""
    cases = {case.name: case for case in suite.cases}

    def answer(request: Request) -> str:
        case = cases[request.case]
        best = ideal(case.expectation, len(case.steps))
        entries = [
            {"index": k, "label": label or "progress", "score": round(2 * best.scores[k])}
            | ({"of": best.links[k]} if best.links[k] is not None else {})
            for k, label in enumerate(best.labels)
            if label is not None or best.links[k] is not None
        ]
        return reply(request, *entries, shortest=best.shortest)

    return answer


def recorded(
    recordings: Path, prompt: str, suite: Suite, script: Callable[[Request], Answer], *, only: Sequence[str] = ()
) -> ScriptedBackend:
    """Record a script's answers to a suite, as `--record` would."""
    backend, tape = ScriptedBackend(script), tape_of(recordings, prompt, suite)
    reviewer = LLMReviewer(Recorder(backend, tape.folder, suite=suite.name), prompt)
    reviewer_rows = [(case.transcript, case.steps) for case in suite.cases if not only or case.name in only]
    for row in reviewer_rows:
        reviewer.review_group([row])
    return backend


def tape_of(recordings: Path, prompt: str, suite: Suite) -> Tape:
    """The tape of a prompt in a file."""
    return Tape(recordings, Path(prompt).stem, suite.name)


def candidate(recordings: Path, prompt: str, suite: Suite) -> Candidate:
    """A prompt as it is evaluated: played back."""
    tape = tape_of(recordings, prompt, suite)
    return Candidate(Path(prompt).stem, LLMReviewer(tape, prompt), tape)


def load(folder: Path) -> Suite:
    """A suite that a test wrote."""
    return load_suite(str(folder))
