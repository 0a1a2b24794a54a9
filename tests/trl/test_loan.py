"""A model on loan comes back as it was: modes, gradients, random numbers; a sharded one is not taken."""

from __future__ import annotations

import contextlib

import pytest
import torch
from tiny import model, parameters

from dca.errors import RunError
from dca.trl.loan import borrowed, own_randomness


def test_modes_are_put_back_part_by_part() -> None:
    """Inside, every part is in evaluation mode; outside, each is in the mode it had, whatever went wrong."""
    lent = model(50)
    lent.train()
    lent.model.layers[0].eval()
    modes = {name: part.training for name, part in lent.named_modules()}
    with contextlib.suppress(ZeroDivisionError), borrowed(lent) as read:
        assert not any(part.training for part in read.modules())
        assert not torch.is_grad_enabled()
        _ = 1 / 0
    assert modes == {name: part.training for name, part in lent.named_modules()}
    assert torch.is_grad_enabled()


def test_wrapped_models_are_unwrapped() -> None:
    """A model in a data-parallel wrapper is read bare."""
    inner = model(50)
    with borrowed(torch.nn.DataParallel(inner)) as read:
        assert read is inner


def test_nothing_is_left_behind() -> None:
    """A forward pass on loan leaves parameters, gradients and random numbers untouched."""
    lent = model(50)
    before, state = parameters(lent), torch.get_rng_state()
    with borrowed(lent) as read:
        assert not read(input_ids=torch.tensor([[3, 4]])).logits.requires_grad
    assert all(torch.equal(value, before[name]) for name, value in lent.named_parameters())
    assert all(value.grad is None for value in lent.parameters())
    assert torch.equal(state, torch.get_rng_state())


def test_sharded_models_are_refused() -> None:
    """A model whose parameters live on several ranks stops the run and says what to give instead."""
    lent = model(50)
    next(lent.parameters()).ds_id = 0  # DeepSpeed's mark of ZeRO-3
    with (
        pytest.raises(RunError, match="give the reviewer a frozen model of its own"),
        borrowed(lent),
    ):
        raise AssertionError("the loan must not be granted")


def test_own_random_numbers() -> None:
    """Inside, numbers follow from the seed alone; outside, the stream goes on as if nothing had been drawn."""
    torch.manual_seed(1)
    expected = torch.rand(3)
    torch.manual_seed(1)
    with own_randomness(torch.device("cpu"), 5):
        first = torch.rand(2)
    assert torch.equal(expected, torch.rand(3))
    with own_randomness(torch.device("cpu"), 5):
        again = torch.rand(2)
    with own_randomness(torch.device("cpu"), 6):
        other = torch.rand(2)
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_own_random_numbers_on_a_gpu() -> None:
    """The generator of the device is put back, too."""
    device = torch.device("cuda", 0)
    before = torch.cuda.get_rng_state(device)
    with own_randomness(device, 5):
        first = torch.rand(2, device=device)
    assert torch.equal(before, torch.cuda.get_rng_state(device))
    with own_randomness(device, 5):
        assert torch.equal(first, torch.rand(2, device=device))
