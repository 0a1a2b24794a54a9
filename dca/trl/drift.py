"""The drift monitor in a training run: a callback that reads the run's own log of assignments.

It works beside dense credit and beside an audit. Every rank reads its own file; observations are put together, so
that all ranks judge the same windows and act alike. This module knows files, ranks and trainers; what drift is, and
what an alarm means, is told in `dca.performativity.drift`.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Collection, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Protocol, TypeVar

from accelerate import PartialState
from accelerate.utils import gather_object
from transformers import TrainerCallback

from dca.errors import InputError
from dca.performativity.counts import Counts, added
from dca.performativity.drift import Monitor, Settings, Verdict
from dca.performativity.observation import Observation, observe, prompt_key
from dca.performativity.statistics import STATISTICS
from dca.trl.actions import Action, Lower, only_log
from dca.trl.checkpoint import checkpoint_folder
from dca.trl.host import Host
from dca.trl.journal import Journal
from dca.trl.record import EVALUATION, TRAINING
from dca.trl.reward import DCAReward

LOG: Final = logging.getLogger("dca")
PROBES: Final = "probes"
"""What the files are called in which answers of probes are kept."""
T = TypeVar("T")


class Probe(Protocol):
    """Asks a policy something about new rollouts; see `dca.trl.audit`.

    One with a method `use_policy(model, tokenizer)` is handed the policy that is trained.
    """

    def __call__(self, records: Sequence[Mapping[str, Any]], /) -> Iterable[tuple[str, Counts]]:
        """Prompts (digests) and what was counted; called on every rank with its own rollouts."""
        ...


class Tail:
    """The whole lines that were added to a file of JSON lines since they were last asked for."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._read = 0

    def rows(self) -> list[dict[str, Any]]:
        """New rows; a file that is shorter than it was is read from its beginning."""
        try:
            if self.path.stat().st_size < self._read:
                self._read = 0
            with self.path.open("rb") as file:
                file.seek(self._read)
                lines = file.read().split(b"\n")[:-1]
        except OSError:
            return []
        self._read += sum(len(line) + 1 for line in lines)
        return [row for line in lines if isinstance(row := json.loads(line), dict)]


