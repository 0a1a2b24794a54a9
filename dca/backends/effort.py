"""How much a model may think, in the words each model accepts.

Claude models differ in what they take (a wrong word is a 400), local servers in what they heed. The table follows the
provider's model pages of November 2026; it does not know models that came later, which are addressed like the newest
listed here: `extra_body={"thinking": ...}` overrules it.
"""

from __future__ import annotations

from typing import Any, Final

from dca.errors import InputError

EFFORTS: Final = ("off", "low", "medium", "high")

_ALWAYS_THINKS: Final = ("claude-opus-5-5", "claude-fable", "claude-mythos")  # "disabled" is a 400
_BETWEEN_TOOLS: Final = ("claude-sonnet-5-5",)  # its word for off; without tools the reply is text alone
_BUDGETED: Final = ("claude-haiku-4-5", "claude-sonnet-4-5", "claude-opus-4-5")  # no adaptive thinking yet
_SHARE: Final = {"low": 4, "medium": 2}  # the part of max_tokens a budgeted model may think: 1/4, 1/2, else 3/4


def is_claude(model: str) -> bool:
    """Whether a model is one of the provider's, also behind a gateway's prefix.

    >>> is_claude("claude-haiku-5-5"), is_claude("anthropic/claude-opus-5-5"), is_claude("Qwen/Qwen3-8B")
    (True, True, False)
    """
    return _name(model).startswith("claude-")


def thinking(model: str, effort: str, max_tokens: int) -> dict[str, Any]:
    """The fields of a request body that set how much the model thinks.

    Args:
        model: The model's name.
        effort: One of `EFFORTS`. Models that cannot stop thinking get their lowest effort for "off".
        max_tokens: Room for the reply, thinking included.

    Returns:
        Some of ``thinking``, ``effort`` (for ``output_config``) and ``chat_template_kwargs`` (local servers only).

    Raises:
        InputError: There is no such effort.

    >>> thinking("claude-haiku-5-5", "off", 4096)
    {'thinking': {'type': 'disabled'}}
    """
    if effort not in EFFORTS:
        raise InputError(f"expected an effort of {', '.join(EFFORTS)}, got {effort!r}")
    if not is_claude(model):
        return _local(effort)
    if _name(model).startswith(_BUDGETED):
        return {"thinking": _budgeted(effort, max_tokens)}
    if effort == "off":
        return _off(_name(model))
    return {"thinking": {"type": "adaptive"}, "effort": effort}


def _off(name: str) -> dict[str, Any]:
    """The least a Claude model can be asked to think."""
    if name.startswith(_ALWAYS_THINKS):
        return {"effort": "low"}
    return {"thinking": {"type": "between_tools" if name.startswith(_BETWEEN_TOOLS) else "disabled"}}


def _budgeted(effort: str, max_tokens: int) -> dict[str, Any]:
    """Thinking by a budget of tokens, which must lie between 1,024 and `max_tokens`."""
    if effort == "off":
        return {"type": "disabled"}
    share = _SHARE.get(effort)
    budget = max_tokens // share if share else max_tokens * 3 // 4
    return {"type": "enabled", "budget_tokens": max(1024, budget)}


def _local(effort: str) -> dict[str, Any]:
    """vLLM and llama.cpp heed the chat template's switch, SGLang and Ollama ``thinking`` and ``effort``."""
    if effort == "off":
        return {"thinking": {"type": "disabled"}, "chat_template_kwargs": {"enable_thinking": False}}
    return {"effort": effort, "chat_template_kwargs": {"enable_thinking": True}}


def _name(model: str) -> str:
    """The model's name without a gateway's prefix."""
    return model.rpartition("/")[2].removeprefix("anthropic.")
