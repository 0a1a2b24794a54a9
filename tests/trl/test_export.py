"""What `dca export` writes is what TRL takes: one step of its SFT and of its DPO trainer on exported rows."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from datasets import Dataset, load_dataset
from tiny import byte_tokenizer, model, parameters
from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

from dca.assignments import to_line, to_record
from dca.backends.scripted import ScriptedBackend
from dca.cli import main
from dca.messages import Request
from dca.pipeline import assign_credit
from dca.review.llm import LLMReviewer
from dca.suites.case import load_suite

# TRL and its libraries deprecate things in each other's releases; what they say of each other is not our behaviour.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::FutureWarning", "ignore::UserWarning")

RUBRIC = "<!-- measure: contribution -->\nJudge the attempts.\n<!-- user -->\n{{problem}} {{attempts}}\n"


def replying(label: str) -> ScriptedBackend:
    """Scripted: gives step 1 of every attempt this label. No model wrote these replies."""

    def answer(request: Request) -> str:
        token = request.messages[0].text.split('"transcript": "')[1][:8]
        said = [{"index": 1, "reason": "Scripted.", "label": label, "score": -1}]
        return json.dumps({"attempts": [{"transcript": token, "steps": said, "shortest": [0]}]})

    return ScriptedBackend(answer)


def exported(folder: Path, monkeypatch: pytest.MonkeyPatch, form: str) -> Dataset:
    """Rows of the shipped suite as the command writes them."""
    (folder / "rubric.md").write_text(RUBRIC)
    files = []
    for label in ("error", "progress"):
        reviewer = LLMReviewer(replying(label), folder / "rubric.md", keep_raw=True)
        rows = [to_record(assign_credit(case.transcript, reviewer)) for case in load_suite("core").cases]
        files.append(folder / f"{label}.jsonl")
        files[-1].write_bytes(b"".join(map(to_line, rows)))
    out = folder / "rows.jsonl"
    arguments = ["export", *map(str, files), "--format", form, "--suite", "core", "-o", str(out)]
    monkeypatch.setattr(sys, "argv", ["dca", *arguments])
    with pytest.raises(SystemExit) as stop:
        main()
    assert not stop.value.code
    found = load_dataset("json", data_files=str(out), split="train", cache_dir=str(folder / "cache"))
    return found.select(range(4))


def settings(folder: Path, **more: Any) -> dict[str, Any]:
    return {
        "output_dir": str(folder / "run"),
        "max_steps": 1,
        "per_device_train_batch_size": 2,
        "learning_rate": 1e-2,
        "max_length": 512,
        "report_to": "none",
        "use_cpu": True,
        "save_strategy": "no",
        "logging_steps": 1,
        "disable_tqdm": True,
        "bf16": False,
        **more,
    }


def test_sft_takes_a_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exported rows train a tiny model with TRL's SFTTrainer; the loss counts the reply alone."""
    rows = exported(tmp_path, monkeypatch, "sft")
    assert set(rows.column_names) == {"prompt", "completion"}
    tokenizer = byte_tokenizer()
    policy = model(len(tokenizer))
    before = parameters(policy)
    trainer = SFTTrainer(policy, SFTConfig(**settings(tmp_path)), train_dataset=rows, processing_class=tokenizer)
    batch = next(iter(trainer.get_train_dataloader()))
    counted = tokenizer.decode([token for token in batch["labels"][0].tolist() if token >= 0])
    assert '"reason": "Scripted."' in counted
    assert "Judge the attempts" not in counted
    trainer.train()
    assert any((before[name] != value).any() for name, value in parameters(policy).items())


def test_dpo_takes_a_step(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Exported pairs train a tiny model with TRL's DPOTrainer."""
    rows = exported(tmp_path, monkeypatch, "preference")
    assert set(rows.column_names) == {"prompt", "chosen", "rejected"}
    tokenizer = byte_tokenizer()
    policy = model(len(tokenizer))
    before = parameters(policy)
    trainer = DPOTrainer(
        policy,
        ref_model=model(len(tokenizer)),
        args=DPOConfig(**settings(tmp_path)),
        train_dataset=rows,
        processing_class=tokenizer,
    )
    trainer.train()
    assert any((before[name] != value).any() for name, value in parameters(policy).items())
