"""The policy's own likelihoods as the reviewer: how probable is the expected answer after each step?

No judge is asked and nothing is sampled. This module knows answers, steps and how they become token ids; it does not
know what becomes of the values.
"""

from __future__ import annotations

import logging
import math
from bisect import bisect_right
from collections.abc import Sequence
from typing import Any, Final

from dca.credit.align import render
from dca.errors import InputError, ReviewError
from dca.grading import marked_answer
from dca.trl.policy import Policy
from dca.trl.prefixes import Probe, horizons, one_by_one, packed, packs
from dca.types import POLICY, Review, Step, Transcript

LOG: Final = logging.getLogger("dca")
ANSWER: Final = "\n\nThe answer is: {reference}"
_SLOT: Final = "{reference}"

Sheet = tuple[Transcript, tuple[Step, ...]]


class LikelihoodReviewer:
    """Values steps by how probable the expected answer is after them; no judge, no sampling.

        V_k = exp( mean over the answer's tokens j of  log p(answer_j | prompt, steps 1..k, template, answer_<j) )

    the geometric mean of the answer's token probabilities, in [0, 1]; V_0 is that after the prompt alone. The same
    quantity is the turn value of IGPO (Wang et al. 2025, arXiv 2510.14967); RREDCoT (Ielanskyi et al. 2026, arXiv
    2606.06475) also reads values off the policy's answer probabilities. What the environment answers to a step
    belongs to that step. The outcome is not looked at: with `ValueDifference` it takes the place of the last value.

    Know what it measures. It is biased: V is no probability of being right, and a step is judged by one wording of
    one answer. It is flattered by restating: whoever writes the answer down makes it likely, a guess as much as a
    derivation. An unlikely start and a sure end look alike for a right and a lucky rollout. Policies whose parameters
    are sharded (FSDP, ZeRO-3) are refused: give a frozen model of its own then.

    All prefixes are scored in two forward passes for the whole group (`dca.trl.prefixes.packed`); where a model
    cannot do that, each prefix is read anew. The model is put in evaluation mode for it and then back as it was.

    Args:
        model: A frozen causal language model of transformers; None: the policy of the trainer it is used in.
        tokenizer: Of that model.
        answer_template: What leads to the answer, with one ``{reference}``; only the reference's tokens are scored.
            A policy that thinks in tags wants ``"\\n</think>\\n\\nThe answer is: {reference}"``. A reference that is
            a whole solution counts for the answer it marks (``\\boxed{}``, ``####``, ...).
        rollouts_per_request: Rollouts that are read side by side.
        tokens_per_forward: The most tokens a forward pass holds (one sequence may be longer).

    Raises:
        InputError: The template does not have one ``{reference}``, or only one of model and tokenizer is given.
    """

    name = "likelihood"
    measure = "value"
    in_process = True

    def __init__(
        self,
        model: Any = None,
        tokenizer: Any = None,
        *,
        answer_template: str = ANSWER,
        rollouts_per_request: int = 8,
        tokens_per_forward: int = 16_384,
    ) -> None:
        if answer_template.count(_SLOT) != 1:
            raise InputError(f"expected an answer_template with one {_SLOT}, got {answer_template!r}")
        if rollouts_per_request < 1:
            raise InputError(f"rollouts_per_request must be at least 1, got {rollouts_per_request!r}")
        self.answer_template = answer_template
        self.rollouts_per_request = rollouts_per_request
        self.tokens_per_forward = tokens_per_forward
        self._policy = Policy(model, tokenizer)
        self._packs: bool | None = None

    def use_policy(self, model: Any, tokenizer: Any) -> None:
        """Read this model from now on, unless one was given from the start; the trainer's side calls it."""
        if self._policy.use(model, tokenizer):
            self._packs = None

    @property
    def identity(self) -> str:
        """Whose likelihoods, and of what."""
        return f"{self.name} of {self._policy} answer_template={self.answer_template!r}"

    def review(self, transcript: Transcript, steps: tuple[Step, ...], /) -> Review:
        """Value the steps of one rollout.

        Raises:
            ReviewError: There is no reference, or nothing to value.
            RunError: The model cannot be read at all.
        """
        (result,) = self.review_group([(transcript, steps)])
        if isinstance(result, ReviewError):
            raise result
        return result

    def review_group(self, rows: Sequence[Sheet], /) -> list[Review | ReviewError]:
        """Value the steps of several rollouts, read side by side.

        Returns:
            For each rollout its review, or the error that stands in its place.

        Raises:
            RunError: The model cannot be read at all.
        """
        probes = [self._probe(transcript, steps) for transcript, steps in rows]
        asked = [probe for probe in probes if isinstance(probe, Probe)]
        scores = iter(self._scores(asked) if asked else ())
        return [
            probe if isinstance(probe, ReviewError) else self._judged(next(scores), steps)
            for probe, (_, steps) in zip(probes, rows, strict=True)
        ]

    def _scores(self, probes: Sequence[Probe]) -> list[list[float]]:
        """Mean log-probabilities of the answers, by the quickest way this model allows."""
        with self._policy.borrowed() as model:
            if self._packs is None:
                self._packs = packs(model) and self._agrees(model, probes[0])
            score = packed if self._packs else one_by_one
            return score(model, probes, self.tokens_per_forward)

    def _agrees(self, model: Any, probe: Probe) -> bool:
        """Whether the quick way gives this model's likelihoods: both ways are tried once, on the first rollout."""
        ends = (min(probe.ends), max(probe.ends))
        sample = Probe(probe.ids, ends, probe.suffix, probe.first)
        try:
            (quick,) = packed(model, [sample], self.tokens_per_forward)
        except Exception as error:  # a model may refuse masks or caches in any way it likes
            LOG.warning(
                "this model cannot be read in one pass (%s); reading each prefix anew, which is slower", error
            )
            return False
        (slow,) = one_by_one(model, [sample], self.tokens_per_forward)
        agrees = all(abs(a - b) <= 0.1 + 0.02 * abs(b) for a, b in zip(quick, slow, strict=True))  # bfloat16's noise
        if not agrees:
            LOG.warning("reading in one pass gives %s instead of %s; reading each prefix anew", quick, slow)
        return agrees

    def _judged(self, scores: Sequence[float], steps: Sequence[Step]) -> Review:
        """From log-probabilities to values, with what each step changed as its reason."""
        baseline, *values = [min(1.0, math.exp(score)) for score in scores]
        before = [baseline, *values[:-1]]
        return Review(
            scores=tuple(values),
            reasons=tuple(
                f"the answer's probability is {value:.3f} a token ({value - last:+.3f})" if k.author == POLICY else ""
                for k, value, last in zip(steps, values, before, strict=True)
            ),
            measure=self.measure,
            baseline=baseline,
            reviewer=self.identity,
        )

    def _probe(self, transcript: Transcript, steps: tuple[Step, ...]) -> Probe | ReviewError:
        """What the model is asked about one rollout, or why it cannot be asked."""
        if not any(step.policy_length for step in steps):
            return ReviewError("the policy wrote no step of this rollout, so there is no value to tell")
        reference = (transcript.reference or "").strip()
        answer = (marked_answer(reference) or reference).strip()
        if not answer:
            return ReviewError(
                "the likelihood reviewer needs the expected answer and this rollout has none; add a column such as "
                "'solution' to the data, or name it: DCAReward(..., reference_field='...')"
            )
        found = self._policy.tokens(transcript, [0, *(step.stop for step in steps)])
        if not found.prompt:
            return ReviewError("the prompt has no token, so nothing comes before the first step; give the prompt")
        suffix, first = self._suffix(answer)
        ends = tuple(len(found.prompt) + found.counts[count] for count in horizons(steps))
        return Probe((*found.prompt, *found.completion), ends, suffix, first)

    def _suffix(self, answer: str) -> tuple[tuple[int, ...], int]:
        """The answer as token ids, led to by the template, and the first token that is scored."""
        head, tail = self.answer_template.split(_SLOT)
        ids = self._policy.encode(head + answer + tail)
        rendering = render(self._policy.table.pieces(ids))
        if rendering.text != head + answer + tail:  # a tokenizer that changes text: keep the two apart
            lead, said = self._policy.encode(head), self._policy.encode(answer)
            return (*lead, *said), len(lead)
        start, stop = rendering.byte_offsets([len(head), len(head) + len(answer)])
        last = next(t for t, end in enumerate(rendering.ends) if end >= stop)
        return ids[: last + 1], bisect_right(rendering.ends, start)
