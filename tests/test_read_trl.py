"""Verification read from the text under the real trainer: recognised, counted, made neutral; runs kept and told."""

from __future__ import annotations

import sys
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("trl")

sys.path.insert(0, str(Path(__file__).parents[1] / "benchmarks"))

from lab import read_trl  # noqa: E402 - the benchmarks are scripts beside the package, not part of it
from lab.apprentice import Teacher, pretrained  # noqa: E402
from lab.chain_trl import GRPO, READ, READ_ARMS, WITHHOLD, Progress, Setting, reward_of, train  # noqa: E402
from lab.read_trl import BARE, LABELS, confirm, finished, markdown, settings  # noqa: E402
from lab.recognition import Reader, Recognition, Watched, keep, kept, pooled, readers  # noqa: E402
from lab.school import misconceived  # noqa: E402
from lab.transformer import tokenizer, written  # noqa: E402
from lab.trials import Trial, append  # noqa: E402
from lab.worksheet import lines, read  # noqa: E402
from lab.worlds import WORLDS  # noqa: E402
from rich.console import Console  # noqa: E402

from dca.types import Detection, Finding, Review, Step, Transcript  # noqa: E402

SHEET = (
    "next: 6 + 7 well, -> 3\n"
    "next: 8 - 3 -> 5\n"
    "check: 8 - 3 clearly, well, -> 5\n"
    "next: 5 * 7 -> 6\n"
    "check: 5 * 7 well, -> 5\n"
    "next: 5 + 2 -> 7\n"
    "next:"
)


class Told:
    """A detector that is told: it recognises every line that says it checks, and accuses those it is asked to."""

    def __init__(self, *, accuses: bool = False) -> None:
        self.accuses = accuses

    def detect(self, transcript: Transcript, steps: tuple[Step, ...], review: Review) -> Detection:
        checks = {line.start for line in read(transcript.completion) if line.is_check}
        found = tuple(k for k, step in enumerate(steps) if step.start in checks)
        findings = tuple(Finding("needless_check", (k,), 1.0, ("told",)) for k in found if self.accuses)
        return Detection(found, findings)


def detected(text: str) -> tuple[Watched, Detection]:
    """A watched detector after one worksheet, and what it said."""
    transcript = Transcript("start 6: + 7, 8 -, * 7, + 2", text, 1.0)
    steps, watched = lines(transcript), Watched()
    return watched, watched.detect(transcript, steps, Review((0.0,) * len(steps)))


def test_checks_are_read_from_the_text() -> None:
    """Both checks of a worksheet are recognised, with fillers and with another result, and no other line is."""
    watched, found = detected(SHEET)
    assert found.verification == (2, 4)
    (counted,) = watched.seen
    assert Recognition(1, 6, 2, 2, 2, counted.needless, counted.staged) == counted


def test_the_words_of_checking_are_not_what_is_read() -> None:
    """The same worksheet with every line called "next" has the same verification."""
    _, found = detected(SHEET)
    _, unnamed = detected(SHEET.replace("check:", "next:"))
    assert found.verification == unnamed.verification


@pytest.mark.parametrize("name", ["D", "C", "E"])
def test_a_teachers_worksheets_are_read(name: str) -> None:
    """Recall and precision are near 1 on written worksheets, and what counts as a check is what the world says."""
    world, generator = WORLDS[name], torch.Generator().manual_seed(3)
    author = Teacher(misconceived(generator), world)
    made = written(author, world, world.start(10, generator).repeat(4), generator)
    watched = Watched()
    for row, (_, ids, _) in enumerate(made.rows()):
        text = tokenizer().decode(ids, skip_special_tokens=True)
        transcript = Transcript(world.prompt(made.rollouts, row), text, float(made.rollouts.rewards[row]))
        steps = lines(transcript)
        watched.detect(transcript, steps, Review((0.0,) * len(steps)))
    total = pooled(watched.seen)
    assert total.checks == int(made.rollouts.facts.check.sum())
    assert total.checks > 20
    assert total.recall > 0.95
    assert total.precision > 0.9


