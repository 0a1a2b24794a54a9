"""Texts that break encoders: line ends of all kinds, invisible characters, lone surrogates, and pairs of them."""

from __future__ import annotations

from hypothesis import strategies as st

_PIECES = (
    "\n",
    "\r\n",
    "\u2028",
    "\ud83d",
    "\ude00",
    "\ud83d\ude00",
    "\U0001f600",
    "\u202e",
    "\U000e0041",
    "\0",
    "\\u0041",
    '"',
    "é",
)
TEXTS = st.lists(st.sampled_from(_PIECES) | st.text(max_size=5), max_size=10).map("".join)
