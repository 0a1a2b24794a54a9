"""A model on loan: the policy of a running training, read without leaving a trace.

This module knows how models are wrapped, sharded and switched between modes; it does not know what they are read for.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

import torch
from accelerate.utils import extract_model_from_parallel
from torch.distributed.fsdp import FullyShardedDataParallel
from torch.distributed.tensor import DTensor

from dca.errors import RunError

_ONE_READER: Final = threading.RLock()  # modes and random states belong to the process, not to a reader


@contextmanager
def borrowed(model: Any) -> Iterator[Any]:
    """The bare model, in evaluation mode and without gradients; afterwards every part is in the mode it had.

    Evaluation mode draws no random numbers, so a training goes on as if the model had not been read. One reader at a
    time.

    Args:
        model: A torch module, bare or wrapped by accelerate (DDP, DeepSpeed below stage 3, `torch.compile`).

    Raises:
        RunError: The parameters are sharded.
    """
    bare = extract_model_from_parallel(model)
    refuse_sharded(bare)
    with _ONE_READER:
        training = [part for part in bare.modules() if part.training]
        bare.eval()
        try:
            with torch.no_grad():
                yield bare
        finally:
            for part in training:
                part.training = True


def refuse_sharded(model: Any) -> None:
    """Say no to a model whose parameters are spread over ranks: reading it would need all ranks at the same time.

    Raises:
        RunError: FSDP, DeepSpeed ZeRO stage 3 or tensor parallelism.
    """
    first = next(model.parameters(), None)
    wrapped = any(isinstance(part, FullyShardedDataParallel) for part in model.modules())
    if wrapped or isinstance(first, DTensor) or hasattr(first, "ds_id"):
        raise RunError(
            "expected a model whose parameters are whole on every rank, got one sharded by FSDP, ZeRO-3 or tensor "
            "parallelism; give the reviewer a frozen model of its own: LikelihoodReviewer(model, tokenizer)"
        )


@contextmanager
def own_randomness(device: torch.device, seed: int) -> Iterator[None]:
    """Random numbers of one's own: the generators of the CPU and of `device` are afterwards as they were."""
    places = {torch.device("cpu"), device}
    with _ONE_READER:
        before = {place: _state(place) for place in places}
        try:
            for place in places:
                _set_state(place, torch.Generator(place).manual_seed(seed).get_state())
            yield
        finally:
            for place, state in before.items():
                _set_state(place, state)


def _state(place: torch.device) -> torch.Tensor:
    """The state of a device's default generator."""
    if place.type == "cpu":
        return torch.get_rng_state()
    state: torch.Tensor = torch.get_device_module(place).get_rng_state(*_which(place))
    return state


def _set_state(place: torch.device, state: torch.Tensor) -> None:
    if place.type == "cpu":
        torch.set_rng_state(state)
    else:
        torch.get_device_module(place).set_rng_state(state, *_which(place))


def _which(place: torch.device) -> tuple[torch.device, ...]:
    """The device, for modules that may have several of them."""
    return () if place.type == "mps" else (place,)