class DriftCallback(TrainerCallback):
    """Watches a run for drift: ``trainer.add_callback(DriftCallback(reward))``.

    Statistics of every window are logged as ``{reward's name}/drift/...``, alarms as warnings; its state goes with
    the checkpoints, and where a checkpoint has none it is made anew from the log. Two thousand steps of rollouts take
    about a second of one core, after each training step.

    Args:
        reward: The `DCAReward` whose log is read.
        settings: Window, intervals, patience, and which alarms.
        action: What is done about an alarm that stands: `only_log`, `Lower(0.5)`, `stop`, or one of your own.
        panel: Prompts, as the log has them; only their rollouts count then, those of evaluations too
            (`DCAReward(review_in_eval=True)`).
        probes: What is asked of a policy about new rollouts; answers are kept beside the log.

    Raises:
        InputError: The reward keeps no log.
    """

    def __init__(
        self,
        reward: DCAReward,
        *,
        settings: Settings | None = None,
        action: Action = only_log,
        panel: Collection[str] | None = None,
        probes: Sequence[Probe] = (),
    ) -> None:
        if reward.plan.log is None:
            raise InputError("expected a DCAReward with a log to read, got log=None; give it a folder, or 'auto'")
        self.reward, self.action, self.probes = reward, action, tuple(probes)
        self.monitor = Monitor(settings)
        self.verdicts: list[Verdict] = []
        self._panel = None if panel is None else frozenset(map(prompt_key, panel))
        self._tails: list[Tail] = []
        self._from = 0
        self._kept: Journal | None = None

    def on_train_begin(self, args: Any, state: Any, _control: Any, **_more: Any) -> None:
        """Begin, or go on from a checkpoint."""
        self.monitor, self.verdicts, self._tails, self._from = Monitor(self.monitor.settings), [], [], 0
        if not state.global_step:
            return
        given = getattr(args, "resume_from_checkpoint", None)
        folders = [Path(given)] if isinstance(given, str) else []
        paths = [f / self._file for f in (*folders, checkpoint_folder(Path(args.output_dir), state.global_step))]
        found = next((path for path in paths if path.is_file()), None)
        kept = _everyone([] if found is None else [(found.read_text("utf-8"), str(found))])
        if kept:
            text, source = kept[0]
            self._restore(text, source)
            self._from = state.global_step

    def on_step_end(self, args: Any, _state: Any, _control: Any, **_more: Any) -> None:
        """Take what the log has gained, and judge what is full."""
        for verdict in self._take(args):
            self._tell(verdict, act=True)

    def on_save(self, args: Any, state: Any, _control: Any, **_more: Any) -> None:
        """Leave the state in the checkpoint, with what was settled for it."""
        self.on_step_end(args, state, _control)
        folder = checkpoint_folder(Path(args.output_dir), state.global_step)
        if PartialState().is_main_process and folder.is_dir():
            held = {**self.monitor.state(), "scale": getattr(self.action, "scale", 1.0)}
            part = folder / f".{self._file}.part"
            part.write_text(json.dumps(held), "utf-8")
            part.replace(folder / self._file)

    def on_train_end(self, args: Any, _state: Any, _control: Any, **_more: Any) -> None:
        """Judge the last window, if it is full; there is nothing left to act on."""
        for verdict in [*self._take(args), *self.monitor.finish()]:
            self._tell(verdict, act=False)
        if self._kept is not None:
            self._kept.close()

    @property
    def _file(self) -> str:
        return f"{self.reward.name}-drift.json"

    def _restore(self, text: str, source: str) -> None:
        try:
            held = json.loads(text)
        except ValueError as error:
            raise InputError(f"{source}: expected JSON ({error}); remove the file to begin anew") from error
        self.monitor.restore(held, source)
        scale, host = float(held.get("scale", 1.0)), self.reward.host
        if isinstance(self.action, Lower) and scale != 1.0 and host is not None:
            self.action.scale = scale
            self.action.apply(host, scale)

    def _take(self, args: Any) -> list[Verdict]:
        """Read what is new on this rank, and judge what is new on all."""
        if not self._tails:
            host = self.reward.host or Host()
            folder = self.reward.plan.folder(host) or Path(args.output_dir) / self.reward.name
            rank = PartialState().process_index
            stems = (TRAINING,) if self._panel is None else (TRAINING, EVALUATION)
            self._tails = [Tail(folder / f"{stem}-rank{rank}.jsonl") for stem in stems]
            self._kept = Journal(folder, rank=rank, stem=PROBES)
            for probe in self.probes:
                use_policy = getattr(probe, "use_policy", None)
                if use_policy is not None and host.trainer is not None:
                    use_policy(host.trainer.model, host.processing_class)
        records = [row for tail in self._tails for row in tail.rows() if self._counts(row)]
        observed = [one for record in records if (one := _observed(record)) is not None]
        step = int(records[-1].get("train_step", 0)) if records else 0
        probed = [(step, *one) for probe in self.probes if records for one in probe(records)]
        for _, prompt, counts in probed:
            assert self._kept is not None
            told = {name: value for name, value in counts._asdict().items() if value}
            self._kept.write({"train_step": step, "prompt_key": prompt, "counts": told})
        return self.monitor.add(_everyone(observed), _everyone(probed))

    def _counts(self, row: Mapping[str, Any]) -> bool:
        """Whether a row belongs to this run and to the panel."""
        if int(row.get("train_step", 0)) < self._from:
            return False
        return self._panel is None or prompt_key(row["prompt"]) in self._panel

    def _tell(self, verdict: Verdict, *, act: bool) -> None:
        """Log a window, and act on the alarms that stand."""
        self.verdicts.append(verdict)
        host = self.reward.host or Host()
        metrics = getattr(host.trainer, "_metrics", None)
        if metrics is not None:
            total = added(verdict.comparison.now.values())
            figures = {name: one.of(total) for name, one in STATISTICS.items()}
            for name, value in {**figures, "alarms": float(len(verdict.standing))}.items():
                if value is not None:
                    metrics["train"][f"{self.reward.name}/drift/{name}"].append(value)
        alarms = verdict.raised()
        if alarms and PartialState().is_main_process:
            for alarm in alarms:
                LOG.warning("drift in steps %d to %d: %s", verdict.first, verdict.last, alarm)
        if alarms and act:
            self.action(host, alarms)


def _observed(record: Mapping[str, Any]) -> Observation | None:
    """One observation; None, with a warning, for a record that cannot be read: that must not stop a run."""
    try:
        return observe(record)
    except Exception:
        LOG.warning("the row %r is left out of the drift statistics", record.get("id"), exc_info=True)
        return None


def _everyone(mine: list[T]) -> list[T]:
    """The lists of all ranks, one after another."""
    return list(gather_object(mine)) if PartialState().num_processes > 1 else mine