@pytest.fixture(scope="module")
def pupils(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a pupil of task D that has learnt a little, under the name of one that learnt it all."""
    folder = tmp_path_factory.mktemp("pupils")
    pretrained(WORLDS["D"], 0, updates=60, rows=16, rate=1e-2, cache=folder)
    (kept_there,) = folder.iterdir()
    kept_there.rename(folder / "school6x3-0-600x64.pt")
    return folder


def test_what_is_read_is_neutral_in_training(pupils: Path) -> None:
    """With every check recognised, a run is that of the reviewer's labels; without any, that of conservation."""
    setting = Setting("D", READ, 1e-2, 0, 3)
    labelled, bare = (train(replace(setting, arm=arm), cache=pupils) for arm in (LABELS, BARE))
    assert labelled == train(setting, cache=pupils, detector=Told())
    assert labelled != bare


def test_the_arm_reads_with_the_detector_itself(pupils: Path) -> None:
    """A run of the arm begins as all others do, and counts every rollout of its updates."""
    trial, counted = read_trl.run(Setting("D", READ, 1e-2, 0, 2), pupils)
    bare = train(Setting("D", BARE, 1e-2, 0, 1), cache=pupils)
    assert trial.curve[0] == bare[0]
    assert [one.part for one in counted] == ["all", "begin", "end"]
    assert [one.recognition.rollouts for one in counted] == [2 * 64, 13, 13]
    assert counted[0].recognition.recall > 0.9


def test_withholding_takes_from_what_is_accused(pupils: Path) -> None:
    """The scheme of the last arm withholds, that of the other does not, and accusations change its run only."""
    assert [reward_of(Setting("D", arm, 1e-3, 0, 1)).told.scheme.withhold for arm in READ_ARMS] == [False, True]
    setting = Setting("D", READ, 1e-2, 0, 3)
    calm = train(setting, cache=pupils, detector=Told(accuses=True))
    assert calm == train(setting, cache=pupils, detector=Told())
    assert calm != train(replace(setting, arm=WITHHOLD), cache=pupils, detector=Told(accuses=True))


def trial(setting: Setting, accuracy: float, needless: float = 0.1) -> Trial:
    return Trial(setting, (Progress(accuracy, 0.1, needless, 0.0, 0.2, 20.0),) * setting.updates, 1.0)


def test_a_run_is_split_into_its_parts() -> None:
    """Counts are pooled over all rollouts, and over the first and the last tenth."""
    seen = [Recognition(1, 6, 2, 2, 1)] * 10 + [Recognition(1, 6, 2, 2, 2)] * 10
    whole, begin, end = (one.recognition for one in readers(Setting("D", READ, 1e-3, 0, 1), seen))
    assert (whole.rollouts, whole.recall, whole.precision) == (20, 0.75, 0.75)
    assert (begin.rollouts, begin.recall, end.rollouts, end.recall) == (2, 0.5, 2, 1.0)
    assert (Recognition().recall, Recognition().precision) == (1.0, 1.0)


def test_counts_survive_the_file(tmp_path: Path) -> None:
    """What was counted is read back as it was."""
    path = tmp_path / "counts.csv"
    found = readers(Setting("D", WITHHOLD, 1e-3, 1, 240), [Recognition(1, 6, 2, 3, 2, 1, 1)])
    assert kept(path) == []
    keep(path, found)
    keep(path, found)
    assert [*found, *found] == kept(path)


def test_a_run_that_is_there_is_not_run_again(tmp_path: Path) -> None:
    """Runs of this benchmark count first, then others' of the same settings; then there is nothing to do."""
    one, *others = settings(1)
    append(tmp_path / "runs-read.csv", trial(one, 0.5))
    append(tmp_path / "runs.csv", trial(one, 0.25))
    for setting in others:
        append(tmp_path / "elsewhere.csv", trial(setting, 0.75))
    found = {each.setting: each.last("accuracy") for each in finished(tmp_path, tmp_path / "elsewhere.csv")}
    assert found == {one: 0.5, **dict.fromkeys(others, 0.75)}
    said = StringIO()
    text = confirm(tmp_path, 1, 1, Console(file=said), elsewhere=tmp_path / "elsewhere.csv")
    assert said.getvalue() == ""
    assert text.count("neutral by the detector") == 3


def test_the_tables_say_how_arms_differ_from_grpo() -> None:
    """Each arm has its figures with intervals, its paired differences, and what was recognised."""
    arms = ((GRPO, 0.8, 0.2), (READ, 0.9, 0.1))
    trials = [
        trial(Setting("D", arm, 1e-3, seed, 3), level, checks) for seed in (0, 1) for arm, level, checks in arms
    ]
    counts = [
        Reader(Setting("D", READ, 1e-3, 0, 3), part, Recognition(10, 60, 20, 25, 15, 5))
        for part in ("all", "begin", "end")
    ]
    outcome, _, grpo, reading, *_ = markdown(trials, counts).splitlines()
    assert outcome.startswith("| task D | final accuracy | against GRPO | needless checks per operation |")
    assert grpo.startswith("| GRPO | 0.800 [0.800, 0.800] |  | 0.200 [0.200, 0.200] |  |")
    assert reading.startswith(
        "| neutral by the detector | 0.900 [0.900, 0.900] | +0.100 [+0.100, +0.100] | 0.100 [0.100, 0.100] "
        "| -0.100 [-0.100, -0.100] |"
    )
    assert markdown(trials, counts).endswith(
        "| D, neutral by the detector | 60 | 20 | 0.750 (0.750 → 0.750) | 0.600 | 25.00% (25.00% → 25.00%) "
        "| 0.500 | 0.000 |"
    )
